// SPDX-License-Identifier: BSD-2-Clause
//! What a VM's answers mean for a run, and what mends them.

use std::ops::RangeInclusive;

use super::{Check, Finding};
use crate::event::Facts;
use crate::inventory::{Deploy, Vm};
use crate::pipeline::connect::System;
use crate::ssh::{Exit, Said};

/// The oldest release of FreeBSD that the module is made for.
const FREEBSD_MAJOR_MIN: u32 = 14;
/// Free space that what is brought there needs, with room for its output, KiB.
const DISK_KIB_MIN: u64 = 128 << 10;
/// Free space that a build there needs, KiB.
const BUILD_DISK_KIB_MIN: u64 = 4 << 20;
/// How wrong a clock may be before times of there and here confuse, seconds.
const SKEW_S_MAX: u64 = 5;

/// Every run's tools on Linux, with the package of Debian that has each.
const LINUX_TOOLS: [(&str, &str); 10] = [
    ("df", "coreutils"),
    ("env", "coreutils"),
    ("find", "findutils"),
    ("flock", "util-linux"),
    ("mv", "coreutils"),
    ("pgrep", "procps"),
    ("pkill", "procps"),
    ("sha256sum", "coreutils"),
    ("tee", "coreutils"),
    ("timeout", "coreutils"),
];
/// Every run's tools on FreeBSD; all are of its base system.
const FREEBSD_TOOLS: [&str; 11] = [
    "df",
    "find",
    "kldload",
    "kldstat",
    "kldunload",
    "lockf",
    "pgrep",
    "pkill",
    "sha256",
    "sysctl",
    "timeout",
];
/// What a build there needs besides, with the package on Linux and on FreeBSD;
/// none where it is of the base system.
pub(in crate::pipeline) const BUILD_TOOLS: [(&str, &str, &str); 4] = [
    ("rsync", "rsync", "rsync"),
    ("cargo", "cargo", "rust"),
    ("cc", "build-essential", ""),
    ("make", "build-essential", ""),
];

/// Whether the tests run on such a system, and whether it is the one that the
/// inventory names.
pub(super) fn system(system: System, facts: &Facts, vm: &Vm) -> Finding {
    let Facts {
        os,
        os_release,
        arch,
        ..
    } = facts;
    let found = format!("{os} {os_release} {arch}");
    let major = os_release.split('.').next().and_then(|n| n.parse().ok());
    if system == System::FreeBsd && major.is_none_or(|major: u32| major < FREEBSD_MAJOR_MIN) {
        let mend = format!("install FreeBSD {FREEBSD_MAJOR_MIN} or later");
        return Finding::bad(Check::System, format!("{found} is too old"), mend);
    }
    if !["amd64", "arm64"].contains(&arch.as_str()) {
        let mend = "use a VM of amd64 or arm64";
        return Finding::bad(
            Check::System,
            format!("no programs exist for {found}"),
            mend,
        );
    }
    for (key, label, is_so) in [
        ("os", &vm.os, is_labelled(&vm.os, os, os_release)),
        ("arch", &vm.arch, vm.arch.is_empty() || vm.arch == *arch),
    ] {
        if !is_so {
            let what = format!("it is {found}, while the inventory says {label:?}");
            return Finding::warning(
                Check::System,
                what,
                format!("correct `{key}` in the inventory"),
            );
        }
    }
    Finding::good(Check::System, found)
}

/// A label that begins with the name of a system here must be right; others,
/// such as a distribution's name, are the user's own.
fn is_labelled(label: &str, os: &str, os_release: &str) -> bool {
    let mut words = label.split_whitespace();
    match words.next() {
        Some(name @ ("FreeBSD" | "Linux")) => {
            let rest = words.next().map(|version| os_release.strip_prefix(version));
            let matches = |rest: Option<&str>| {
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            name == os && rest.is_none_or(matches)
        }
        _ => true,
    }
}

/// `uid` as id(1) prints it.
pub(super) fn user(uid: &str) -> Finding {
    match uid {
        "0" => Finding::good(Check::User, "root"),
        uid => Finding::warning(
            Check::User,
            format!("user {uid} is not root; targets that use the device need it"),
            "set `user = \"root\"` in the inventory",
        ),
    }
}

/// What must be there before a run.
pub(super) fn tools_wanted(
    system: System,
    deploy: Option<Deploy>,
) -> impl Iterator<Item = &'static str> {
    let (linux, freebsd): (&[_], &[_]) = match system {
        System::Linux => (&LINUX_TOOLS, &[]),
        System::FreeBsd => (&[], &FREEBSD_TOOLS),
    };
    let build: &[_] = match deploy {
        Some(Deploy::Build) => &BUILD_TOOLS,
        _ => &[],
    };
    let of_linux = linux.iter().map(|(tool, _)| *tool);
    let of_build = build.iter().map(|(tool, _, _)| *tool);
    of_linux.chain(freebsd.iter().copied()).chain(of_build)
}

