// SPDX-License-Identifier: BSD-2-Clause
//! What the exporter counts of itself, and the page that it is part of.

use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{Counter, CounterVec, Histogram, Registry, TextEncoder};

use super::table;
use crate::collection::{Collection, Reason};

/// What became of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScrapeResult {
    Collected,
    Repeated,
    Late,
    Refused,
}

impl ScrapeResult {
    const ALL: [Self; 4] = [Self::Collected, Self::Repeated, Self::Late, Self::Refused];

    fn label(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::Repeated => "repeated",
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
}

/// The exporter's own metrics, which add up over its life. Clones are the same metrics.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    registry: Registry,
    requests: Counter,
    scrapes: CounterVec,
    latency: Histogram,
    failures: CounterVec,
}

impl Own {
    /// # Errors
    /// Only a family that is malformed or given twice in the table.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = table::HTTP_REQUESTS.counters(&registry)?;
        let latency = table::LATENCY.histograms(&registry)?;
        let own = Self {
            requests: requests.get_metric_with_label_values::<&str>(&[])?,
            scrapes: table::SCRAPES.counters(&registry)?,
            latency: latency.get_metric_with_label_values::<&str>(&[])?,
            failures: table::FAILURES.counters(&registry)?,
            registry,
        };
        let version = [env!("CARGO_PKG_VERSION")];
        table::BUILD_INFO.put(&own.registry, [(&version[..], 1.0)])?;
        // A counter that is there from the start shows its first increment.
        for result in ScrapeResult::ALL {
            own.scrapes
                .get_metric_with_label_values(&[result.label()])?;
        }
        for reason in Reason::ALL {
            own.failures
                .get_metric_with_label_values(&[reason.label()])?;
        }
        Ok(own)
    }

    pub(crate) fn requested(&self) {
        self.requests.inc();
    }

    pub(crate) fn scraped(&self, result: ScrapeResult) {
        self.scrapes.with_label_values(&[result.label()]).inc();
    }

    pub(crate) fn collected(&self, duration: Duration, failure: Option<Reason>) {
        self.latency.observe(duration.as_secs_f64());
        if let Some(reason) = failure {
            self.failures.with_label_values(&[reason.label()]).inc();
        }
    }

    /// The page: this, and a collection that began `age` ago.
    ///
    /// # Errors
    /// Only a family that is inconsistent in itself.
    pub(crate) fn page(
        &self,
        collection: &Collection,
        age: Duration,
    ) -> prometheus::Result<String> {
        let page = Registry::new();
        table::AGE.put_one(&page, age.as_secs_f64())?;
        table::UP.put_one(&page, f64::from(u8::from(collection.failure.is_none())))?;
        let mut families = page.gather();
        families.extend(self.registry.gather());
        families.extend_from_slice(&collection.families);
        families.sort_by(|a: &MetricFamily, b| a.name().cmp(b.name()));
        TextEncoder::new().encode_to_string(&families)
    }
}
