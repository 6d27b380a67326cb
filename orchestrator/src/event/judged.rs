// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator found of a run's benchmarks: beside their history, and
//! beside another run.

use protocol::event::Better;
use serde::{Deserialize, Serialize};

/// A quantity that a run measured on a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// What is measured.
    pub benchmark: String,
    /// Under which load.
    pub workload: String,
    /// Connections that stand meanwhile.
    pub connections: u64,
    /// Unit of the values.
    pub unit: String,
    /// Which direction is an improvement.
    pub better: Better,
}

/// How a quantity's history stands, with this run as its last point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What was measured.
    #[serde(flatten)]
    pub quantity: Quantity,
    /// Name of the series: of the quantity on a VM that is as it is now.
    pub series: String,
    /// Runs that were judged, this one included.
    pub runs: usize,
    /// How the series stands.
    pub state: SeriesState,
    /// The change that the state is about; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<SeriesChange>,
    /// What makes this run suspect, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<Suspicion>,
    /// Whether the run counts as regressed for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fails_run: bool,
}

/// How a series stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesState {
    /// Nothing is to be said of it.
    Stable,
    /// Its last run is not what the others let expect.
    Suspect,
    /// It got worse, and nobody said that this is known.
    Confirmed,
    /// It got worse, and a person knows.
    Acknowledged,
    /// It got worse once, and is as good as before.
    Recovered,
    /// Its last change is for the better.
    Improved,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

impl SeriesState {
    /// As it stands in the JSON and on a terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Suspect => "suspect",
            Self::Confirmed => "confirmed",
            Self::Acknowledged => "acknowledged",
            Self::Recovered => "recovered",
            Self::Improved => "improved",
            Self::Other => "other",
        }
    }
}

/// From a run on, a series has another mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesChange {
    /// The first run after the change.
    pub run: String,
    /// How much more there is after it: 0.1 is ten per cent more. 0 where there
    /// was nothing before.
    pub ratio: f64,
    /// How probable such a difference is where nothing changed.
    pub p: f64,
    /// From the change before it.
    pub before: Level,
    /// Up to the change after it.
    pub after: Level,
}

/// The runs at one side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// How many.
    pub runs: usize,
    /// Mean of their medians, in the quantity's unit: of what they would have
    /// been had the reference taken what it usually does, where it was measured.
    pub mean: f64,
    /// Standard deviation of their medians, likewise.
    pub deviation: f64,
}

/// A last run outside of what was to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Its median, as those of a level.
    pub actual: f64,
    /// Mean of the runs since the last change.
    pub expected: f64,
    /// Half the width of the interval about that.
    pub tolerance: f64,
}

/// A quantity beside what another run measured of it on the same VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What was measured.
    #[serde(flatten)]
    pub quantity: Quantity,
    /// The other run.
    pub baseline: String,
    /// What it measured.
    pub before: Repetitions,
    /// What this run measured.
    pub after: Repetitions,
    /// Median of this run through that of the other.
    pub ratio: f64,
    /// The 99 % interval of the ratio.
    pub interval: [f64; 2],
    /// What that means.
    pub verdict: Verdict,
    /// Whether the run counts as regressed for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fails_run: bool,
}

/// What one run measured of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Repetitions {
    /// How many.
    pub samples: usize,
    /// Their median, in the quantity's unit: of the later run what it would have
    /// been had the reference taken what it did in the other, where both have it.
    pub median: f64,
}

/// What a difference between two runs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// None that is sure and large enough.
    Same,
    /// For the better.
    Better,
    /// For the worse.
    Worse,
    /// One of a later version.
    #[serde(other)]
    Other,
}

impl Verdict {
    /// As it stands in the JSON and on a terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Other => "other",
        }
    }
}