/// What it means that of those `missing` are not there.
pub(super) fn tools(system: System, deploy: Option<Deploy>, missing: &[String]) -> Finding {
    if missing.is_empty() {
        let number = tools_wanted(system, deploy).count();
        return Finding::good(Check::Tools, format!("all {number}"));
    }
    let found = format!("missing: {}", missing.join(", "));
    let mend = installation(system, missing);
    let installed_by_run = |tool: &String| BUILD_TOOLS.iter().any(|(name, ..)| name == tool);
    if system == System::FreeBsd && missing.iter().all(installed_by_run) {
        return Finding::warning(Check::Tools, found, mend);
    }
    Finding::bad(Check::Tools, found, mend)
}

/// The command that installs those that are `missing`.
pub(in crate::pipeline) fn installation(system: System, missing: &[String]) -> String {
    let mut packages: Vec<&str> = missing
        .iter()
        .filter_map(|tool| package(system, tool))
        .filter(|package| !package.is_empty())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    match (system, packages.is_empty()) {
        (_, true) => "install the base system anew".to_owned(),
        (System::Linux, false) => format!("apt-get install -y {}", packages.join(" ")),
        (System::FreeBsd, false) => format!("pkg install -y {}", packages.join(" ")),
    }
}

fn package(system: System, tool: &str) -> Option<&'static str> {
    let build = BUILD_TOOLS.iter().find(|(name, ..)| *name == tool);
    match system {
        System::Linux => build.map(|(_, linux, _)| *linux).or_else(|| {
            let found = LINUX_TOOLS.iter().find(|(name, _)| *name == tool);
            found.map(|(_, package)| *package)
        }),
        System::FreeBsd => build.map(|(_, _, freebsd)| *freebsd),
    }
}

/// `df` is what `df -P -k` said of a folder and of all that are above it: the
/// first line after the heading is of the one that counts.
pub(super) fn disk(df: &str, dir: &str, deploy: Option<Deploy>) -> Finding {
    let columns = |line: &str| -> Option<(u64, u64)> {
        let mut words = line.split_whitespace().skip(1);
        let size = words.next()?.parse().ok()?;
        Some((size, words.nth(1)?.parse().ok()?))
    };
    let Some((size, free)) = df.lines().nth(1).and_then(columns) else {
        let mend = format!("see what `df -P -k {dir}` says there");
        return Finding::warning(Check::Disk, "df says nothing of use", mend);
    };
    let needed = match deploy {
        Some(Deploy::Build) => BUILD_DISK_KIB_MIN,
        _ => DISK_KIB_MIN,
    };
    let found = format!("{} of {} free for {dir}", mebibytes(free), mebibytes(size));
    if free < needed {
        let found = format!("{found}, {} are needed", mebibytes(needed));
        let mend = format!("make room; the largest are shown by `du -xhd 1 {dir} | sort -h`");
        return Finding::bad(Check::Disk, found, mend);
    }
    Finding::good(Check::Disk, found)
}

fn mebibytes(kib: u64) -> String {
    format!("{} MiB", kib >> 10)
}

/// On Linux: whether the device is there, and whether FUSE is. On FreeBSD:
/// whether a module is loaded, and how many descriptors of it are open.
pub(super) fn device(system: System, present: &Said, second: &Said) -> Finding {
    let is_present = present.exit == Exit::Status(0);
    match system {
        System::Linux if is_present => {
            Finding::good(Check::Device, "served already; a run uses it as it is")
        }
        System::Linux if second.exit == Exit::Status(0) => {
            Finding::good(Check::Device, "not served; a run serves it")
        }
        System::Linux => Finding::bad(
            Check::Device,
            "not served, and there is no /dev/fuse to serve it with",
            "apt-get install -y fuse3 && modprobe fuse",
        ),
        System::FreeBsd if !is_present => {
            Finding::good(Check::Device, "no module is loaded; a run loads its own")
        }
        System::FreeBsd => match second.stdout.trim() {
            "0" | "" => Finding::warning(
                Check::Device,
                "a module of unknown version is loaded; a run unloads it first",
                "kldunload tcpstats",
            ),
            open => Finding::bad(
                Check::Device,
                format!("a module of unknown version is loaded and in use: {open} descriptors"),
                "end what reads it (`fstat /dev/tcpstats*`), then `kldunload tcpstats`",
            ),
        },
    }
}

