// SPDX-License-Identifier: BSD-2-Clause
//! Scrape after scrape, until the exporter is gone or nobody wants more.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::client::{Client, ScrapeError};
use crate::event::{Body, ScrapeReason};
use crate::event_log::Recorder;

/// The longest that an exporter's wish to be left alone is heeded.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Failures in a row after which an exporter that never answered is given up.
const FAILURES_MAX: u32 = 10;

/// Scrape the exporter of `vm` every `period` and record what it says, or why
/// it says nothing.
///
/// Ends when an exporter that has answered before can't be reached any more:
/// its process is gone, and another one would be told by another event. One
/// that never answers is given up after some time.
pub async fn repeat(client: &Client, vm: &str, period: Duration, recorder: &Recorder) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = false;
    let mut failures = 0;
    loop {
        ticks.tick().await;
        let started = Instant::now();
        let scraped = client.scrape().await;
        let duration_s = started.elapsed().as_secs_f64();
        let vm = vm.to_owned();
        let error = match scraped {
            Ok(samples) => {
                answered = true;
                failures = 0;
                let body = Body::Scraped {
                    vm,
                    duration_s,
                    samples,
                };
                recorder.record(body).await;
                continue;
            }
            Err(error) => error,
        };
        failures += 1;
        let gone = answered && error.reason == ScrapeReason::Unreachable;
        let pause = error.retry_after;
        recorder.record(failed(vm, duration_s, error, gone)).await;
        if gone || (!answered && failures >= FAILURES_MAX) {
            return;
        }
        if let Some(pause) = pause {
            sleep(pause.min(PAUSE_MAX)).await;
        }
    }
}

/// The event of a scrape without samples.
pub fn failed(vm: String, duration_s: f64, error: ScrapeError, gone: bool) -> Body {
    Body::ScrapeFailed {
        vm,
        duration_s,
        reason: if gone {
            ScrapeReason::Gone
        } else {
            error.reason
        },
        message: error.message,
    }
}
