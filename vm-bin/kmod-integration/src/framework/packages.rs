// SPDX-License-Identifier: BSD-2-Clause
//! What the targets that compile need of the system, and the commands that
//! install it: pkg(8) and the release's sources on FreeBSD, apt-get(8) on Debian
//! and its kin.

use std::path::{Path, PathBuf};

/// Where the FreeBSD project keeps its releases.
const RELEASES: &str = "https://download.freebsd.org/releases";
/// Where the sources of a release are put while they are unpacked.
const SOURCES_ARCHIVE: &str = "/var/tmp/kmod-integration-src.txz";

/// How it shows that something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A program that is found by its name.
    Program(&'static str),
    File(&'static str),
}

/// How it comes to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The package of this name.
    Package(&'static str),
    /// pkg(8) itself, which the base system can fetch.
    Bootstrap,
    /// The sources of the running release.
    Sources,
}

/// Something that is needed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    sign: Sign,
    origin: Origin,
}

/// The ways to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum System {
    Debian,
    FreeBsd {
        /// As `uname -r`, `uname -m` and `uname -p` say.
        release: String,
        machine: String,
        processor: &'static str,
    },
}

/// A command that installs something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Option<(&'static str, &'static str)>,
}

const DEBIAN: [Need; 5] = [
    Need {
        name: "cc",
        purpose: "the C compiler",
        sign: Sign::Program("cc"),
        origin: Origin::Package("gcc"),
    },
    Need {
        name: "libc",
        purpose: "the C library's headers",
        sign: Sign::File("/usr/include/stdio.h"),
        origin: Origin::Package("libc6-dev"),
    },
    Need {
        name: "make",
        purpose: "builds the C programs",
        sign: Sign::Program("make"),
        origin: Origin::Package("make"),
    },
    VALGRIND,
    Need {
        origin: Origin::Package("perl"),
        ..PERL
    },
];
const FREEBSD: [Need; 4] = [
    Need {
        name: "pkg",
        purpose: "installs the others",
        sign: Sign::File("/usr/local/sbin/pkg"),
        origin: Origin::Bootstrap,
    },
    VALGRIND,
    PERL,
    Need {
        name: "sources",
        purpose: "the kernel's, to build the module",
        sign: Sign::File(KERNEL_MAKEFILE),
        origin: Origin::Sources,
    },
];
const VALGRIND: Need = Need {
    name: "valgrind",
    purpose: "for memcheck and callgrind",
    sign: Sign::Program("valgrind"),
    origin: Origin::Package("valgrind"),
};
const PERL: Need = Need {
    name: "perl",
    purpose: "annotates callgrind's profile",
    sign: Sign::Program("perl"),
    origin: Origin::Package("perl5"),
};

/// With it the sources of FreeBSD's kernel are there.
pub(crate) const KERNEL_MAKEFILE: &str = "/usr/src/sys/conf/kmod.mk";

impl Need {
    /// Where it is, when programs are looked for in these folders.
    pub(crate) fn find(&self, folders: &[PathBuf]) -> Option<PathBuf> {
        match self.sign {
            Sign::File(path) => Path::new(path).exists().then(|| path.into()),
            Sign::Program(name) => folders
                .iter()
                .map(|folder| folder.join(name))
                .find(|path| path.is_file()),
        }
    }
}

impl System {
    /// All that is needed on such a system.
    pub(crate) fn needs(&self) -> &'static [Need] {
        match self {
            Self::Debian => &DEBIAN,
            Self::FreeBsd { .. } => &FREEBSD,
        }
    }

    /// What installs these, in order.
    ///
    /// # Errors
    /// Where the sources are not to be had: what to do.
    pub(crate) fn steps(&self, missing: &[&Need]) -> Result<Vec<Step>, String> {
        let packages: Vec<&str> = missing
            .iter()
            .filter_map(|need| match need.origin {
                Origin::Package(name) => Some(name),
                Origin::Bootstrap | Origin::Sources => None,
            })
            .collect();
        match self {
            Self::Debian => Ok(apt_get(&packages)),
            Self::FreeBsd {
                release,
                machine,
                processor,
            } => {
                let lacks = |origin| missing.iter().any(|need| need.origin == origin);
                let mut steps = Vec::new();
                if lacks(Origin::Bootstrap) {
                    steps.push(step(&["pkg", "bootstrap"], &[]).with("ASSUME_ALWAYS_YES", "yes"));
                }
                if !packages.is_empty() {
                    steps.push(step(&["pkg", "install", "-y"], &packages));
                }
                if lacks(Origin::Sources) {
                    steps.extend(sources(release, machine, processor)?);
                }
                Ok(steps)
            }
        }
    }
}

