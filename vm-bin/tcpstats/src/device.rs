// SPDX-License-Identifier: BSD-2-Clause
//! The device as a program uses it: open, version, filter, read.
#![expect(unsafe_code, reason = "the device's ioctls")]

use std::fmt;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::ioctl::{self, Opcode, opcode};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::filter::Filter;
use crate::paths;
use crate::record::{PROTOCOL_VERSION, RECORD_SIZE, Record};

/// `TCPSTATS_VERSION_CMD`.
pub const VERSION_COMMAND: Opcode = opcode::read::<Version>(b'T', 1);
/// `TCPSTATS_SET_FILTER`.
pub const SET_FILTER_COMMAND: Opcode = opcode::write::<Filter>(b'T', 2);
/// `TCPSTATS_RESET`.
pub const RESET_COMMAND: Opcode = opcode::none(b'T', 3);

/// Records that [`Device::collect`] asks for in one read: about 1 MiB.
const COLLECT_RECORDS: usize = (1 << 20) / RECORD_SIZE;

/// What the device says about itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Version {
    /// The protocol, 1.
    pub protocol_version: u32,
    /// Bytes of a record, 320.
    pub record_size: u32,
    /// About how many records a read of everything would give.
    pub record_count_hint: u32,
    /// None is defined.
    pub flags: u32,
}

/// What was done to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// open(2)
    Open,
    /// read(2)
    Read,
    /// `TCPSTATS_VERSION_CMD`
    Version,
    /// `TCPSTATS_SET_FILTER`
    SetFilter,
    /// `TCPSTATS_RESET`
    Reset,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Version => "get the version of",
            Self::SetFilter => "set the filter of",
            Self::Reset => "reset",
        })
    }
}

/// Why the device could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The system refused.
    #[error("failed to {operation} {path}: {errno}{meaning}", path = path.display(),
            meaning = meaning(*operation, *errno))]
    System {
        /// The device.
        path: PathBuf,
        /// What was tried.
        operation: Operation,
        /// The system's answer.
        errno: Errno,
    },
    /// What came is not this protocol.
    #[error("failed to read {path}: {what}: is it a tcpstats device of protocol version 1?",
            path = path.display())]
    Protocol {
        /// The device.
        path: PathBuf,
        /// What was seen.
        what: String,
    },
}

impl DeviceError {
    /// The system's answer, where there was one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::System { errno, .. } => Some(*errno),
            Self::Protocol { .. } => None,
        }
    }
}

/// What an errno means for this device, as the end of a sentence.
fn meaning(operation: Operation, errno: Errno) -> &'static str {
    match (operation, errno) {
        (Operation::Open, Errno::NOENT) if cfg!(target_os = "linux") => {
            ": tcpstatsd is not running, or there is no such profile"
        }
        (Operation::Open, Errno::NOENT) => {
            ": the tcpstats module is not loaded, or there is no such profile"
        }
        (Operation::Open, Errno::NOTCONN) => ": tcpstatsd ended without unmounting: start it again",
        (Operation::Open, Errno::ACCESS | Errno::PERM) => {
            ": open it for reading only, as root or as a member of its group"
        }
        (Operation::Open, Errno::MFILE) => {
            ": max_open_fds descriptors of the device are open (or this process has its RLIMIT_NOFILE)"
        }
        (Operation::Read, Errno::BUSY) => {
            ": max_concurrent_readers are reading, or the last snapshot is younger than \
             min_read_interval_ms"
        }
        (Operation::Read, Errno::INVAL) => ": the buffer is smaller than one record of 320 bytes",
        (Operation::SetFilter, Errno::OPNOTSUPP) => ": the device has another filter version",
        (Operation::SetFilter, Errno::INVAL) => ": the filter is not valid",
        (Operation::Version | Operation::SetFilter | Operation::Reset, Errno::NOTTY) => {
            ": not a tcpstats device"
        }
        _ => "",
    }
}

/// An open descriptor of the device.
#[derive(Debug)]
pub struct Device {
    file: File,
    path: PathBuf,
}

