// SPDX-License-Identifier: BSD-2-Clause
//! The module for FreeBSD, built on Linux by `cross/Makefile` with the compiler
//! that it has brought to the source tree. Nothing is fetched here.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::compile::Job;

/// Where the Makefile puts compilers, seen from the module's folder.
const COMPILERS: &str = "../../target/freebsd";
/// What the Makefile needs of the system, and Debian's package of it.
const NEEDED: [(&str, &str); 2] = [
    ("/usr/bin/llvm-nm-14", "llvm-14"),
    ("/usr/include/ck_queue.h", "libck-dev"),
];

/// A release and an architecture of FreeBSD that there is a module for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    release: u32,
    arch: &'static str,
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [
        Self::of(14, "amd64"),
        Self::of(14, "arm64"),
        Self::of(15, "amd64"),
        Self::of(15, "arm64"),
    ];

    const fn of(release: u32, arch: &'static str) -> Self {
        Self { release, arch }
    }

    /// Such as `14-amd64`.
    pub(crate) fn id(self) -> String {
        format!("{}-{}", self.release, self.arch)
    }

    /// Its module's path below the folder of what is built.
    pub(crate) fn module(self) -> PathBuf {
        format!("freebsd-{}/tcpstats.ko", self.id()).into()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreeBSD {} {}", self.release, self.arch)
    }
}

/// Build the module for `platform` into `objects`.
///
/// # Errors
/// What is not there, and how to get it.
pub(crate) fn job(kmod_src: &Path, platform: Platform, objects: &Path) -> Result<Job, String> {
    for (file, package) in NEEDED {
        if !Path::new(file).exists() {
            return Err(format!("no {file}: install {package}"));
        }
    }
    let venv = kmod_src
        .join(COMPILERS)
        .join(format!("zig-{}", platform.release));
    let zig = venv.join("ziglang/zig");
    if !zig.is_file() {
        return Err(format!(
            "no cross-compiler at {}: `make freebsd-module` in the source tree fetches it, \
             from the Internet",
            zig.display()
        ));
    }
    let venv = venv
        .canonicalize()
        .map_err(|error| format!("failed to look up {}: {error}", venv.display()))?;
    let variable = |name: &str, value: &Path| {
        let mut variable = OsString::from(name);
        variable.push("=");
        variable.push(value);
        variable
    };
    Ok(Job {
        folder: kmod_src.join("cross"),
        arguments: vec![
            "module".into(),
            format!("RELEASE={}", platform.release).into(),
            format!("ARCH={}", platform.arch).into(),
            variable("BUILD", objects),
            variable("DIST", objects),
            variable("VENV", &venv),
            // However old it is: fetching it anew is not what is tested.
            "-o".into(),
            venv.join("ziglang/zig").into(),
        ],
        environment: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_a_compiler_is_a_reason() {
        let tree = tempfile::tempdir().unwrap();
        let reason = job(tree.path(), Platform::ALL[0], Path::new("/o")).err();
        let reason = reason.unwrap();
        assert!(
            reason.contains("no cross-compiler at") || reason.contains("install "),
            "{reason}"
        );
    }
}
