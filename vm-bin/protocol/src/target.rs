// SPDX-License-Identifier: BSD-2-Clause
//! What the test binary can be asked for: its targets, and the categories of its
//! filter tests. Here, so that who asks for one that there is not learns it
//! before a machine is touched.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How like two names are that may be meant for each other, where 1 is equal.
const LIKE: f64 = 0.7;

/// What a target demands of the machine, in the words of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A compiler, and no device.
    Compile,
    /// Root and the device.
    Live,
    /// Root and a network, where something is missing.
    SetUp,
    /// What the targets that it runs need.
    Several,
}

/// A target: what one call of the test binary runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by about()")]
pub enum Target {
    Unit,
    Memcheck,
    Asan,
    Ubsan,
    Bench,
    Callgrind,
    Kmod,
    BenchRead,
    GenConn,
    All,
    LiveSmoke,
    LiveBench,
    LiveStats,
    LiveDtrace,
    LiveDos,
    LiveIntegration,
    LiveSoak,
    LiveAll,
    PkgSetup,
}

impl Target {
    /// Every target, in the order in which those that run several run them.
    pub const ALL: [Self; 19] = [
        Self::Unit,
        Self::Memcheck,
        Self::Asan,
        Self::Ubsan,
        Self::Bench,
        Self::Callgrind,
        Self::Kmod,
        Self::BenchRead,
        Self::GenConn,
        Self::All,
        Self::LiveSmoke,
        Self::LiveBench,
        Self::LiveStats,
        Self::LiveDtrace,
        Self::LiveDos,
        Self::LiveIntegration,
        Self::LiveSoak,
        Self::LiveAll,
        Self::PkgSetup,
    ];

    /// What it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it demands.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.row().1
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.row().2
    }

    /// Whether it runs filter tests, of which categories may be chosen.
    #[must_use]
    pub fn has_categories(self) -> bool {
        matches!(self, Self::LiveIntegration | Self::LiveAll)
    }

    fn row(self) -> (&'static str, Kind, &'static str) {
        use Kind::{Compile, Live, SetUp, Several};
        match self {
            Self::Unit => (
                "unit",
                Compile,
                "C unit tests of the portable core, compiled here",
            ),
            Self::Memcheck => (
                "memcheck",
                Compile,
                "the same under valgrind: no error, no leak",
            ),
            Self::Asan => ("asan", Compile, "the same under AddressSanitizer and UBSan"),
            Self::Ubsan => ("ubsan", Compile, "the same under UBSan alone"),
            Self::Bench => (
                "bench",
                Compile,
                "time of the filter parser's calls, 11 workloads",
            ),
            Self::Callgrind => (
                "callgrind",
                Compile,
                "instructions of the filter parser's calls, and their profile",
            ),
            Self::Kmod => (
                "kmod",
                Compile,
                "the kernel module compiles: here on FreeBSD, else cross-compiled",
            ),
            Self::BenchRead => (
                "bench_read",
                Compile,
                "the benchmark of the read path compiles",
            ),
            Self::GenConn => ("gen_conn", Compile, "the generator of connections compiles"),
            Self::All => (
                "all",
                Several,
                "every target that needs a compiler and no device",
            ),
            Self::LiveSmoke => (
                "live_smoke",
                Live,
                "load, defaults, read and unload, 20 times; nothing is left",
            ),
            Self::LiveBench => (
                "live_bench",
                Live,
                "time of reading 1,000 to 100,000 real connections, 7 workloads",
            ),
            Self::LiveStats => (
                "live_stats",
                Live,
                "the counters add up after each kind of filter and under readers",
            ),
            Self::LiveDtrace => (
                "live_dtrace",
                Live,
                "the 7 DTrace probes fire with plausible arguments (FreeBSD)",
            ),
            Self::LiveDos => (
                "live_dos",
                Live,
                "limits of descriptors, time and readers; signals",
            ),
            Self::LiveIntegration => (
                "live_integration",
                Live,
                "filter tests on the device, with real connections",
            ),
            Self::LiveSoak => (
                "live_soak",
                Live,
                "connections stand for an hour: no loss, no growth",
            ),
            Self::LiveAll => (
                "live_all",
                Several,
                "every live target, with one exporter beside them",
            ),
            Self::PkgSetup => (
                "pkg_setup",
                SetUp,
                "install what the targets that compile need; a second time it does nothing",
            ),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        Self::ALL
            .into_iter()
            .find(|target| target.name() == name)
            .ok_or_else(|| UnknownTarget::beside(name, &[]))
    }
}

/// No target has this name.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("unknown target '{name}', {}there are: {}", meant(near.as_ref()), known.join(", "))]
pub struct UnknownTarget {
    name: String,
    near: Option<String>,
    known: Vec<String>,
}

impl UnknownTarget {
    /// `name` is none of [`Target::ALL`], nor of `others`.
    #[must_use]
    pub fn beside(name: &str, others: &[String]) -> Self {
        let own = Target::ALL.iter().map(ToString::to_string);
        let known: Vec<String> = own.chain(others.iter().cloned()).collect();
        let likeness = |known: &&String| strsim::jaro(known, name);
        Self {
            name: name.to_owned(),
            near: known
                .iter()
                .filter(|known| likeness(known) > LIKE)
                .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
                .cloned(),
            known,
        }
    }
}

fn meant(near: Option<&String>) -> String {
    near.map_or_else(String::new, |near| format!("did you mean {near}? "))
}

/// A category of filter tests; its letter begins their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described by title()")]
pub enum Category {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
}

impl Category {
    /// Every category, in the order in which they are run.
    pub const ALL: [Self; 9] = [
        Self::A,
        Self::B,
        Self::C,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::H,
        Self::I,
    ];

    /// What its tests are about.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "ports",
            Self::B => "states",
            Self::C => "IP version",
            Self::D => "addresses",
            Self::E => "several directives",
            Self::F => "fields and format",
            Self::G => "named profiles",
            Self::H => "concurrent readers",
            Self::I => "combinations",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The letter is none of a category's.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("unknown category '{0}', there are A to I, several as A,B,D, and all")]
pub struct UnknownCategory(String);

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(letter: &str) -> Result<Self, UnknownCategory> {
        Self::ALL
            .into_iter()
            .find(|category| category.to_string().eq_ignore_ascii_case(letter))
            .ok_or_else(|| UnknownCategory(letter.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_stands_once_and_has_a_name_of_its_own() {
        for (position, target) in Target::ALL.into_iter().enumerate() {
            assert_eq!(target as usize, position, "{target}");
            assert_eq!(target.name().parse(), Ok(target));
        }
    }

    #[test]
    fn an_unknown_target_is_told_with_the_one_that_may_be_meant() {
        let told = |name: &str| UnknownTarget::beside(name, &["theirs".into()]).to_string();
        assert!(
            told("live_intergation").starts_with(
                "unknown target 'live_intergation', did you mean live_integration? there are: \
                 unit, memcheck, asan, "
            ),
            "{}",
            told("live_intergation")
        );
        assert!(told("theris").contains("did you mean theirs? "));
        assert!(told("xyz").starts_with("unknown target 'xyz', there are: unit, "));
        assert!(told("xyz").ends_with(", live_all, pkg_setup, theirs"));
    }
}
