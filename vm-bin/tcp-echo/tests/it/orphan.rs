// SPDX-License-Identifier: BSD-2-Clause
//! What becomes of the program when the one that started it has ended.

use nix::sys::signal::Signal;

use crate::support::{Running, tcp_echo_below};

/// A shell starts the server and is killed. The server alone holds the output then, which so ends
/// when the server does.
#[test]
fn it_ends_with_its_parent_where_asked() {
    let shell = Running::start(tcp_echo_below(&[
        "server",
        "--ports",
        "0",
        "--die-with-parent",
    ]));
    let ready = shell.line();
    assert!(ready.starts_with("ready "), "{ready}");
    shell.signal(Signal::SIGKILL);
    let ended = shell.end();
    assert_eq!(ended.code, None, "the shell was killed: {ended:?}");
    assert_eq!(ended.number("open"), 0, "the server's final report");
}