/// `there` is the VM's time when it was `here` on this machine, seconds.
pub(super) fn clock(system: System, there: &str, here: RangeInclusive<i64>) -> Finding {
    let Ok(there) = there.parse::<i64>() else {
        let found = format!("date says {there:?}");
        return Finding::warning(Check::Clock, found, "see what `date -u +%s` says there");
    };
    let skew = match there {
        _ if here.contains(&there) => 0,
        _ if there < *here.start() => here.start().abs_diff(there),
        _ => here.end().abs_diff(there),
    };
    if skew <= SKEW_S_MAX {
        return Finding::good(Check::Clock, format!("within {SKEW_S_MAX} s of this one"));
    }
    let side = if there < *here.start() {
        "behind"
    } else {
        "ahead of"
    };
    Finding::warning(
        Check::Clock,
        format!("{skew} s {side} this machine's"),
        match system {
            System::Linux => "timedatectl set-ntp true",
            System::FreeBsd => "service ntpdate onestart",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    fn facts(os: &str, os_release: &str, arch: &str) -> Facts {
        Facts {
            os: os.to_owned(),
            os_release: os_release.to_owned(),
            arch: arch.to_owned(),
            hostname: String::new(),
            boot_id: String::new(),
            platform: None,
        }
    }

    fn vm(os: &str, arch: &str) -> Vm {
        let text = format!("[[vm]]\nname = 'a'\nhost = 'h'\nos = '{os}'\narch = '{arch}'\n");
        let parsed = crate::inventory::parse("t", &text, std::path::Path::new("/")).unwrap();
        parsed.vms.into_iter().next().unwrap()
    }

    fn said(status: i32, stdout: &str) -> Said {
        Said {
            exit: Exit::Status(status),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    #[test]
    fn a_system_is_judged_by_what_it_is_and_by_what_it_is_called() {
        use Grade::{Bad, Good, Warning};
        let freebsd = facts("FreeBSD", "14.3-RELEASE-p2", "amd64");
        for (label, grade) in [
            ("", Good),
            ("FreeBSD", Good),
            ("FreeBSD 14", Good),
            ("FreeBSD 14.3", Good),
            ("FreeBSD 14.4", Warning),
            ("FreeBSD 1", Warning),
            ("Linux 6.1", Warning),
            ("the old one", Good),
        ] {
            let finding = system(System::FreeBsd, &freebsd, &vm(label, ""));
            assert_eq!(finding.grade, grade, "{label}: {finding:?}");
        }
        let arch = system(System::FreeBsd, &freebsd, &vm("", "arm64"));
        assert_eq!(arch.mend, "correct `arch` in the inventory");
        for release in ["13.5-RELEASE", "odd"] {
            let old = facts("FreeBSD", release, "amd64");
            assert_eq!(system(System::FreeBsd, &old, &vm("", "")).grade, Bad);
        }
        let mips = facts("Linux", "6.1", "mips");
        assert_eq!(system(System::Linux, &mips, &vm("", "")).grade, Bad);
    }

    #[test]
    fn missing_tools_come_with_the_command_that_installs_them() {
        let missing = |tools: &[&str]| tools.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let linux = tools(System::Linux, None, &missing(&["pkill", "pgrep", "flock"]));
        assert_eq!(linux.grade, Grade::Bad);
        assert_eq!(linux.mend, "apt-get install -y procps util-linux");
        let build = Some(Deploy::Build);
        let freebsd = tools(System::FreeBsd, build, &missing(&["cargo", "rsync"]));
        assert_eq!(freebsd.grade, Grade::Warning, "a run installs them");
        assert_eq!(freebsd.mend, "pkg install -y rsync rust");
        let base = tools(System::FreeBsd, build, &missing(&["cargo", "lockf"]));
        assert_eq!(base.grade, Grade::Bad);
        assert_eq!(tools(System::Linux, None, &[]).found, "all 10");
    }

    #[test]
    fn the_nearest_file_system_counts() {
        let df = |free: u64| {
            format!(
                "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                 tmpfs 524288 96 {free} 1% /root\n\
                 /dev/vda1 100 50 50 50% /\n"
            )
        };
        let room = disk(&df(128 << 10), "/root/x", None);
        assert_eq!(
            room,
            Finding::good(Check::Disk, "128 MiB of 512 MiB free for /root/x")
        );
        let full = disk(&df((128 << 10) - 1), "/root/x", None);
        assert_eq!(full.grade, Grade::Bad);
        let build = disk(&df(1 << 20), "/root/x", Some(Deploy::Build));
        assert!(build.found.ends_with("4096 MiB are needed"), "{build:?}");
        assert_eq!(disk("df: no such file", "/x", None).grade, Grade::Warning);
    }

    #[test]
    fn a_module_that_is_loaded_makes_way_unless_it_is_in_use() {
        let device =
            |present, open: &str| device(System::FreeBsd, &said(present, ""), &said(0, open)).grade;
        assert_eq!(device(1, ""), Grade::Good);
        assert_eq!(device(0, "0\n"), Grade::Warning);
        assert_eq!(device(0, "2\n"), Grade::Bad);
    }

    #[test]
    fn linux_serves_the_device_by_fuse() {
        let device =
            |present, fuse| device(System::Linux, &said(present, ""), &said(fuse, "")).grade;
        assert_eq!(device(0, 1), Grade::Good);
        assert_eq!(device(1, 0), Grade::Good);
        assert_eq!(device(1, 1), Grade::Bad);
    }

    #[test]
    fn a_clock_is_right_within_the_time_that_asking_took() {
        let clock = |there: &str| clock(System::Linux, there, 1000..=1010);
        for right in ["1000", "1010", "995", "1015"] {
            assert_eq!(clock(right).grade, Grade::Good, "{right}");
        }
        assert_eq!(clock("994").found, "6 s behind this machine's");
        assert_eq!(clock("4610").found, "3600 s ahead of this machine's");
        assert_eq!(clock("late").grade, Grade::Warning);
    }
}
