// SPDX-License-Identifier: BSD-2-Clause
//! What the targets that compile have in common: a run of make is followed, its
//! output kept, and its end told.

use std::io::Write;
use std::process::ExitStatus;

use super::{Session, TargetError};
use crate::framework::compile::{self, CompileError, Job, Make, Objects};
use crate::framework::process::{Line, ProcessError};
use crate::report::ReportError;

/// How make has ended, and what it said on its standard error last.
pub(super) struct Made {
    ended: Result<ExitStatus, ProcessError>,
    complaints: Vec<String>,
}

impl Made {
    /// What went wrong, a line each; nothing where all went well.
    pub(super) fn faults(self) -> Vec<String> {
        let end = match self.ended {
            Ok(status) if status.success() => return Vec::new(),
            Ok(status) => format!("make ended with {status}"),
            Err(error) => error.to_string(),
        };
        let mut faults = self.complaints;
        faults.push(end);
        faults
    }
}

impl<W: Write> Session<W> {
    pub(super) fn demand_compiler(&self) -> Result<(), CompileError> {
        compile::demand_compiler(&self.options.cc, &self.cancel, &self.restorer)
    }

    pub(super) fn demand_tool(&self, tool: &str) -> Result<(), CompileError> {
        compile::demand(tool, &self.cancel, &self.restorer)
    }

    pub(super) fn objects(&self) -> Result<Objects, CompileError> {
        Objects::new(&self.restorer)
    }

    pub(super) fn start_make(&self, job: Job) -> Result<Make, CompileError> {
        Make::start(job, &self.cancel, &self.restorer)
    }

    /// Have the goal `name` of the C tests' Makefile made, and where it leaves files.
    pub(super) fn start_test(&self, name: &str) -> Result<(Objects, Make), CompileError> {
        self.demand_compiler()?;
        let objects = self.objects()?;
        let folder = self.options.kmod_src.join("test");
        let job = Job::new(folder, name, &self.options.cc, &objects.path);
        let make = self.start_make(job)?;
        Ok((objects, make))
    }

    /// Hand each line that make prints to `take`, and keep all as `LOG-make.log`.
    pub(super) fn follow(
        &self,
        mut make: Make,
        log: &str,
        mut take: impl FnMut(&str) -> Result<(), ReportError>,
    ) -> Result<Made, ReportError> {
        let mut said = String::new();
        let ended = loop {
            let line = match make.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break make.wait(),
                Err(error) => break Err(error),
            };
            let (Line::Out(text) | Line::Err(text)) = &line;
            said.push_str(text);
            said.push('\n');
            if let Line::Out(text) = &line {
                take(text)?;
            }
        };
        self.report()
            .keep(&format!("{log}-make.log"), said.as_bytes())?;
        Ok(Made {
            ended,
            complaints: make.into_complaints().into(),
        })
    }

    /// The target has ended, with these faults besides what its tests told.
    pub(super) fn end_target(&self, faults: Vec<String>) -> Result<(), TargetError> {
        for fault in faults {
            self.report().spoil(fault)?;
        }
        self.tell_what_is_left()?;
        self.report().target_finished()?;
        Ok(())
    }
}

impl From<CompileError> for TargetError {
    fn from(error: CompileError) -> Self {
        Self::Lacking(error.to_string())
    }
}
