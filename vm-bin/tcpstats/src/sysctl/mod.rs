// SPDX-License-Identifier: BSD-2-Clause
//! What `dev.tcpstats` holds: limits, counters, the last refusal, named profiles.
//!
//! On FreeBSD these are sysctl(3) nodes, on Linux files below the mount of `tcpstatsd`; names and
//! values are the same.

use std::collections::BTreeMap;
use std::io;
#[cfg(not(target_os = "freebsd"))]
use std::path::Path;

use crate::device::Device;

#[cfg(target_os = "freebsd")]
#[path = "freebsd.rs"]
mod backend;
#[cfg(not(target_os = "freebsd"))]
#[path = "files.rs"]
mod backend;

#[cfg(target_os = "freebsd")]
pub use backend::read_node;

/// What may be done with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A limit: a u32, read and set.
    Limit {
        /// Its value at start.
        default: u32,
    },
    /// A number, read only.
    Number,
    /// A line of text, read only.
    Text,
    /// [`PROFILE_SET`]: a command is written, the profiles are read.
    Command,
}

/// A name below `dev.tcpstats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// As in `dev.tcpstats.NAME`.
    pub name: &'static str,
    /// What may be done with it.
    pub access: Access,
}

/// Descriptors of the device that are open.
pub const ACTIVE_FDS: &str = "active_fds";
/// Takes "NAME FILTER" or "NAME", gives a line "NAME FILTER" for each profile.
pub const PROFILE_SET: &str = "profile_set";
/// The last refused filter text's message.
pub const LAST_ERROR: &str = "last_error";

const fn limit(name: &'static str, default: u32) -> Name {
    Name {
        name,
        access: Access::Limit { default },
    }
}

const fn number(name: &'static str) -> Name {
    Name {
        name,
        access: Access::Number,
    }
}

/// Every fixed name; `profiles.NAME` come and go with the profiles.
pub const NAMES: [Name; 22] = [
    limit("max_open_fds", 16),
    limit("max_concurrent_readers", 32),
    limit("max_read_duration_ms", 5000),
    limit("min_read_interval_ms", 0),
    number(ACTIVE_FDS),
    number("opens_total"),
    number("reads_total"),
    number("records_emitted"),
    number("sockets_visited"),
    number("sockets_skipped_gencnt"),
    number("sockets_skipped_cred"),
    number("sockets_skipped_ipver"),
    number("sockets_skipped_state"),
    number("sockets_skipped_port"),
    number("sockets_skipped_addr"),
    number("read_duration_ns_total"),
    number("read_duration_ns_max"),
    number("uiomove_errors"),
    number("reads_timed_out"),
    number("reads_interrupted"),
    Name {
        name: LAST_ERROR,
        access: Access::Text,
    },
    Name {
        name: PROFILE_SET,
        access: Access::Command,
    },
];

/// Why a value could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// The system refused to read it.
    #[error("failed to read {name}: {source}{}", hint(source))]
    Get {
        /// The node or file.
        name: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused the value.
    #[error("failed to set {name} to '{value}': {source}{}", hint(source))]
    Set {
        /// The node or file.
        name: String,
        /// What was to be set.
        value: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A number was to be there.
    #[error("failed to read {name}: '{value}' is not a number")]
    NotANumber {
        /// The node or file.
        name: String,
        /// What is there.
        value: String,
    },
}

impl SysctlError {
    /// Is there no such name, or no device at all?
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Get { source, .. } | Self::Set { source, .. } => {
                source.kind() == io::ErrorKind::NotFound
            }
            Self::NotANumber { .. } => false,
        }
    }

    /// The system's answer as an errno number, where there was one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Get { source, .. } | Self::Set { source, .. } => source.raw_os_error(),
            Self::NotANumber { .. } => None,
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound if cfg!(target_os = "freebsd") => {
            ": the tcpstats module is not loaded, or there is no such name"
        }
        io::ErrorKind::NotFound => ": tcpstatsd is not running, or there is no such name",
        io::ErrorKind::PermissionDenied => ": only root may, and only what is not read-only",
        _ => "",
    }
}

/// A named profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `[a-z0-9_]{1,31}`
    pub name: String,
    /// The filter's text, as it was given.
    pub filter: String,
}

/// The tree `dev.tcpstats`.
#[derive(Clone, Debug)]
pub struct Sysctl {
    backend: backend::Backend,
}

