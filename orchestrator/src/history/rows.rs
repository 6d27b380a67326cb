// SPDX-License-Identifier: BSD-2-Clause
//! The rows of a record, as statements that insert them: a pure function.

use jiff::Timestamp;
use sqlx::QueryBuilder;
use sqlx::query_builder::Separated;

use super::acks::{self, Acks};
use super::fingerprint::Fingerprint;
use super::id;
use super::record::{Attempts, RunRecord, TargetAttempt};
use super::series::{SeriesKey, better};
use super::store::Db;
use crate::event::{Cause, Stage};
use crate::projection::state::{RunState, VmState};

/// A statement with all its values.
pub(super) type Statement = QueryBuilder<Db>;
/// Values of one row.
type Row<'a> = Separated<'a, Db, &'static str>;

/// Rows of one statement: databases bound the values in one.
const ROWS: usize = 500;

/// A file that was read, `bytes` of it.
pub(super) fn source(name: &str, bytes: u64, trouble: Option<&str>) -> Vec<Statement> {
    let mut rows = Rows::default();
    rows.insert("sources (name, bytes, trouble)", [()], |row, ()| {
        row.push_bind(name)
            .push_bind(signed(bytes))
            .push_bind(trouble);
    });
    rows.statements
}

/// All that came of the run of that name.
pub(super) fn run(name: &str, record: &RunRecord) -> serde_json::Result<Vec<Statement>> {
    let mut rows = Rows::default();
    let run_id = id::of(&["run", name]);
    if !rows.head(run_id, name, &record.state) {
        return Ok(Vec::new());
    }
    for (position, vm) in record.state.vms.iter().enumerate() {
        let of = OfVm {
            run_id,
            vm_id: id::of(&["vm", name, vm.name()]),
            vm,
            fingerprint: record.fingerprint(vm),
        };
        rows.vm(&of, position);
        if let Some(attempts) = record.attempts(vm.name()) {
            rows.attempts(&of, attempts)?;
        }
    }
    Ok(rows.statements)
}

/// All that people said of changes.
pub(super) fn acks(acks: &Acks) -> Vec<Statement> {
    let mut rows = Rows::default();
    let columns = "acks (source, position, fingerprint, vm, benchmark, workload, connections, \
                   unit, better, run, who, time_us, note)";
    rows.insert(columns, acks.list.iter().enumerate(), |row, (at, ack)| {
        row.push_bind(acks::FILE_NAME).push_bind(count(at));
        series_columns(row, &ack.series);
        row.push_bind(&ack.run)
            .push_bind(&ack.who)
            .push_bind(ack.time.as_microsecond())
            .push_bind(&ack.note);
    });
    rows.statements
}

/// A VM whose rows are made.
struct OfVm<'a> {
    run_id: i64,
    vm_id: i64,
    vm: &'a VmState,
    fingerprint: Option<Fingerprint>,
}

#[derive(Default)]
struct Rows {
    statements: Vec<Statement>,
}

