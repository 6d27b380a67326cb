// SPDX-License-Identifier: BSD-2-Clause
//! What can happen in a run. A run's event log is a file of these, one a line,
//! and the only truth of the run: everything that is shown, counted or
//! returned is a function of them (see [`crate::projection`]).

mod judged;
mod plan;
mod stage;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use judged::{
    Compared, Judged, Level, Quantity, Repetitions, SeriesChange, SeriesState, Suspicion, Verdict,
};
pub use plan::{Live, Plan, PlannedTarget, PlannedVm};
pub use stage::Stage;

/// The `v` of every event that this program writes.
pub const VERSION: u32 = 1;

/// One line of `events.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of the log, [`VERSION`].
    pub v: u32,
    /// Number of the event, from 0 and without gaps.
    pub seq: u64,
    /// When it was learned, UTC, to the microsecond.
    #[serde(with = "protocol::event::rfc3339_micros")]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// The time, as precise as a log has it: who is shown an event sees what a
/// reader of the log will.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// What happened; `type` in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// Always the first.
    RunStarted {
        /// Name of the run and of its folder.
        run: String,
        /// Version of the orchestrator.
        orchestrator: String,
        /// What is to be done.
        plan: Plan,
        /// What the live targets are told.
        #[serde(default)]
        live: Live,
    },
    /// A run that was cut off goes on with what is missing: the VMs without an
    /// end, and those that were cancelled.
    RunResumed {
        /// Version of the orchestrator.
        orchestrator: String,
    },
    /// A stage of a VM's pipeline begins.
    StageStarted {
        /// The VM's name.
        vm: String,
        /// The stage.
        stage: Stage,
        /// Counted from 1.
        attempt: u32,
    },
    /// A stage of a VM's pipeline ended.
    StageFinished {
        /// The VM's name.
        vm: String,
        /// The stage.
        stage: Stage,
        /// Counted from 1.
        attempt: u32,
        /// Wall time.
        duration_s: f64,
        /// Why it failed; absent where it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// Whether the stage is tried again after this.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        will_retry: bool,
    },
    /// What a VM is.
    Facts {
        /// The VM's name.
        vm: String,
        /// What was found.
        facts: Facts,
    },
    /// The test binary said something.
    Harness {
        /// The VM's name.
        vm: String,
        /// The target that was run.
        target: String,
        /// What it said.
        event: protocol::Event,
    },
    /// A VM's exporter was scraped.
    Scraped {
        /// The VM's name.
        vm: String,
        /// Wall time of the scrape.
        duration_s: f64,
        /// What was taken of it, by the exporter's names.
        samples: BTreeMap<String, Reading>,
    },
    /// A VM's exporter could not be scraped.
    ScrapeFailed {
        /// The VM's name.
        vm: String,
        /// Wall time until that was known.
        duration_s: f64,
        /// Why, for programs.
        reason: ScrapeReason,
        /// Why, for people.
        message: String,
    },
    /// A remote program wrote a line that is no event.
    Output {
        /// The VM's name.
        vm: String,
        /// The stage in which it came.
        stage: Stage,
        /// The line, cut to a bounded length.
        line: String,
    },
    /// The orchestrator found something about a VM that a person is to know, and
    /// that decides nothing.
    Note {
        /// The VM's name.
        vm: String,
        /// The stage in which it was found.
        stage: Stage,
        /// What, in one line.
        line: String,
    },
    /// A VM's console printed something that its kernel says when it is in
    /// trouble.
    Console {
        /// The VM's name.
        vm: String,
        /// What it is.
        kind: ConsoleKind,
        /// Its lines, a bounded number of them.
        lines: Vec<String>,
    },
    /// A target is run once more: tests failed in it, or it measured what its
    /// history does not let expect.
    TargetRetried {
        /// The VM's name.
        vm: String,
        /// The target.
        target: String,
        /// Which attempt begins, from 2.
        attempt: u32,
        /// What was measured and is suspect, where that is why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        suspects: Vec<String>,
    },
    /// Nothing more will happen on a VM.
    VmFinished {
        /// The VM's name.
        vm: String,
        /// How it ended.
        outcome: VmOutcome,
        /// Why, where it is not what was hoped for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// From its first stage to its last.
        duration_s: f64,
    },
    /// What was measured on a VM, beside the runs before this one.
    Judged {
        /// The VM's name.
        vm: String,
        /// What was found.
        judged: Judged,
    },
    /// What was measured on a VM, beside a run that was named for that.
    Compared {
        /// The VM's name.
        vm: String,
        /// What was found.
        compared: Compared,
    },
    /// A person or a service manager wants the run to end.
    Interrupted {
        /// Name of the signal.
        signal: String,
        /// Whether clean-up was given up too (the second signal).
        forced: bool,
    },
    /// The last, unless the run was resumed afterwards.
    RunFinished {
        /// Wall time of the whole run.
        duration_s: f64,
    },
    /// A type of a later version; its content is ignored.
    #[serde(other)]
    Unknown,
}

