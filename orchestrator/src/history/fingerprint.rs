// SPDX-License-Identifier: BSD-2-Clause
//! What measurements of one VM can be compared by: with another fingerprint,
//! another series begins.

use std::fmt;

use protocol::event::Hello;
use serde::Serialize;

use super::id;
use crate::event::{Facts, Platform};

/// What memory is told to, MiB: how much a kernel keeps for itself differs from
/// one of its builds to the next.
const MEMORY_STEP_MIB: u64 = 256;

/// What the speed of a VM depends on. What is not known is empty or 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// `Linux` or `FreeBSD`.
    pub os: String,
    /// As `uname -r` says.
    pub os_release: String,
    /// `amd64` or `arm64`.
    pub arch: String,
    /// The processor's name.
    pub cpu_model: String,
    /// Processors on line.
    pub cpus: u32,
    /// Physical memory, to the nearest 256 MiB.
    pub memory_mib: u64,
    /// Which kernel of the release; see [`Platform::kernel`].
    pub kernel: String,
}

impl Fingerprint {
    /// Of a VM that said `facts`, and whose test binary said `hello`: logs of
    /// earlier versions have the size of the machine only there, and nothing of
    /// its processor and its kernel.
    #[must_use]
    pub fn of(facts: &Facts, hello: Option<&Hello>) -> Self {
        let of_hello = || Platform {
            cpus: hello.map_or(0, |hello| hello.cpus),
            memory_bytes: hello.map_or(0, |hello| hello.memory_bytes),
            ..Platform::default()
        };
        let platform = facts.platform.clone().unwrap_or_else(of_hello);
        let steps = platform.memory_bytes as f64 / (MEMORY_STEP_MIB << 20) as f64;
        Self {
            os: facts.os.clone(),
            os_release: facts.os_release.clone(),
            arch: facts.arch.clone(),
            cpu_model: platform.cpu_model,
            cpus: platform.cpus,
            memory_mib: (steps.round() as u64).saturating_mul(MEMORY_STEP_MIB),
            kernel: platform.kernel,
        }
    }

    /// Its name in the history: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        let Self {
            os,
            os_release,
            arch,
            cpu_model,
            cpus,
            memory_mib,
            kernel,
        } = self;
        let size = format!("{cpus} {memory_mib}");
        format!(
            "{:016x}",
            id::of(&[os, os_release, arch, cpu_model, &size, kernel])
        )
    }
}

/// One line for people; what is not known is left out.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.os, self.os_release, self.arch)?;
        let size = match self.cpus {
            0 => String::new(),
            cpus => format!("{cpus} x"),
        };
        let memory = match self.memory_mib {
            0 => String::new(),
            mib => format!("{mib} MiB"),
        };
        let cpu = format!("{size} {}", self.cpu_model);
        for part in [cpu.trim(), &memory, &self.kernel] {
            if !part.is_empty() {
                write!(f, ", {part}")?;
            }
        }
        Ok(())
    }
}
