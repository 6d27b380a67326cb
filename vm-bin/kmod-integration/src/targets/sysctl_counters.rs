// SPDX-License-Identifier: BSD-2-Clause
//! `live_stats`: the device's counters add up, exactly, after each kind of
//! filter and under many readers; and the exporter counts what the device gives.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use tcpstats::device::Device;
use tcpstats::record::{Record, State};
use zerocopy::FromZeros;

use super::series::{self, Ending, Evidence, Series, TestResult, demand, demand_equal};
use super::{Session, TargetError};
use crate::filter::model::{Family, Filter, Socket};
use crate::framework::cancel::Cancel;
use crate::framework::check;
use crate::framework::crowd::Crowd;
use crate::framework::exporter::Exporter;
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::limits::{Counters, Opener, alone};
use crate::framework::restore::Restorer;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// Connections of each IP version of the fixture.
const CONNECTIONS: usize = 3;
/// Buffer that leaves a rest.
const BUFFER_RECORDS: usize = 7;
/// Readers at once, each with one of the filters.
const READERS: usize = 8;
/// Snapshots that each of them takes.
const ROUNDS: usize = 20;
/// Connections while the exporter's numbers are held against the device's.
const CROWD: u32 = 1000;
/// How far the exporter's number of sockets may be from the records read: other
/// programs' sockets come and go between the two.
const TOLERANCE_PERCENT: u64 = 10;
/// Tests of the target.
const TESTS: usize = 10;

/// The kinds of filters, and the only reason by which each skips sockets.
const KINDS: [(&str, Option<&str>); 5] = [
    ("no filter", None),
    ("an IP version", Some("ipver")),
    ("a state", Some("state")),
    ("a port", Some("port")),
    ("an address", Some("addr")),
];

/// Run it, with the exporter that [`super::live_all`] has, or why there is none.
pub(super) fn run<W: Write>(
    session: &Session<W>,
    name: &str,
    exporter: Result<&Exporter, &str>,
) -> Result<(), TargetError> {
    series::demand_device()?;
    Series::run(session, name, TESTS, |series| {
        for (kind, reason) in KINDS {
            let title = format!("exact counts after {kind}");
            let id = reason.unwrap_or("none");
            series.test(id, &title, || {
                let stage = Stage::set(&session.cancel)?;
                stage.demand_exact(&stage.filter(reason), reason)
            })?;
        }
        series.test("cred", "exact counts for who may not see sockets", || {
            hidden_sockets(&session.cancel, &session.restorer)
        })?;
        series.test(
            "gencnt",
            "sockets that are younger than the snapshot are not in it",
            || younger_sockets(&session.cancel),
        )?;
        series.test(
            "unfinished",
            "a snapshot that is not read to its end",
            || unfinished_snapshot(&session.cancel),
        )?;
        series.test("readers", "many readers with different filters", || {
            many_readers(&session.cancel)
        })?;
        series.long_test(
            "exporter",
            "the exporter counts the sockets that the device gives",
            super::read_bench::STAND_LIMIT,
            || cross_check(session, exporter),
        )?;
        Ok(())
    })
}

/// Sockets whose number is known.
struct Stage {
    fixture: Fixture,
    port: u16,
}

impl Stage {
    fn set(cancel: &Cancel) -> Result<Self, FixtureError> {
        let mut fixture = Fixture::new(cancel);
        let mut port = 0;
        for host in [V4, V6] {
            let server = fixture.listen(host)?;
            port = server.port();
            for _ in 0..CONNECTIONS {
                fixture.connect(host, server)?;
            }
        }
        Ok(Self { fixture, port })
    }

    /// One that skips for this reason alone, and some of the fixture.
    fn filter(&self, reason: Option<&str>) -> Filter {
        match reason {
            Some("ipver") => Filter::new().only(Family::V6),
            Some("state") => Filter::new().exclude([State::Listen]),
            Some("port") => Filter::new().local_ports([self.port]),
            Some("addr") => Filter::new().local_addr(V6),
            _ => Filter::new(),
        }
    }

    fn sockets(&self) -> Vec<Socket> {
        self.fixture.sockets()
    }

