// SPDX-License-Identifier: BSD-2-Clause
//! The bytes of one connection: sent as they are due, verified as they come back.

use std::io;
use std::sync::atomic::Ordering;

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::connection::Common;
use crate::error::Failure;

/// Bytes read at once, on the worker thread's stack: a waiting connection holds no buffer.
const READ_BYTES: usize = 4096;

/// Positions count from the connection's first byte.
pub(super) struct Stream<'a> {
    common: &'a Common,
    connection: u32,
    stream: &'a TcpStream,
    sent: u64,
    verified: u64,
    /// Where the payload that is on its way ends.
    due: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(common: &'a Common, connection: u32, stream: &'a TcpStream) -> Self {
        Self {
            common,
            connection,
            stream,
            sent: 0,
            verified: 0,
            due: 0,
        }
    }

    /// Makes so many more bytes due.
    pub(super) fn start(&mut self, payload_bytes: u64) {
        self.due += payload_bytes;
    }

    /// Whether not all that is due has come back.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.verified < self.due
    }

    /// Bytes that were sent and have not come back.
    pub(super) fn missing(&self) -> u64 {
        self.sent - self.verified
    }

    /// Waits until bytes can be sent or have come, then sends and verifies what is there. It reads
    /// and writes at once, since a payload that is larger than the socket's buffers would otherwise
    /// never get through. While nothing is on its way whatever arrives is a failure: the end of the
    /// connection, or bytes that were not sent.
    pub(super) async fn exchange(&mut self) -> Result<(), Failure> {
        let interest = if self.sent < self.due {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let ready = self.stream.ready(interest).await;
        let ready = ready.map_err(|error| self.lost(error))?;
        if ready.is_writable() {
            self.send()?;
        }
        if ready.is_readable() {
            self.receive()?;
        }
        Ok(())
    }

    /// Writes what the socket takes of the payload.
    fn send(&mut self) -> Result<(), Failure> {
        while self.sent < self.due {
            let bytes = self
                .common
                .pattern
                .bytes(self.connection, self.sent, self.due - self.sent);
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    self.sent += written as u64;
                    self.common
                        .counters
                        .sent_bytes
                        .fetch_add(written as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.lost(error)),
            }
        }
        Ok(())
    }

    /// Reads once and verifies what came.
    fn receive(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Err(Failure::Closed {
                missing: self.missing(),
            }),
            Ok(length) => self.verify(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn verify(&mut self, received: &[u8]) -> Result<(), Failure> {
        let length = received.len() as u64;
        if self.verified + length > self.sent {
            let surplus = self.verified + length - self.sent;
            return Err(Failure::Surplus {
                offset: self.sent,
                surplus,
            });
        }
        let pattern = &self.common.pattern;
        if let Some(difference) = pattern.difference(self.connection, self.verified, received) {
            return Err(Failure::Mismatch(difference));
        }
        self.verified += length;
        self.common
            .counters
            .verified_bytes
            .fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    fn lost(&self, error: io::Error) -> Failure {
        Failure::Io {
            missing: self.missing(),
            error,
        }
    }
}
