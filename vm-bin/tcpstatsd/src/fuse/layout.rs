// SPDX-License-Identifier: BSD-2-Clause
//! Holds `ffi.rs` against the table of layouts in `shim.h`, which the build script translates.

use c_layout::same_layout;

use super::ffi::{Attr as shim_attr, Opened as shim_open, Ops as shim_ops};

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