    /// The counters grow by what was read, and by this one reason.
    fn demand_exact(&self, filter: &Filter, reason: Option<&str>) -> TestResult {
        let sockets = self.sockets();
        let (records, grown) = alone::<_, Ending>(|opener| {
            let device = opener.open()?;
            Ok(check::read_filtered(&device, filter, BUFFER_RECORDS)?)
        })?;
        let seen = check::compare(filter, &sockets, &records)
            .map_err(|mismatch| Ending::failed(mismatch.message()))?;

        grown.demand_sum().map_err(Ending::failed)?;
        demand_equal(
            "records emitted",
            records.len() as u64,
            grown.get("records_emitted"),
        )?;
        let rejected = (sockets.len() - seen.expected) as u64;
        for (skipped_for, number) in grown.skipped() {
            if reason == Some(skipped_for) {
                demand(number >= rejected && rejected > 0, || {
                    format!("{number} skipped for {skipped_for}, {rejected} of the test's sockets")
                })?;
            } else {
                demand_equal(&format!("skipped for {skipped_for}"), 0, number)?;
            }
        }
        Ok(seen.into())
    }
}

/// A reader that may not see other users' sockets skips them, and counts them.
fn hidden_sockets(cancel: &Cancel, restorer: &Restorer) -> TestResult {
    if !cfg!(target_os = "freebsd") {
        return Err(Ending::Skipped(
            "Linux hides no socket from whoever may open the device".to_owned(),
        ));
    }
    const SEE_OTHERS: &str = "security.bsd.see_other_uids";
    let stage = Stage::set(cancel)?;
    let set = run_to_end(&["sysctl", "-n", SEE_OTHERS])?;
    let _guard = restorer.guard(move || {
        let back = format!("{SEE_OTHERS}={}", set.trim());
        run_to_end(&["sysctl", &back])
            .map(drop)
            .map_err(|ending| format!("{SEE_OTHERS} is not as it was: {ending:?}"))
    });
    run_to_end(&["sysctl", &format!("{SEE_OTHERS}=0")])?;
    let before = Counters::now()?;
    // Its group may read the device, and it owns no socket.
    run_to_end(&[
        "chroot",
        "-u",
        "nobody",
        "-g",
        "network",
        "/",
        "dd",
        "if=/dev/tcpstats",
        "of=/dev/null",
        "bs=64k",
    ])?;
    let grown = Counters::now()?.since(&before);
    grown.demand_sum().map_err(Ending::failed)?;
    let hidden: u64 = grown
        .skipped()
        .filter_map(|(reason, number)| (reason == "cred").then_some(number))
        .sum();
    let own = stage.sockets().len() as u64;
    demand(hidden >= own, || {
        format!("{hidden} sockets were hidden, {own} are of this test alone")
    })?;
    demand_equal("records for nobody", 0, grown.get("records_emitted"))
}

fn run_to_end(arguments: &[&str]) -> Result<String, Ending> {
    let failed = |reason: String| Ending::failed(format!("failed to run {arguments:?}: {reason}"));
    let (program, rest) = arguments
        .split_first()
        .ok_or_else(|| Ending::failed("no program named"))?;
    let output = Command::new(program)
        .args(rest)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("{}, {}", output.status, said.trim())))
    }
}

/// What is opened between two reads of a snapshot is not in it.
fn younger_sockets(cancel: &Cancel) -> TestResult {
    let mut stage = Stage::set(cancel)?;
    let sockets = stage.sockets();
    let device = Device::open_default()?;
    let before = Counters::now()?;
    let mut first = [Record::new_zeroed()];
    let count = device.read(&mut first)?;
    let mut records = first[..count].to_vec();
    let late = stage.fixture.listen(V4)?;
    let connection = stage.fixture.connect(V4, late)?;
    records.extend(check::read_all(&device, BUFFER_RECORDS)?);
    let grown = Counters::now()?.since(&before);

    let younger = records
        .iter()
        .filter(|record| [record.local(), record.remote()].contains(&late))
        .count();
    demand_equal(
        &format!("records of {late} and {}", connection.near),
        0,
        younger as u64,
    )?;
    grown.demand_sum().map_err(Ending::failed)?;
    let seen = check::compare(&Filter::new(), &sockets, &records)
        .map_err(|mismatch| Ending::failed(mismatch.message()))?;
    Ok(seen.into())
}

