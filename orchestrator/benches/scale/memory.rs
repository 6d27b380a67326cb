// SPDX-License-Identifier: BSD-2-Clause
//! Memory that a host costs while it is connected to and its events follow.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrator::inventory::Vm;
use orchestrator::projection::StateHandle;
use orchestrator::ssh::Connection;
use procfs::process::{Process, all_processes};
use tokio::runtime::Runtime;

use crate::addresses::Addresses;
use crate::fleet::{EVENTS, Fleet, Followed, all_events, close, events_script};
use crate::{line, seconds};

/// Hosts with which all is there that is there once: what waits for the disk is
/// bounded, however many hosts say it.
const FEW: usize = 50;
const MORE: usize = 150;

pub(crate) fn measure() {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::serve(dir.path(), FEW + MORE);
    let script = events_script(dir.path());
    let mut vms = addresses.vms(FEW + MORE);
    let more = vms.split_off(FEW);
    // Those stay while the others come: what they give back would do for them.
    let few = Held::hosts(&runtime, vms, &script, &dir.path().join("few"));
    line(
        &format!("{FEW} hosts connected"),
        &seconds(few.connected),
        "",
    );
    line(
        "  memory, with what is there once",
        &format!("{:.0} kB", few.own_kb),
        "",
    );
    let more = Held::hosts(&runtime, more, &script, &dir.path().join("more"));
    line(
        &format!("{MORE} more connected"),
        &seconds(more.connected),
        "",
    );
    line(
        &format!("  memory a host, after {EVENTS} events of each"),
        &format!("{:.0} kB", more.own_kb / MORE as f64),
        "<= 64 kB",
    );
    let ssh_kb = children_kb("ssh") / (FEW + MORE) as f64;
    line("  memory a host, ssh's own", &format!("{ssh_kb:.0} kB"), "");
    more.release(&runtime);
    few.release(&runtime);
}

/// Hosts that are connected to and whose events were followed.
struct Held {
    connected: Duration,
    /// What they take of this process.
    own_kb: f64,
    connections: Vec<Arc<Connection>>,
    followed: (Vec<Followed>, StateHandle),
    /// Has the folder of the connections' sockets.
    _fleet: Fleet,
}

impl Held {
    fn hosts(runtime: &Runtime, vms: Vec<Vm>, script: &str, log: &Path) -> Self {
        fs::create_dir(log).unwrap();
        let fleet = Fleet::new(vms);
        let before = own_kb();
        let started = Instant::now();
        let connections = runtime.block_on(fleet.connect());
        let connected = started.elapsed();
        let followed = runtime.block_on(all_events(&connections, script, log));
        Self {
            connected,
            own_kb: own_kb() - before,
            connections,
            followed,
            _fleet: fleet,
        }
    }

    fn release(self, runtime: &Runtime) {
        drop(self.followed);
        runtime.block_on(close(self.connections));
    }
}

/// What this process has of its own, kB: no file's pages, which all share.
fn own_kb() -> f64 {
    let status = Process::myself().and_then(|me| me.status()).unwrap();
    status.rssanon.unwrap() as f64
}

/// What this process's children named `name` take together, kB, with their
/// parts of what they share.
fn children_kb(name: &str) -> f64 {
    let me = i32::try_from(std::process::id()).unwrap();
    let children = all_processes().unwrap().filter_map(|process| {
        // One that ended meanwhile takes nothing.
        let process = process.ok()?;
        let stat = process.stat().ok()?;
        let is_child = stat.ppid == me && stat.comm == name;
        let maps = is_child.then(|| process.smaps_rollup().ok())??;
        let bytes: u64 = maps
            .memory_map_rollup
            .iter()
            .filter_map(|map| map.extension.map.get("Pss"))
            .sum();
        Some(bytes as f64 / 1024.0)
    });
    children.sum()
}
