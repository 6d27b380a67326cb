// SPDX-License-Identifier: BSD-2-Clause
//! Families whose samples are computed when they are asked for.

use std::collections::HashMap;

use prometheus::core::Desc;
use prometheus::proto;

use crate::family::{Family, Kind};

/// One value and its labels' values, in the order of [`Family::labels`].
#[derive(Debug)]
pub struct Sample<const N: usize> {
    /// Values of the labels.
    pub labels: [String; N],
    /// The value.
    pub value: f64,
}

impl Family {
    /// What a collector of the family says of it to its registry.
    ///
    /// # Errors
    /// A name that is no metric's or label's name.
    pub fn desc(&self) -> prometheus::Result<Desc> {
        Desc::new(
            self.name.to_owned(),
            self.help.to_owned(),
            self.labels.iter().map(|&name| name.to_owned()).collect(),
            HashMap::new(),
        )
    }

    /// The family, a counter or a gauge, with these samples.
    pub fn with<const N: usize>(
        &self,
        samples: impl IntoIterator<Item = Sample<N>>,
    ) -> proto::MetricFamily {
        let metrics = samples.into_iter().map(|sample| self.metric(sample));
        let mut family = proto::MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(match self.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge | Kind::Histogram(_) => proto::MetricType::GAUGE,
        });
        family.set_metric(metrics.collect());
        family
    }

    fn metric<const N: usize>(&self, sample: Sample<N>) -> proto::Metric {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        let pairs = self.labels.iter().zip(sample.labels).map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value);
            pair
        });
        // By name, as the registry has the labels of its own metrics.
        let mut pairs: Vec<proto::LabelPair> = pairs.collect();
        pairs.sort_by(|a, b| a.name().cmp(b.name()));
        let mut metric = proto::Metric::from_label(pairs);
        match self.kind {
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(sample.value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram(_) => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(sample.value);
                metric.set_gauge(gauge);
            }
        }
        metric
    }
}
