// SPDX-License-Identifier: BSD-2-Clause
//! The events, version 1. Numbers carry their SI unit in their names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// Version of the stream: 1.
    pub v: u32,
    /// Number of the event, from 0 and without gaps.
    pub seq: u64,
    /// When it happened, UTC, to the microsecond.
    #[serde(with = "rfc3339_micros")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// What happened; `type` in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// Always the first: who speaks, and where.
    Hello(Hello),
    /// A target begins.
    TargetStarted {
        /// Its name, as on the command line.
        target: String,
        /// How many tests it is going to report, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tests: Option<u32>,
    },
    /// A target ended.
    TargetFinished(TargetFinished),
    /// A test ended.
    TestFinished(TestFinished),
    /// The samples of one measured quantity.
    Benchmark(Benchmark),
    /// Counters of the device or the exporter at one moment.
    Counters {
        /// The target that they were read for.
        target: String,
        /// The moment within the target, such as `before` and `after`.
        phase: String,
        /// Counter values by name.
        values: BTreeMap<String, u64>,
    },
    /// The exporter listens.
    Exporter {
        /// `host:port`.
        address: String,
    },
    /// Something worth a line.
    Log {
        /// How grave it is.
        level: Level,
        /// One line.
        message: String,
    },
    /// Always the last.
    Bye {
        /// Of everything that ran.
        outcome: Outcome,
    },
    /// A type of a later version; its content is ignored.
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Unknown,
}

/// The machine and the harness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hello {
    /// Version of the test binary.
    pub harness: String,
    /// Version of the device's protocol that the test binary was built for.
    pub protocol: u32,
    /// `Linux` or `FreeBSD`.
    pub os: String,
    /// Such as `14.3-RELEASE` or `6.1.0-18-amd64`.
    pub os_release: String,
    /// FreeBSD's `kern.osreldate`; 0 elsewhere.
    pub osreldate: u32,
    /// As `uname -m` says.
    pub arch: String,
    /// Processors on line.
    pub cpus: u32,
    /// Physical memory.
    pub memory_bytes: u64,
    /// As `hostname` says.
    pub hostname: String,
    /// What serves /dev/tcpstats, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceInfo>,
}

/// The device's answer to `TCPSTATS_VERSION_CMD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceInfo {
    /// Protocol version.
    pub version: u32,
    /// Bytes of one record.
    pub record_size: u32,
}

/// How a target ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TargetFinished {
    /// Its name.
    pub target: String,
    /// Of all its tests together.
    pub outcome: Outcome,
    /// Wall time.
    pub duration_s: f64,
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that were skipped.
    pub skipped: u32,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestFinished {
    /// The target that it belongs to.
    pub target: String,
    /// Category letter, where the target has categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Unique within the target and stable from run to run, such as `D07`.
    pub id: String,
    /// What the test shows, in words.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Wall time.
    pub duration_s: f64,
    /// The filter that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Records that the model of the filter demands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Records that the device gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One measured quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Benchmark {
    /// The target that measured it.
    pub target: String,
    /// What was measured.
    pub name: String,
    /// Under which load.
    pub workload: String,
    /// Connections that stood meanwhile.
    pub connections: u64,
    /// Unit of the samples.
    pub unit: String,
    /// Which direction is an improvement.
    pub better: Better,
    /// Every repetition, in order.
    pub samples: Vec<f64>,
    /// What one and the same work took beside each repetition, in nanoseconds:
    /// how slow the machine was then. None where that was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<f64>,
}

/// Which direction of a benchmark is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// How a test, a target or everything ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was demanded was seen.
    Passed,
    /// It was not run, for a named reason.
    Skipped,
    /// Something that was demanded was not seen.
    Failed,
}

impl Outcome {
    /// As it stands in the JSON and on a terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Not as it should be, without harm so far.
    Warn,
    /// Why something failed.
    Error,
}

/// RFC 3339 in UTC with exactly six digits of a second.
pub mod rfc3339_micros {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Print `time`.
    ///
    /// # Errors
    /// Only the serializer's own.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{time:.6}"))
    }

    /// Read a time with any number of digits.
    ///
    /// # Errors
    /// What is no RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(deserializer)
    }
}
