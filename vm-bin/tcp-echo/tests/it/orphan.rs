// SPDX-License-Identifier: BSD-2-Clause
//! What becomes of the program when the one that started it has ended.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A shell starts the server and is killed; nobody else holds the server's stdout, so that it ends
/// when the server does.
#[test]
fn it_ends_with_its_parent_where_asked() {
    let script = "\"$0\" server --ports 0 --die-with-parent & wait";
    let mut shell = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_tcp-echo")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready "), "{ready}");
    let pid = Pid::from_raw(shell.id().try_into().unwrap());
    kill(pid, Signal::SIGKILL).unwrap();
    shell.wait().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("final "), "it ended in good order: {rest}");
}
