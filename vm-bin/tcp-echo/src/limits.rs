// SPDX-License-Identifier: BSD-2-Clause
//! The process' limit of open descriptors.

use std::io;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::error::Error;

/// Descriptors beside the connections: standard streams, the poller, signals, and room for a
/// library that opens a file for a moment.
const RESERVED: rlim_t = 32;

/// Raises RLIMIT_NOFILE to its hard limit and returns what is in force then.
///
/// # Errors
/// [`Error::Limits`] if the system refuses.
pub(crate) fn raise_descriptors() -> Result<rlim_t, Error> {
    let refused = |errno| Error::Limits(io::Error::from(errno));
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(refused)?;
    // FreeBSD clamps to kern.maxfilesperproc without an error, so the value asked for proves nothing.
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    Ok(soft)
}

/// Refuses a number of connections for which `allowed` descriptors don't suffice.
///
/// # Errors
/// [`Error::Descriptors`].
pub(crate) fn require_descriptors(connections: u32, allowed: rlim_t) -> Result<(), Error> {
    let needed = rlim_t::from(connections) + RESERVED;
    if needed > allowed {
        return Err(Error::Descriptors {
            connections,
            needed,
            allowed,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_connection_that_fits_is_allowed() {
        assert!(require_descriptors(100, 100 + RESERVED).is_ok());
        assert!(matches!(
            require_descriptors(101, 100 + RESERVED),
            Err(Error::Descriptors {
                connections: 101,
                needed: 133,
                allowed: 132
            })
        ));
    }
}
