// SPDX-License-Identifier: BSD-2-Clause
//! The tree as sysctl(3) nodes.
#![expect(unsafe_code, reason = "sysctlbyname(3)")]

use std::ffi::CString;
use std::path::Path;
use std::{io, ptr};

use super::{Access, NAMES};

#[derive(Clone, Debug)]
pub(super) struct Backend;

impl Backend {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn of(_device: &Path) -> Option<Self> {
        Some(Self)
    }

    pub(super) fn describe(&self, name: &str) -> String {
        format!("dev.tcpstats.{name}")
    }

    pub(super) fn get(&self, name: &str) -> io::Result<String> {
        let bytes = read(&self.node(name)?)?;
        Ok(match (is_text(name), bytes.as_slice()) {
            (false, &[a, b, c, d]) => u32::from_ne_bytes([a, b, c, d]).to_string(),
            (false, &[a, b, c, d, e, f, g, h]) => {
                u64::from_ne_bytes([a, b, c, d, e, f, g, h]).to_string()
            }
            (_, text) => {
                let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
                String::from_utf8_lossy(&text[..end])
                    .trim_end_matches('\n')
                    .to_owned()
            }
        })
    }

    pub(super) fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let node = self.node(name)?;
        if is_text(name) {
            return write(&node, CString::new(value)?.as_bytes_with_nul());
        }
        let number: u32 = value
            .parse()
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        write(&node, &number.to_ne_bytes())
    }

    fn node(&self, name: &str) -> io::Result<CString> {
        Ok(CString::new(self.describe(name))?)
    }
}

/// The bytes of any sysctl(3) node.
///
/// # Errors
/// What sysctl(3) answers.
pub fn read_node(name: &str) -> io::Result<Vec<u8>> {
    read(&CString::new(name)?)
}

fn is_text(name: &str) -> bool {
    NAMES
        .iter()
        .find(|known| known.name == name)
        .is_none_or(|known| matches!(known.access, Access::Text | Access::Command))
}

fn read(node: &CString) -> io::Result<Vec<u8>> {
    loop {
        let mut size = 0usize;
        // SAFETY: with no buffer the call writes the size alone.
        let rc = unsafe {
            libc::sysctlbyname(node.as_ptr(), ptr::null_mut(), &mut size, ptr::null(), 0)
        };
        if rc != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut value = vec![0u8; size];
        // SAFETY: the buffer is writable for the size that is given.
        let rc = unsafe {
            libc::sysctlbyname(
                node.as_ptr(),
                value.as_mut_ptr().cast(),
                &mut size,
                ptr::null(),
                0,
            )
        };
        if rc == 0 {
            value.truncate(size);
            return Ok(value);
        }
        let error = io::Error::last_os_error();
        // The value grew between the two calls.
        if error.raw_os_error() != Some(libc::ENOMEM) {
            return Err(error);
        }
    }
}

fn write(node: &CString, value: &[u8]) -> io::Result<()> {
    // SAFETY: the value is readable for its length, and nothing is asked back.
    let rc = unsafe {
        libc::sysctlbyname(
            node.as_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
            value.as_ptr().cast(),
            value.len(),
        )
    };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
