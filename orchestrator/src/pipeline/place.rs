// SPDX-License-Identifier: BSD-2-Clause
//! Where things are on a VM, below the folder that the inventory gives:
//!
//! ```text
//! lock, lock.holder     kept by whoever drives the VM
//! deploy/RUN/bin        programs of one run
//! deploy/RUN/kmod       its C sources
//! deploy/RUN.partial    the same before it is complete
//! current -> deploy/RUN the last complete deployment
//! runs/RUN/output       what the run's targets leave
//! Cargo.toml, …         the source tree, where it is built there
//! ```
//!
//! All that a run starts there has one of its paths among its arguments, and no
//! other process has: that is how it is found again when it must be ended.

/// The paths of one run on one VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    dir: String,
    run: String,
}

/// Where the programs and sources are that a run uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    /// Folder of the programs.
    pub(super) bin: String,
    /// The C sources of the module, `kmod/tcpstats` of the source tree.
    pub(super) kmod_src: String,
}

impl Programs {
    /// Path of the program `name`.
    #[must_use]
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.bin)
    }
}

/// What finds processes by their arguments: extended regular expressions for
/// pgrep(1) and pkill(1). None of them matches the text of itself, so a shell
/// that runs pgrep is never found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Those that are to be asked to end.
    pub(super) asked: String,
    /// Those that must be gone then.
    pub(super) gone: String,
}

impl Place {
    /// Of the run `run` in the folder `dir`, an absolute path.
    #[must_use]
    pub(super) fn new(dir: &str, run: &str) -> Self {
        Self {
            dir: dir.trim_end_matches('/').to_owned(),
            run: run.to_owned(),
        }
    }

    /// The folder itself.
    #[must_use]
    pub(super) fn dir(&self) -> &str {
        &self.dir
    }

    /// Locked by whoever drives the VM.
    #[must_use]
    pub(super) fn lock(&self) -> String {
        format!("{}/lock", self.dir)
    }

    /// Says who holds the lock.
    #[must_use]
    pub(super) fn lock_holder(&self) -> String {
        format!("{}/lock.holder", self.dir)
    }

    /// Folder of all runs' folders.
    #[must_use]
    pub(super) fn runs(&self) -> String {
        format!("{}/runs", self.dir)
    }

    /// Where this run's targets leave what is to be fetched.
    #[must_use]
    pub(super) fn output(&self) -> String {
        format!("{}/{}/output", self.runs(), self.run)
    }

    /// Folder of all deployments.
    #[must_use]
    pub(super) fn deployments(&self) -> String {
        format!("{}/deploy", self.dir)
    }

    /// This run's deployment.
    #[must_use]
    pub(super) fn deployment(&self) -> String {
        format!("{}/{}", self.deployments(), self.run)
    }

    /// This run's deployment before it is complete.
    #[must_use]
    pub(super) fn partial_deployment(&self) -> String {
        format!("{}.partial", self.deployment())
    }

    /// Link to the last complete deployment.
    #[must_use]
    pub(super) fn current(&self) -> String {
        format!("{}/current", self.dir)
    }

    /// What a deployment at `root` holds.
    #[must_use]
    pub(super) fn deployed(root: &str) -> Programs {
        Programs {
            bin: format!("{root}/bin"),
            kmod_src: format!("{root}/kmod/tcpstats"),
        }
    }

    /// What a build of the source tree in the folder itself leaves.
    #[must_use]
    pub(super) fn built(&self) -> Programs {
        Programs {
            bin: format!("{}/target/release", self.dir),
            kmod_src: format!("{}/kmod/tcpstats", self.dir),
        }
    }

    /// This run's test binary and what it started. Only timeout(1) around it
    /// is asked, which passes the signal on, once.
    #[must_use]
    pub(super) fn harness(&self) -> Pattern {
        self.harness_of(&escape(&self.run))
    }

    /// Any run's test binary and what it started.
    #[must_use]
    pub(super) fn any_harness(&self) -> Pattern {
        self.harness_of("[^/]+")
    }

    /// This run's tcpstatsd.
    #[must_use]
    pub(super) fn daemon(&self) -> Pattern {
        self.daemon_of(&escape(&self.run))
    }

    /// Any run's tcpstatsd.
    #[must_use]
    pub(super) fn any_daemon(&self) -> Pattern {
        self.daemon_of("[^/]+")
    }

    /// The process that keeps the lock.
    #[must_use]
    pub(super) fn lock_keeper(&self) -> Pattern {
        let gone = format!("{}/(lock)\\.holder", escape(&self.dir));
        Pattern {
            asked: format!("tee {gone}"),
            gone,
        }
    }

    /// Any run's build of the source tree.
    #[must_use]
    pub(super) fn builder(&self) -> Pattern {
        let gone = format!(
            "{}/(Cargo\\.toml|target/release/(build|deps|kmod-integration pkg_setup)|kmod/tcpstats clean)",
            escape(&self.dir)
        );
        Pattern {
            asked: format!("^timeout .*{gone}"),
            gone,
        }
    }

    fn harness_of(&self, run: &str) -> Pattern {
        let dir = escape(&self.dir);
        let gone = format!(
            "{dir}/(deploy|runs)/{run}/(bin/(kmod-integration|tcp-echo|tcpstats-exporter)|output)"
        );
        Pattern {
            asked: format!("^timeout .*{gone}"),
            gone,
        }
    }

    fn daemon_of(&self, run: &str) -> Pattern {
        let gone = format!("{}/(deploy)/{run}/bin/tcpstatsd", escape(&self.dir));
        Pattern {
            asked: gone.clone(),
            gone,
        }
    }
}

/// `text` as an extended regular expression that matches it alone.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r".[](){}*+?^$|\".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_below_the_folder() {
        let place = Place::new("/root/t/", "R");
        assert_eq!(place.output(), "/root/t/runs/R/output");
        assert_eq!(place.deployment(), "/root/t/deploy/R");
        assert_eq!(
            Place::deployed(&place.current()).path("tcp-echo"),
            "/root/t/current/bin/tcp-echo"
        );
        assert_eq!(place.built().kmod_src, "/root/t/kmod/tcpstats");
    }

    #[test]
    fn patterns_take_the_folder_literally() {
        let place = Place::new("/a.b/(c)", "R-1");
        assert_eq!(
            place.daemon().asked,
            r"/a\.b/\(c\)/(deploy)/R-1/bin/tcpstatsd"
        );
        assert_eq!(
            place.any_harness().gone,
            r"/a\.b/\(c\)/(deploy|runs)/[^/]+/(bin/(kmod-integration|tcp-echo|tcpstats-exporter)|output)"
        );
    }
}
