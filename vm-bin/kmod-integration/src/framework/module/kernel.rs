// SPDX-License-Identifier: BSD-2-Clause
//! The kernel module of FreeBSD, by kldload(8), kldunload(8) and kldstat(8).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpstats::paths;

use super::{ModuleError, system};

/// The module's name, and its type of kernel memory.
const MODULE: &str = "tcpstats";
/// Its file.
const FILE: &str = "tcpstats.ko";

/// The module that is loaded, or could be.
pub(super) struct Kernel {
    /// What a test loads.
    file: PathBuf,
    /// What was loaded at first.
    before: Option<PathBuf>,
}

impl Kernel {
    /// The module that is loaded.
    pub(super) fn loaded() -> Option<Self> {
        let file = loaded_file(&run("kldstat", &["-v"]).ok()?)?;
        Some(Self {
            before: Some(file.clone()),
            file,
        })
    }

    /// The module that was built in `kmod_src`, or lies beside this program.
    pub(super) fn find(kmod_src: &Path) -> Result<Self, ModuleError> {
        let own = std::env::current_exe().map_err(system("find this program"))?;
        let places = [kmod_src.join(FILE), own.with_file_name(FILE)];
        let built = places.iter().find(|file| file.is_file());
        let before = loaded_file(&run("kldstat", &["-v"])?);
        let file = built.or(before.as_ref()).cloned();
        let file = file.ok_or_else(|| ModuleError::Missing {
            what: FILE,
            looked: places.to_vec(),
            advice: "build it with make in the folder that --kmod-src names",
        })?;
        // kldload(8) looks for a bare name in the kernel's own folders.
        let file = file
            .canonicalize()
            .map_err(system(format!("find {}", file.display())))?;
        Ok(Self { file, before })
    }

    pub(super) fn is_loaded(&self) -> Result<bool, ModuleError> {
        let output = Command::new("kldstat")
            .args(["-q", "-n", MODULE])
            .output()
            .map_err(system("start kldstat"))?;
        Ok(output.status.success())
    }

    pub(super) fn load(&self) -> Result<(), ModuleError> {
        kldload(&self.file)
    }

    pub(super) fn load_as_before(&self) -> Result<(), ModuleError> {
        kldload(self.before.as_ref().unwrap_or(&self.file))
    }

    pub(super) fn unload(&self) -> Result<(), ModuleError> {
        run("kldunload", &[MODULE]).map(drop)
    }

    pub(super) fn remains(&self) -> Result<Vec<String>, ModuleError> {
        let mut left = Vec::new();
        if self.is_loaded()? {
            left.push("the module is loaded".to_owned());
        }
        let memory = memory_bytes()?;
        if memory > 0 {
            left.push(format!("{memory} bytes of kernel memory of type {MODULE}"));
        }
        for device in [paths::device(), paths::device_full()] {
            if fs::symlink_metadata(&device).is_ok() {
                left.push(format!("{} is there", device.display()));
            }
        }
        Ok(left)
    }
}

fn kldload(file: &Path) -> Result<(), ModuleError> {
    run("kldload", &[&file.to_string_lossy()]).map(drop)
}

/// Bytes of kernel memory of the module's type that are in use.
pub(super) fn memory_bytes() -> Result<u64, ModuleError> {
    let json = run("vmstat", &["--libxo", "json", "-m"])?;
    memory_in_use(&json).map_err(|said| ModuleError::Refused {
        tried: "read the kernel's memory by `vmstat -m`".to_owned(),
        said,
    })
}

/// What a program prints; the error is what it complains about.
fn run(program: &str, arguments: &[&str]) -> Result<String, ModuleError> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(system(format!("start {program}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ModuleError::Refused {
        tried: format!("{program} {}", arguments.join(" ")),
        said: format!(
            "{}, {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    })
}

/// The path in parentheses that `kldstat -v` ends the module's line with.
fn loaded_file(listing: &str) -> Option<PathBuf> {
    let line = listing
        .lines()
        .find(|line| line.split_whitespace().any(|word| word == FILE))?;
    let (_, path) = line.rsplit_once('(')?;
    Some(PathBuf::from(path.strip_suffix(')')?))
}

/// Bytes of the module's type, rounded up to whole KiB as vmstat(8) does; 0 where
/// the kernel has none.
fn memory_in_use(json: &str) -> Result<u64, String> {
    let statistics: serde_json::Value =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let types = statistics["malloc-statistics"]["memory"]
        .as_array()
        .ok_or("it has no malloc-statistics.memory")?;
    let own = types.iter().find(|entry| entry["type"] == MODULE);
    own.map_or(Ok(0), |entry| {
        entry["memory-use"]
            .as_u64()
            .map(|kilobytes| kilobytes << 10)
            .ok_or_else(|| format!("type {MODULE} has no memory-use"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As FreeBSD 14 prints it.
    const KLDSTAT: &str = "\
Id Refs Address                Size Name
 1   11 0xffffffff80200000  1f3c6c8 kernel (/boot/kernel/kernel)
\tContains modules:
\t\tId Name
\t\t 1 xpt
 5    1 0xffffffff82a22000     8dc8 tcpstats.ko (/root/t (1)/bin/tcpstats.ko)
\tContains modules:
\t\tId Name
\t\t 512 tcpstats
";

    #[test]
    fn the_file_of_a_loaded_module() {
        assert_eq!(
            loaded_file(&KLDSTAT.replace(" (1)", "")),
            Some(PathBuf::from("/root/t/bin/tcpstats.ko"))
        );
        assert_eq!(loaded_file(""), None);
    }

    #[test]
    fn memory_of_the_modules_type() {
        let json = |types: &str| {
            format!(
                r#"{{"__version": "1", "malloc-statistics": {{"memory": [
                    {{"type":"devfs","in-use":120,"memory-use":20,"requests":131}}{types}
                ]}}}}"#
            )
        };
        let own = r#",{"type":"tcpstats","in-use":2,"memory-use":5,"requests":9}"#;
        assert_eq!(memory_in_use(&json(own)), Ok(5120));
        assert_eq!(memory_in_use(&json("")), Ok(0));
        assert!(memory_in_use("{}").is_err());
    }
}
