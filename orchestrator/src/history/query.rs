// SPDX-License-Identifier: BSD-2-Clause
//! Answers from rows.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::acks::Ack;
use super::series::{Point, SeriesKey, parse_better};
use super::{Error, Fingerprint, History};
use crate::projection::state::Tally;

/// Which runs are wanted.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Those that this VM was part of.
    pub vm: Option<String>,
    /// Those that this target was planned for.
    pub target: Option<String>,
    /// Those that did not pass.
    pub failed: bool,
    /// The newest of them; all where it is absent.
    pub limit: Option<u32>,
}

/// One run among others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunLine {
    /// Its name.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// Wall time; absent for a run whose end is not in the log.
    pub duration_s: Option<f64>,
    /// Its exit status, in a word.
    pub result: String,
    /// Name of the signal that ended it early.
    pub interrupted: Option<String>,
    /// What each VM was to run.
    pub targets: Vec<String>,
    /// In the plan's order.
    pub vms: Vec<VmLine>,
}

/// One VM of a run among others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VmLine {
    /// Its name.
    pub name: String,
    /// How it ended; absent where that is not in the log.
    pub outcome: Option<String>,
    /// Its tests.
    pub tests: Tally,
}

/// The runs that a [`RunFilter`] lets through, to be bound in the order of its
/// fields.
const FILTERED: &str = "SELECT * FROM runs \
    WHERE ($1 IS NULL OR EXISTS \
            (SELECT 1 FROM vms WHERE vms.run_id = runs.id AND vms.name = $1)) \
      AND ($2 IS NULL OR EXISTS \
            (SELECT 1 FROM planned WHERE planned.run_id = runs.id AND planned.target = $2)) \
      AND ($3 = 0 OR runs.result <> 'passed') \
    ORDER BY runs.name DESC LIMIT $4";

type HeadColumns = (i64, String, i64, Option<f64>, String, Option<String>);

type SeriesColumns = (String, String, String, String, i64, String, String);
const SERIES_COLUMNS: &str = "fingerprint, vm, benchmark, workload, connections, unit, better";

impl History {
    /// What was read, and how much of it.
    pub(super) async fn sources(&self) -> Result<Vec<(String, i64)>, Error> {
        let all = sqlx::query_as("SELECT name, bytes FROM sources");
        Ok(all.fetch_all(&self.pool).await?)
    }

