// SPDX-License-Identifier: BSD-2-Clause
//! The name of a lab, and of everything that belongs to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where labs have their folders by default.
pub(super) const FOLDERS: &str = "/run";
/// What the names of bridges and folders begin with.
const PREFIX: &str = "tcpstats-";

/// 1 to 6 lower-case letters.
///
/// Six, since a link's name has 15 bytes and `tcps-NAME-200` is one; letters
/// alone, so that host `NAME12` is host 12 of one lab only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabName(String);

impl Default for LabName {
    fn default() -> Self {
        Self("lab".to_owned())
    }
}

impl LabName {
    /// The bridge in the machine's own network namespace.
    pub(super) fn bridge(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }

    /// What every mount of the lab's own file systems has as its source.
    pub(super) fn mount_source(&self) -> String {
        self.bridge()
    }

    /// The machine's end of the link to host `number`.
    pub(super) fn link(&self, number: u8) -> String {
        format!("{}{number}", self.link_prefix())
    }

    /// What the names of all links to hosts begin with.
    pub(super) fn link_prefix(&self) -> String {
        format!("tcps-{}-", self.0)
    }

    /// The name of host `number`, counted from 1.
    pub(super) fn host(&self, number: u8) -> String {
        format!("{}{number}", self.0)
    }

    /// Where the lab keeps its files unless told otherwise.
    pub(super) fn default_dir(&self) -> PathBuf {
        Path::new(FOLDERS).join(self.bridge())
    }

    /// The lab whose folder has the name `folder` by default.
    pub(super) fn of_folder(folder: &str) -> Option<Self> {
        folder.strip_prefix(PREFIX)?.parse().ok()
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LabName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if (1..=6).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase()) {
            Ok(Self(name.to_owned()))
        } else {
            Err("the name of a lab is 1 to 6 lower-case letters".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_longest_name_fits_in_the_kernels_15_bytes() {
        let name: LabName = "abcdef".parse().unwrap();
        assert_eq!(name.bridge(), "tcpstats-abcdef");
        assert_eq!(name.link(200), "tcps-abcdef-200");
        assert_eq!(name.bridge().len().max(name.link(200).len()), 15);
    }

    #[test]
    fn a_name_that_could_mean_two_things_or_a_path_is_refused() {
        for name in ["", "abcdefg", "lab1", "a/b", "..", "Lab", "a b"] {
            assert!(name.parse::<LabName>().is_err(), "{name:?} was taken");
        }
    }
}
