// SPDX-License-Identifier: BSD-2-Clause
//! `live_bench`: what reading costs with many connections really open. Of each
//! number of connections a test demands every one of them exactly once; then
//! seven workloads are measured, and each read-through must give the number of
//! records that its filter leaves.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use protocol::event::Better;
use protocol::event::Level;
use tcpstats::device::Device;
use tcpstats::filter::Filter as DeviceFilter;
use tcpstats::record::{FieldGroup, RECORD_SIZE, State};
use tcpstats::sysctl::Sysctl;

use super::series::{self, Ending, Evidence, Series, TestResult};
use super::{Session, TargetError};
use crate::filter::model::{Family, Filter, Format};
use crate::framework::crowd::{Crowd, CrowdError, Share};
use crate::framework::echo::{self, EchoError};
use crate::framework::exporter::{Exporter, Samples};
use crate::framework::limits::set_limit;
use crate::report::{Measured, ReportError};

/// Connections that stand, one number after the other.
const SCALES: [u32; 3] = [1_000, 10_000, 100_000];
/// Read-throughs that are measured of each workload, after one that is not.
const SAMPLES: usize = 5;
/// The same for those that take long by nature.
const FEW_SAMPLES: usize = 3;
/// Records of a read where the workload says nothing else: about 1 MiB.
const BUFFER_RECORDS: usize = (1 << 20) / RECORD_SIZE;
/// Lengths of buffers, bytes: from one record on.
const BUFFER_BYTES: [usize; 5] = [RECORD_SIZE, 4 << 10, 64 << 10, 1 << 20, 4 << 20];
/// Readers at once.
const READERS: [usize; 5] = [1, 2, 4, 8, 16];
/// Descriptors that the readers need besides what others have open.
const DESCRIPTORS: u64 = 64;
/// What a test may take until its connections stand and are counted.
pub(super) const STAND_LIMIT: Duration = Duration::from_secs(300);
/// What a workload may take.
const WORKLOAD_LIMIT: Duration = Duration::from_secs(600);

/// Run it, with the exporter that [`super::live_all`] has.
pub(super) fn run<W: Write>(
    session: &Session<W>,
    name: &str,
    exporter: Option<&Exporter>,
) -> Result<(), TargetError> {
    series::demand_device()?;
    echo::demand(&session.options.tcp_echo)
        .map_err(|error| TargetError::Lacking(error.to_string()))?;
    let scales = match session.options.connections.as_slice() {
        [] => SCALES.to_vec(),
        chosen => chosen.to_vec(),
    };
    Series::run(
        session,
        name,
        scales.len() * (1 + WORKLOADS.len()),
        |series| {
            let _limit = raise_descriptors(session)?;
            for connections in scales {
                bench_scale(session, series, connections, exporter)?;
            }
            Ok(())
        },
    )
}

/// Readers of the bench must not run into the device's limit.
fn raise_descriptors<W: Write>(
    session: &Session<W>,
) -> Result<Option<crate::framework::restore::Guard>, TargetError> {
    const LIMIT: &str = "max_open_fds";
    let lacking = |error: tcpstats::sysctl::SysctlError| TargetError::Lacking(error.to_string());
    if Sysctl::new().get_u64(LIMIT).map_err(lacking)? >= DESCRIPTORS {
        return Ok(None);
    }
    let guard = set_limit(LIMIT, DESCRIPTORS, &session.restorer).map_err(lacking)?;
    Ok(Some(guard))
}

fn bench_scale<W: Write>(
    session: &Session<W>,
    series: &mut Series<'_, W>,
    connections: u32,
    exporter: Option<&Exporter>,
) -> Result<(), TargetError> {
    let before = scrape(session, exporter)?;
    let mut crowd = None;
    series.long_test(
        &format!("{connections}-open"),
        &format!("{connections} connections stand and each is read exactly once"),
        STAND_LIMIT,
        || {
            let (standing, evidence) = gather(session, connections)?;
            crowd = Some(standing);
            Ok(evidence)
        },
    )?;
    for workload in &WORKLOADS {
        series.long_test(
            &format!("{connections}-{}", workload.id),
            &format!("{connections} connections: {}", workload.about),
            WORKLOAD_LIMIT,
            || {
                let crowd = crowd.as_ref().ok_or_else(|| {
                    Ending::Skipped(format!("{connections} connections do not stand"))
                })?;
                measure(session, crowd, &(workload.passes)(crowd))
            },
        )?;
    }
    tell_difference(
        session,
        &format!("{connections} connections"),
        exporter,
        before,
    )?;
    Ok(())
}

/// Have the connections stand and count them. Where the machine lacks what they
/// need, that is why the test is skipped.
pub(super) fn gather<W: Write>(
    session: &Session<W>,
    connections: u32,
) -> Result<(Crowd, Evidence), Ending> {
    gather_with(session, connections, 0)
}

