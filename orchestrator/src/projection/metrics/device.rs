// SPDX-License-Identifier: BSD-2-Clause
//! What VMs say of their device and their TCP, republished with the VM's name:
//! from the last scrape of the VM's exporter, and for the device's counters
//! from its test binary where that has read them since, or there is no
//! exporter. A fixed set: a VM cannot add names.

use std::borrow::Cow;

use metric_table::{Family, Sample, Text};

use crate::event::Reading;
use crate::projection::state::VmState;
use crate::scrape::series::{self, KMOD, TCP};

/// The sysctl, or its beginning, of each family of [`KMOD`], and what one unit
/// of it is in the family's unit.
const SYSCTLS: [(&str, f64); KMOD.len()] = [
    ("active_fds", 1.0),
    ("opens_total", 1.0),
    ("reads_total", 1.0),
    ("records_emitted", 1.0),
    ("sockets_visited", 1.0),
    ("read_duration_ns_total", 1e-9),
    ("read_duration_ns_max", 1e-9),
    ("uiomove_errors", 1.0),
    ("reads_timed_out", 1.0),
    ("reads_interrupted", 1.0),
    ("sockets_skipped_", 1.0),
    ("", 1.0),
];
const SKIP_REASONS: &[&str] = &["gencnt", "cred", "ipver", "state", "port", "addr"];
const LIMITS: &[&str] = &[
    "max_open_fds",
    "max_concurrent_readers",
    "max_read_duration_ms",
    "min_read_interval_ms",
];

/// The families with their samples.
pub(super) fn of_vms(vms: &[&VmState]) -> Vec<Text> {
    let kmod = KMOD.iter().zip(SYSCTLS);
    let kmod = kmod.map(|(family, sysctl)| (family, Some(sysctl)));
    let tcp = TCP.iter().map(|family| (family, None));
    kmod.chain(tcp)
        .map(|(family, sysctl)| of_family(vms, family, sysctl))
        .collect()
}

fn of_family(vms: &[&VmState], family: &Family, sysctl: Option<(&str, f64)>) -> Text {
    let readings = vms.iter().filter_map(|vm| {
        let scraped = vm.scraped.get(family.source).map(Cow::Borrowed);
        let reading = scraped.or_else(|| of_sysctl(vm, family, sysctl?).map(Cow::Owned));
        Some((vm.name(), reading?))
    });
    if series::label(family).is_none() {
        return family.with(readings.filter_map(|(vm, reading)| match *reading {
            Reading::One(value) => Some(Sample {
                labels: [vm.into()],
                value,
            }),
            Reading::By(_) => None,
        }));
    }
    let readings: Vec<_> = readings.collect();
    family.with(readings.iter().flat_map(|(vm, reading)| {
        let values = match &**reading {
            Reading::By(values) => Some(values),
            Reading::One(_) => None,
        };
        values.into_iter().flatten().map(|(label, value)| Sample {
            labels: [(*vm).into(), label.into()],
            value: *value,
        })
    }))
}

/// What the test binary read last.
fn of_sysctl(vm: &VmState, family: &Family, (sysctl, scale): (&str, f64)) -> Option<Reading> {
    let read = |name: &str| Some(*vm.counters.get(name)? as f64 * scale);
    let names = match series::label(family) {
        None => return read(sysctl).map(Reading::One),
        Some("reason") => SKIP_REASONS,
        Some(_) => LIMITS,
    };
    let values = names.iter().filter_map(|name| {
        let value = read(&format!("{sysctl}{name}"))?;
        Some(((*name).to_owned(), value))
    });
    Some(Reading::By(values.collect()))
}
