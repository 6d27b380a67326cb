// SPDX-License-Identifier: BSD-2-Clause
//! The pages of a service: each VM's last run, and each run. They are read
//! without a token, and change nothing.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use super::api::Api;
use super::clockwork::Clockwork;
use super::past;
use super::service::{Service, Standing};
use crate::event_log;
use crate::history::{History, RunFilter, RunLine};
use crate::projection::html::overview::{Listed, Overview};
use crate::projection::html::{self, POLICY, notice};
use crate::projection::state::Tally;
use crate::runs;
use crate::tell;
use crate::trends;

/// Runs that are listed.
const LISTED_MAX: u32 = 50;
/// Pages of runs that are made at once: whoever reaches the port may ask, and
/// logs may be long.
const AT_ONCE: usize = 2;

#[derive(Debug, Clone)]
struct Pages {
    service: Arc<Service>,
    clockwork: Arc<Mutex<Clockwork>>,
    turns: Arc<Semaphore>,
}

/// The routes.
pub(super) fn router(api: &Api) -> Router {
    let pages = Pages {
        service: Arc::clone(&api.service),
        clockwork: Arc::clone(&api.clockwork),
        turns: Arc::new(Semaphore::new(AT_ONCE)),
    };
    Router::new()
        .route("/", get(overview))
        .route("/runs/{run}", get(run))
        .with_state(pages)
}

fn answer(status: StatusCode, page: String) -> Response {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            format!("{}; frame-ancestors 'none'", *POLICY),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (status, headers, Html(page)).into_response()
}

async fn overview(State(pages): State<Pages>) -> Response {
    let Ok(_turn) = pages.turns.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let overview = Overview {
        vms: pages
            .service
            .inventory
            .vms
            .iter()
            .map(|vm| vm.name.clone())
            .collect(),
        due: pages.due(),
        runs: pages.runs().await,
    };
    answer(StatusCode::OK, overview.page(&pages.service.fleet))
}

async fn run(State(pages): State<Pages>, Path(run): Path<String>) -> Response {
    let Ok(_turn) = pages.turns.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match pages.of_run(run).await {
        Ok(Some(page)) => answer(StatusCode::OK, page),
        Ok(None) => answer(
            StatusCode::NOT_FOUND,
            notice("There is no such run, or it has not begun"),
        ),
        Err(_) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            notice("The page could not be made"),
        ),
    }
}

impl Pages {
    /// `None` where there is nothing to tell of it.
    async fn of_run(&self, run: String) -> Result<Option<String>, JoinError> {
        if !runs::is_run(&run) {
            return Ok(None);
        }
        let log = self.service.runs_dir.join(&run).join(event_log::FILE_NAME);
        let service = Arc::clone(&self.service);
        let read = spawn_blocking(move || past::in_full(&service.runs_dir, &run));
        let Some(details) = read.await? else {
            return Ok(None);
        };
        let trends = trends::of_run(&log, details.state()).await;
        let page = spawn_blocking(move || html::run::page(&details, &trends));
        Ok(Some(page.await?))
    }

    /// What comes next, soonest first.
    fn due(&self) -> Vec<(jiff::Timestamp, String)> {
        let clockwork = self
            .clockwork
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut due: Vec<_> = clockwork
            .entries()
            .filter_map(|(entry, next)| {
                let targets = entry.wanted.target.join(", ");
                Some((next?, format!("{targets} ({})", entry.cron)))
            })
            .collect();
        due.sort();
        due
    }

    /// Runs that wait or go on, then those of the history.
    async fn runs(&self) -> Vec<Listed> {
        let mut standing = self.service.standing();
        standing.sort_unstable_by(|(a, ..), (b, ..)| b.cmp(a));
        let ended = self.ended().await;
        let ended = ended.into_iter().filter(|line| {
            let stands = |(run, ..): &(String, Standing, Vec<String>)| *run == line.run;
            !standing.iter().any(stands)
        });
        let ended: Vec<Listed> = ended.map(listed).collect();
        let standing = standing.into_iter().map(|(run, standing, vms)| Listed {
            link: standing == Standing::Running,
            result: match standing {
                Standing::Running => "running".to_owned(),
                Standing::Waiting => "waiting".to_owned(),
            },
            vms: vms.len(),
            run,
            ..Listed::default()
        });
        standing.chain(ended).collect()
    }

    /// Those of the history; none where that can't be had, which is told.
    async fn ended(&self) -> Vec<RunLine> {
        let filter = RunFilter {
            limit: Some(LISTED_MAX),
            ..RunFilter::default()
        };
        let lines = async {
            let history = History::look(&self.service.runs_dir).await?;
            let lines = history.runs(&filter).await;
            history.close().await;
            lines
        };
        lines.await.unwrap_or_else(|error| {
            tell::note(format_args!(
                "note: the overview has no runs: {}",
                error.gone_on_without()
            ));
            Vec::new()
        })
    }
}

fn listed(line: RunLine) -> Listed {
    Listed {
        started: Some(line.started),
        duration_s: line.duration_s,
        result: line.result,
        targets: line.targets,
        vms: line.vms.len(),
        tests: line.vms.iter().map(|vm| vm.tests).sum::<Tally>(),
        run: line.run,
        link: true,
    }
}
