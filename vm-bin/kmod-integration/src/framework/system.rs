// SPDX-License-Identifier: BSD-2-Clause
//! The machine that the tests run on, as the stream's first event tells it.
#![expect(
    unsafe_code,
    reason = "sysconf(3) and getosreldate(3) have no safe wrapper"
)]

use std::path::PathBuf;

use protocol::event::{DeviceInfo, Hello};
use rustix::process::{Resource, geteuid, getrlimit};
use rustix::system::uname;
use tcpstats::device::Device;
use tcpstats::record::PROTOCOL_VERSION;

use super::packages::System;

/// Descriptors that suffice for the sockets and readers of every test that does
/// not leave them to tcp-echo.
const DESCRIPTORS_MIN: u64 = 256;

/// Who speaks, and where. `device` is absent where none answers.
pub(crate) fn hello() -> Hello {
    let uname = uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    Hello {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        os: text(uname.sysname()),
        os_release: text(uname.release()),
        osreldate: osreldate(),
        arch: text(uname.machine()),
        cpus: u32::try_from(configured(libc::_SC_NPROCESSORS_ONLN)).unwrap_or(u32::MAX),
        memory_bytes: configured(libc::_SC_PHYS_PAGES) * configured(libc::_SC_PAGESIZE),
        hostname: text(uname.nodename()),
        device: device(),
    }
}

fn device() -> Option<DeviceInfo> {
    let version = Device::open_default().ok()?.version().ok()?;
    Some(DeviceInfo {
        version: version.protocol_version,
        record_size: version.record_size,
    })
}

/// A sysconf(3) value, 0 where the system does not say.
fn configured(name: libc::c_int) -> u64 {
    // SAFETY: takes a number and returns one.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).unwrap_or(0)
}

#[cfg(target_os = "freebsd")]
fn osreldate() -> u32 {
    unsafe extern "C" {
        // unistd.h
        safe fn getosreldate() -> libc::c_int;
    }
    let date = getosreldate();
    u32::try_from(date).unwrap_or(0)
}

#[cfg(not(target_os = "freebsd"))]
fn osreldate() -> u32 {
    0
}

/// Root's rights, and descriptors for the sockets of a test.
///
/// # Errors
/// What is missing, and the way out.
pub(crate) fn demand_rights() -> Result<(), String> {
    if !geteuid().is_root() {
        return Err(
            "not root: live targets change loopback addresses and the device's limits; \
                    run it as root"
                .to_owned(),
        );
    }
    match getrlimit(Resource::Nofile).current {
        Some(descriptors) if descriptors < DESCRIPTORS_MIN => Err(format!(
            "RLIMIT_NOFILE allows {descriptors} descriptors and live targets need \
             {DESCRIPTORS_MIN}: raise it, as with `ulimit -n {DESCRIPTORS_MIN}`"
        )),
        _ => Ok(()),
    }
}

/// How software is installed here, where that is known; apt-get is looked for
/// in these folders.
pub(crate) fn package_system(folders: &[PathBuf]) -> Option<System> {
    if cfg!(target_os = "freebsd") {
        let uname = uname();
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        return Some(System::FreeBsd {
            release: text(uname.release()),
            machine: text(uname.machine()),
            // As FreeBSD calls the processors that this is built for.
            processor: match std::env::consts::ARCH {
                "x86_64" => "amd64",
                arch => arch,
            },
        });
    }
    let found = folders
        .iter()
        .any(|folder| folder.join("apt-get").is_file());
    found.then_some(System::Debian)
}

/// Does the kernel list sockets that are bound and neither listen nor connect?
/// FreeBSD does; Linux from 6.8 on, as a state that only the lister has.
pub(crate) fn lists_bound_sockets() -> bool {
    if cfg!(target_os = "freebsd") {
        return true;
    }
    let uname = uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|digits| digits.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= (6, 8))
}
