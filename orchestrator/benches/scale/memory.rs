// SPDX-License-Identifier: BSD-2-Clause
//! Memory of this process and of its children.

use procfs::process::{Process, all_processes};

/// What this process has of its own, kB: no file's pages, which all share.
pub(crate) fn own_kb() -> f64 {
    let status = Process::myself().and_then(|me| me.status()).unwrap();
    status.rssanon.unwrap() as f64
}

/// What this process's children named `name` take together, kB, with their
/// parts of what they share.
pub(crate) fn children_kb(name: &str) -> f64 {
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