/// What is not read is neither visited nor emitted.
fn unfinished_snapshot(cancel: &Cancel) -> TestResult {
    let _stage = Stage::set(cancel)?;
    let (count, grown) = alone::<_, Ending>(|opener| {
        let mut records = [Record::new_zeroed(); 3];
        Ok(opener.open()?.read(&mut records)?)
    })?;
    grown.demand_sum().map_err(Ending::failed)?;
    demand_equal("records", 3, count as u64)?;
    demand_equal("records emitted", 3, grown.get("records_emitted"))?;
    demand_equal("sockets visited", 3, grown.get("sockets_visited"))
}

fn many_readers(cancel: &Cancel) -> TestResult {
    let stage = Stage::set(cancel)?;
    let sockets = stage.sockets();
    let filters = KINDS.iter().map(|(_, reason)| stage.filter(*reason));
    let filters: Vec<Filter> = filters.cycle().take(READERS).collect();
    let (read, grown) = alone(|opener| read_at_once(opener, &filters, &sockets))?;
    grown.demand_sum().map_err(Ending::failed)?;
    demand_equal("records emitted", read, grown.get("records_emitted"))
}

/// How many records readers with these filters got together.
fn read_at_once(opener: &Opener, filters: &[Filter], sockets: &[Socket]) -> Result<u64, Ending> {
    let start = Barrier::new(filters.len());
    let read: Vec<Result<u64, Ending>> = thread::scope(|scope| {
        let readers: Vec<_> = filters
            .iter()
            .map(|filter| scope.spawn(|| read_rounds(opener, filter, sockets, &start)))
            .collect();
        readers
            .into_iter()
            .map(|reader| {
                reader
                    .join()
                    .unwrap_or_else(|_| Err(Ending::failed("a reader panicked")))
            })
            .collect()
    });
    read.into_iter().sum()
}

/// How many records a reader got.
fn read_rounds(
    opener: &Opener,
    filter: &Filter,
    sockets: &[Socket],
    start: &Barrier,
) -> Result<u64, Ending> {
    // Every reader comes to the barrier, whatever happened to it before.
    let opened = opener.open();
    start.wait();
    let device = opened?;
    let mut read = 0;
    for _ in 0..ROUNDS {
        let records = check::read_filtered(&device, filter, BUFFER_RECORDS)?;
        check::compare(filter, sockets, &records)
            .map_err(|mismatch| Ending::failed(mismatch.message()))?;
        read += records.len() as u64;
    }
    Ok(read)
}

/// The exporter's number of sockets against the records of a read.
fn cross_check<W: Write>(session: &Session<W>, exporter: Result<&Exporter, &str>) -> TestResult {
    let exporter = exporter.map_err(|reason| Ending::Skipped(reason.to_owned()))?;
    let connections = session.options.connections.first().copied();
    let crowd = Crowd::start(
        &session.options.tcp_echo,
        connections.unwrap_or(CROWD) as usize,
        0,
        &session.cancel,
        &session.restorer,
    )?;
    let device = Device::open_default()?;
    crowd.take_census(&device, &session.cancel)?;
    device.reset()?;
    let read = check::read_all(&device, 1024)?.len() as u64;
    let samples = match exporter.scrape() {
        Ok(samples) => samples,
        // It never fails a test; that it was not compared is said.
        Err(error) => return Err(Ending::Skipped(error.to_string())),
    };
    let by_state: BTreeMap<String, u64> =
        samples.whole(|name| name.starts_with("tcpstats_sockets_by_state"));
    // A report that cannot be written is noticed at the end of the test.
    let _ = session.report().counters("exporter", by_state);
    let Some(counted) = samples.get("tcpstats_sockets_total") else {
        return Err(Ending::failed("the exporter has no tcpstats_sockets_total"));
    };
    let counted = counted as u64;
    demand(
        read.abs_diff(counted) * 100 <= read * TOLERANCE_PERCENT,
        || {
            format!(
                "tcpstats_sockets_total is {counted}, {read} records were read: more than \
             {TOLERANCE_PERCENT} % apart"
            )
        },
    )?;
    Ok(Evidence::counts(read, counted))
}
