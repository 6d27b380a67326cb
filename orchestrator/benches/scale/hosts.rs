// SPDX-License-Identifier: BSD-2-Clause
//! How long commands and event streams on many hosts at once take, beside what
//! others take for them.

use std::fs;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::addresses::Addresses;
use crate::fleet::{EVENTS, Fleet, all_events, all_true, close, events_script};
use crate::{TURNS, line, middle, ratio, seconds};

const HOSTS: usize = 50;
/// Turns of those that take longest.
const RIVAL_TURNS: usize = 3;

/// Times of one comparison, turn by turn.
#[derive(Default)]
struct Times {
    plain: Vec<Duration>,
    cold: Vec<Duration>,
    closed: Vec<Duration>,
    live: Vec<Duration>,
    plain_events: Vec<Duration>,
    events: Vec<Duration>,
    pssh: Vec<Option<Duration>>,
    ansible: Vec<Option<Duration>>,
}

pub(crate) fn measure() {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::serve(dir.path(), HOSTS);
    let script = events_script(dir.path());
    let fleet = Fleet::new(addresses.vms(HOSTS));
    let mut times = Times::default();
    // Whoever comes first would read the programs from the disk.
    addresses.plain_ssh("true");
    for turn in 0..TURNS {
        times.plain.push(addresses.plain_ssh("true"));
        let started = Instant::now();
        let connections = runtime.block_on(fleet.connect());
        times.cold.push(started.elapsed());
        times
            .live
            .push(timed(|| runtime.block_on(all_true(&connections))));
        let log = dir.path().join(turn.to_string());
        fs::create_dir(&log).unwrap();
        times.events.push(timed(|| {
            runtime.block_on(all_events(&connections, &script, &log));
        }));
        let closing = timed(|| runtime.block_on(close(connections)));
        times.closed.push(closing);
        times
            .plain_events
            .push(addresses.plain_ssh(&format!("sh {script}")));
        if turn < RIVAL_TURNS {
            times.pssh.push(addresses.pssh("true"));
            times.ansible.push(addresses.ansible("true"));
        }
    }
    times.print();
}

impl Times {
    fn print(self) {
        let plain = middle(self.plain);
        let cold = middle(self.cold);
        let against = |name: &str, other: Option<Duration>| match other {
            Some(time) => line(
                &format!("  ours / {name}, {}", seconds(time)),
                &ratio(cold, time),
                "",
            ),
            None => line(&format!("  {name} is not installed"), "skipped", ""),
        };
        line(
            &format!("one command each, cold, on {HOSTS} hosts"),
            &seconds(cold),
            "",
        );
        let name = format!("  ours / ssh under xargs -P{HOSTS}, {}", seconds(plain));
        line(&name, &ratio(cold, plain), "<= 1.10");
        against(
            "pssh",
            self.pssh.into_iter().collect::<Option<_>>().map(middle),
        );
        against(
            "ansible, raw",
            self.ansible.into_iter().collect::<Option<_>>().map(middle),
        );
        line(
            "  closing the connections",
            &seconds(middle(self.closed)),
            "",
        );
        let live = middle(self.live);
        line(
            "a further command each, on live connections",
            &seconds(live),
            "",
        );
        line("  ssh under xargs / ours", &ratio(plain, live), ">= 20");
        let (plain_events, events) = (middle(self.plain_events), middle(self.events));
        line(
            &format!("{EVENTS} events of each read, logged and projected"),
            &seconds(events),
            "",
        );
        line(
            "  ssh under xargs, thrown away / ours",
            &ratio(plain_events, events),
            "",
        );
    }
}

fn timed<R>(act: impl FnOnce() -> R) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}