impl Device {
    /// Open the device node at `path` for reading.
    ///
    /// # Errors
    /// What open(2) answers, with its meaning for this device.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DeviceError> {
        let path = path.as_ref().to_path_buf();
        match File::open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Err(DeviceError::System {
                    path,
                    operation: Operation::Open,
                    errno,
                })
            }
        }
    }

    /// Open [`paths::device`].
    ///
    /// # Errors
    /// Those of [`Device::open`].
    pub fn open_default() -> Result<Self, DeviceError> {
        Self::open(paths::device())
    }

    /// The node's path, as it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ask for the protocol's version and the size of a record.
    ///
    /// # Errors
    /// `ENOTTY` for what is no tcpstats device.
    pub fn version(&self) -> Result<Version, DeviceError> {
        // SAFETY: the command's number encodes the size of `Version`, any content of which is
        // valid, and the kernel writes no more than that.
        unsafe {
            let get = ioctl::Getter::<VERSION_COMMAND, Version>::new();
            ioctl::ioctl(&self.file, get)
        }
        .map_err(|errno| self.error(Operation::Version, errno))
    }

    /// Set the descriptor's filter; the next read starts a new snapshot.
    ///
    /// # Errors
    /// `EINVAL` or `EOPNOTSUPP` for a filter that the device refuses.
    pub fn set_filter(&self, filter: &Filter) -> Result<(), DeviceError> {
        // SAFETY: the command's number encodes the size of `Filter`, and the kernel only reads.
        unsafe {
            let set = ioctl::Setter::<SET_FILTER_COMMAND, Filter>::new(*filter);
            ioctl::ioctl(&self.file, set)
        }
        .map_err(|errno| self.error(Operation::SetFilter, errno))
    }

    /// Forget the snapshot; the next read starts a new one.
    ///
    /// # Errors
    /// `ENOTTY` for what is no tcpstats device.
    pub fn reset(&self) -> Result<(), DeviceError> {
        // SAFETY: the command takes no argument.
        unsafe {
            let reset = ioctl::NoArg::<RESET_COMMAND>::new();
            ioctl::ioctl(&self.file, reset)
        }
        .map_err(|errno| self.error(Operation::Reset, errno))
    }

    /// Exactly one read(2); returns how many records were filled, 0 at the snapshot's end.
    ///
    /// # Errors
    /// What read(2) answers: `EINVAL` for an empty buffer, `EBUSY`, `EINTR`; or records that are
    /// not of this protocol.
    pub fn read(&self, records: &mut [Record]) -> Result<usize, DeviceError> {
        let bytes = rustix::io::read(&self.file, records.as_mut_bytes())
            .map_err(|errno| self.error(Operation::Read, errno))?;
        if bytes % RECORD_SIZE != 0 {
            return Err(self.protocol(format!("{bytes} bytes are no whole number of records")));
        }
        let count = bytes / RECORD_SIZE;
        match records[..count]
            .iter()
            .find(|r| r.version != PROTOCOL_VERSION || usize::try_from(r.len) != Ok(RECORD_SIZE))
        {
            None => Ok(count),
            Some(odd) => Err(self.protocol(format!(
                "a record of version {} and {} bytes",
                odd.version, odd.len
            ))),
        }
    }

    /// Read on to the snapshot's end through a buffer of `buffer_records`, giving each record to
    /// `visit` until that breaks. A read that a signal ended is tried again: it lost nothing.
    ///
    /// # Errors
    /// Those of [`Device::read`] but `EINTR`.
    pub fn for_each(
        &self,
        buffer_records: usize,
        mut visit: impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<(), DeviceError> {
        let mut buffer = vec![Record::new_zeroed(); buffer_records];
        loop {
            let count = match self.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(DeviceError::System {
                    errno: Errno::INTR, ..
                }) => continue,
                Err(error) => return Err(error),
            };
            if buffer[..count].iter().try_for_each(&mut visit).is_break() {
                return Ok(());
            }
        }
    }

    /// All records from here to the snapshot's end.
    ///
    /// # Errors
    /// Those of [`Device::for_each`].
    pub fn collect(&self) -> Result<Vec<Record>, DeviceError> {
        let mut records = Vec::new();
        self.for_each(COLLECT_RECORDS, |record| {
            records.push(*record);
            ControlFlow::Continue(())
        })?;
        Ok(records)
    }

    fn error(&self, operation: Operation, errno: Errno) -> DeviceError {
        DeviceError::System {
            path: self.path.clone(),
            operation,
            errno,
        }
    }

    fn protocol(&self, what: String) -> DeviceError {
        DeviceError::Protocol {
            path: self.path.clone(),
            what,
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_says_what_to_start() {
        let error = Device::open("/nonexistent/tcpstats").expect_err("there is none");
        assert_eq!(error.errno(), Some(Errno::NOENT));
        let text = error.to_string();
        assert!(
            text.starts_with("failed to open /nonexistent/tcpstats: "),
            "{text}"
        );
        assert!(
            text.contains("not running") || text.contains("not loaded"),
            "{text}"
        );
    }

    #[test]
    fn a_file_that_is_no_device_is_not_taken_for_one() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), [7u8; RECORD_SIZE + 1]).expect("written");
        let device = Device::open(file.path()).expect("it opens");
        assert_eq!(
            device.version().expect_err("no ioctl").errno(),
            Some(Errno::NOTTY)
        );
        let mut one = [Record::new_zeroed()];
        assert!(matches!(
            device.read(&mut one),
            Err(DeviceError::Protocol { .. })
        ));
        assert!(matches!(
            device.read(&mut one),
            Err(DeviceError::Protocol { .. })
        ));
    }
}
