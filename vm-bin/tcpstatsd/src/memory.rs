// SPDX-License-Identifier: BSD-2-Clause
//! What becomes of the memory of snapshots.
#![expect(unsafe_code, reason = "a setting of the C library's allocator")]

/// Have the memory of a snapshot go back to the system when the snapshot goes.
///
/// glibc raises the size from which it maps memory by itself up to 32 MiB when such memory is
/// freed; then the snapshots of a busy hour would stay in the heaps of many threads for good.
pub(crate) fn return_snapshots() {
    #[cfg(target_env = "gnu")]
    {
        const MAPPED_BYTES: libc::c_int = 256 * 1024;
        // SAFETY: mallopt(3) takes two numbers, and there is no other thread yet that allocates.
        let set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES) };
        debug_assert_eq!(set, 1, "mallopt(3) knows M_MMAP_THRESHOLD");
    }
}
