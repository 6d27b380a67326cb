// SPDX-License-Identifier: BSD-2-Clause
//! `live_dtrace`: the module's seven probes are registered, and each fires under
//! load with arguments that can be right.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use tcpstats::device::Device;
use tcpstats::record::{RECORD_SIZE, State};
use tcpstats::sysctl::Sysctl;

use super::series::{self, Ending, Evidence, Series, TestResult, demand, demand_equal};
use super::{Session, TargetError};
use crate::filter::model::Filter;
use crate::framework::check;
use crate::framework::crowd::Crowd;
use crate::framework::leftover::profile_prefix;
use crate::framework::process::{Line, Process};

/// Connections while the probes are watched.
const CONNECTIONS: usize = 1000;
/// Records of each read.
const BUFFER_RECORDS: usize = 64;
/// What dtrace(1) may take to watch, and to tell.
const LIMIT: Duration = Duration::from_secs(60);
/// No read or filling of a record takes as long.
const ELAPSED_NS_MAX: i64 = 60_000_000_000;
/// Reasons for which a socket is not reported, from `gencnt` to `timeout`.
const REASONS: std::ops::RangeInclusive<i64> = 0..=6;
/// The one that the test provokes.
const REASON_STATE: i64 = 3;
/// How the name of the profile ends that is made and deleted while the probes
/// are watched.
const PROFILE: &str = "probe";
/// What says that dtrace(1) watches.
const READY: &str = "watching";

/// A probe of the provider `tcpstats`.
struct Probe {
    /// Its function and name.
    name: &'static str,
    /// What its arguments are to be.
    arguments: &'static str,
    are_plausible: fn(&[Word]) -> bool,
}

const PROBES: [Probe; 7] = [
    Probe {
        name: "read:entry",
        arguments: "the length of the reader's buffer, and filter flags",
        are_plausible: |words| matches!(words, [Word::Number(resid), Word::Number(0..)] if *resid as usize == BUFFER_RECORDS * RECORD_SIZE),
    },
    Probe {
        name: "read:done",
        arguments: "no error, at most as many records as the buffer takes, a time",
        are_plausible: |words| {
            matches!(words, [Word::Number(0), Word::Number(records), Word::Number(1..ELAPSED_NS_MAX)]
                if (0..=BUFFER_RECORDS as i64).contains(records))
        },
    },
    Probe {
        name: "filter:skip",
        arguments: "an inpcb, none of a half-open connection, and a reason of 0 to 6",
        are_plausible: |words| matches!(words, [Word::Number(0..), Word::Number(reason)] if REASONS.contains(reason)),
    },
    Probe {
        name: "filter:match",
        arguments: "an inpcb, none of a half-open connection",
        are_plausible: |words| matches!(words, [Word::Number(0..)]),
    },
    Probe {
        name: "fill:done",
        arguments: "a time, and the size of a record",
        are_plausible: |words| matches!(words, [Word::Number(0..ELAPSED_NS_MAX), Word::Number(size)] if *size as usize == RECORD_SIZE),
    },
    Probe {
        name: "profile:create",
        arguments: "the profile's name",
        are_plausible: |words| matches!(words, [Word::Text(name)] if name.ends_with(PROFILE)),
    },
    Probe {
        name: "profile:destroy",
        arguments: "the profile's name",
        are_plausible: |words| matches!(words, [Word::Text(name)] if name.ends_with(PROFILE)),
    },
];

/// Watch the probes while the device is used.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    series::demand_device()?;
    Series::run(session, name, 1 + PROBES.len(), |series| {
        let _modules = keep_modules(session);
        series.test("registered", "all seven probes are registered", || {
            demand_dtrace()?;
            registered(&said(
                Command::new("dtrace").args(["-l", "-P", "tcpstats"]),
            )?)
        })?;
        let mut firings = Err("dtrace(1) was not asked".to_owned());
        for probe in &PROBES {
            let id = probe.name.replace(':', "-");
            let title = format!("{} fires with {}", probe.name, probe.arguments);
            let is_first = matches!(&firings, Err(reason) if reason.ends_with("was not asked"));
            series.test(&id, &title, || {
                demand_dtrace()?;
                if is_first {
                    firings = watch(session).map_err(|ending| message(&ending));
                }
                match &firings {
                    Ok(firings) => judge(firings, probe),
                    Err(reason) => Err(Ending::failed(reason.clone())),
                }
            })?;
        }
        Ok(())
    })
}

fn demand_dtrace() -> Result<(), Ending> {
    if cfg!(target_os = "freebsd") {
        return Ok(());
    }
    Err(Ending::Skipped(
        "DTrace probes are the FreeBSD module's: tcpstatsd has none".to_owned(),
    ))
}

