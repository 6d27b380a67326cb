// SPDX-License-Identifier: BSD-2-Clause
//! A folder of runs, and what its database holds.

use std::fs;
use std::path::{Path, PathBuf};

use orchestrator::history::{FILE_NAME, History};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;

use crate::events::Story;

/// A folder of runs of its own.
pub(crate) struct Folder {
    dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    /// With these runs, by name.
    pub(crate) fn of(runs: &[(&str, &Story)]) -> Self {
        let folder = Self::new();
        for (name, story) in runs {
            folder.keep(name, &story.lines());
        }
        folder
    }

    /// Make `log` the log of the run of that name.
    pub(crate) fn keep(&self, run: &str, log: &str) -> PathBuf {
        let dir = self.path().join(run);
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("events.ndjson");
        fs::write(&path, log).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join(FILE_NAME)
    }

    /// The history, with all that the logs say.
    pub(crate) async fn history(&self) -> History {
        let history = History::open(self.path()).await.unwrap();
        history.catch_up().await.unwrap();
        history
    }

    /// The database, whoever else has it.
    pub(crate) async fn pool(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.database());
        SqlitePool::connect_with(options).await.unwrap()
    }

    /// Every row of every table, sorted; but not when the schema was made.
    pub(crate) async fn dump(&self) -> Vec<String> {
        let pool = self.pool().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' \
             ORDER BY name",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let mut rows = Vec::new();
        for table in tables {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(&table)
                .fetch_all(&pool)
                .await
                .unwrap();
            let quoted: Vec<String> = columns.iter().map(|c| format!("quote({c})")).collect();
            let select = format!(
                "SELECT '{table}: ' || {} FROM {table} ORDER BY 1",
                quoted.join(" || ', ' || ")
            );
            let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .fetch_all(&pool)
                .await
                .unwrap();
            rows.extend(found);
        }
        pool.close().await;
        rows
    }

    /// How many rows of the dump are of `table`.
    pub(crate) async fn count(&self, table: &str) -> usize {
        let dump = self.dump().await;
        let prefix = format!("{table}: ");
        dump.iter().filter(|row| row.starts_with(&prefix)).count()
    }
}
