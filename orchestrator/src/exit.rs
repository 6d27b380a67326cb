// SPDX-License-Identifier: BSD-2-Clause
//! What the program returns to its caller.

use std::process::ExitCode;

/// The program's exit statuses.
///
/// Where several hold, the graver one is returned: a machine that could not be
/// driven outweighs a failed test, since a test that did not run says nothing,
/// and a failed test outweighs a regression, since what is wrong is not slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// All passed.
    Success,
    /// A benchmark got significantly worse, where that was to count.
    Regressed,
    /// At least one test failed, and every machine was driven to its end.
    TestsFailed,
    /// Wrong use or wrong configuration; nothing was touched.
    Usage,
    /// Every machine was driven to its end, and all tests were skipped.
    NothingTested,
    /// At least one machine could not be driven to its end.
    NotDriven,
    /// Interrupted, after cleaning up.
    Interrupted,
}

impl ExitStatus {
    /// As the shell sees it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::TestsFailed => 1,
            Self::Usage => 2,
            Self::NothingTested | Self::NotDriven => 3,
            Self::Regressed => 4,
            Self::Interrupted => 130,
        }
    }
}

impl ExitStatus {
    /// As programs read it: a label of metrics, a value in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "passed",
            Self::Regressed => "regressed",
            Self::TestsFailed => "failed",
            Self::Usage => "usage",
            Self::NothingTested => "nothing_tested",
            Self::NotDriven => "not_driven",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
