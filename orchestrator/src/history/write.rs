// SPDX-License-Identifier: BSD-2-Clause
//! Changes of the database. Each is made as a whole or not at all.

use super::acks::{self, Acks};
use super::record::RunRecord;
use super::rows::{self, Statement};
use super::store::{self, Error, Pool, Transaction};

/// Make `record` what is known of the run of that name.
pub(super) async fn run(pool: &Pool, name: &str, record: &RunRecord) -> Result<(), Error> {
    let source = rows::source(name, record.bytes, record.trouble().as_deref());
    replace(pool, name, source, rows::run(name, record)?).await
}

/// Make `acks` what is known of acknowledgements.
pub(super) async fn acks(pool: &Pool, acks: &Acks) -> Result<(), Error> {
    let name = acks::FILE_NAME;
    let source = rows::source(name, acks.bytes, acks.trouble.as_deref());
    replace(pool, name, source, rows::acks(acks)).await
}

/// Forget all that came of the source of that name.
pub(super) async fn forget(pool: &Pool, source: &str) -> Result<(), Error> {
    let mut change = store::begin(pool).await?;
    delete(&mut change, source).await?;
    sweep(&mut change).await?;
    Ok(change.commit().await?)
}

/// Have everything read again: until then it stays as it is, for those who look
/// meanwhile.
pub(super) async fn doubt(pool: &Pool) -> Result<(), Error> {
    let all = sqlx::query("UPDATE sources SET bytes = -1");
    Ok(all.execute(pool).await.map(drop)?)
}

/// Have the rows that `source` and `inserts` insert instead of those that came of
/// the source of that name before.
async fn replace(
    pool: &Pool,
    name: &str,
    source: Vec<Statement>,
    inserts: Vec<Statement>,
) -> Result<(), Error> {
    let mut change = store::begin(pool).await?;
    let was_known = delete(&mut change, name).await?;
    for mut statement in source.into_iter().chain(inserts) {
        statement.build().execute(&mut *change).await?;
    }
    if was_known {
        sweep(&mut change).await?;
    }
    Ok(change.commit().await?)
}

/// Delete a source, and all that hangs on it. Whether it was known.
async fn delete(change: &mut Transaction, source: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM sources WHERE name = $1").bind(source);
    let deleted = delete.execute(&mut **change).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Remove what several runs share and none has any more.
async fn sweep(change: &mut Transaction) -> Result<(), sqlx::Error> {
    for unused in [
        "DELETE FROM series WHERE NOT EXISTS \
         (SELECT 1 FROM points WHERE points.series_id = series.id)",
        "DELETE FROM fingerprints WHERE NOT EXISTS \
         (SELECT 1 FROM vms WHERE vms.fingerprint = fingerprints.id)",
    ] {
        sqlx::query(unused).execute(&mut **change).await?;
    }
    Ok(())
}
