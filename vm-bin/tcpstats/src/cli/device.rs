// SPDX-License-Identifier: BSD-2-Clause
//! Reading of a device that may be the older implementation's.

use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::Sysctl;

/// Records in one read: about 1 MiB.
const BUFFER_RECORDS: usize = 3276;

/// A counter that the older module has only in a special build.
const COUNTER: &str = "records_emitted";

/// Records that one read is to take. The older module loses what does not fit into the first
/// one's buffer, so there it is made for all that the module counts and half as many more.
///
/// # Errors
/// Those of [`Device::version`].
pub(super) fn buffer_records(device: &Device) -> Result<usize, DeviceError> {
    if Sysctl::of(device).get_u64(COUNTER).is_ok() {
        return Ok(BUFFER_RECORDS);
    }
    let expected = device.version()?.record_count_hint as usize;
    Ok(BUFFER_RECORDS.max(expected + expected / 2))
}
