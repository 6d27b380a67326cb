// SPDX-License-Identifier: BSD-2-Clause
//! The database itself: the one place that knows which it is, and its schema.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, SqlStr};

/// The kind of database.
pub(super) type Db = sqlx::Sqlite;
/// Its connections.
pub(super) type Pool = sqlx::Pool<Db>;
/// A change that is made as a whole or not at all.
pub(super) type Transaction = sqlx::Transaction<'static, Db>;

/// Every version of the schema. One that was released is never edited.
const MIGRATIONS: [(&str, &str); 1] =
    [("history", include_str!("../../migrations/0001_history.sql"))];
/// How long another process' change is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Connections of one process: some that read beside one that writes.
const CONNECTIONS: u32 = 4;

/// Why the history can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database file can't be opened.
    #[error("failed to open {} ({reason})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: sqlx::Error,
    },
    /// The file is of another version of this program.
    #[error("{} has a schema that this version does not know", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Where they part.
        source: MigrateError,
    },
    /// A question was not answered, or a change not made.
    #[error("the history's database failed ({reason})")]
    Database {
        /// What SQLite said.
        reason: sqlx::Error,
    },
    /// What the history is made from can't be read, or not be written.
    #[error("failed to {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A row that this program has not written.
    #[error("the history holds {what}, which is not understood")]
    Row {
        /// What it holds.
        what: String,
    },
    /// A note on a change could not be made a line of JSON.
    #[error("failed to write the note as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<sqlx::Error> for Error {
    fn from(reason: sqlx::Error) -> Self {
        Self::Database { reason }
    }
}

/// The database at `path`, with the present schema.
pub(super) async fn open(path: &Path) -> Result<Pool, Error> {
    // WAL lets others read while one writes. What a power cut takes away is
    // still in the logs, so that not every change waits for the disk.
    let options = options()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_with(options)
        .await
        .map_err(|reason| Error::Open {
            path: path.to_owned(),
            reason,
        })?;
    if let Err(error) = migrate(&pool).await {
        pool.close().await;
        return Err(error.of(path));
    }
    Ok(pool)
}

/// A database that goes with this process.
pub(super) async fn in_memory() -> Result<Pool, Error> {
    // It goes with its connection, too.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options().in_memory(true))
        .await?;
    let path = Path::new(":memory:");
    migrate(&pool).await.map_err(|error| error.of(path))?;
    Ok(pool)
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().foreign_keys(true)
}

enum Unmigrated {
    Failed(sqlx::Error),
    Unknown(MigrateError),
}

impl Unmigrated {
    fn of(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::Failed(reason) => Error::Open { path, reason },
            Self::Unknown(source) => Error::Schema { path, source },
        }
    }
}

impl From<sqlx::Error> for Unmigrated {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<MigrateError> for Unmigrated {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::Failed(error)
            }
            other => Self::Unknown(other),
        }
    }
}

/// Bring the schema up to date: in one change, as others may be about to do the
/// same. Where it is, nobody's change is waited for.
async fn migrate(pool: &Pool) -> Result<(), Unmigrated> {
    let versions = sqlx::query_scalar::<_, i64>("SELECT max(version) FROM _sqlx_migrations");
    let applied = versions.fetch_one(pool).await;
    if applied.is_ok_and(|applied| usize::try_from(applied) == Ok(MIGRATIONS.len())) {
        return Ok(());
    }
    let mut change = begin(pool).await?;
    // What `run` does once it has a connection; a task can't wait for `run` itself.
    migrator().run_direct(None, &mut *change, false).await?;
    Ok(change.commit().await?)
}

fn migrator() -> Migrator {
    let numbered = (1..).zip(MIGRATIONS);
    let migrations = numbered.map(|(version, (name, sql))| {
        let sql: SqlStr = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// A change that waits for those of others before it reads anything, as what it
/// read before would be out of date then.
pub(super) async fn begin(pool: &Pool) -> Result<Transaction, sqlx::Error> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// Whether SQLite finds nothing wrong in the file.
pub(super) async fn is_sound(pool: &Pool) -> bool {
    let said = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)");
    matches!(said.fetch_one(pool).await.as_deref(), Ok("ok"))
}

/// Remove the database at `path`, with what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let file = PathBuf::from(file);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(|source| Error::File {
                action: "remove",
                path: file,
                source,
            })?,
        }
    }
    Ok(())
}
