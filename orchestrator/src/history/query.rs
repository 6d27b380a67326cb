// SPDX-License-Identifier: BSD-2-Clause
//! Answers from rows.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, QueryBuilder};
use tokio_stream::StreamExt as _;

use super::acks::Ack;
use super::series::{Point, SeriesKey, parse_better};
use super::store::Db;
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

impl RunFilter {
    /// Whether it keeps no run out, but for their number.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.vm.is_none() && self.target.is_none() && !self.failed
    }
}

/// Which series are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// All of them.
    All,
    /// Those of the VMs of these names.
    OfVms(&'a HashSet<String>),
    /// Those of which the run of this name is a point.
    OfRun(&'a str),
}

impl Wanted<'_> {
    /// Go on with `query` after the name of a column of series ids.
    fn push_to(self, query: &mut QueryBuilder<Db>) {
        match self {
            Self::All => {
                query.push(" IS NOT NULL");
            }
            Self::OfVms(vms) => {
                query.push(" IN (SELECT id FROM series WHERE vm IN (");
                let mut names = query.separated(", ");
                for vm in vms {
                    names.push_bind(vm.clone());
                }
                query.push("))");
            }
            Self::OfRun(run) => {
                query.push(
                    " IN (SELECT points.series_id FROM points \
                     JOIN runs ON runs.id = points.run_id WHERE runs.name = ",
                );
                query.push_bind(run.to_owned()).push(")");
            }
        }
    }
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

type PointColumns = (String, i64, f64, String);
const POINT_COLUMNS: &str = "runs.name, runs.started_us, points.median, points.samples";

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
        R: for<'r> sqlx::FromRow<'r, <Db as sqlx::Database>::Row> + Send + Unpin,
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
        let query = format!(
            "SELECT {POINT_COLUMNS} FROM points JOIN runs ON runs.id = points.run_id \
             WHERE points.series_id = $1 ORDER BY runs.started_us, runs.name"
        );
        let rows: Vec<PointColumns> = sqlx::query_as(AssertSqlSafe(query))
            .bind(series.id())
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(point).collect()
    }

    /// Let `look` see one series that is `wanted` after the other, in no order,
    /// with its points, the oldest first: thousands of them in one go.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn each_series(
        &self,
        wanted: Wanted<'_>,
        mut look: impl FnMut(SeriesKey, Vec<Point>),
    ) -> Result<(), Error> {
        let mut keys = self.keys(wanted).await?;
        let mut look = |id, points| {
            if let Some(key) = keys.remove(&id) {
                look(key, points);
            }
        };
        let mut query = QueryBuilder::new(format!(
            "SELECT points.series_id, {POINT_COLUMNS} \
             FROM points JOIN runs ON runs.id = points.run_id WHERE points.series_id"
        ));
        wanted.push_to(&mut query);
        query.push(" ORDER BY points.series_id, runs.started_us, runs.name");
        let mut rows = query
            .build_query_as::<(i64, String, i64, f64, String)>()
            .fetch(&self.pool);
        let mut at_hand: (i64, Vec<Point>) = Default::default();
        while let Some((id, name, started_us, median, samples)) = rows.try_next().await? {
            if id != at_hand.0 {
                let (id, points) = std::mem::replace(&mut at_hand, (id, Vec::new()));
                look(id, points);
            }
            let row = (name, started_us, median, samples);
            at_hand.1.push(point(row)?);
        }
        let (id, points) = at_hand;
        look(id, points);
        Ok(())
    }

    /// Those that are `wanted`, by their ids.
    async fn keys(&self, wanted: Wanted<'_>) -> Result<HashMap<i64, SeriesKey>, Error> {
        let mut query = QueryBuilder::new(format!("SELECT {SERIES_COLUMNS} FROM series WHERE id"));
        wanted.push_to(&mut query);
        let rows: Vec<SeriesColumns> = query.build_query_as().fetch_all(&self.pool).await?;
        let keys = rows.into_iter().map(series);
        Ok(keys.map(|key| (key.id(), key)).collect())
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

fn point((run, started_us, median, samples): PointColumns) -> Result<Point, Error> {
    let samples = serde_json::from_str(&samples).map_err(|_| Error::Row {
        what: format!("samples {samples:?}"),
    })?;
    Ok(Point {
        run,
        time: time(started_us)?,
        median,
        samples,
    })
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
