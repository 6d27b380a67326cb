// SPDX-License-Identifier: BSD-2-Clause
//! Each VM of a run: what it is, its way through the stages, what its console
//! and its programs said, its device's counters.

use maud::{Markup, html};

use super::failures::cause;
use super::{Mark, anchor, facts, matrix, quote};
use crate::projection::details::{Report, Span, VmDetails};
use crate::projection::state::{TargetState, VmState};
use crate::projection::text::{self, printable, seconds};

/// Width of a bar's box; its unit is arbitrary.
const BAR: f64 = 1000.0;

/// All that is told of one VM: open where it did not pass.
pub(super) fn card(vm: &VmState, place: usize, details: Option<&VmDetails>) -> Markup {
    let passed = vm.end().is_some_and(|end| end.outcome.is_good());
    html! {
        details.card id=(anchor(place)) open[!passed] {
            summary {
                (Mark::of_vm(vm).render()) " " strong { (printable(vm.name())) }
                " " span.quiet { (matrix::system(vm)) " · " (text::tally(vm.tally())) }
            }
            (cause(vm))
            @if let Some(details) = details {
                @for report in &details.reports { (console(report)) }
                (last_lines(details))
            }
            (about(vm, details))
            @if let Some(details) = details { (stages(vm, &details.spans)) }
            @for target in &vm.targets { (counters(target)) }
        }
    }
}

fn console(report: &Report) -> Markup {
    html! {
        h3 { "Console: " (report.kind.as_str()) " at " (super::moment(report.time)) }
        (quote(report.lines.iter().map(String::as_str)))
    }
}

fn last_lines(details: &VmDetails) -> Markup {
    let lines = &details.lines;
    html! {
        @if !lines.is_empty() {
            h3 { "What its programs wrote last" }
            pre {
                @for line in lines {
                    (line.time.strftime("%H:%M:%S").to_string()) " "
                    (printable(&line.text)) "\n"
                }
            }
        }
    }
}

fn about(vm: &VmState, details: Option<&VmDetails>) -> Markup {
    let mut pairs = vec![("address", vm.planned.address.clone())];
    if let Some(known) = &vm.facts {
        pairs.push(("host name", known.hostname.clone()));
        pairs.push(("boot", known.boot_id.clone()));
    }
    if let Some(hello) = details.and_then(|details| details.hello.as_ref()) {
        let device = hello.device.as_ref();
        let version = |device: &protocol::event::DeviceInfo| {
            format!(
                "version {}, records of {} bytes",
                device.version, device.record_size
            )
        };
        pairs.push(("processors", hello.cpus.to_string()));
        pairs.push(("memory", format!("{} MiB", hello.memory_bytes >> 20)));
        pairs.push(("test binary", hello.harness.clone()));
        pairs.push(("device", device.map(version).unwrap_or_default()));
    }
    facts(pairs)
}

/// Every attempt at each stage, as a bar where its time lies in the VM's.
fn stages(vm: &VmState, spans: &[Span]) -> Markup {
    let Some(begin) = vm.started else {
        return html! {};
    };
    let after = |span: &Span| span.started.duration_since(begin).as_secs_f64();
    // What was done before the run was resumed is not of this way.
    let spans = || spans.iter().filter(|span| span.started >= begin);
    let ends = spans().map(|span| after(span) + span.duration_s);
    let whole = ends.fold(f64::MIN_POSITIVE, f64::max);
    html! {
        table.stages {
            caption { "Stages" }
            thead {
                tr {
                    th scope="col" { "stage" }
                    th.number scope="col" { "time" }
                    th.wide scope="col" { "when, of " (seconds(whole)) }
                }
            }
            tbody {
                @for span in spans() {
                    tr {
                        th scope="row" {
                            (span.stage)
                            @if span.attempt > 1 { " " span.quiet { "attempt " (span.attempt) } }
                        }
                        td.number { (seconds(span.duration_s)) }
                        td {
                            (bar(after(span) / whole, span.duration_s / whole, span.cause.is_some()))
                        }
                    }
                    @if let Some(cause) = &span.cause {
                        tr { td.bad colspan="3" { "failed: " (printable(&cause.what)) } }
                    }
                }
            }
        }
    }
}

/// From which part of a whole on, and over which part of it.
fn bar(from: f64, over: f64, failed: bool) -> Markup {
    let (x, width) = (from * BAR, (over * BAR).max(BAR / 200.0));
    let class = if failed { "bar failed" } else { "bar" };
    html! {
        svg class=(class) viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            rect x=(format!("{:.0}", x.min(BAR * 0.995))) width=(format!("{width:.0}")) height="10" {}
        }
    }
}

fn counters(target: &TargetState) -> Markup {
    let grown: Vec<(&str, u64)> = target.counters.growth().filter(|(_, by)| *by > 0).collect();
    html! {
        @if !grown.is_empty() {
            details {
                summary {
                    "Counters of the device that grew in " (printable(&target.target))
                    " (" (grown.len()) ")"
                }
                table.stages {
                    thead { tr { th scope="col" { "counter" } th.number scope="col" { "by" } } }
                    tbody {
                        @for (name, by) in &grown {
                            tr { th scope="row" { (printable(name)) } td.number { (by) } }
                        }
                    }
                }
            }
        }
    }
}
