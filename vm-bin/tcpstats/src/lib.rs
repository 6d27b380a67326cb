// SPDX-License-Identifier: BSD-2-Clause
//! The tcpstats device as a library.
