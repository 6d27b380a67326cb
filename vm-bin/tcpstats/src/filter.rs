// SPDX-License-Identifier: BSD-2-Clause
//! The filter: which sockets a descriptor reports, and which fields of them.
//!
//! There is one parser, the C core's; this module calls it.
#![expect(unsafe_code, reason = "calls the parser and the printer of the C core")]

use std::ffi::c_char;
use std::fmt;
use std::str::FromStr;

use rustix::io::Errno;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::ffi;
use crate::record::{FieldGroup, State};

/// Bytes of a filter on its way through `TCPSTATS_SET_FILTER`.
pub const FILTER_SIZE: usize = 124;
/// Longest filter text, bytes.
pub const FILTER_MAXLEN: usize = ffi::FILTER_MAXLEN;

/// [`Filter::flags`]: `include_state=` was given.
pub const FLAG_STATE_INCLUDE: u32 = 0x1000;
/// [`Filter::flags`]: the local port list counts.
pub const FLAG_LOCAL_PORT: u32 = 0x2000;
/// [`Filter::flags`]: the remote port list counts.
pub const FLAG_REMOTE_PORT: u32 = 0x4000;
/// [`Filter::flags`]: the local address counts.
pub const FLAG_LOCAL_ADDR: u32 = 0x8000;
/// [`Filter::flags`]: the remote address counts.
pub const FLAG_REMOTE_ADDR: u32 = 0x1_0000;
/// [`Filter::flags`]: IPv4 sockets only.
pub const FLAG_IPV4_ONLY: u32 = 0x2_0000;
/// [`Filter::flags`]: IPv6 sockets only.
pub const FLAG_IPV6_ONLY: u32 = 0x4_0000;
/// [`Filter::flags`]: the local address is IPv6.
pub const FLAG_LOCAL_IS_V6: u32 = 0x8_0000;
/// [`Filter::flags`]: the remote address is IPv6.
pub const FLAG_REMOTE_IS_V6: u32 = 0x10_0000;
/// [`Filter::field_mask`]: every field group.
pub const FIELDS_ALL: u32 = 0x3ff;
/// [`Filter::field_mask`]: the groups of `format=compact`.
pub const FIELDS_DEFAULT: u32 = 0x08f;

/// A filter as the device takes it, version 2. Ports and addresses are in network byte order;
/// names are the C header's without its `tsf_`. Any content is representable, as a program may
/// send any: the device refuses what is invalid.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[expect(
    missing_docs,
    reason = "each field stands in tcpstats.h and the device's page"
)]
pub struct Filter {
    pub version: u32,
    pub state_mask: u16,
    pub pad0: u16,
    pub flags: u32,
    pub local_ports: [u16; 8],
    pub remote_ports: [u16; 8],
    pub local_addr_v4: u32,
    pub local_mask_v4: u32,
    pub remote_addr_v4: u32,
    pub remote_mask_v4: u32,
    pub local_addr_v6: [u8; 16],
    pub local_prefix_v6: u8,
    pub pad1: [u8; 3],
    pub remote_addr_v6: [u8; 16],
    pub remote_prefix_v6: u8,
    pub pad2: [u8; 3],
    pub field_mask: u32,
    pub format: u32,
    pub spare: [u32; 4],
}

/// What is wrong with a filter text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at offset {offset}")]
pub struct FilterError {
    /// One short line.
    pub message: String,
    /// The first byte at fault.
    pub offset: usize,
    /// Bytes of the part at fault, 0 at the end of the text.
    pub length: usize,
    /// `EINVAL`, or `ENAMETOOLONG` for a text of more than [`FILTER_MAXLEN`] bytes.
    pub errno: Errno,
}

impl FilterError {
    pub(crate) fn from_core(errno: i32, raw: &ffi::FilterError) -> Self {
        let end = raw
            .message
            .iter()
            .position(|&b| b == 0)
            .unwrap_or(raw.message.len());
        Self {
            message: String::from_utf8_lossy(&raw.message[..end]).into_owned(),
            offset: raw.offset as usize,
            length: raw.length as usize,
            errno: Errno::from_raw_os_error(errno),
        }
    }

    pub(crate) fn blank() -> ffi::FilterError {
        ffi::FilterError {
            offset: 0,
            length: 0,
            message: [0; ffi::ERRMSG_SIZE],
        }
    }
}

