// SPDX-License-Identifier: BSD-2-Clause
//! Where the device is: its nodes below `/dev` and, on Linux, below the mount of `tcpstatsd`.
//!
//! The mount's layout is `dev/tcpstats`, `dev/tcpstats-full`, `dev/tcpstats.d/NAME`,
//! `sysctl/NAME` and `sysctl/profiles/NAME`.

use std::path::{Path, PathBuf};

/// Name of the device that starts with the default field groups.
pub const DEVICE: &str = "tcpstats";
/// Name of the device that starts with every field group.
pub const DEVICE_FULL: &str = "tcpstats-full";
/// Name of the folder of the named profiles' devices.
pub const PROFILES: &str = "tcpstats.d";

/// Where `tcpstatsd` mounts unless told otherwise.
pub const DEFAULT_MOUNT: &str = "/run/tcpstats";
/// The environment variable that names another mount.
pub const MOUNT_VARIABLE: &str = "TCPSTATS_MOUNT";

/// The mount of `tcpstatsd`: what `TCPSTATS_MOUNT` says, else [`DEFAULT_MOUNT`].
#[must_use]
pub fn mount() -> PathBuf {
    std::env::var_os(MOUNT_VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_MOUNT), PathBuf::from)
}

/// The folder of the device nodes: `dev` below the mount that `TCPSTATS_MOUNT` names, else `/dev`.
#[must_use]
pub fn device_folder() -> PathBuf {
    std::env::var_os(MOUNT_VARIABLE).map_or_else(
        || PathBuf::from("/dev"),
        |mount| Path::new(&mount).join("dev"),
    )
}

/// The device, `/dev/tcpstats`.
#[must_use]
pub fn device() -> PathBuf {
    device_folder().join(DEVICE)
}

/// The device that starts with every field group, `/dev/tcpstats-full`.
#[must_use]
pub fn device_full() -> PathBuf {
    device_folder().join(DEVICE_FULL)
}

/// The device of a named profile, `/dev/tcpstats.d/NAME`.
#[must_use]
pub fn device_of_profile(name: &str) -> PathBuf {
    device_folder().join(PROFILES).join(name)
}
