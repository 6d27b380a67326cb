// SPDX-License-Identifier: BSD-2-Clause
//! Every family that is served: the exposition is made from this table, and so
//! is its reference.

use metric_table::{Family, Kind, Reference, Section};

use super::process;
use crate::scrape::series;

const EVENTS: &str = "events of this process";
const LAST_RUN_OF_VM: &str = "the VM's last run";
const LAST_RUN_OF_TARGET: &str = "the target's last run on the VM that has ended";

pub(super) const BUILD_INFO: Family = Family::new(
    "orchestrator_build_info",
    Kind::Gauge,
    &["version"],
    "This program; always 1.",
    "the program",
);
pub(super) const EVENTS_TOTAL: Family = Family::new(
    "orchestrator_events_total",
    Kind::Counter,
    &[],
    "Events that this process has taken in, of all its runs.",
    EVENTS,
);
pub(super) const RUN_IN_PROGRESS: Family = Family::new(
    "orchestrator_run_in_progress",
    Kind::Gauge,
    &[],
    "Whether a run goes on (0 or 1).",
    "the runs",
);
pub(super) const RUNS: Family = Family::new(
    "orchestrator_runs_total",
    Kind::Counter,
    &["result"],
    "Runs that this process finished, by result.",
    "run_finished",
);
pub(super) const HISTORY_FAILURES: Family = Family::new(
    "orchestrator_history_failures_total",
    Kind::Counter,
    &["reason"],
    "Times that the history of runs could not be read or written: damaged, full, locked, schema, \
     unwritable or other. Runs are not changed by it; the logs have all that it lacks.",
    "the history",
);
pub(super) const RETRIES: Family = Family::new(
    "orchestrator_retries_total",
    Kind::Counter,
    &["vm", "stage"],
    "Attempts at a stage after the first.",
    "stage_started",
);
pub(super) const STAGES: Family = Family::new(
    "orchestrator_stage_duration_seconds",
    // From a lock to a kernel build.
    Kind::Histogram(&[
        0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    ]),
    &["vm", "stage"],
    "Wall time of the attempts at a stage.",
    "stage_finished",
);
pub(super) const CONNECTS: Family = Family::new(
    "orchestrator_ssh_connect_seconds",
    // From a LAN to the time-out of connecting.
    Kind::Histogram(&[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]),
    &[],
    "Time to an SSH connection that stood.",
    "stage_finished",
);
pub(super) const SCRAPES: Family = Family::new(
    "orchestrator_scrape_duration_seconds",
    // From loopback to a scrape's limit.
    Kind::Histogram(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0]),
    &["vm"],
    "Wall time of the scrapes of a VM's exporter, failed ones included.",
    "scraped, scrape_failed",
);
pub(super) const SCRAPE_FAILURES: Family = Family::new(
    "orchestrator_scrape_failures_total",
    Kind::Counter,
    &["vm", "reason"],
    "Scrapes of a VM's exporter that gave nothing, by reason.",
    "scrape_failed",
);

/// What names a series of a benchmark.
const SERIES_LABELS: &[&str] = &["vm", "benchmark", "workload", "connections"];

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    source: &'static str,
) -> Family {
    Family::new(name, Kind::Gauge, labels, help, source)
}

pub(super) const VM_INFO: Family = gauge(
    "orchestrator_vm_info",
    &["vm", "os", "arch"],
    "What a VM is, by its own word where it was reached and else by the inventory's; always 1.",
    LAST_RUN_OF_VM,
);
pub(super) const VM_UP: Family = gauge(
    "orchestrator_vm_up",
    &["vm"],
    "Whether the VM could be reached and was not lost since (0 or 1); absent before that is known.",
    LAST_RUN_OF_VM,
);
pub(super) const VM_OUTCOME: Family = gauge(
    "orchestrator_vm_outcome",
    &["vm", "outcome"],
    "How the VM's last run that has ended did; always 1.",
    "vm_finished",
);
pub(super) const VM_DURATION: Family = gauge(
    "orchestrator_vm_duration_seconds",
    &["vm"],
    "Wall time of the VM's last run that has ended, from its first stage to its last.",
    "vm_finished",
);
pub(super) const CONSOLE_REPORTS: Family = gauge(
    "orchestrator_console_reports",
    &["vm", "kind"],
    "How often the VM's console showed such a thing in its last run; only what it showed.",
    "console",
);
pub(super) const LAST_RUN: Family = gauge(
    "orchestrator_last_run_timestamp_seconds",
    &["vm", "target"],
    "When the target last came to an end on the VM, whatever end that was.",
    LAST_RUN_OF_TARGET,
);
pub(super) const TARGET_PASSED: Family = gauge(
    "orchestrator_target_passed",
    &["vm", "target"],
    "Whether the target came to its end without a failed test (0 or 1).",
    LAST_RUN_OF_TARGET,
);
pub(super) const TARGET_DURATION: Family = gauge(
    "orchestrator_target_duration_seconds",
    &["vm", "target"],
    "Wall time of the target; absent where it did not come to its end.",
    LAST_RUN_OF_TARGET,
);
pub(super) const TESTS: Family = gauge(
    "orchestrator_tests",
    &["vm", "target", "category", "outcome"],
    "Tests of the target's last run by outcome.",
    LAST_RUN_OF_TARGET,
);
pub(super) const TEST_FAILED: Family = gauge(
    "orchestrator_test_failed",
    &["vm", "target", "test"],
    "A test that failed in the target's last run; always 1. The first 100 of a VM.",
    LAST_RUN_OF_TARGET,
);
pub(super) const BENCHMARK: Family = gauge(
    "orchestrator_benchmark_value",
    &["vm", "benchmark", "workload", "connections", "unit"],
    "Median of a benchmark's repetitions in its target's last run, in the unit of its label.",
    LAST_RUN_OF_TARGET,
);
pub(super) const BENCHMARK_CHANGE: Family = gauge(
    "orchestrator_benchmark_change_ratio",
    SERIES_LABELS,
    "New mean through old mean, less 1, of the change of the benchmark's history that counts most: \
     the last one that is for the worse and stands, else the last one; 0 where there was none.",
    "judged",
);
pub(super) const BENCHMARK_REGRESSION: Family = gauge(
    "orchestrator_benchmark_regression",
    SERIES_LABELS,
    "Whether the benchmark got worse, which is confirmed, not recovered and not acknowledged (0 or 1).",
    "judged",
);
pub(super) const BENCHMARK_SUSPECT: Family = gauge(
    "orchestrator_benchmark_suspect",
    SERIES_LABELS,
    "Whether the benchmark's last run is not what its history lets expect (0 or 1).",
    "judged",
);
pub(super) const LAST_SCRAPE: Family = gauge(
    "orchestrator_last_scrape_timestamp_seconds",
    &["vm"],
    "When the VM's exporter was last scraped with success.",
    "scraped",
);