/// As [`gather`], each sending so many bytes a second.
pub(super) fn gather_with<W: Write>(
    session: &Session<W>,
    connections: u32,
    rate: u32,
) -> Result<(Crowd, Evidence), Ending> {
    let begun = Instant::now();
    let crowd = Crowd::start(
        &session.options.tcp_echo,
        connections as usize,
        rate,
        &session.cancel,
        &session.restorer,
    )
    .map_err(|error| match error {
        EchoError::Lacking(reason) => Ending::Skipped(reason),
        other => Ending::from(other),
    })?;
    let stood = begun.elapsed().as_secs_f64() * 1e3;
    let device = Device::open_default()?;
    let census = crowd
        .take_census(&device, &session.cancel)
        .map_err(Ending::from)?;
    let _ = session.report().benchmark(Measured {
        name: "connections_stand".to_owned(),
        workload: "tcp-echo".to_owned(),
        connections: connections.into(),
        unit: "ms",
        better: Better::Lower,
        samples: vec![stood],
        reference: Vec::new(),
    });
    let evidence = Evidence::counts(crowd.records(Share::ALL), census.listening + census.ends);
    Ok((crowd, evidence))
}

/// One thing to be measured of a workload.
struct Pass {
    /// What is said of it.
    label: String,
    filter: Filter,
    /// Records of the crowd that the filter leaves.
    records: u64,
    buffer_records: usize,
    readers: usize,
    samples: usize,
}

impl Pass {
    fn new(filter: Filter, records: u64) -> Self {
        let label = match filter.to_string() {
            none if none.is_empty() => "no filter".to_owned(),
            text => text,
        };
        Self {
            label,
            filter,
            records,
            buffer_records: BUFFER_RECORDS,
            readers: 1,
            samples: SAMPLES,
        }
    }
}

struct Workload {
    id: &'static str,
    about: &'static str,
    passes: fn(&Crowd) -> Vec<Pass>,
}

const WORKLOADS: [Workload; 7] = [
    Workload {
        id: "no_filter",
        about: "no filter",
        passes: |crowd| vec![Pass::new(Filter::new(), crowd.records(Share::ALL))],
    },
    Workload {
        id: "port",
        about: "filters on ports, of none to all of them",
        passes: ports,
    },
    Workload {
        id: "state",
        about: "filters on states",
        passes: states,
    },
    Workload {
        id: "fields",
        about: "groups of fields, of one to all",
        passes: fields,
    },
    Workload {
        id: "buffer",
        about: "buffers of 320 B to 4 MiB",
        passes: buffers,
    },
    Workload {
        id: "readers",
        about: "1 to 16 readers at once",
        passes: readers,
    },
    Workload {
        id: "ip_version",
        about: "filters on the IP version",
        passes: ip_versions,
    },
];

/// Which ports they are differs from run to run; how many of the servers' does
/// not. A server of IPv6 may have a port that one of IPv4 has.
fn ports(crowd: &Crowd) -> Vec<Pass> {
    let all = crowd.ports();
    // A port of 0 cannot be asked for, and nobody has both ends at these.
    let v4 = || Filter::new().only(Family::V4);
    let none = v4().local_ports(all.clone()).remote_ports(all.clone());
    let one = all.first().copied().unwrap_or_default();
    let v4_ends = crowd.records(Share {
        listening: false,
        v6: false,
        ..Share::ALL
    });
    [
        ("ports of no connection", none, 0),
        (
            "one server's port",
            v4().remote_ports([one]),
            crowd.connections_at(one),
        ),
        ("eight servers' ports", v4().remote_ports(all), v4_ends / 2),
    ]
    .into_iter()
    .map(|(label, filter, records)| Pass {
        label: label.to_owned(),
        ..Pass::new(filter, records)
    })
    .collect()
}

fn states(crowd: &Crowd) -> Vec<Pass> {
    let listening = crowd.records(Share {
        established: false,
        ..Share::ALL
    });
    let established = crowd.records(Share {
        listening: false,
        ..Share::ALL
    });
    vec![
        Pass::new(Filter::new().include([State::Listen]), listening),
        Pass::new(Filter::new().include([State::Established]), established),
        Pass::new(
            Filter::new().exclude([State::Listen, State::TimeWait]),
            established,
        ),
    ]
}

fn fields(crowd: &Crowd) -> Vec<Pass> {
    let all = crowd.records(Share::ALL);
    let groups: [&[FieldGroup]; 3] = [
        &[FieldGroup::Identity],
        &[FieldGroup::Identity, FieldGroup::State],
        &[FieldGroup::Identity, FieldGroup::State, FieldGroup::Rtt],
    ];
    let mut passes: Vec<Pass> = groups
        .into_iter()
        .map(|groups| Pass::new(Filter::new().fields(groups), all))
        .collect();
    passes.push(Pass::new(Filter::new().format(Format::Full), all));
    passes
}

fn buffers(crowd: &Crowd) -> Vec<Pass> {
    let pass = |bytes: usize| {
        let mut pass = Pass::new(Filter::new(), crowd.records(Share::ALL));
        pass.label = format!("buffer of {bytes} B");
        pass.buffer_records = bytes / RECORD_SIZE;
        if pass.buffer_records == 1 {
            pass.samples = FEW_SAMPLES;
        }
        pass
    };
    BUFFER_BYTES.into_iter().map(pass).collect()
}

