// SPDX-License-Identifier: BSD-2-Clause
//! The test binary that runs on the test machine.

fn main() {}
