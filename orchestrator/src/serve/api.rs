// SPDX-License-Identifier: BSD-2-Clause
//! The routes of a service. `/metrics`, `/healthz`, `/readyz` and the pages are
//! for everyone who reaches the port, `/api` only for who has the token.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::clockwork::Clockwork;
use super::service::{Refused, Service};
use super::wanted::Wanted;
use super::{pages, past};
use crate::http;
use crate::projection::result;
use crate::runs;

/// Runs that are listed.
const LISTED_MAX: usize = 200;

/// What the routes need.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) service: Arc<Service>,
    pub(super) clockwork: Arc<Mutex<Clockwork>>,
    /// Who has it may use `/api`; where there is none, nobody may.
    pub(super) token: Option<Arc<str>>,
}

/// All routes.
pub(super) fn router(api: Api) -> Router {
    let metrics = api.service.metrics.clone();
    let guard = middleware::from_fn_with_state(api.clone(), authorised);
    let guarded = Router::new()
        .route("/api/v1/vms", get(vms))
        .route("/api/v1/schedule", get(schedule))
        .route("/api/v1/runs", get(runs).post(start))
        .route("/api/v1/runs/{run}", get(show).delete(cancel))
        .route_layer(guard);
    let pages = pages::router(&api);
    Router::new()
        .route("/readyz", get(ready))
        .merge(guarded)
        .with_state(api)
        .merge(pages)
        .merge(http::router(metrics))
}

async fn authorised(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(token) = &api.token else {
        return refuse(
            StatusCode::FORBIDDEN,
            "the service has no token; see --token-file",
        );
    };
    let header = request.headers().get(header::AUTHORIZATION);
    let given = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // In a time that says nothing of where the two differ.
    let is_it = given.is_some_and(|given| bool::from(given.ct_eq(token.as_bytes())));
    if is_it {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    let refusal = refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
    (challenge, refusal).into_response()
}

fn refuse(status: StatusCode, reason: impl Display) -> Response {
    (status, Json(json!({ "error": reason.to_string() }))).into_response()
}

async fn ready(State(api): State<Api>) -> Response {
    if api.service.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    }
}

async fn vms(State(api): State<Api>) -> Response {
    let standing = api.service.standing();
    let vms = api.service.inventory.vms.iter().map(|vm| {
        let of_vm = standing.iter().filter(|(_, _, vms)| vms.contains(&vm.name));
        let of_vm = of_vm.map(|(run, standing, _)| json!({ "run": run, "state": standing }));
        let mut last = serde_json::Value::Null;
        api.service.fleet.each(|part| {
            let found = part.vms.iter().find(|found| found.name() == vm.name);
            if let Some(found) = found {
                let run = part.state.head.as_ref().map(|head| &head.run);
                let outcome = found.end().map(|end| end.outcome);
                last = json!({ "run": run, "outcome": outcome });
            }
        });
        json!({
            "name": vm.name,
            "address": vm.address(),
            "runs": of_vm.collect::<Vec<_>>(),
            "last": last,
        })
    });
    Json(json!({ "vms": vms.collect::<Vec<_>>() })).into_response()
}

async fn schedule(State(api): State<Api>) -> Response {
    let clockwork = api.clockwork.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = clockwork
        .entries()
        .map(|(entry, next)| json!({ "cron": entry.cron, "next": next, "wanted": entry.wanted }));
    Json(json!({ "schedule": entries.collect::<Vec<_>>() })).into_response()
}

async fn runs(State(api): State<Api>) -> Response {
    let standing = api.service.standing();
    let names = match runs::names(&api.service.runs_dir) {
        Ok(names) => names,
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    };
    let runs = names.iter().take(LISTED_MAX).map(|name| {
        let standing = standing.iter().find(|(run, _, _)| run == name);
        let state = standing.map_or(json!("ended"), |(_, standing, _)| json!(standing));
        json!({ "run": name, "state": state })
    });
    Json(json!({ "runs": runs.collect::<Vec<_>>() })).into_response()
}

async fn start(State(api): State<Api>, wanted: Result<Json<Wanted>, JsonRejection>) -> Response {
    let wanted = match wanted {
        Ok(Json(wanted)) => wanted,
        Err(rejection) => return refuse(rejection.status(), rejection.body_text()),
    };
    match api.service.take(&wanted, None) {
        Ok((run, standing)) => {
            let place = [(header::LOCATION, format!("/api/v1/runs/{run}"))];
            let body = Json(json!({ "run": run, "state": standing }));
            (StatusCode::ACCEPTED, place, body).into_response()
        }
        Err(error) => {
            let status = match error {
                Refused::Plan(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refused::Folder { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                Refused::Stopping | Refused::Full | Refused::StillWaiting => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            refuse(status, error)
        }
    }
}

async fn show(State(api): State<Api>, Path(run): Path<String>) -> Response {
    let service = Arc::clone(&api.service);
    // Logs may be long.
    let found = tokio::task::spawn_blocking(move || {
        if !runs::is_run(&run) {
            return None;
        }
        let state = service
            .state(&run)
            .or_else(|| past::read(&service.runs_dir, &run))?;
        Some(state.read(result::render))
    });
    match found.await {
        Ok(Some(Ok(text))) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Ok(None) => refuse(
            StatusCode::NOT_FOUND,
            "there is no such run, or it has not begun",
        ),
        Ok(Some(Err(error))) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn cancel(State(api): State<Api>, Path(run): Path<String>) -> Response {
    match api.service.cancel(&run) {
        Some(was) => (
            StatusCode::ACCEPTED,
            Json(json!({ "run": run, "was": was })),
        )
            .into_response(),
        None => refuse(StatusCode::NOT_FOUND, "no such run waits or goes on"),
    }
}