impl Default for Sysctl {
    fn default() -> Self {
        Self::new()
    }
}

impl Sysctl {
    /// This machine's tree: on Linux the one below [`crate::paths::mount`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            backend: backend::Backend::new(),
        }
    }

    /// The tree that belongs to this device: on Linux that of the mount which its node is in,
    /// wherever links lead through to it.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        backend::Backend::of(device.path()).map_or_else(Self::new, |backend| Self { backend })
    }

    /// The tree of the `tcpstatsd` that is mounted at `mount`.
    #[cfg(not(target_os = "freebsd"))]
    #[must_use]
    pub fn at(mount: impl AsRef<Path>) -> Self {
        Self {
            backend: backend::Backend::at(mount.as_ref()),
        }
    }

    /// The text of `dev.tcpstats.NAME`, without its newline; `name` may be `profiles.NAME`.
    ///
    /// # Errors
    /// No such name, or no device.
    pub fn get(&self, name: &str) -> Result<String, SysctlError> {
        self.backend.get(name).map_err(|source| SysctlError::Get {
            name: self.backend.describe(name),
            source,
        })
    }

    /// The number `dev.tcpstats.NAME`.
    ///
    /// # Errors
    /// No such name, no device, or a text where a number was to be.
    pub fn get_u64(&self, name: &str) -> Result<u64, SysctlError> {
        let value = self.get(name)?;
        value.parse().map_err(|_| SysctlError::NotANumber {
            name: self.backend.describe(name),
            value,
        })
    }

    /// Set `dev.tcpstats.NAME`; for a profile's node a filter, or "" to delete the profile.
    ///
    /// # Errors
    /// No such name, read-only, or a value that the device refuses ([`LAST_ERROR`] says why it
    /// refused a filter).
    pub fn set(&self, name: &str, value: &str) -> Result<(), SysctlError> {
        self.backend
            .set(name, value)
            .map_err(|source| SysctlError::Set {
                name: self.backend.describe(name),
                value: value.to_owned(),
                source,
            })
    }

    /// The limits, by name; an older module may lack some.
    ///
    /// # Errors
    /// Those of [`Sysctl::get_u64`]; no such name only where not one is there.
    pub fn limits(&self) -> Result<BTreeMap<String, u64>, SysctlError> {
        self.numbers(|access| matches!(access, Access::Limit { .. }))
    }

    /// The read-only numbers, by name; an older module may lack some. Each is read by itself:
    /// they may be of different moments.
    ///
    /// # Errors
    /// Those of [`Sysctl::get_u64`]; no such name only where not one is there.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>, SysctlError> {
        self.numbers(|access| access == Access::Number)
    }

    fn numbers(
        &self,
        wanted: impl Fn(Access) -> bool,
    ) -> Result<BTreeMap<String, u64>, SysctlError> {
        let mut numbers = BTreeMap::new();
        let mut missing = None;
        for name in NAMES.iter().filter(|name| wanted(name.access)) {
            match self.get_u64(name.name) {
                Ok(number) => {
                    numbers.insert(name.name.to_owned(), number);
                }
                Err(error) if error.is_not_found() => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if numbers.is_empty() => Err(error),
            _ => Ok(numbers),
        }
    }

    /// Create or update a profile.
    ///
    /// # Errors
    /// A name or filter that the device refuses, or no room for one more profile.
    pub fn profile_set(&self, name: &str, filter: &str) -> Result<(), SysctlError> {
        // A name with nothing after it would delete; this says the same as the empty text.
        let filter = if filter.trim().is_empty() {
            "fields=default"
        } else {
            filter
        };
        self.set(PROFILE_SET, &format!("{name} {filter}"))
    }

    /// Delete a profile.
    ///
    /// # Errors
    /// No such profile.
    pub fn profile_delete(&self, name: &str) -> Result<(), SysctlError> {
        self.set(PROFILE_SET, name)
    }

    /// The profiles.
    ///
    /// # Errors
    /// Those of [`Sysctl::get`].
    pub fn profile_list(&self) -> Result<Vec<Profile>, SysctlError> {
        let lines = self.get(PROFILE_SET)?;
        Ok(lines
            .lines()
            .map(|line| {
                let (name, filter) = line.split_once(' ').unwrap_or((line, ""));
                Profile {
                    name: name.to_owned(),
                    filter: filter.to_owned(),
                }
            })
            .collect())
    }
}