impl Rows {
    /// Insert `rows`, many in one statement.
    fn insert<R>(
        &mut self,
        columns: &str,
        rows: impl IntoIterator<Item = R>,
        bind: impl FnMut(&mut Row<'_>, R),
    ) {
        self.insert_or(columns, "", rows, bind);
    }

    /// Likewise; `conflict` says what becomes of those that are there already.
    fn insert_or<R>(
        &mut self,
        columns: &str,
        conflict: &str,
        rows: impl IntoIterator<Item = R>,
        mut bind: impl FnMut(&mut Row<'_>, R),
    ) {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut statement = QueryBuilder::new(format!("INSERT INTO {columns} "));
            statement.push_values(rows.by_ref().take(ROWS), |mut row, of| bind(&mut row, of));
            statement.push(conflict);
            self.statements.push(statement);
        }
    }

    /// The run itself; whether its log has a beginning.
    fn head(&mut self, run_id: i64, name: &str, state: &RunState) -> bool {
        let Some(head) = &state.head else {
            return false;
        };
        let columns = "runs (id, name, orchestrator, started_us, duration_s, result, interrupted)";
        self.insert(columns, [head], |row, head| {
            row.push_bind(run_id)
                .push_bind(name)
                .push_bind(&head.orchestrator)
                .push_bind(head.started.as_microsecond())
                .push_bind(state.duration_s)
                .push_bind(state.exit_status().as_str())
                .push_bind(state.interrupted.as_ref().map(|by| &by.signal));
        });
        let columns = "planned (run_id, position, target, category)";
        self.insert(
            columns,
            head.targets.iter().enumerate(),
            |row, (at, planned)| {
                row.push_bind(run_id)
                    .push_bind(count(at))
                    .push_bind(&planned.target)
                    .push_bind(&planned.category);
            },
        );
        true
    }

    fn vm(&mut self, of: &OfVm<'_>, position: usize) {
        self.fingerprint(of.fingerprint.as_ref());
        let vm = of.vm;
        let end = vm.end();
        let tally = vm.tally();
        let columns = "vms (id, run_id, position, name, address, fingerprint, started_us, \
                       duration_s, outcome, broken_in, passed, failed, skipped, cause_what, \
                       cause_tried, cause_advice)";
        self.insert(columns, [end], |row, end| {
            row.push_bind(of.vm_id)
                .push_bind(of.run_id)
                .push_bind(count(position))
                .push_bind(vm.name())
                .push_bind(&vm.planned.address)
                .push_bind(of.fingerprint.as_ref().map(Fingerprint::id))
                .push_bind(vm.started.map(Timestamp::as_microsecond))
                .push_bind(end.map(|end| end.duration_s))
                .push_bind(end.map(|end| end.outcome.as_str()))
                .push_bind(end.and_then(|end| end.broken_in).map(Stage::as_str))
                .push_bind(i64::from(tally.passed))
                .push_bind(i64::from(tally.failed))
                .push_bind(i64::from(tally.skipped));
            cause_columns(row, end.and_then(|end| end.cause.as_ref()));
        });
    }

    fn fingerprint(&mut self, fingerprint: Option<&Fingerprint>) {
        let columns =
            "fingerprints (id, os, os_release, arch, cpu_model, cpus, memory_mib, kernel)";
        self.insert_or(
            columns,
            " ON CONFLICT DO NOTHING",
            fingerprint,
            |row, of| {
                row.push_bind(of.id())
                    .push_bind(&of.os)
                    .push_bind(&of.os_release)
                    .push_bind(&of.arch)
                    .push_bind(&of.cpu_model)
                    .push_bind(i64::from(of.cpus))
                    .push_bind(signed(of.memory_mib))
                    .push_bind(&of.kernel);
            },
        );
    }

    fn attempts(&mut self, of: &OfVm<'_>, attempts: &Attempts) -> serde_json::Result<()> {
        let columns = "stages (vm_id, position, stage, attempt, started_us, duration_s, \
                       will_retry, cause_what, cause_tried, cause_advice)";
        self.insert(
            columns,
            attempts.stages.iter().enumerate(),
            |row, (at, stage)| {
                row.push_bind(of.vm_id)
                    .push_bind(count(at))
                    .push_bind(stage.stage.as_str())
                    .push_bind(i64::from(stage.attempt))
                    .push_bind(stage.started.as_microsecond())
                    .push_bind(stage.duration_s)
                    .push_bind(stage.will_retry);
                cause_columns(row, stage.cause.as_ref());
            },
        );
        for (at, attempt) in attempts.targets.iter().enumerate() {
            let target_id = id::of(&["target", &of.vm_id.to_string(), &at.to_string()]);
            let counts = attempts.counts(of.vm, at);
            self.target(of, target_id, at, attempt, counts);
            self.tests(target_id, attempt);
            self.counters(target_id, attempt);
            if let Some(fingerprint) = of.fingerprint.as_ref().filter(|_| counts) {
                self.points(of, &fingerprint.id(), attempt)?;
            }
        }
        Ok(())
    }

    fn target(
        &mut self,
        of: &OfVm<'_>,
        target_id: i64,
        at: usize,
        attempt: &TargetAttempt,
        counts: bool,
    ) {
        let columns = "targets (id, vm_id, position, target, planned, attempt, counts, outcome, \
                       duration_s)";
        self.insert(columns, [attempt], |row, attempt| {
            row.push_bind(target_id)
                .push_bind(of.vm_id)
                .push_bind(count(at))
                .push_bind(&attempt.target)
                .push_bind(&attempt.planned)
                .push_bind(i64::from(attempt.attempt))
                .push_bind(counts)
                .push_bind(attempt.end.map(|(outcome, _)| outcome.as_str()))
                .push_bind(attempt.end.map(|(_, duration_s)| duration_s));
        });
    }

    fn tests(&mut self, target_id: i64, attempt: &TargetAttempt) {
        let columns = "tests (target_id, position, test, name, category, outcome, duration_s, \
                       filter, expected, actual, message)";
        self.insert(
            columns,
            attempt.tests.iter().enumerate(),
            |row, (at, test)| {
                row.push_bind(target_id)
                    .push_bind(count(at))
                    .push_bind(&test.id)
                    .push_bind(&test.name)
                    .push_bind(&test.category)
                    .push_bind(test.outcome.as_str())
                    .push_bind(test.duration_s)
                    .push_bind(&test.filter)
                    .push_bind(test.expected.map(signed))
                    .push_bind(test.actual.map(signed))
                    .push_bind(&test.message);
            },
        );
    }

    fn counters(&mut self, target_id: i64, attempt: &TargetAttempt) {
        let columns = "counters (target_id, name, first_value, last_value)";
        self.insert(columns, &attempt.counters, |row, (name, (first, last))| {
            row.push_bind(target_id)
                .push_bind(name)
                .push_bind(signed(*first))
                .push_bind(signed(*last));
        });
    }

    /// A series that two targets of a run measured has what came last.
    fn points(
        &mut self,
        of: &OfVm<'_>,
        fingerprint: &str,
        attempt: &TargetAttempt,
    ) -> serde_json::Result<()> {
        let mut points = Vec::new();
        for measured in &attempt.benchmarks {
            let key = SeriesKey::of(fingerprint, of.vm.name(), &measured.of);
            let samples = serde_json::to_string(&measured.samples)?;
            let reference = match &measured.reference[..] {
                [] => None,
                reference => Some(serde_json::to_string(reference)?),
            };
            points.push((key, measured.of.median, samples, reference));
        }
        let columns =
            "series (id, fingerprint, vm, benchmark, workload, connections, unit, better)";
        self.insert_or(
            columns,
            " ON CONFLICT DO NOTHING",
            &points,
            |row, (key, ..)| {
                row.push_bind(key.id());
                series_columns(row, key);
            },
        );
        let columns = "points (series_id, run_id, target, median, samples, reference)";
        let conflict = " ON CONFLICT (series_id, run_id) DO UPDATE SET target = excluded.target, \
                        median = excluded.median, samples = excluded.samples, \
                        reference = excluded.reference";
        self.insert_or(columns, conflict, &points, |row, point| {
            let (key, median, samples, reference) = point;
            row.push_bind(key.id())
                .push_bind(of.run_id)
                .push_bind(&attempt.target)
                .push_bind(*median)
                .push_bind(samples)
                .push_bind(reference);
        });
        Ok(())
    }
}

fn series_columns(row: &mut Row<'_>, key: &SeriesKey) {
    row.push_bind(&key.fingerprint)
        .push_bind(&key.vm)
        .push_bind(&key.benchmark)
        .push_bind(&key.workload)
        .push_bind(signed(key.connections))
        .push_bind(&key.unit)
        .push_bind(better(key.better));
}

fn cause_columns(row: &mut Row<'_>, cause: Option<&Cause>) {
    row.push_bind(cause.map(|cause| &cause.what))
        .push_bind(cause.map(|cause| &cause.tried))
        .push_bind(cause.map(|cause| &cause.advice));
}

/// The largest that a database holds stands for what is larger.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    signed(number as u64)
}
