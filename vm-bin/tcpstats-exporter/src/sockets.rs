// SPDX-License-Identifier: BSD-2-Clause
//! All sockets of the device, added up as they come: no record is kept.

use std::ops::ControlFlow;

use prometheus::local::LocalHistogram;
use prometheus::{HistogramVec, Registry};
use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::{FIELDS_DEFAULT, Filter};
use tcpstats::record::{FieldGroup, RECORD_SIZE, Record, State};

use crate::metrics::table;

/// Records of one read: 1 MiB, the most that FUSE gives at once.
pub(crate) const READ_RECORDS: usize = (1 << 20) / RECORD_SIZE;

/// What one read of the device came to.
pub(crate) struct Sockets {
    total: u64,
    /// In the order of [`State::ALL`].
    by_state: [u64; State::ALL.len()],
    rtt: LocalHistogram,
    cwnd: LocalHistogram,
    retransmits: LocalHistogram,
    send_buffer: LocalHistogram,
    receive_buffer: LocalHistogram,
}

/// Every socket, and no more of it than is needed here: the default groups and the counters.
pub(crate) fn filter() -> Filter {
    Filter {
        field_mask: FIELDS_DEFAULT | FieldGroup::Counters.bit(),
        ..Filter::default()
    }
}

impl Sockets {
    /// Nothing yet; the distributions are in `registry` from here on.
    ///
    /// # Errors
    /// A family that is malformed or there already.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let buffers = table::BUFFER_USE.histograms(registry)?;
        Ok(Self {
            total: 0,
            by_state: [0; State::ALL.len()],
            rtt: local(&table::RTT.histograms(registry)?, &[])?,
            cwnd: local(&table::CWND.histograms(registry)?, &[])?,
            retransmits: local(&table::RETRANSMITS.histograms(registry)?, &[])?,
            send_buffer: local(&buffers, &["send"])?,
            receive_buffer: local(&buffers, &["receive"])?,
        })
    }

    /// Add all that the device has.
    ///
    /// # Errors
    /// The device could not be read to its end; what was added then is of no use.
    pub(crate) fn read(&mut self, device: &Device) -> Result<(), DeviceError> {
        device.set_filter(&filter())?;
        device.for_each(READ_RECORDS, |record| {
            self.add(record);
            ControlFlow::Continue(())
        })
    }

    fn add(&mut self, record: &Record) {
        self.total += 1;
        let Some(state) = record.state() else {
            return;
        };
        self.by_state[state as usize] += 1;
        // Other sockets have no peer yet, or nothing but a timer any more.
        if !(State::Established..=State::FinWait2).contains(&state) {
            return;
        }
        if record.rtt > 0 {
            self.rtt.observe(f64::from(record.rtt) / 1e6);
        }
        self.cwnd.observe(f64::from(record.snd_cwnd));
        self.retransmits.observe(f64::from(record.snd_rexmitpack));
        observe_ratio(&self.send_buffer, record.snd_buf_cc, record.snd_buf_hiwat);
        observe_ratio(
            &self.receive_buffer,
            record.rcv_buf_cc,
            record.rcv_buf_hiwat,
        );
    }

    /// Put what was added into `registry`.
    ///
    /// # Errors
    /// A family that is malformed or there already.
    pub(crate) fn put(self, registry: &Registry) -> prometheus::Result<()> {
        table::SOCKETS.put_one(registry, self.total as f64)?;
        let names = State::ALL.map(|state| [state.name()]);
        let by_state = names.iter().zip(self.by_state);
        table::SOCKETS_BY_STATE.put(
            registry,
            by_state.map(|(name, count)| (&name[..], count as f64)),
        )?;
        for histogram in [
            &self.rtt,
            &self.cwnd,
            &self.retransmits,
            &self.send_buffer,
            &self.receive_buffer,
        ] {
            histogram.flush();
        }
        Ok(())
    }
}

fn local(histograms: &HistogramVec, labels: &[&str]) -> prometheus::Result<LocalHistogram> {
    Ok(histograms.get_metric_with_label_values(labels)?.local())
}

fn observe_ratio(histogram: &LocalHistogram, used: u32, limit: u32) {
    if limit > 0 {
        histogram.observe(f64::from(used) / f64::from(limit));
    }
}
