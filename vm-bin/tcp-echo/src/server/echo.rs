// SPDX-License-Identifier: BSD-2-Clause
//! One connection of the server: everything that comes goes back.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpStream;

/// Bytes echoed at once, on the worker thread's stack: a waiting connection holds no buffer.
const ECHO_BYTES: usize = 4096;

/// Gives back what arrives until the peer has nothing more to say.
pub(super) async fn echo(stream: &TcpStream, echoed_bytes: &AtomicU64) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match echo_once(stream)? {
            Echoed::End => return Ok(()),
            Echoed::Bytes(length) => {
                echoed_bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
            Echoed::Partly(written, rest) => {
                write_all(stream, &rest).await?;
                echoed_bytes.fetch_add((written + rest.len()) as u64, Ordering::Relaxed);
            }
        }
    }
}

enum Echoed {
    End,
    Bytes(usize),
    /// So many bytes, and those that the socket did not take.
    Partly(usize, Box<[u8]>),
}

/// Reads once and writes as much of it as the socket takes, so that only a connection whose peer
/// reads too slowly needs memory.
fn echo_once(stream: &TcpStream) -> io::Result<Echoed> {
    let mut buffer = [0; ECHO_BYTES];
    let received = match stream.try_read(&mut buffer) {
        Ok(0) => return Ok(Echoed::End),
        Ok(length) => &buffer[..length],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Echoed::Bytes(0)),
        Err(error) => return Err(error),
    };
    let written = match stream.try_write(received) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        written => written?,
    };
    if written == received.len() {
        Ok(Echoed::Bytes(written))
    } else {
        Ok(Echoed::Partly(written, received[written..].into()))
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
