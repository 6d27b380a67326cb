// SPDX-License-Identifier: BSD-2-Clause
//! Serves the tcpstats device on Linux.
fn main() {}
