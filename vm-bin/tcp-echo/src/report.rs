// SPDX-License-Identifier: BSD-2-Clause
//! What the program says on stdout, in words and as JSON (`--json`).

use std::fmt::{self, Display};

use serde::Serialize;

use crate::limits;

/// All of the client's connections stand: `ready N`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "ready")]
pub(crate) struct ClientReady {
    pub(crate) connections: u32,
}

/// The server listens: `ready PORT[,PORT…]`, in the order they were asked for.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "ready")]
pub(crate) struct ServerReady {
    pub(crate) ports: Vec<u16>,
}

/// Whether more reports follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Running,
    Final,
}

/// What the program takes.
#[derive(Debug, Serialize)]
pub(crate) struct Resources {
    /// Threads that hold connections.
    workers: u32,
    /// Descriptors that each table of them takes: on Linux each worker has one, elsewhere the
    /// process has one. A connection takes one descriptor.
    descriptors_per_table: u64,
    /// The most memory that was resident at a time; the kernel's for the sockets is not in it.
    memory_peak_bytes: u64,
}

impl Resources {
    pub(crate) fn now(workers: u32, descriptors_per_table: u64) -> Self {
        Self {
            workers,
            descriptors_per_table,
            memory_peak_bytes: limits::memory_peak_bytes(),
        }
    }
}

impl Display for Resources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "workers={} descriptors_per_table={} memory_peak_bytes={}",
            self.workers, self.descriptors_per_table, self.memory_peak_bytes
        )
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "report")]
pub(crate) struct ClientReport {
    pub(crate) phase: Phase,
    /// Since the start, in seconds.
    pub(crate) duration_s: f64,
    /// From the start until all connections stood, in seconds; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ready_s: Option<f64>,
    /// Asked for.
    pub(crate) connections: u32,
    /// Of these, those that have stood so far.
    pub(crate) stood: u32,
    pub(crate) lost: u32,
    pub(crate) mismatched: u32,
    pub(crate) sent_bytes: u64,
    /// Came back and are what was sent.
    pub(crate) verified_bytes: u64,
    #[serde(flatten)]
    pub(crate) resources: Resources,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "report")]
pub(crate) struct ServerReport {
    pub(crate) phase: Phase,
    /// Since the start, in seconds.
    pub(crate) duration_s: f64,
    pub(crate) accepted: u64,
    /// Open now; in the final report those that the end of the server closed.
    pub(crate) open: u64,
    /// Closed in good order by the peer.
    pub(crate) closed: u64,
    /// Reset by the peer, which is how this program's client ends.
    pub(crate) reset: u64,
    /// Ended by any other error.
    pub(crate) failed: u64,
    pub(crate) echoed_bytes: u64,
    /// Times that accepting paused for lack of descriptors or memory.
    pub(crate) accept_pauses: u64,
    #[serde(flatten)]
    pub(crate) resources: Resources,
}

impl Display for ClientReady {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ready {}", self.connections)
    }
}

impl Display for ServerReady {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        write!(out, "ready {}", ports.join(","))
    }
}

impl Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Running => "report",
            Self::Final => "final",
        })
    }
}

impl Display for ClientReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} duration_s={:.3}", self.phase, self.duration_s)?;
        if let Some(ready_s) = self.ready_s {
            write!(out, " ready_s={ready_s:.3}")?;
        }
        write!(
            out,
            " connections={} stood={} lost={} mismatched={} sent_bytes={} verified_bytes={} {}",
            self.connections,
            self.stood,
            self.lost,
            self.mismatched,
            self.sent_bytes,
            self.verified_bytes,
            self.resources
        )
    }
}

impl Display for ServerReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} duration_s={:.3} accepted={} open={} closed={} reset={} failed={} \
             echoed_bytes={} accept_pauses={} {}",
            self.phase,
            self.duration_s,
            self.accepted,
            self.open,
            self.closed,
            self.reset,
            self.failed,
            self.echoed_bytes,
            self.accept_pauses,
            self.resources
        )
    }
}
