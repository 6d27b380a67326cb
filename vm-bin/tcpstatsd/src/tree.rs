// SPDX-License-Identifier: BSD-2-Clause
//! The files below the mount, and their inode numbers.
//!
//! `dev/tcpstats`, `dev/tcpstats-full`, `dev/tcpstats.d/NAME`, `sysctl/NAME`,
//! `sysctl/profiles/NAME`. A profile's two files have numbers of their own for each profile ever
//! made, so that a descriptor of a deleted one is never taken for one of its successor.

use tcpstats::paths;
use tcpstats::sysctl::{ACTIVE_FDS, Access, NAMES};

use crate::fuse::ROOT_INO;

/// A number for each profile ever made.
pub(crate) type ProfileId = u32;

/// A file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Root,
    Dev,
    ProfileDevices,
    Sysctl,
    ProfileFilters,
    Device,
    DeviceFull,
    /// An index into [`NAMES`].
    Value(usize),
    ProfileDevice(ProfileId),
    ProfileFilter(ProfileId),
}

const FIRST_VALUE: u64 = 16;
const PROFILE_DEVICES: u64 = 1 << 32;
const PROFILE_FILTERS: u64 = 2 << 32;

impl Node {
    pub(crate) fn ino(self) -> u64 {
        match self {
            Self::Root => ROOT_INO,
            Self::Dev => 2,
            Self::ProfileDevices => 3,
            Self::Sysctl => 4,
            Self::ProfileFilters => 5,
            Self::Device => 6,
            Self::DeviceFull => 7,
            Self::Value(index) => FIRST_VALUE + index as u64,
            Self::ProfileDevice(id) => PROFILE_DEVICES | u64::from(id),
            Self::ProfileFilter(id) => PROFILE_FILTERS | u64::from(id),
        }
    }

    pub(crate) fn from_ino(ino: u64) -> Option<Self> {
        // The low half is the profile's number.
        let id = ino as ProfileId;
        match ino - u64::from(id) {
            PROFILE_DEVICES => return Some(Self::ProfileDevice(id)),
            PROFILE_FILTERS => return Some(Self::ProfileFilter(id)),
            _ => {}
        }
        let fixed = [
            Self::Root,
            Self::Dev,
            Self::ProfileDevices,
            Self::Sysctl,
            Self::ProfileFilters,
            Self::Device,
            Self::DeviceFull,
        ];
        fixed
            .into_iter()
            .chain((0..NAMES.len()).map(Self::Value))
            .find(|node| node.ino() == ino)
    }

    /// What is always in this folder; `None` for a file. Profiles come on top.
    pub(crate) fn fixed_children(self) -> Option<Vec<(&'static str, Self)>> {
        match self {
            Self::Root => Some(vec![("dev", Self::Dev), ("sysctl", Self::Sysctl)]),
            Self::Dev => Some(vec![
                (paths::DEVICE, Self::Device),
                (paths::DEVICE_FULL, Self::DeviceFull),
                (paths::PROFILES, Self::ProfileDevices),
            ]),
            Self::Sysctl => Some(
                NAMES
                    .iter()
                    .enumerate()
                    .map(|(index, name)| (name.name, Self::Value(index)))
                    .chain([("profiles", Self::ProfileFilters)])
                    .collect(),
            ),
            Self::ProfileDevices | Self::ProfileFilters => Some(Vec::new()),
            _ => None,
        }
    }

    pub(crate) fn is_folder(self) -> bool {
        matches!(
            self,
            Self::Root | Self::Dev | Self::ProfileDevices | Self::Sysctl | Self::ProfileFilters
        )
    }

    pub(crate) fn is_device(self) -> bool {
        matches!(
            self,
            Self::Device | Self::DeviceFull | Self::ProfileDevice(_)
        )
    }

    pub(crate) fn is_writable(self) -> bool {
        match self {
            Self::Value(index) => {
                matches!(NAMES[index].access, Access::Limit { .. } | Access::Command)
            }
            Self::ProfileFilter(_) => true,
            _ => false,
        }
    }

    /// Is it the number of open descriptors?
    pub(crate) fn counts_descriptors(self) -> bool {
        matches!(self, Self::Value(index) if NAMES[index].name == ACTIVE_FDS)
    }

    /// Type and permissions, as stat(2) has them.
    pub(crate) fn mode(self) -> u32 {
        if self.is_folder() {
            libc::S_IFDIR | 0o555
        } else if self.is_device() {
            libc::S_IFREG | 0o440
        } else if self.is_writable() {
            libc::S_IFREG | 0o644
        } else {
            libc::S_IFREG | 0o444
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_its_own_number_and_is_found_by_it() {
        let mut folders = vec![Node::Root];
        let mut nodes = vec![Node::ProfileDevice(0), Node::ProfileFilter(0)];
        nodes.extend([Node::ProfileDevice(u32::MAX), Node::ProfileFilter(u32::MAX)]);
        while let Some(folder) = folders.pop() {
            nodes.push(folder);
            for (_, child) in folder.fixed_children().expect("a folder") {
                if child.is_folder() {
                    folders.push(child);
                } else {
                    nodes.push(child);
                }
            }
        }
        assert_eq!(nodes.len(), 4 + 5 + 2 + NAMES.len());
        for node in &nodes {
            assert_eq!(Node::from_ino(node.ino()), Some(*node));
        }
        assert_eq!(Node::from_ino(0), None);
        assert_eq!(Node::from_ino(8), None);
        assert_eq!(Node::from_ino(FIRST_VALUE + NAMES.len() as u64), None);
        assert_eq!(Node::from_ino(3 << 32), None);
    }
}