fn apt_get(packages: &[&str]) -> Vec<Step> {
    if packages.is_empty() {
        return Vec::new();
    }
    [
        step(&["apt-get", "update"], &[]),
        step(&["apt-get", "install", "-y"], packages),
    ]
    .map(|step| step.with("DEBIAN_FRONTEND", "noninteractive"))
    .into()
}

/// Of the whole archive the kernel is enough.
fn sources(release: &str, machine: &str, processor: &str) -> Result<[Step; 3], String> {
    // A patch level has no archive of its own.
    let Some((version, _)) = release.split_once("-RELEASE") else {
        return Err(format!(
            "the sources of {release} are not among the releases: put those of this kernel \
             into /usr/src"
        ));
    };
    let url = format!("{RELEASES}/{machine}/{processor}/{version}-RELEASE/src.txz");
    Ok([
        step(&["fetch", "-o", SOURCES_ARCHIVE, &url], &[]),
        step(
            &["tar", "-x", "-f", SOURCES_ARCHIVE, "-C", "/", "usr/src/sys"],
            &[],
        ),
        step(&["rm", "-f", SOURCES_ARCHIVE], &[]),
    ])
}

fn step(command: &[&str], packages: &[&str]) -> Step {
    Step {
        argv: [command, packages]
            .concat()
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect(),
        environment: None,
    }
}

impl Step {
    fn with(self, name: &'static str, value: &'static str) -> Self {
        Self {
            environment: Some((name, value)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(system: &System, names: &[&str]) -> Result<Vec<String>, String> {
        let missing: Vec<&Need> = system
            .needs()
            .iter()
            .filter(|need| names.contains(&need.name))
            .collect();
        assert_eq!(missing.len(), names.len());
        let steps = system.steps(&missing)?.into_iter();
        Ok(steps
            .map(|step| match step.environment {
                Some((name, value)) => format!("{name}={value} {}", step.argv.join(" ")),
                None => step.argv.join(" "),
            })
            .collect())
    }

    fn freebsd(release: &str) -> System {
        System::FreeBsd {
            release: release.to_owned(),
            machine: "arm64".to_owned(),
            processor: "aarch64",
        }
    }

    #[test]
    fn debian_installs_what_is_missing_at_once() {
        assert_eq!(
            commands(&System::Debian, &["cc", "valgrind"]).unwrap(),
            [
                "DEBIAN_FRONTEND=noninteractive apt-get update",
                "DEBIAN_FRONTEND=noninteractive apt-get install -y gcc valgrind",
            ]
        );
        assert_eq!(commands(&System::Debian, &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn freebsd_bootstraps_installs_and_unpacks() {
        assert_eq!(
            commands(
                &freebsd("14.3-RELEASE-p2"),
                &["pkg", "valgrind", "perl", "sources"]
            )
            .unwrap(),
            [
                "ASSUME_ALWAYS_YES=yes pkg bootstrap",
                "pkg install -y valgrind perl5",
                "fetch -o /var/tmp/kmod-integration-src.txz \
                 https://download.freebsd.org/releases/arm64/aarch64/14.3-RELEASE/src.txz",
                "tar -x -f /var/tmp/kmod-integration-src.txz -C / usr/src/sys",
                "rm -f /var/tmp/kmod-integration-src.txz",
            ]
        );
        assert_eq!(
            commands(&freebsd("15.0-RELEASE"), &["perl"]).unwrap(),
            ["pkg install -y perl5"]
        );
        assert_eq!(commands(&freebsd("15.0-RELEASE"), &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_kernel_that_is_no_release_needs_its_own_sources() {
        let error = commands(&freebsd("16.0-CURRENT"), &["sources"]).unwrap_err();
        assert!(
            error.starts_with("the sources of 16.0-CURRENT are not"),
            "{error}"
        );
        assert_eq!(
            commands(&freebsd("16.0-CURRENT"), &["perl"]).unwrap(),
            ["pkg install -y perl5"]
        );
    }
}