fn readers(crowd: &Crowd) -> Vec<Pass> {
    let pass = |readers: usize| {
        let mut pass = Pass::new(Filter::new(), crowd.records(Share::ALL));
        pass.label = match readers {
            1 => "1 reader".to_owned(),
            several => format!("{several} readers at once"),
        };
        pass.readers = readers;
        if readers > 4 {
            pass.samples = FEW_SAMPLES;
        }
        pass
    };
    READERS.into_iter().map(pass).collect()
}

fn ip_versions(crowd: &Crowd) -> Vec<Pass> {
    let v4 = Share {
        v6: false,
        ..Share::ALL
    };
    let v6 = Share {
        v4: false,
        ..Share::ALL
    };
    vec![
        Pass::new(Filter::new().only(Family::V4), crowd.records(v4)),
        Pass::new(Filter::new().only(Family::V6), crowd.records(v6)),
    ]
}

/// Measure each; the evidence is of all of them together.
fn measure<W: Write>(session: &Session<W>, crowd: &Crowd, passes: &[Pass]) -> TestResult {
    let (mut expected, mut actual) = (0, 0);
    for pass in passes {
        let mut samples = Vec::with_capacity(pass.samples);
        for sample in 0..=pass.samples {
            if session.cancel.is_requested() {
                return Err(Ending::failed("interrupted"));
            }
            let (elapsed, records) = read_at_once(crowd, pass)?;
            let wanted = pass.records * pass.readers as u64;
            expected += wanted;
            actual += records;
            if records != wanted {
                return Err(Ending::failed(format!(
                    "{}: {records} records of the connections instead of {wanted}",
                    pass.label
                )));
            }
            // The first warms up what is to be measured.
            if sample > 0 {
                samples.push(elapsed.as_secs_f64() * 1e6);
            }
        }
        let _ = session.report().benchmark(Measured {
            name: "read_through".to_owned(),
            workload: pass.label.clone(),
            connections: crowd.connections(),
            unit: "us",
            better: Better::Lower,
            samples,
            reference: Vec::new(),
        });
    }
    Ok(Evidence::counts(expected, actual))
}

/// The time until the last of the pass' readers has read all, and the crowd's
/// records that they got together.
fn read_at_once(crowd: &Crowd, pass: &Pass) -> Result<(Duration, u64), Ending> {
    let text = pass.filter.to_string();
    let filter = DeviceFilter::parse(&text)
        .map_err(|error| Ending::failed(format!("the filter '{text}' is refused: {error}")))?;
    let devices = (0..pass.readers)
        .map(|_| {
            let device = Device::open_default()?;
            device.set_filter(&filter)?;
            Ok(device)
        })
        .collect::<Result<Vec<_>, CrowdError>>()?;
    let servers = crowd.servers();
    let start = Barrier::new(devices.len() + 1);
    thread::scope(|scope| {
        let readers: Vec<_> = devices
            .iter()
            .map(|device| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let mut records = 0;
                    device.for_each(pass.buffer_records, |record| {
                        records += u64::from(servers.have(record));
                        ControlFlow::Continue(())
                    })?;
                    Ok::<u64, CrowdError>(records)
                })
            })
            .collect();
        start.wait();
        let begun = Instant::now();
        let mut records = 0;
        for reader in readers {
            records += reader
                .join()
                .map_err(|_| Ending::failed("a reader panicked"))??;
        }
        Ok((begun.elapsed(), records))
    })
}

/// The exporter's samples; a scrape that fails is logged, and fails nothing.
pub(super) fn scrape<W: Write>(
    session: &Session<W>,
    exporter: Option<&Exporter>,
) -> Result<Option<Samples>, ReportError> {
    let Some(exporter) = exporter else {
        return Ok(None);
    };
    match exporter.scrape() {
        Ok(samples) => Ok(Some(samples)),
        Err(error) => {
            session.warn(error.to_string())?;
            Ok(None)
        }
    }
}

/// What a step changes on purpose: sockets, and what the system and the device
/// count of them.
fn is_telling(name: &str) -> bool {
    const FAMILIES: [&str; 3] = ["tcpstats_sockets_", "tcpstats_sys_", "tcpstats_kmod_"];
    FAMILIES.iter().any(|family| name.starts_with(family)) && !name.contains("_seconds")
}

/// Scrape again and log what has changed.
pub(super) fn tell_difference<W: Write>(
    session: &Session<W>,
    step: &str,
    exporter: Option<&Exporter>,
    before: Option<Samples>,
) -> Result<(), ReportError> {
    let (Some(before), Some(after)) = (before, scrape(session, exporter)?) else {
        return Ok(());
    };
    let mut report = session.report();
    report.counters(&format!("exporter after {step}"), after.whole(is_telling))?;
    let changes = after.since(&before, is_telling);
    let changes = match changes.as_slice() {
        [] => "nothing has changed".to_owned(),
        some => some.join(", "),
    };
    report.log(Level::Info, format!("exporter, {step}: {changes}"))
}
