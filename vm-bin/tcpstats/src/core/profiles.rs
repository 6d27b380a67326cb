// SPDX-License-Identifier: BSD-2-Clause
//! The registry of named profiles.
#![expect(unsafe_code, reason = "calls the C core")]

use std::ffi::{c_char, c_int};
use std::fmt;

use zerocopy::FromZeros;

use crate::ffi;
use crate::filter::{Filter, FilterError};

/// What a command changed; each has the profile's name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ProfileChange {
    Created(String),
    Updated(String),
    Deleted(String),
}

/// A named profile.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// `[a-z0-9_]{1,31}`
    pub name: &'a str,
    /// The filter's text, as it was given.
    pub text: &'a str,
    /// The filter.
    pub filter: &'a Filter,
}

/// At most 16 profiles.
pub struct Profiles(Box<ffi::Profiles>);

impl Default for Profiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Profiles {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        let free = ffi::Profile {
            name: [0; ffi::PROFILE_NAMELEN + 1],
            text: [0; ffi::FILTER_MAXLEN + 1],
            filter: Filter::new_zeroed(),
        };
        Self(Box::new(ffi::Profiles {
            slots: [free; ffi::MAX_PROFILES],
        }))
    }

    /// "NAME FILTER" creates or updates, "NAME" deletes: what `profile_set` takes.
    ///
    /// # Errors
    /// `EINVAL` (name or filter), `ENAMETOOLONG`, `ENOSPC` (no room) or `ENOENT` (none to
    /// delete); nothing changed.
    pub fn command(&mut self, line: &str) -> Result<ProfileChange, FilterError> {
        let mut change: c_int = 0;
        let mut name = [0u8; ffi::PROFILE_NAMELEN + 1];
        let mut error = FilterError::blank();
        // SAFETY: the line is valid for its length and all outputs have the sizes that the core
        // takes; it keeps no pointer.
        let errno = unsafe {
            ffi::tcpstats_profile_command(
                &mut *self.0,
                line.as_ptr().cast::<c_char>(),
                line.len(),
                &mut change,
                name.as_mut_ptr().cast::<c_char>(),
                &mut error,
            )
        };
        match errno {
            0 => Ok(ProfileChange::new(change, text(&name).to_owned())),
            errno => Err(FilterError::from_core(errno, &error)),
        }
    }

    /// Create or update.
    ///
    /// # Errors
    /// Those of [`Profiles::command`] but `ENOENT`; nothing changed.
    pub fn set(&mut self, name: &str, filter: &str) -> Result<ProfileChange, FilterError> {
        let mut change: c_int = 0;
        let mut error = FilterError::blank();
        // SAFETY: as in `command`.
        let errno = unsafe {
            ffi::tcpstats_profile_set(
                &mut *self.0,
                name.as_ptr().cast::<c_char>(),
                name.len(),
                filter.as_ptr().cast::<c_char>(),
                filter.len(),
                &mut change,
                &mut error,
            )
        };
        match errno {
            0 => Ok(ProfileChange::new(change, name.to_owned())),
            errno => Err(FilterError::from_core(errno, &error)),
        }
    }

    /// Delete.
    ///
    /// # Errors
    /// `EINVAL` (name) or `ENOENT`.
    pub fn delete(&mut self, name: &str) -> Result<ProfileChange, FilterError> {
        let mut error = FilterError::blank();
        // SAFETY: as in `command`.
        let errno = unsafe {
            ffi::tcpstats_profile_delete(
                &mut *self.0,
                name.as_ptr().cast::<c_char>(),
                name.len(),
                &mut error,
            )
        };
        match errno {
            0 => Ok(ProfileChange::Deleted(name.to_owned())),
            errno => Err(FilterError::from_core(errno, &error)),
        }
    }

    /// The profiles, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = Profile<'_>> {
        self.0
            .slots
            .iter()
            .filter(|slot| slot.name[0] != 0)
            .map(|slot| Profile {
                name: text(&slot.name),
                text: text(&slot.text),
                filter: &slot.filter,
            })
    }

    /// The profile of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Profile<'_>> {
        self.iter().find(|profile| profile.name == name)
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl ProfileChange {
    /// `change` is an `enum tcpstats_profile_change`.
    fn new(change: c_int, name: String) -> Self {
        match change {
            0 => Self::Created(name),
            1 => Self::Updated(name),
            _ => Self::Deleted(name),
        }
    }
}

/// The text of a NUL-terminated field; the core lets nothing but printable ASCII in.
fn text(field: &[u8]) -> &str {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn commands_create_update_and_delete() {
        let mut profiles = Profiles::new();
        let name = || "web".to_owned();
        assert_eq!(
            profiles.command("web local_port=80"),
            Ok(ProfileChange::Created(name()))
        );
        assert_eq!(
            profiles.command("web ipv4_only"),
            Ok(ProfileChange::Updated(name()))
        );
        assert_eq!(
            profiles.set("web", "ipv6_only"),
            Ok(ProfileChange::Updated(name()))
        );
        let profile = profiles.find("web").unwrap();
        assert_eq!((profile.name, profile.text), ("web", "ipv6_only"));
        assert_eq!(*profile.filter, Filter::parse("ipv6_only").unwrap());
        assert_eq!(profiles.command("web"), Ok(ProfileChange::Deleted(name())));
        assert_eq!(profiles.delete("web").unwrap_err().errno, Errno::NOENT);
        assert_eq!(profiles.iter().count(), 0);
    }

    #[test]
    fn an_error_stands_in_the_command_not_in_the_filter() {
        let error = Profiles::new().command("web local_port=0").unwrap_err();
        assert_eq!(
            (error.offset, error.length, error.errno),
            (15, 1, Errno::INVAL)
        );
    }
}
