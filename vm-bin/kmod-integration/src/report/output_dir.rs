// SPDX-License-Identifier: BSD-2-Clause
//! A run as files: a log for each test, and `summary.json`.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::Outcome;
use protocol::event::{Benchmark, TargetFinished, TestFinished};
use serde::Serialize;

use super::ReportError;
use super::human::render;

/// The folder, and what its summary will say.
pub(super) struct OutputDir {
    path: PathBuf,
    targets: Vec<TargetFinished>,
    tests: Vec<TestFinished>,
    benchmarks: Vec<Benchmark>,
}

#[derive(Serialize)]
struct Summary<'a> {
    outcome: Outcome,
    targets: &'a [TargetFinished],
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

    pub(super) fn target_finished(&mut self, target: &TargetFinished) {
        self.targets.push(target.clone());
    }

    /// Write `summary.json`.
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
        self.write(name, &json)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        fs::write(self.path.join(name), content).map_err(|error| self.failed(name, error))
    }

    fn failed(&self, name: &str, error: impl Into<std::io::Error>) -> ReportError {
        ReportError::File {
            path: self.path.join(name).display().to_string(),
            source: error.into(),
        }
    }
}