impl Filter {
    /// Parse a text of the filter language.
    ///
    /// # Errors
    /// A text that the language does not have, with the place of the fault.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        let mut error = FilterError::blank();
        // SAFETY: the text is valid for its length, both outputs are writable and of the size
        // that the core takes; the core keeps no pointer.
        let errno = unsafe {
            ffi::tcpstats_filter_parse(
                text.as_ptr().cast::<c_char>(),
                text.len(),
                &mut filter,
                &mut error,
            )
        };
        match errno {
            0 => Ok(filter),
            errno => Err(FilterError::from_core(errno, &error)),
        }
    }

    /// Judge a filter that came from outside, as the device does.
    ///
    /// # Errors
    /// `ENOTSUP` for another version, `EINVAL` for anything else that is wrong.
    pub fn validate(&self) -> Result<(), Errno> {
        // SAFETY: the core only reads the filter, of which any content is valid.
        match unsafe { ffi::tcpstats_filter_validate(self) } {
            0 => Ok(()),
            errno => Err(Errno::from_raw_os_error(errno)),
        }
    }

    /// The states that pass, in the order of their numbers.
    pub fn states(&self) -> impl Iterator<Item = State> {
        let passing = u32::from(self.state_mask) & !self.flags;
        State::ALL
            .into_iter()
            .filter(move |&state| passing & (1 << state as u32) != 0)
    }

    /// The field groups that are filled.
    pub fn field_groups(&self) -> impl Iterator<Item = FieldGroup> {
        let mask = self.field_mask;
        FieldGroup::ALL
            .into_iter()
            .filter(move |group| mask & group.bit() != 0)
    }

    /// Is this group filled?
    #[must_use]
    pub fn selects(&self, group: FieldGroup) -> bool {
        self.field_mask & group.bit() != 0
    }
}

impl Default for Filter {
    /// Every socket, the default field groups: what the empty text means.
    fn default() -> Self {
        let mut filter = Self::new_zeroed();
        // SAFETY: the core writes the whole of one filter.
        unsafe { ffi::tcpstats_filter_init(&mut filter) };
        filter
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    /// The canonical text of a valid filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; FILTER_MAXLEN + 1];
        // SAFETY: the core writes at most the size that it is given.
        let length = unsafe {
            ffi::tcpstats_filter_print(self, buffer.as_mut_ptr().cast::<c_char>(), buffer.len())
        };
        let text = buffer.get(..length).ok_or(fmt::Error)?;
        f.pad(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.validate().is_ok() {
            write!(f, "Filter({self})")
        } else {
            write!(f, "Filter(invalid, {:02x?})", self.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_is_the_default_filter() {
        let filter = Filter::parse("").expect("the empty text is a filter");
        assert_eq!(filter, Filter::default());
        assert_eq!(filter.field_mask, FIELDS_DEFAULT);
        assert_eq!(filter.states().count(), 11);
        assert_eq!(filter.to_string(), "");
    }

    #[test]
    fn a_parsed_filter_has_its_numbers_in_network_order() {
        let filter = Filter::parse("LOCAL_PORT=22,8080 exclude=listen,time_wait fields=rtt")
            .expect("a filter");
        assert_eq!(
            &filter.local_ports[..3],
            &[22u16.to_be(), 8080u16.to_be(), 0]
        );
        assert_eq!(filter.flags, FLAG_LOCAL_PORT | 1 << 1 | 1 << 10);
        assert!(
            !filter
                .states()
                .any(|state| state == State::Listen || state == State::TimeWait)
        );
        assert_eq!(filter.states().count(), 9);
        assert!(filter.selects(FieldGroup::Rtt) && !filter.selects(FieldGroup::Buffers));
    }

    #[test]
    fn canonical_text_parses_to_the_same_filter() {
        let text = "remote_addr=fd00::/16 include_state=established,close_wait format=full";
        let filter = Filter::parse(text).expect("a filter");
        let canonical = filter.to_string();
        assert_eq!(Filter::parse(&canonical).expect("canonical text"), filter);
        assert_eq!(filter.field_mask, FIELDS_ALL);
    }

    #[test]
    fn an_error_says_where() {
        let error = Filter::parse("ipv4_only local_port=70000").expect_err("no such port");
        assert_eq!((error.offset, error.length), (21, 5));
        assert_eq!(error.errno, Errno::INVAL);
        let long = format!("local_port={}", "1".repeat(FILTER_MAXLEN));
        assert_eq!(
            Filter::parse(&long).expect_err("too long").errno,
            Errno::NAMETOOLONG
        );
    }

    #[test]
    fn another_version_is_not_supported() {
        let filter = Filter {
            version: 3,
            ..Filter::default()
        };
        assert_eq!(filter.validate(), Err(Errno::OPNOTSUPP));
        let filter = Filter {
            spare: [0, 0, 0, 1],
            ..Filter::default()
        };
        assert_eq!(filter.validate(), Err(Errno::INVAL));
    }
}
