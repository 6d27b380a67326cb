// SPDX-License-Identifier: BSD-2-Clause
//! What driving many hosts at once costs, in time and in memory.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::ChildStdin;
use orchestrator::event_log::FILE_NAME;
use orchestrator::inventory::Vm;
use orchestrator::pipeline::lines::{self, Line};
use orchestrator::projection::StateHandle;
use orchestrator::ssh::remote::{Handle, Process};
use orchestrator::ssh::{Connection, ControlDir};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_stream::Stream;

use crate::addresses::Addresses;
use crate::{TURNS, events, line, memory, middle};

const HOSTS: usize = 50;
const MANY_HOSTS: usize = 200;
/// Events that each host prints.
const EVENTS: u32 = 200;
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn measure() {
    let runtime = Runtime::new().unwrap();
    measure_memory(&runtime);
    measure_time(&runtime);
}

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

fn measure_time(runtime: &Runtime) {
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
        times.pssh.push(addresses.pssh("true"));
        times.ansible.push(addresses.ansible("true"));
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

fn measure_memory(runtime: &Runtime) {
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::serve(dir.path(), MANY_HOSTS);
    let script = events_script(dir.path());
    // What is there once, however many hosts there are, is not a host's.
    let one = Fleet::new(addresses.vms(1));
    held(runtime, &one, &script, &dir.path().join("one"));
    for number in [HOSTS, MANY_HOSTS] {
        let fleet = Fleet::new(addresses.vms(number));
        let log = dir.path().join(number.to_string());
        let Held {
            connected,
            own_kb,
            ssh_kb,
        } = held(runtime, &fleet, &script, &log);
        line(
            &format!("{number} hosts connected"),
            &seconds(connected),
            "",
        );
        let a_host = |kb: f64| format!("{:.0} kB", kb / number as f64);
        line(
            &format!("  memory a host, after {EVENTS} events of each"),
            &a_host(own_kb),
            "<= 64 kB",
        );
        line("  memory a host, ssh's own", &a_host(ssh_kb), "");
    }
}

/// What hosts cost while all of them are connected to and their events follow.
struct Held {
    connected: Duration,
    own_kb: f64,
    ssh_kb: f64,
}

fn held(runtime: &Runtime, fleet: &Fleet, script: &str, log: &Path) -> Held {
    fs::create_dir(log).unwrap();
    let before = memory::own_kb();
    let started = Instant::now();
    let connections = runtime.block_on(fleet.connect());
    let connected = started.elapsed();
    let following = runtime.block_on(all_events(&connections, script, log));
    let held = Held {
        connected,
        own_kb: memory::own_kb() - before,
        ssh_kb: memory::children_kb("ssh"),
    };
    drop(following);
    runtime.block_on(close(connections));
    held
}

fn timed<R>(act: impl FnOnce() -> R) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn ratio(a: Duration, b: Duration) -> String {
    format!("{:.2}", a.as_secs_f64() / b.as_secs_f64())
}

/// What the hosts run so that each prints [`EVENTS`] events and then waits for
/// the end of its input.
fn events_script(dir: &Path) -> String {
    let said = String::from_utf8(events::said(EVENTS - events::FRAME)).unwrap();
    let mut script: String = said
        .lines()
        .map(|event| format!("echo '{event}'\n"))
        .collect();
    script += "cat >/dev/null\n";
    let path = dir.join("events.sh");
    fs::write(&path, script).unwrap();
    path.display().to_string()
}

/// Hosts that ours drives.
struct Fleet {
    vms: Vec<Vm>,
    control: Arc<ControlDir>,
}

impl Fleet {
    fn new(vms: Vec<Vm>) -> Self {
        let control = Arc::new(ControlDir::new().unwrap());
        Self { vms, control }
    }

    /// Connect to all, and run a command on each as soon as its connection
    /// stands.
    async fn connect(&self) -> Vec<Arc<Connection>> {
        let mut connecting = JoinSet::new();
        for vm in &self.vms {
            let (vm, control) = (vm.clone(), Arc::clone(&self.control));
            connecting.spawn(async move {
                let connection = Connection::open(&vm, &control, LIMIT).await.unwrap();
                connection.succeed(&["true"]).await.unwrap();
                Arc::new(connection)
            });
        }
        connecting.join_all().await
    }
}

async fn all_true(connections: &[Arc<Connection>]) {
    let mut running = JoinSet::new();
    for connection in connections {
        let connection = Arc::clone(connection);
        running.spawn(async move { connection.succeed(&["true"]).await.unwrap() });
    }
    running.join_all().await;
}

async fn close(connections: Vec<Arc<Connection>>) {
    let mut closing = JoinSet::new();
    for connection in connections {
        closing.spawn(Arc::into_inner(connection).unwrap().close());
    }
    closing.join_all().await;
}

/// A host whose events were read, with all that following it takes.
struct Followed {
    _lines: Lines,
    _stdin: ChildStdin,
    _handle: Handle,
}

type Lines = Pin<Box<dyn Stream<Item = Line> + Send>>;

/// Have each host's events read, logged in `dir` and projected.
async fn all_events(
    connections: &[Arc<Connection>],
    script: &str,
    dir: &Path,
) -> (Vec<Followed>, StateHandle) {
    let state = StateHandle::default();
    let names = connections
        .iter()
        .map(|connection| connection.address().to_owned());
    let (recorder, writer) = events::log(&dir.join(FILE_NAME), names, state.clone()).await;
    let mut following = JoinSet::new();
    for connection in connections {
        let connection = Arc::clone(connection);
        let (script, recorder) = (script.to_owned(), recorder.clone());
        following.spawn(async move {
            let Process {
                stdin,
                stdout,
                stderr,
                handle,
            } = connection.spawn(&["sh", &script]).await.unwrap();
            let mut lines: Lines = Box::pin(lines::of(stdout, stderr, usize::MAX));
            events::follow(connection.address(), &mut lines, &recorder).await;
            Followed {
                _lines: lines,
                _stdin: stdin,
                _handle: handle,
            }
        });
    }
    drop(recorder);
    let followed = following.join_all().await;
    writer.finish().await.unwrap();
    let tests = connections.len() as u32 * (EVENTS - events::FRAME);
    assert_eq!(events::tests(&state), tests);
    (followed, state)
}