fn message(ending: &Ending) -> String {
    match ending {
        Ending::Failed { message, .. } | Ending::Skipped(message) => message.clone(),
    }
}

/// dtrace(1) loads its kernel modules; those that were not there go again.
fn keep_modules<W: Write>(session: &Session<W>) -> Option<crate::framework::restore::Guard> {
    const MODULES: &str = "dtraceall";
    let is_loaded = || {
        Command::new("kldstat")
            .args(["-q", "-n", MODULES])
            .status()
            .is_ok_and(|status| status.success())
    };
    if !cfg!(target_os = "freebsd") || is_loaded() {
        return None;
    }
    Some(session.restorer.guard(move || {
        if !is_loaded() {
            return Ok(());
        }
        said(Command::new("kldunload").arg(MODULES))
            .map(drop)
            .map_err(|ending| message(&ending))
    }))
}

/// Demand each probe once in what `dtrace -l` lists.
fn registered(listing: &str) -> TestResult {
    let listed: Vec<String> = listing
        .lines()
        .filter_map(|line| {
            // ID PROVIDER [MODULE] FUNCTION NAME
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [_, "tcpstats", .., function, name] => Some(format!("{function}:{name}")),
                _ => None,
            }
        })
        .collect();
    for Probe { name, .. } in PROBES {
        let times = listed.iter().filter(|other| *other == name).count();
        demand(times == 1, || {
            format!(
                "{name} is listed {times} times, among {}",
                listed.join(", ")
            )
        })?;
    }
    demand_equal("probes", PROBES.len() as u64, listed.len() as u64)
}

/// An argument of a firing, as the script prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Number(i64),
    Text(String),
}

/// The arguments of each firing, by probe.
type Firings = BTreeMap<String, Vec<Vec<Word>>>;

/// What dtrace(1) prints of this process' use of the device. Of the probes that
/// fire for each socket the first few firings are enough.
fn script(pid: u32) -> String {
    let bounded = |probe: &str, count: &str, arguments: &str, format: &str| {
        format!(
            "tcpstats::{probe} /pid == {pid} && {count} < 100/ \
             {{ {count}++; printf(\"{probe} {format}\\n\", {arguments}); }}\n"
        )
    };
    [
        "int entries; int ends; int skips; int matches; int fills;\n".to_owned(),
        format!("BEGIN {{ printf(\"{READY}\\n\"); }}\n"),
        bounded("read:entry", "entries", "arg0, arg1", "%d %d"),
        bounded("read:done", "ends", "arg0, arg1, arg2", "%d %d %d"),
        // A kernel address is a negative number unless it is cut.
        bounded(
            "filter:skip",
            "skips",
            "arg0 & 0x7fffffffffffffff, arg1",
            "%d %d",
        ),
        bounded("filter:match", "matches", "arg0 & 0x7fffffffffffffff", "%d"),
        bounded("fill:done", "fills", "arg0, arg1", "%d %d"),
        format!(
            "tcpstats::profile:create /pid == {pid}/ \
             {{ printf(\"profile:create %s\\n\", stringof(args[0])); }}\n"
        ),
        // The last that is done.
        format!(
            "tcpstats::profile:destroy /pid == {pid}/ \
             {{ printf(\"profile:destroy %s\\n\", stringof(args[0])); exit(0); }}\n"
        ),
    ]
    .concat()
}

/// Use the device under the eyes of dtrace(1).
fn watch<W: Write>(session: &Session<W>) -> Result<Firings, Ending> {
    let connections = session.options.connections.first();
    let _crowd = Crowd::start(
        &session.options.tcp_echo,
        connections.map_or(CONNECTIONS, |number| *number as usize),
        0,
        &session.cancel,
        &session.restorer,
    )?;
    let mut command = Command::new("dtrace");
    command.args(["-q", "-x", "switchrate=100ms", "-n"]);
    command.arg(script(std::process::id()));
    let mut dtrace = Process::spawn(&mut command, &session.cancel, &session.restorer)?;
    let mut complaints = Vec::new();
    loop {
        match dtrace.next_line("watch", LIMIT)? {
            Some(Line::Out(line)) if line == READY => break,
            Some(Line::Out(line) | Line::Err(line)) => complaints.push(line),
            None => return Err(Ending::failed(format!("dtrace: {}", complaints.join("; ")))),
        }
    }
    use_device(session)?;

    let mut firings = Firings::new();
    while let Some(line) = dtrace.next_line("tell of all probes", LIMIT)? {
        match line {
            Line::Out(line) => note(&mut firings, &line),
            Line::Err(line) => complaints.push(line),
        }
    }
    let status = dtrace.wait(LIMIT)?;
    demand(status.success(), || {
        format!("dtrace ended with {status}: {}", complaints.join("; "))
    })?;
    Ok(firings)
}

