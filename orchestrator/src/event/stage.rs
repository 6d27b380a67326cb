// SPDX-License-Identifier: BSD-2-Clause
//! The stages of a VM's pipeline.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stages of a VM's pipeline, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Open the SSH connection that all others use.
    Connect,
    /// Keep other orchestrators away.
    Lock,
    /// Learn what the machine is.
    Facts,
    /// See that it is fit for a run.
    Health,
    /// Make a clean place to work in.
    Prepare,
    /// Bring the programs there.
    Deploy,
    /// Build there what was not brought.
    Build,
    /// Install what the tests need.
    Setup,
    /// Have the device served.
    Load,
    /// Run the targets.
    Test,
    /// Fetch what is left there.
    Collect,
    /// Undo `load`.
    Unload,
    /// Undo `lock`.
    Unlock,
    /// See what became of a VM that was lost.
    Recover,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Lock,
        Self::Facts,
        Self::Health,
        Self::Prepare,
        Self::Deploy,
        Self::Build,
        Self::Setup,
        Self::Load,
        Self::Test,
        Self::Collect,
        Self::Unload,
        Self::Unlock,
        Self::Recover,
    ];

    /// As it stands in the JSON and on a terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Lock => "lock",
            Self::Facts => "facts",
            Self::Health => "health",
            Self::Prepare => "prepare",
            Self::Deploy => "deploy",
            Self::Build => "build",
            Self::Setup => "setup",
            Self::Load => "load",
            Self::Test => "test",
            Self::Collect => "collect",
            Self::Unload => "unload",
            Self::Unlock => "unlock",
            Self::Recover => "recover",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