    /// The runs that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, Error> {
        let heads: Vec<HeadColumns> = self
            .filtered(
                "SELECT id, name, started_us, duration_s, result, interrupted FROM ({}) AS wanted \
                 ORDER BY name DESC",
                filter,
            )
            .await?;
        let mut targets = self.targets_of(filter).await?;
        let mut vms = self.vms_of(filter).await?;
        let lines = heads.into_iter().map(|head| {
            let (id, run, started_us, duration_s, result, interrupted) = head;
            Ok(RunLine {
                run,
                started: time(started_us)?,
                duration_s,
                result,
                interrupted,
                targets: targets.remove(&id).unwrap_or_default(),
                vms: vms.remove(&id).unwrap_or_default(),
            })
        });
        lines.collect()
    }

    async fn targets_of(&self, filter: &RunFilter) -> Result<HashMap<i64, Vec<String>>, Error> {
        let rows: Vec<(i64, String)> = self
            .filtered(
                "SELECT planned.run_id, planned.target FROM ({}) AS wanted \
                 JOIN planned ON planned.run_id = wanted.id \
                 ORDER BY planned.run_id, planned.position",
                filter,
            )
            .await?;
        Ok(grouped(rows))
    }

    async fn vms_of(&self, filter: &RunFilter) -> Result<HashMap<i64, Vec<VmLine>>, Error> {
        let rows: Vec<(i64, String, Option<String>, i64, i64, i64)> = self
            .filtered(
                "SELECT vms.run_id, vms.name, vms.outcome, vms.passed, vms.failed, vms.skipped \
                 FROM ({}) AS wanted JOIN vms ON vms.run_id = wanted.id \
                 ORDER BY vms.run_id, vms.position",
                filter,
            )
            .await?;
        let vms = rows
            .into_iter()
            .map(|(run, name, outcome, passed, failed, skipped)| {
                let tests = Tally {
                    passed: small(passed),
                    failed: small(failed),
                    skipped: small(skipped),
                };
                let vm = VmLine {
                    name,
                    outcome,
                    tests,
                };
                (run, vm)
            });
        Ok(grouped(vms))
    }

    /// The rows of `query`, in which `{}` stands for the runs that `filter` lets
    /// through.
    async fn filtered<R>(&self, query: &str, filter: &RunFilter) -> Result<Vec<R>, Error>
    where
        R: for<'r> sqlx::FromRow<'r, <super::store::Db as sqlx::Database>::Row> + Send + Unpin,
    {
        // Both are texts of this program.
        let query = AssertSqlSafe(query.replace("{}", FILTERED));
        let rows = sqlx::query_as(query)
            .bind(filter.vm.clone())
            .bind(filter.target.clone())
            .bind(i64::from(filter.failed))
            .bind(filter.limit.map_or(i64::MAX, i64::from))
            .fetch_all(&self.pool);
        Ok(rows.await?)
    }

    /// Every series that a run has measured, by VM, benchmark, workload and
    /// connections.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn series(&self) -> Result<Vec<SeriesKey>, Error> {
        let query = format!(
            "SELECT {SERIES_COLUMNS} FROM series \
             ORDER BY vm, benchmark, workload, connections, unit, better, fingerprint"
        );
        let rows: Vec<SeriesColumns> = sqlx::query_as(AssertSqlSafe(query))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(series).collect())
    }

    /// The points of `series`, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn points(&self, series: &SeriesKey) -> Result<Vec<Point>, Error> {
        type Row = (String, i64, f64, String, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT runs.name, runs.started_us, points.median, points.samples, points.reference \
             FROM points JOIN runs ON runs.id = points.run_id \
             WHERE points.series_id = $1 ORDER BY runs.started_us, runs.name",
        )
        .bind(series.id())
        .fetch_all(&self.pool)
        .await?;
        let points = rows.into_iter().map(|row| {
            let (run, started_us, median, samples, reference) = row;
            Ok(Point {
                run,
                time: time(started_us)?,
                median,
                samples: numbers(&samples)?,
                reference: reference.as_deref().map_or(Ok(Vec::new()), numbers)?,
            })
        });
        points.collect()
    }

    /// What stands behind the id of a fingerprint; `None` where no run has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fingerprint(&self, id: &str) -> Result<Option<Fingerprint>, Error> {
        let row: Option<(String, String, String, String, i64, i64, String)> = sqlx::query_as(
            "SELECT os, os_release, arch, cpu_model, cpus, memory_mib, kernel \
             FROM fingerprints WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(
            |(os, os_release, arch, cpu_model, cpus, memory_mib, kernel)| Fingerprint {
                os,
                os_release,
                arch,
                cpu_model,
                cpus: small(cpus),
                memory_mib: unsigned(memory_mib),
                kernel,
            },
        ))
    }

    /// What people said of changes, in the order in which they did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn acks(&self) -> Result<Vec<Ack>, Error> {
        let query =
            format!("SELECT {SERIES_COLUMNS}, run, who, time_us, note FROM acks ORDER BY position");
        type Row = (
            String,
            String,
            String,
            String,
            i64,
            String,
            String,
            String,
            String,
            i64,
            String,
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(query))
            .fetch_all(&self.pool)
            .await?;
        let acks = rows.into_iter().map(|row| {
            let (a, b, c, d, e, f, g, run, who, time_us, note) = row;
            Ok(Ack {
                series: series((a, b, c, d, e, f, g)),
                run,
                who,
                time: time(time_us)?,
                note,
            })
        });
        acks.collect()
    }
}

fn series(columns: SeriesColumns) -> SeriesKey {
    let (fingerprint, vm, benchmark, workload, connections, unit, better) = columns;
    SeriesKey {
        fingerprint,
        vm,
        benchmark,
        workload,
        connections: unsigned(connections),
        unit,
        better: parse_better(&better),
    }
}

fn grouped<T>(rows: impl IntoIterator<Item = (i64, T)>) -> HashMap<i64, Vec<T>> {
    let mut groups: HashMap<i64, Vec<T>> = HashMap::new();
    for (of, row) in rows {
        groups.entry(of).or_default().push(row);
    }
    groups
}

fn numbers(samples: &str) -> Result<Vec<f64>, Error> {
    serde_json::from_str(samples).map_err(|_| Error::Row {
        what: format!("samples {samples:?}"),
    })
}

fn time(microseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(microseconds).map_err(|_| Error::Row {
        what: format!("the time {microseconds}"),
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
