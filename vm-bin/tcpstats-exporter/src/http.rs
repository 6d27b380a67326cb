// SPDX-License-Identifier: BSD-2-Clause
//! What is answered: `GET /`, `/healthz` and `/metrics`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::collection::Collection;
use crate::metrics::{Own, ScrapeResult};
use crate::source::{Answer, Clock, Made, Source};

/// Media type of the exposition.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long the scraper waits, seconds, as Prometheus tells.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// How long a scraper waits that does not tell: Prometheus' own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that any may wait.
const MOST_TIMEOUT: Duration = Duration::from_secs(60);
/// What of the scraper's time is left for the answer.
const MARGIN: Duration = Duration::from_millis(250);
/// When to come again while the first collection takes longer than anybody waits.
const RETRY_LATE: Duration = Duration::from_secs(5);

const INDEX: &str = "<!doctype html>\n<title>tcpstats-exporter</title>\n\
    <h1>tcpstats-exporter</h1>\n<p><a href=\"/metrics\">Metrics</a>\n";

/// What the requests are answered from.
#[derive(Clone)]
pub(crate) struct Exporter {
    pub(crate) source: Source<Collection>,
    pub(crate) own: Own,
    pub(crate) clock: Clock,
}

/// The routes, without a port.
pub(crate) fn router(exporter: Exporter) -> Router {
    let own = exporter.own.clone();
    Router::new()
        .route("/", get(async || Html(INDEX)))
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "no such page: see /metrics\n"))
        .layer(middleware::from_fn_with_state(own, counted))
        .with_state(Arc::new(exporter))
}

async fn counted(State(own): State<Own>, request: Request, next: Next) -> Response {
    own.requested();
    next.run(request).await
}

async fn metrics(State(exporter): State<Arc<Exporter>>, headers: HeaderMap) -> Response {
    match exporter.source.get(patience(&headers)).await {
        Answer::New(made) => exporter.page(ScrapeResult::Collected, &made),
        Answer::Repeated(made) => exporter.page(ScrapeResult::Repeated, &made),
        Answer::Late(Some(made)) => exporter.page(ScrapeResult::Late, &made),
        Answer::Late(None) => {
            exporter.own.scraped(ScrapeResult::Late);
            let text = "failed to collect in the time that you wait: come again later\n";
            retry(StatusCode::SERVICE_UNAVAILABLE, RETRY_LATE, text)
        }
        Answer::Refused(wait) => {
            exporter.own.scraped(ScrapeResult::Refused);
            let text = "TCPSTATS_MAX_QUERY_RATE collections a second were made, and none of them \
                        can be shown again: come again later\n";
            retry(StatusCode::TOO_MANY_REQUESTS, wait, text)
        }
    }
}

impl Exporter {
    fn page(&self, result: ScrapeResult, made: &Made<Collection>) -> Response {
        self.own.scraped(result);
        let now: Instant = (self.clock)();
        let age = now.saturating_duration_since(made.began);
        match self.own.page(&made.value, age) {
            Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
            Err(error) => {
                let text = format!("failed to render the metrics: {error}\n");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }
}

fn retry(status: StatusCode, wait: Duration, text: &'static str) -> Response {
    // Whole seconds, and not too early.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    (status, [(header::RETRY_AFTER, seconds.to_string())], text).into_response()
}

/// How long a scrape with these headers may take until its answer is made.
fn patience(headers: &HeaderMap) -> Duration {
    let told = headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    told.unwrap_or(DEFAULT_TIMEOUT)
        .min(MOST_TIMEOUT)
        .saturating_sub(MARGIN)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;

    use super::*;
    use crate::allowance::Allowance;
    use crate::source::tests::Hands;

    fn app(
        rate: f64,
        hands: &Hands,
        collect: impl Fn() -> Collection + Send + Sync + 'static,
    ) -> Router {
        let clock = hands.clock();
        router(Exporter {
            source: Source::new(Allowance::per_second(rate), Arc::clone(&clock), collect),
            own: Own::new().expect("the table is sound"),
            clock,
        })
    }

    fn empty() -> Collection {
        Collection {
            families: Vec::new(),
            failure: None,
            duration: Duration::ZERO,
        }
    }

    async fn scrape(app: &Router, timeout: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get("/metrics").header(TIMEOUT_HEADER, timeout);
        let request = request.body(Body::empty()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        (head.status, head.headers, body)
    }

    #[tokio::test]
    async fn a_repeated_page_says_its_age() {
        let hands = Hands::new();
        let app = app(0.1, &hands, empty);
        let (_, _, page) = scrape(&app, "10").await;
        assert!(page.contains("\ntcpstats_exporter_collection_age_seconds 0\n"));
        hands.forward(2_500);
        let (status, _, page) = scrape(&app, "10").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("\ntcpstats_exporter_collection_age_seconds 2.5\n"));
        assert!(page.contains("\ntcpstats_exporter_scrapes_total{result=\"repeated\"} 1\n"));
    }

    #[tokio::test]
    async fn too_early_and_with_nothing_to_show_is_429_with_the_seconds_to_wait() {
        let hands = Hands::new();
        let app = app(0.1, &hands, || panic!("this collection is to fail"));
        let (status, headers, _) = scrape(&app, "10").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(headers[header::RETRY_AFTER], "5");
        hands.forward(2_500);
        let (status, headers, body) = scrape(&app, "10").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(headers[header::RETRY_AFTER], "8");
        assert!(body.starts_with("TCPSTATS_MAX_QUERY_RATE"), "{body}");
        hands.forward(7_500);
        let (status, _, _) = scrape(&app, "10").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_scraper_that_tells_its_time_gets_an_answer_in_it() {
        let told = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT_HEADER, value.parse().expect("a value"));
            patience(&headers).as_millis()
        };
        assert_eq!(patience(&HeaderMap::new()).as_millis(), 9_750);
        assert_eq!(told("5"), 4_750);
        assert_eq!(told("0.1"), 0);
        assert_eq!(told("1e9"), 59_750);
        for wrong in ["", "soon", "-1", "nan"] {
            assert_eq!(told(wrong), 9_750, "{wrong}");
        }
    }
}
