// SPDX-License-Identifier: BSD-2-Clause
//! A run as files: a log for each test, `summary.json` and `junit.xml`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use protocol::Outcome;
use protocol::event::{Benchmark, TargetFinished, TestFinished};
use serde::Serialize;

use super::human::render;
use super::{ReportError, junit};

/// The folder, and what its summary will say.
pub(super) struct OutputDir {
    path: PathBuf,
    targets: Vec<TargetEnd>,
    tests: Vec<TestFinished>,
    benchmarks: Vec<Benchmark>,
}

/// How a target has ended.
#[derive(Serialize)]
pub(super) struct TargetEnd {
    #[serde(flatten)]
    pub(super) finished: TargetFinished,
    /// Why it has not passed, besides its tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<String>,
}

#[derive(Serialize)]
struct Summary<'a> {
    outcome: Outcome,
    targets: &'a [TargetEnd],
    tests: &'a [TestFinished],
    benchmarks: &'a [Benchmark],
}

impl OutputDir {
    /// Make the folder where it is not there.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub(super) fn create(path: &Path) -> Result<Self, ReportError> {
        fs::create_dir_all(path).map_err(|source| ReportError::File {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            targets: Vec::new(),
            tests: Vec::new(),
            benchmarks: Vec::new(),
        })
    }

    /// Write the test's log, `TARGET-ID.log`.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub(super) fn test_finished(&mut self, test: &TestFinished) -> Result<(), ReportError> {
        let mut log = render(test);
        if test.outcome == Outcome::Passed
            && let Some(filter) = &test.filter
        {
            log.push_str(&format!("    filter: {filter}\n"));
        }
        log.push_str(&format!("    {:.6} s\n", test.duration_s));
        self.tests.push(test.clone());
        self.write(&format!("{}-{}.log", test.target, test.id), log.as_bytes())
    }

    pub(super) fn benchmark(&mut self, benchmark: &Benchmark) {
        self.benchmarks.push(benchmark.clone());
    }

    pub(super) fn target_finished(&mut self, finished: &TargetFinished, reasons: Vec<String>) {
        self.targets.push(TargetEnd {
            finished: finished.clone(),
            reasons,
        });
    }

    /// Write `summary.json` and `junit.xml`.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub(super) fn bye(&mut self, outcome: Outcome) -> Result<(), ReportError> {
        let summary = Summary {
            outcome,
            targets: &self.targets,
            tests: &self.tests,
            benchmarks: &self.benchmarks,
        };
        let name = "summary.json";
        let json = serde_json::to_vec_pretty(&summary).map_err(|error| self.failed(name, error))?;
        let summary = self.write(name, &json);
        let name = "junit.xml";
        let junit = junit::render(&self.targets, &self.tests)
            .map_err(|error| self.failed(name, io::Error::other(error)))?;
        summary.and(self.write(name, junit.as_bytes()))
    }

    /// Write a file of the folder.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        fs::write(self.path.join(name), content).map_err(|error| self.failed(name, error))
    }

    fn failed(&self, name: &str, error: impl Into<io::Error>) -> ReportError {
        ReportError::File {
            path: self.path.join(name).display().to_string(),
            source: error.into(),
        }
    }
}
