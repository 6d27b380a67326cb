// SPDX-License-Identifier: BSD-2-Clause
//! Memory that a host costs while it is connected to and its events follow.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use procfs::process::{Process, all_processes};
use tokio::runtime::Runtime;

use crate::addresses::Addresses;
use crate::fleet::{EVENTS, Fleet, all_events, close, events_script};
use crate::{line, seconds};

const FEW: usize = 50;
const MANY: usize = 200;

pub(crate) fn measure() {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::serve(dir.path(), MANY);
    let script = events_script(dir.path());
    // What is there once, however many hosts there are, is not a host's.
    let one = Fleet::new(addresses.vms(1));
    held(&runtime, &one, &script, &dir.path().join("one"));
    for number in [FEW, MANY] {
        let fleet = Fleet::new(addresses.vms(number));
        let log = dir.path().join(number.to_string());
        let Held {
            connected,
            own_kb,
            ssh_kb,
        } = held(&runtime, &fleet, &script, &log);
        line(
            &format!("{number} hosts connected"),
            &seconds(connected),
            "",
        );
        let a_host = |kb: f64| format!("{:.0} kB", kb / number as f64);
        line(
            &format!("  memory a host, after {EVENTS} events of each"),
            &a_host(own_kb),
            "<= 64 kB",
        );
        line("  memory a host, ssh's own", &a_host(ssh_kb), "");
    }
}

/// What hosts cost while all of them are connected to and their events follow.
struct Held {
    connected: Duration,
    own_kb: f64,
    ssh_kb: f64,
}

fn held(runtime: &Runtime, fleet: &Fleet, script: &str, log: &Path) -> Held {
    fs::create_dir(log).unwrap();
    let before = own_kb();
    let started = Instant::now();
    let connections = runtime.block_on(fleet.connect());
    let connected = started.elapsed();
    let following = runtime.block_on(all_events(&connections, script, log));
    let held = Held {
        connected,
        own_kb: own_kb() - before,
        ssh_kb: children_kb("ssh"),
    };
    drop(following);
    runtime.block_on(close(connections));
    held
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
