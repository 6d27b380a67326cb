// SPDX-License-Identifier: BSD-2-Clause
//! What went wrong as annotations of a GitHub Actions job: workflow commands,
//! one a line, that the runner takes from the job's output.

use std::collections::BTreeMap;

use protocol::event::TestFinished;

use super::state::{RunState, VmState};
use super::summary::names;
use super::{findings, text};

/// Annotations that are written; a job shows only the first few anyway.
const ANNOTATIONS_MAX: usize = 50;

/// One line for each test that failed, whatever the number of its VMs, for each
/// VM that was not driven to its end, and for each regression.
#[must_use]
pub fn render(state: &RunState) -> String {
    let mut lines = failed_tests(state);
    lines.extend(state.vms.iter().filter_map(not_driven));
    lines.extend(findings::regressions(state).map(|finding| regression(&finding)));
    let left_out = lines.len().saturating_sub(ANNOTATIONS_MAX);
    lines.truncate(ANNOTATIONS_MAX);
    if left_out > 0 {
        let more = format!("{left_out} more failures, in the event log");
        lines.push(command("notice", "tcpstats", &more));
    }
    lines.concat()
}

fn failed_tests(state: &RunState) -> Vec<String> {
    let mut order: Vec<&TestFinished> = Vec::new();
    let mut vms: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for vm in &state.vms {
        let failed = vm.targets.iter().flat_map(|target| &target.failed);
        for test in failed.filter(|test| !vm.expects(test)) {
            let on = vms.entry((&test.target, &test.id)).or_default();
            if on.is_empty() {
                order.push(test);
            }
            if !on.contains(&vm.name()) {
                on.push(vm.name());
            }
        }
    }
    let line = |test: &TestFinished| {
        let on = names(&vms[&(test.target.as_str(), test.id.as_str())]);
        let title = format!("{} on {on}", text::test_title(test));
        command("error", &title, &text::failure_lines(test).join("\n"))
    };
    order.into_iter().map(line).collect()
}

fn not_driven(vm: &VmState) -> Option<String> {
    let (how, cause) = match vm.end() {
        Some(end) if end.outcome.is_of_tests() => return None,
        Some(end) => (text::outcome(end.outcome), end.cause.as_ref()),
        None => ("unfinished", None),
    };
    let title = format!("{} {how}", vm.name());
    let said = cause.map_or("its end is not in the event log".into(), text::cause_line);
    Some(command("error", &title, &said))
}

/// An error where the run counts as regressed for it.
fn regression(finding: &findings::Finding<'_>) -> String {
    let kind = if finding.fails_run {
        "error"
    } else {
        "warning"
    };
    command(kind, &format!("{} slower", finding.title), &finding.said)
}

/// A workflow command, with what would end it or begin another one encoded.
fn command(kind: &str, title: &str, message: &str) -> String {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{kind} title={title}::{}\n", data(message))
}
