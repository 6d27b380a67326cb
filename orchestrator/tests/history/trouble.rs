// SPDX-License-Identifier: BSD-2-Clause
//! What is wrong with a database costs no answer.

use std::fs;

use orchestrator::history::{History, RunFilter};

use crate::events::good_run;
use crate::folder::Folder;

const RUN: &str = "20261123T094900000Z-aaaaaa";

async fn names(history: &History) -> Vec<String> {
    let runs = history.runs(&RunFilter::default()).await.unwrap();
    runs.into_iter().map(|run| run.run).collect()
}

/// The database can't be used, `advice` is given, the logs answer, and a rebuilt
/// one is used again.
async fn is_mended(folder: &Folder, advice: &str) {
    let error = match History::open(folder.path()).await {
        Ok(history) => history.catch_up().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.advice(), advice, "{error:?}");
    let history = History::look(folder.path()).await.unwrap();
    assert_eq!(names(&history).await, [RUN]);
    let history = History::rebuild(folder.path()).await.unwrap();
    assert_eq!(names(&history).await, [RUN]);
    history.close().await;
    let history = History::open(folder.path()).await.unwrap();
    assert_eq!(names(&history).await, [RUN]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_replaced() {
    let folder = Folder::of(&[(RUN, &good_run())]);
    fs::write(folder.database(), "my shopping list\n".repeat(999)).unwrap();
    is_mended(&folder, "make it anew: orchestrator history rebuild").await;
}

#[tokio::test]
async fn a_damaged_file_is_replaced() {
    let folder = Folder::of(&[(RUN, &good_run())]);
    folder.history().await.close().await;
    let mut bytes = fs::read(folder.database()).unwrap();
    // The first page says what it is, and stays.
    bytes[4096..].fill(0x5a);
    fs::write(folder.database(), bytes).unwrap();
    is_mended(&folder, "make it anew: orchestrator history rebuild").await;
}

#[tokio::test]
async fn a_later_schema_is_left_alone_until_one_says_so() {
    let folder = Folder::of(&[(RUN, &good_run())]);
    folder.history().await.close().await;
    let pool = folder.pool().await;
    let later = "INSERT INTO _sqlx_migrations VALUES (99, 'later', '2030-01-01', 1, x'00', 1)";
    sqlx::query(later).execute(&pool).await.unwrap();
    pool.close().await;
    is_mended(
        &folder,
        "use the version of orchestrator that wrote it, or make it anew: \
         orchestrator history rebuild",
    )
    .await;
}

#[tokio::test]
async fn without_a_folder_there_are_no_runs_and_none_is_made() {
    let folder = Folder::new();
    let none = folder.path().join("none");
    let history = History::look(&none).await.unwrap();
    assert_eq!(names(&history).await, <[&str; 0]>::default());
    assert!(!none.exists());
}

#[tokio::test]
async fn several_at_once_make_one_database() {
    let folder = Folder::of(&[(RUN, &good_run())]);
    let dir = folder.path().to_owned();
    let one = || {
        let dir = dir.clone();
        tokio::spawn(async move {
            let history = History::open(&dir).await.unwrap();
            history.catch_up().await.unwrap();
            history.record(RUN).await.unwrap();
            names(&history).await
        })
    };
    let all: Vec<_> = (0..8).map(|_| one()).collect();
    for task in all {
        assert_eq!(task.await.unwrap(), [RUN]);
    }
    assert_eq!(folder.count("vms").await, 2);
}

#[tokio::test]
async fn a_database_that_stays_locked_keeps_nobody_from_an_answer() {
    let folder = Folder::of(&[(RUN, &good_run())]);
    let history = folder.history().await;
    let pool = folder.pool().await;
    let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    // What needs no change waits for nobody.
    let other = folder.history().await;
    assert_eq!(names(&other).await, [RUN]);
    const LATER: &str = "20261124T094900000Z-bbbbbb";
    folder.keep(LATER, &good_run().lines());
    let error = history.catch_up().await.unwrap_err();
    assert_eq!(
        error.advice(),
        "it is made up for when the history is looked at the next time"
    );
    assert!(error.to_string().contains("database is locked"), "{error}");
    assert_eq!(names(&history).await, [RUN]);
    lock.rollback().await.unwrap();
    history.catch_up().await.unwrap();
    assert_eq!(names(&history).await, [LATER, RUN]);
}
