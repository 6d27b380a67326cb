// SPDX-License-Identifier: BSD-2-Clause
//! Many hosts that the orchestrator's own parts drive at once.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openssh::ChildStdin;
use orchestrator::event_log::FILE_NAME;
use orchestrator::inventory::Vm;
use orchestrator::pipeline::lines::{self, Line};
use orchestrator::projection::StateHandle;
use orchestrator::ssh::remote::{Handle, Process};
use orchestrator::ssh::{Connection, ControlDir};
use tokio::task::JoinSet;
use tokio_stream::Stream;

use crate::events;

/// Events that each host prints.
pub(crate) const EVENTS: u32 = 200;
const LIMIT: Duration = Duration::from_secs(120);

/// What the hosts run so that each prints [`EVENTS`] events and then waits for
/// the end of its input.
pub(crate) fn events_script(dir: &Path) -> String {
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
pub(crate) struct Fleet {
    vms: Vec<Vm>,
    control: Arc<ControlDir>,
}

impl Fleet {
    pub(crate) fn new(vms: Vec<Vm>) -> Self {
        let control = Arc::new(ControlDir::new().unwrap());
        Self { vms, control }
    }

    /// Connect to all, and run a command on each as soon as its connection
    /// stands.
    pub(crate) async fn connect(&self) -> Vec<Arc<Connection>> {
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

pub(crate) async fn all_true(connections: &[Arc<Connection>]) {
    let mut running = JoinSet::new();
    for connection in connections {
        let connection = Arc::clone(connection);
        running.spawn(async move { connection.succeed(&["true"]).await.unwrap() });
    }
    running.join_all().await;
}

pub(crate) async fn close(connections: Vec<Arc<Connection>>) {
    let mut closing = JoinSet::new();
    for connection in connections {
        closing.spawn(Arc::into_inner(connection).unwrap().close());
    }
    closing.join_all().await;
}

/// A host whose events were read, with all that following it takes.
pub(crate) struct Followed {
    _lines: Lines,
    _stdin: ChildStdin,
    _handle: Handle,
}

type Lines = Pin<Box<dyn Stream<Item = Line> + Send>>;

/// Have each host's events read, logged in `dir` and projected.
pub(crate) async fn all_events(
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