/// What an exporter said of one family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading {
    /// Of a family without labels.
    One(f64),
    /// By the values of the family's only label.
    By(BTreeMap<String, f64>),
}

/// Why an exporter could not be scraped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapeReason {
    /// The way to it through SSH could not be had.
    Forward,
    /// Nobody answers there.
    Unreachable,
    /// It answered before, and nobody does any more.
    Gone,
    /// It took too long.
    Timeout,
    /// It wants to be asked less often: status 429.
    Busy,
    /// It answered with another status than 200.
    Status,
    /// Its answer ended early.
    Cut,
    /// Its answer is not what an exporter says.
    Malformed,
    /// Its answer is too long.
    Oversized,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

impl ScrapeReason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Forward,
        Self::Unreachable,
        Self::Gone,
        Self::Timeout,
        Self::Busy,
        Self::Status,
        Self::Cut,
        Self::Malformed,
        Self::Oversized,
        Self::Other,
    ];

    /// As it stands in the JSON and in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Unreachable => "unreachable",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Status => "status",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Other => "other",
        }
    }
}

/// What a kernel in trouble prints on its console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleKind {
    /// It has panicked.
    Panic,
    /// A trap that it can't return from.
    Trap,
    /// Locks were taken in another order than before.
    LockOrder,
    /// Something else that witness(4) finds.
    Witness,
}

impl ConsoleKind {
    /// Whether the kernel ends with it.
    #[must_use]
    pub fn is_crash(self) -> bool {
        matches!(self, Self::Panic | Self::Trap)
    }

    /// As it stands in the JSON and in labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Trap => "trap",
            Self::LockOrder => "lock_order",
            Self::Witness => "witness",
        }
    }

    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Trap => "fatal trap",
            Self::LockOrder => "lock order reversal",
            Self::Witness => "witness",
        }
    }
}

/// What a VM said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `Linux` or `FreeBSD`.
    pub os: String,
    /// As `uname -r` says.
    pub os_release: String,
    /// `amd64` or `arm64`, whatever the system calls it.
    pub arch: String,
    /// As `hostname` says.
    pub hostname: String,
    /// Changes with every boot.
    pub boot_id: String,
    /// What its speed depends on; absent in logs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What the speed of a VM depends on, besides the release of its system. What
/// the VM did not say is empty or 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// The processor's name, such as `AMD EPYC 7763 64-Core Processor`.
    pub cpu_model: String,
    /// Processors on line.
    pub cpus: u32,
    /// Physical memory that the system has for itself and its programs.
    pub memory_bytes: u64,
    /// Which kernel of the release: on Linux its build with the options in it
    /// (`uname -v`), on FreeBSD the name of its configuration (`uname -i`).
    pub kernel: String,
}

/// How a VM ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VmOutcome {
    /// Every test passed, or was skipped for a named reason.
    Passed,
    /// Every test was skipped: nothing was tested.
    Skipped,
    /// The tests that failed are those that the inventory expects to.
    ExpectedFailure,
    /// Tests failed, and passed when their target was run again.
    Flaky,
    /// A test failed.
    Failed,
    /// A stage or target took longer than it may.
    TimedOut,
    /// The test binary said nothing for too long.
    Hung,
    /// The VM's kernel panicked.
    Crashed,
    /// The VM or its connection went away, or its event stream broke.
    Lost,
    /// The VM could not be brought to the point of testing.
    Infrastructure,
    /// The run was interrupted before this VM was done.
    Cancelled,
}

impl VmOutcome {
    /// As it stands in the JSON, in labels and on a terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::ExpectedFailure => "expected_failure",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
            Self::Lost => "lost",
            Self::Infrastructure => "infrastructure",
            Self::Cancelled => "cancelled",
        }
    }
}

impl VmOutcome {
    /// Whether the VM was driven to its end, so that its tests decided.
    #[must_use]
    pub fn is_of_tests(self) -> bool {
        self.is_good() || self == Self::Failed
    }

    /// Whether nothing failed that stayed so and was not expected to.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            Self::Passed | Self::Skipped | Self::ExpectedFailure | Self::Flaky
        )
    }
}

impl fmt::Display for VmOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why something went wrong, for a person who has to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// What happened, one line.
    pub what: String,
    /// What was tried when it did, one line; may be empty.
    pub tried: String,
    /// What to do about it, one line; may be empty.
    pub advice: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.tried.is_empty() {
            write!(f, " (tried: {})", self.tried)?;
        }
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}