/// What makes each probe fire; deleting the profile comes last.
fn use_device<W: Write>(session: &Session<W>) -> Result<(), Ending> {
    let profile = profile_prefix(std::process::id()) + PROFILE;
    Sysctl::new().profile_set(&profile, "exclude=listen")?;
    let guard = session.restorer.guard(move || {
        Sysctl::new()
            .profile_delete(&profile)
            .map_err(|error| error.to_string())
    });
    let device = Device::open_default()?;
    let filter = Filter::new().exclude([State::Listen]);
    check::read_filtered(&device, &filter, BUFFER_RECORDS)?;
    drop(device);
    drop(guard);
    Ok(())
}

/// A line of the script's, such as `read:done 0 64 81230`.
fn note(firings: &mut Firings, line: &str) {
    let mut words = line.split_whitespace();
    let Some(probe) = words.next() else {
        return;
    };
    let arguments = words
        .map(|word| {
            word.parse()
                .map_or_else(|_| Word::Text(word.to_owned()), Word::Number)
        })
        .collect();
    firings.entry(probe.to_owned()).or_default().push(arguments);
}

fn judge(firings: &Firings, probe: &Probe) -> TestResult {
    let name = probe.name;
    let fired = firings.get(name).map(Vec::as_slice).unwrap_or_default();
    demand(!fired.is_empty(), || format!("{name} has not fired"))?;
    if let Some(odd) = fired.iter().find(|words| !(probe.are_plausible)(words)) {
        return Err(Ending::failed(format!("{name} fired with {odd:?}")));
    }
    if name == "filter:skip" {
        let for_state = fired
            .iter()
            .any(|words| words.last() == Some(&Word::Number(REASON_STATE)));
        demand(for_state, || {
            "no listening socket was skipped for its state".to_owned()
        })?;
    }
    let count = fired.len() as u64;
    Ok(Evidence::counts(count, count))
}

fn said(command: &mut Command) -> Result<String, Ending> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| Ending::failed(format!("failed to start {program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Ending::failed(format!(
        "{program} ended with {}: {}",
        output.status,
        said.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form that dtrace(1) of FreeBSD prints.
    const LISTING: &str = "\
   ID   PROVIDER            MODULE                          FUNCTION NAME
80141   tcpstats                                                read entry
80142   tcpstats                                                read done
80143   tcpstats                                              filter skip
80144   tcpstats                                              filter match
80145   tcpstats                                                fill done
80146   tcpstats                                             profile create
80147   tcpstats                                             profile destroy
";

    #[test]
    fn each_probe_must_be_listed_once() {
        assert!(registered(LISTING).is_ok());
        let missing = registered(&LISTING.replace("fill done", "fill end")).unwrap_err();
        assert!(message(&missing).starts_with("fill:done is listed 0 times"));
        let more = format!("{LISTING}80148   tcpstats   read other\n");
        assert_eq!(
            message(&registered(&more).unwrap_err()),
            "8 probes instead of 7"
        );
    }

    fn firings(lines: &str) -> Firings {
        let mut firings = Firings::new();
        lines.lines().for_each(|line| note(&mut firings, line));
        firings
    }

    fn judged(probe: &str, lines: &str) -> Result<(), String> {
        let probe = PROBES
            .into_iter()
            .find(|known| known.name == probe)
            .unwrap();
        judge(&firings(lines), &probe)
            .map(drop)
            .map_err(|ending| message(&ending))
    }

    #[test]
    fn plausible_arguments_pass() {
        let lines = "\
read:entry 20480 2
read:done 0 64 81230

read:done 0 0 700
filter:skip 9223371487098961920 3
filter:match 9223371487098961920
fill:done 310 320
profile:create it_812_probe
profile:destroy it_812_probe
";
        for Probe { name, .. } in PROBES {
            assert_eq!(judged(name, lines), Ok(()), "{name}");
        }
    }

    #[test]
    fn silence_and_implausible_arguments_fail() {
        assert_eq!(
            judged("read:done", ""),
            Err("read:done has not fired".into())
        );
        for (probe, line) in [
            ("read:entry", "read:entry 20481 2"),
            ("read:done", "read:done 4 64 81230"),
            ("read:done", "read:done 0 65 81230"),
            ("read:done", "read:done 0 64 0"),
            ("filter:skip", "filter:skip 1 7"),
            ("filter:skip", "filter:skip 1 4"),
            ("filter:match", "filter:match 1 0"),
            ("fill:done", "fill:done 310 319"),
            ("profile:create", "profile:create other"),
        ] {
            assert!(judged(probe, line).is_err(), "{line}");
        }
    }
}
