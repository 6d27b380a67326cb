// SPDX-License-Identifier: BSD-2-Clause
//! The targets: what one call of the test binary runs.

mod builds;
mod compile_tests;
mod dos_protection;
mod dtrace_probes;
mod filter_cost;
mod kmod_lifecycle;
mod live_all;
mod live_integration;
mod making;
mod pkg_setup;
mod read_bench;
mod series;
mod session;
mod soak;
mod sysctl_counters;

use std::io::Stdout;
use std::str::FromStr;

pub(crate) use session::{Members, Session, TargetError};

/// What a target demands of the machine, in the words of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A compiler, and no device.
    Compile,
    /// Root and the device.
    Live,
    /// Root and a network, where something is missing.
    SetUp,
    /// What the targets that it runs need.
    Several,
}

/// A target that can be run.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
    /// Runs it, by its name, and tells the session's report.
    pub(crate) run: Run,
}

/// Failed tests are no error of these.
pub(crate) type Run = fn(&Session<Stdout>, &str) -> Result<(), TargetError>;

/// Every target, in the order in which those that run several run them.
static TARGETS: &[Target] = &[
    Target {
        name: "unit",
        kind: Kind::Compile,
        about: "C unit tests of the portable core, compiled here",
        run: compile_tests::run,
    },
    Target {
        name: "memcheck",
        kind: Kind::Compile,
        about: "the same under valgrind: no error, no leak",
        run: compile_tests::memcheck,
    },
    Target {
        name: "asan",
        kind: Kind::Compile,
        about: "the same under AddressSanitizer and UBSan",
        run: compile_tests::run,
    },
    Target {
        name: "ubsan",
        kind: Kind::Compile,
        about: "the same under UBSan alone",
        run: compile_tests::run,
    },
    Target {
        name: "bench",
        kind: Kind::Compile,
        about: "time of the filter parser's calls and of the matcher's, 18 workloads",
        run: filter_cost::bench,
    },
    Target {
        name: "callgrind",
        kind: Kind::Compile,
        about: "instructions of those calls, and their profiles",
        run: filter_cost::callgrind,
    },
    Target {
        name: "kmod",
        kind: Kind::Compile,
        about: "the kernel module compiles: here on FreeBSD, else cross-compiled",
        run: builds::kmod,
    },
    Target {
        name: "bench_read",
        kind: Kind::Compile,
        about: "the benchmark of the read path compiles",
        run: builds::bench_read,
    },
    Target {
        name: "gen_conn",
        kind: Kind::Compile,
        about: "the generator of connections compiles",
        run: builds::gen_conn,
    },
    Target {
        name: "all",
        kind: Kind::Several,
        about: "every target that needs a compiler and no device",
        run: |session, _| all_of(Kind::Compile, session),
    },
    Target {
        name: "live_smoke",
        kind: Kind::Live,
        about: "load, defaults, read and unload, 20 times; nothing is left",
        run: kmod_lifecycle::run,
    },
    Target {
        name: "live_bench",
        kind: Kind::Live,
        about: "time of reading 1,000 to 100,000 real connections, 7 workloads",
        run: |session, name| read_bench::run(session, name, None),
    },
    Target {
        name: "live_stats",
        kind: Kind::Live,
        about: "the counters add up after each kind of filter and under readers",
        run: |session, name| sysctl_counters::run(session, name, None),
    },
    Target {
        name: "live_dtrace",
        kind: Kind::Live,
        about: "the 7 DTrace probes fire with plausible arguments (FreeBSD)",
        run: dtrace_probes::run,
    },
    Target {
        name: "live_dos",
        kind: Kind::Live,
        about: "limits of descriptors, time and readers; signals",
        run: |session, name| dos_protection::run(session, name, None),
    },
    Target {
        name: "live_integration",
        kind: Kind::Live,
        about: "filter tests on the device, with real connections",
        run: live_integration::run,
    },
    Target {
        name: "live_soak",
        kind: Kind::Live,
        about: "connections stand for an hour: no loss, no growth",
        run: soak::run,
    },
    Target {
        name: "live_all",
        kind: Kind::Several,
        about: "every live target, with one exporter beside them",
        run: live_all::run,
    },
    Target {
        name: "pkg_setup",
        kind: Kind::SetUp,
        about: "install what the targets that compile need; a second time it does nothing",
        run: pkg_setup::run,
    },
];

/// No target has this name.
#[derive(Debug, thiserror::Error)]
#[error("unknown target '{name}', there are: {}", names(", "))]
pub(crate) struct UnknownTarget {
    name: String,
}

impl Target {
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        TARGETS.iter()
    }
}

impl FromStr for &'static Target {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        Target::all()
            .find(|target| target.name == name)
            .ok_or_else(|| UnknownTarget {
                name: name.to_owned(),
            })
    }
}

/// Run every target of this kind.
fn all_of(kind: Kind, session: &Session<Stdout>) -> Result<(), TargetError> {
    let mut members = Members::of(session);
    for target in Target::all().filter(|target| target.kind == kind) {
        members.run(target.name, target.run)?;
    }
    members.end()
}

fn names(between: &str) -> String {
    let names: Vec<&str> = Target::all().map(|target| target.name).collect();
    names.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_a_name_of_its_own() {
        for target in Target::all() {
            let found: &'static Target = target.name.parse().unwrap();
            assert!(std::ptr::eq(found, target), "{}", target.name);
        }
    }
}
