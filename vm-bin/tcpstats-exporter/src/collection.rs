// SPDX-License-Identifier: BSD-2-Clause
//! One look at everything: the device's sockets and counters, the system's counters.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::Registry;
use prometheus::proto::MetricFamily;
use rustix::io::Errno;
use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::Sysctl;

use crate::kmod::{self, KmodError};
use crate::sockets::Sockets;
use crate::system::{self, SystemError};

/// What a look gave.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) families: Vec<MetricFamily>,
    /// Why the sockets are not in it.
    pub(crate) failure: Option<Reason>,
    pub(crate) duration: Duration,
}

/// Why the device could not be read, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Absent,
    Descriptors,
    Busy,
    Permission,
    Protocol,
    Other,
}

impl Reason {
    pub(crate) const ALL: [Self; 6] = [
        Self::Absent,
        Self::Descriptors,
        Self::Busy,
        Self::Permission,
        Self::Protocol,
        Self::Other,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Descriptors => "descriptors",
            Self::Busy => "busy",
            Self::Permission => "permission",
            Self::Protocol => "protocol",
            Self::Other => "other",
        }
    }
}

/// What went wrong with a part of a collection; the other parts are served.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Kmod(#[from] KmodError),
    #[error(transparent)]
    System(#[from] SystemError),
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

impl Trouble {
    fn reason(&self) -> Reason {
        let Self::Device(error) = self else {
            return Reason::Other;
        };
        match error.errno() {
            None | Some(Errno::NOTTY) => Reason::Protocol,
            // Without its server, a node of tcpstatsd is there and not connected.
            Some(Errno::NOENT | Errno::NOTCONN | Errno::NXIO | Errno::CONNABORTED) => {
                Reason::Absent
            }
            Some(Errno::MFILE | Errno::NFILE) => Reason::Descriptors,
            Some(Errno::BUSY) => Reason::Busy,
            Some(Errno::ACCESS | Errno::PERM) => Reason::Permission,
            Some(_) => Reason::Other,
        }
    }
}

/// Makes collections, and says on stderr what is wrong when that changes.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// The troubles of the last collection.
    said: Mutex<Vec<String>>,
}

impl Collector {
    /// Look now; blocks until all is read.
    pub(crate) fn collect(&self) -> Collection {
        let began = Instant::now();
        let mut families = Vec::new();
        let mut troubles = Vec::new();
        let mut part = |result: Result<Vec<MetricFamily>, Trouble>| match result {
            Ok(part) => {
                families.extend(part);
                None
            }
            Err(trouble) => {
                troubles.push(trouble.to_string());
                Some(trouble.reason())
            }
        };
        // A descriptor for each collection: between them the module can be unloaded and a device
        // that came back is found. It is closed before the counters are read.
        let mut sysctl = Sysctl::new();
        let failure = part(sockets(&mut sysctl));
        part(registered(|registry| match kmod::put(&sysctl, registry) {
            // The device has said so already.
            Err(KmodError::Sysctl(_)) if failure == Some(Reason::Absent) => Ok(()),
            result => result.map_err(Trouble::from),
        }));
        part(registered(|registry| Ok(system::put(registry)?)));
        self.say(troubles);
        Collection {
            families,
            failure,
            duration: began.elapsed(),
        }
    }

    fn say(&self, troubles: Vec<String>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        // With stderr gone there is nobody left to tell.
        for new in troubles.iter().filter(|trouble| !said.contains(trouble)) {
            let _ = writeln!(io::stderr(), "tcpstats-exporter: {new}");
        }
        if troubles.is_empty() && !said.is_empty() {
            let _ = writeln!(io::stderr(), "tcpstats-exporter: all can be read again");
        }
        *said = troubles;
    }
}

/// The sockets; `sysctl` becomes the tree that belongs to the device.
fn sockets(sysctl: &mut Sysctl) -> Result<Vec<MetricFamily>, Trouble> {
    let device = Device::open_default()?;
    *sysctl = Sysctl::of(&device);
    registered(|registry| {
        let mut sockets = Sockets::new(registry)?;
        sockets.read(&device)?;
        Ok(sockets.put(registry)?)
    })
}

/// What `put` puts into a registry.
fn registered(
    put: impl FnOnce(&Registry) -> Result<(), Trouble>,
) -> Result<Vec<MetricFamily>, Trouble> {
    let registry = Registry::new();
    put(&registry)?;
    Ok(registry.gather())
}
