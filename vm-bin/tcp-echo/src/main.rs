// SPDX-License-Identifier: BSD-2-Clause
//! Many real TCP connections: an echo server and a verifying client.

fn main() {}