/// Of `serve`, which has a schedule.
pub(crate) const RUN_DUE: Family = gauge(
    "orchestrator_run_due_timestamp_seconds",
    &["vm", "target"],
    "By when the schedule wants the target's next run on the VM to have begun: its first time \
     after the last run began or, where none is known, after the service did.",
    "the schedule",
);

const SECTIONS: [Section; 6] = [
    Section {
        title: "The orchestrator",
        intro: "Served by `run` and by `serve`. What adds up counts from the start of the process.",
        families: &[
            BUILD_INFO,
            EVENTS_TOTAL,
            RUN_IN_PROGRESS,
            RUNS,
            CONNECTS,
            HISTORY_FAILURES,
        ],
    },
    Section {
        title: "VMs",
        intro: "Of each VM of the run (`run`), or of each VM of the inventory in its last run that \
                has come to say so (`serve`: a run that has only begun takes nothing away, and \
                neither does a restart; only what adds up begins anew). Everything with a \
                VM's name leaves with the VM. A label is one of a fixed set, or comes from the \
                inventory, or is limited in number and length: a VM can't make series without end.",
        families: &[
            VM_INFO,
            VM_UP,
            VM_OUTCOME,
            VM_DURATION,
            CONSOLE_REPORTS,
            STAGES,
            RETRIES,
            SCRAPES,
            SCRAPE_FAILURES,
            LAST_SCRAPE,
        ],
    },
    Section {
        title: "Targets, tests and benchmarks",
        intro: "Of each target that was begun, and of each that was planned and not come to, unless \
                the run was cancelled; where a target was never brought to its end, it is shown as it \
                goes on. How benchmarks are judged is known when the run has ended. 64 targets of a VM, 64 categories and 512 \
                benchmarks of a target at most; what is beyond the first two is counted as `other`.",
        families: &[
            LAST_RUN,
            RUN_DUE,
            TARGET_PASSED,
            TARGET_DURATION,
            TESTS,
            TEST_FAILED,
            BENCHMARK,
            BENCHMARK_CHANGE,
            BENCHMARK_REGRESSION,
            BENCHMARK_SUSPECT,
        ],
    },
    Section {
        title: "The device of a VM",
        intro: "What tcpstats-exporter on the VM says in a run, republished under the VM's name, or what \
                the test binary has read from the sysctls below dev.tcpstats since. It stays when \
                the run, and with it the exporter, has ended: the last word, as old as \
                `orchestrator_last_scrape_timestamp_seconds` says. It leaves when a scrape fails \
                for another reason than that, and when the next run begins.",
        families: &series::KMOD,
    },
    Section {
        title: "The TCP of a VM",
        intro: "Likewise, from the exporter alone. Its distributions (round-trip times, windows, \
                retransmits, buffers) are not taken: each is of the moment it was asked, and belongs \
                to who asks often, a Prometheus that scrapes the exporter itself.",
        families: &series::TCP,
    },
    Section {
        title: "The process",
        intro: "Of the orchestrator that is asked.",
        families: &process::FAMILIES,
    },
];

/// Every family, as Markdown.
pub(crate) const REFERENCE: Reference<'_> = Reference {
    title: "What the orchestrator serves at /metrics",
    command: "orchestrator serve --print-metrics",
    sections: &SECTIONS,
};
