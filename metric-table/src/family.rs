// SPDX-License-Identifier: BSD-2-Clause
//! A metric family: what is known of it before it has a value.

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry};

/// A family of the exposition.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Unique among all that are served.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it is, with its unit, one line.
    pub help: &'static str,
    /// Where a value comes from, for the reference.
    pub source: &'static str,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only ever grows, until what counts begins anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The name of the type in the exposition.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Family {
    /// All that is known of it.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        labels: &'static [&'static str],
        help: &'static str,
        source: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            labels,
            help,
            source,
        }
    }

    /// Put the family with these samples, labels' values and number, into `registry`; without a
    /// sample it does not show.
    ///
    /// # Errors
    /// A family that is malformed or there already.
    pub fn put<'a>(
        &self,
        registry: &Registry,
        samples: impl IntoIterator<Item = (&'a [&'a str], f64)>,
    ) -> prometheus::Result<()> {
        let samples = samples.into_iter();
        if self.kind == Kind::Counter {
            let counters = self.counters(registry)?;
            for (labels, value) in samples {
                counters.get_metric_with_label_values(labels)?.inc_by(value);
            }
        } else {
            let gauges = GaugeVec::new(self.opts(), self.labels)?;
            for (labels, value) in samples {
                gauges.get_metric_with_label_values(labels)?.set(value);
            }
            register(registry, &gauges)?;
        }
        Ok(())
    }

    /// The family without labels, with this value.
    ///
    /// # Errors
    /// Those of [`Family::put`].
    pub fn put_one(&self, registry: &Registry, value: f64) -> prometheus::Result<()> {
        self.put(registry, [(&[][..], value)])
    }

    /// Counters that are to be counted up, in `registry`.
    ///
    /// # Errors
    /// A family that is malformed or there already.
    pub fn counters(&self, registry: &Registry) -> prometheus::Result<CounterVec> {
        let counters = CounterVec::new(self.opts(), self.labels)?;
        register(registry, &counters)?;
        Ok(counters)
    }

    /// Histograms that are to observe, in `registry`; a family of another type has no buckets but
    /// the last.
    ///
    /// # Errors
    /// A family that is malformed or there already.
    pub fn histograms(&self, registry: &Registry) -> prometheus::Result<HistogramVec> {
        let bounds = match self.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Counter | Kind::Gauge => &[f64::INFINITY],
        };
        let opts = HistogramOpts::new(self.name, self.help).buckets(bounds.to_vec());
        let histograms = HistogramVec::new(opts, self.labels)?;
        register(registry, &histograms)?;
        Ok(histograms)
    }

    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

fn register(
    registry: &Registry,
    family: &(impl Collector + Clone + 'static),
) -> prometheus::Result<()> {
    registry.register(Box::new(family.clone()))
}
