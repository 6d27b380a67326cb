// SPDX-License-Identifier: BSD-2-Clause
//! The text format of Prometheus, version 0.0.4, written without a detour: a page of tens of
//! thousands of samples takes a few milliseconds, most of which the library's encoder would spend
//! on the names of labels.

use std::borrow::Cow;
use std::fmt::{Debug, Write};

use prometheus::proto::{Bucket, Metric, MetricFamily, MetricType};

use crate::family::{Family, Kind};
use crate::histogram::Histogram;

/// One value and its labels' values, in the order of [`Family::labels`].
#[derive(Clone, Debug)]
pub struct Sample<'a, const N: usize> {
    /// Values of the labels.
    pub labels: [Cow<'a, str>; N],
    /// The value.
    pub value: f64,
}

/// Families whose samples are computed when they are asked for.
pub trait Computed: Debug + Send + Sync {
    /// Each of them, as it is now.
    fn families(&self) -> Vec<Text>;
}

/// The text of one family.
#[derive(Clone, Debug)]
pub struct Text {
    name: Cow<'static, str>,
    help: Cow<'static, str>,
    kind: &'static str,
    samples: String,
}

impl Family {
    /// The family, a counter or a gauge, with these samples.
    pub fn with<'a, const N: usize>(
        &self,
        samples: impl IntoIterator<Item = Sample<'a, N>>,
    ) -> Text {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        debug_assert!(!matches!(self.kind, Kind::Histogram(_)), "{}", self.name);
        let labels = Labels::of(self);
        let mut text = String::new();
        for sample in samples {
            text.push_str(self.name);
            labels.push(&mut text, &sample.labels);
            text.push_str(labels.end());
            push_value(&mut text, sample.value);
        }
        self.text(text)
    }

    /// The family, of histograms, with these.
    pub fn with_histograms<'a, const N: usize>(
        &self,
        histograms: impl IntoIterator<Item = ([Cow<'a, str>; N], &'a Histogram)>,
    ) -> Text {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        let labels = Labels::of(self);
        let bounds = match self.kind {
            Kind::Histogram(bounds) => Bounds::new(self.name, bounds.iter().copied()),
            Kind::Counter | Kind::Gauge => Bounds::new(self.name, []),
        };
        let mut text = String::new();
        let mut of_series = String::new();
        for (values, histogram) in histograms {
            of_series.clear();
            labels.push(&mut of_series, &values);
            let of_series = of_series.trim_start_matches('{');
            let (count, sum) = (histogram.count(), histogram.sum);
            bounds.push(&mut text, of_series, histogram.cumulative(), count, sum);
        }
        self.text(text)
    }

    fn text(&self, samples: String) -> Text {
        Text {
            name: self.name.into(),
            help: self.help.into(),
            kind: self.kind.name(),
            samples,
        }
    }
}

/// The names of a family's labels, ready to be written: sorted, as the library has those of its
/// own metrics, with what stands before and after each, and where its value is.
struct Labels(Vec<(usize, String)>);

impl Labels {
    fn of(family: &Family) -> Self {
        let mut order: Vec<usize> = (0..family.labels.len()).collect();
        order.sort_by_key(|&at| family.labels[at]);
        let parts = order.into_iter().enumerate().map(|(number, at)| {
            let before = if number == 0 { '{' } else { ',' };
            (at, format!("{before}{}=\"", family.labels[at]))
        });
        Self(parts.collect())
    }

    /// Everything but the brace at the end.
    fn push(&self, text: &mut String, values: &[Cow<'_, str>]) {
        for (at, part) in &self.0 {
            text.push_str(part);
            push_escaped(text, &values[*at]);
            text.push('"');
        }
    }

    /// What stands between the last label and the value.
    fn end(&self) -> &'static str {
        if self.0.is_empty() { " " } else { "} " }
    }
}

/// The bounds of a family's buckets, ready to be written.
struct Bounds<'a> {
    name: &'a str,
    bounds: Vec<String>,
}

impl<'a> Bounds<'a> {
    fn new(name: &'a str, bounds: impl IntoIterator<Item = f64>) -> Self {
        let bounds = bounds.into_iter();
        Self {
            name,
            bounds: bounds
                .map(|bound| format!("le=\"{bound}\"}} "))
                .chain(["le=\"+Inf\"} ".to_owned()])
                .collect(),
        }
    }

    /// One series: `cumulative` has a number for each bound and for all.
    fn push(
        &self,
        text: &mut String,
        labels: &str,
        cumulative: impl Iterator<Item = u64>,
        count: u64,
        sum: f64,
    ) {
        let name = self.name;
        let comma = if labels.is_empty() { "" } else { "," };
        let begin = format!("{name}_bucket{{{labels}{comma}");
        for (bound, count) in self.bounds.iter().zip(cumulative) {
            text.push_str(&begin);
            text.push_str(bound);
            push_value(text, count as f64);
        }
        push_series(text, &format!("{name}_sum"), labels);
        push_value(text, sum);
        push_series(text, &format!("{name}_count"), labels);
        push_value(text, count as f64);
    }
}

impl Text {
    /// A family as the library gathers it; a summary or an untyped one is none of ours.
    #[must_use]
    pub fn gathered(family: &MetricFamily) -> Self {
        let name = family.name();
        let mut samples = String::new();
        let kind = match family.get_field_type() {
            MetricType::HISTOGRAM => {
                push_histograms(&mut samples, name, family.get_metric());
                "histogram"
            }
            MetricType::COUNTER => {
                for metric in family.get_metric() {
                    push_series(&mut samples, name, &labels(metric));
                    push_value(&mut samples, metric.get_counter().get_value());
                }
                "counter"
            }
            _ => {
                for metric in family.get_metric() {
                    push_series(&mut samples, name, &labels(metric));
                    push_value(&mut samples, metric.get_gauge().get_value());
                }
                "gauge"
            }
        };
        Self {
            name: name.to_owned().into(),
            help: family.help().to_owned().into(),
            kind,
            samples,
        }
    }

    /// Add the samples of `more`, which is of the same family.
    pub fn append(&mut self, more: &Self) {
        debug_assert_eq!(self.name, more.name);
        self.samples.push_str(&more.samples);
    }
}

/// The exposition of these families, each of which is there once, by their names; one without a
/// sample does not show.
#[must_use]
pub fn page(mut families: Vec<Text>) -> String {
    families.retain(|family| !family.samples.is_empty());
    families.sort_by(|a, b| a.name.cmp(&b.name));
    let size = |family: &Text| 2 * family.name.len() + family.help.len() + family.samples.len();
    let heads = 40 * families.len();
    let mut page = String::with_capacity(families.iter().map(size).sum::<usize>() + heads);
    for family in &families {
        let Text {
            name,
            help,
            kind,
            samples,
        } = family;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String can't fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        page.push_str(samples);
    }
    page
}

/// Labels as they stand between the braces.
fn labels(metric: &Metric) -> String {
    let mut text = String::new();
    for pair in metric.get_label() {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(pair.name());
        text.push_str("=\"");
        push_escaped(&mut text, pair.value());
        text.push('"');
    }
    text
}

fn push_series(text: &mut String, name: &str, labels: &str) {
    text.push_str(name);
    if labels.is_empty() {
        text.push(' ');
    } else {
        text.push('{');
        text.push_str(labels);
        text.push_str("} ");
    }
}

/// Histograms that have the same buckets.
fn push_histograms(text: &mut String, name: &str, metrics: &[Metric]) {
    let Some(first) = metrics.first() else {
        return;
    };
    let buckets = first.get_histogram().get_bucket();
    let bounds = Bounds::new(name, buckets.iter().map(Bucket::upper_bound));
    for metric in metrics {
        let histogram = metric.get_histogram();
        let count = histogram.get_sample_count();
        let cumulative = histogram.get_bucket().iter().map(Bucket::cumulative_count);
        let sum = histogram.get_sample_sum();
        let cumulative = cumulative.chain([count]);
        bounds.push(text, &labels(metric), cumulative, count, sum);
    }
}

/// A label's value, with what would end it or its line escaped.
fn push_escaped(text: &mut String, value: &str) {
    let special = |byte: u8| matches!(byte, b'\\' | b'"' | b'\n');
    if !value.bytes().any(special) {
        text.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

/// A value and the end of its line.
fn push_value(text: &mut String, value: f64) {
    /// Whole numbers up to here are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // Writing to a String can't fail.
    let _ = if value.fract() == 0.0 && value.abs() < EXACT {
        writeln!(text, "{}", value as i64)
    } else if value.is_infinite() {
        writeln!(text, "{}Inf", if value > 0.0 { '+' } else { '-' })
    } else {
        writeln!(text, "{value}")
    };
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder, Registry, TextEncoder};

    use super::*;

    const TESTS: Family = Family::new(
        "tests",
        Kind::Gauge,
        &["vm", "outcome"],
        "Tests \\ by outcome.\nAll.",
        "",
    );

    #[test]
    fn what_would_end_a_label_or_a_line_is_escaped() {
        let sample = |vm: &'static str, value| Sample {
            labels: [vm.into(), "passed".into()],
            value,
        };
        let text = TESTS.with([
            sample("a\\b\"c\nd", 1.0),
            sample("", -0.5),
            sample("b", f64::NAN),
            sample("c", f64::NEG_INFINITY),
            sample("d", 1e300),
        ]);
        let nines = format!("{}", 1e300);
        assert_eq!(
            page(vec![text]),
            format!(
                "# HELP tests Tests \\\\ by outcome.\\nAll.\n\
                 # TYPE tests gauge\n\
                 tests{{outcome=\"passed\",vm=\"a\\\\b\\\"c\\nd\"}} 1\n\
                 tests{{outcome=\"passed\",vm=\"\"}} -0.5\n\
                 tests{{outcome=\"passed\",vm=\"b\"}} NaN\n\
                 tests{{outcome=\"passed\",vm=\"c\"}} -Inf\n\
                 tests{{outcome=\"passed\",vm=\"d\"}} {nines}\n"
            )
        );
    }

    #[test]
    fn a_page_is_in_order_and_without_what_has_no_sample() {
        const UP: Family = Family::new("a_up", Kind::Counter, &[], "Up.", "");
        let value = |value| Sample { labels: [], value };
        let mut up = UP.with([value(1.0)]);
        up.append(&UP.with([value(2.0)]));
        let one = Sample {
            labels: ["x".into(), "y".into()],
            value: 3.0,
        };
        let texts = vec![TESTS.with([one]), up, TESTS.with::<2>([])];
        let page = page(texts);
        let begin = "# HELP a_up Up.\n# TYPE a_up counter\na_up 1\na_up 2\n# HELP tests ";
        assert!(page.starts_with(begin), "{page}");
        assert_eq!(page.lines().count(), 7, "{page}");
    }

    #[test]
    fn what_is_gathered_reads_as_the_library_writes_it() {
        let registry = Registry::new();
        const TIMES: Family = Family::new("times", Kind::Histogram(&[0.1, 1.0]), &["vm"], "T.", "");
        let times = TIMES.histograms(&registry).unwrap();
        for (vm, time) in [("a", 0.1), ("a", 0.3), ("b\"", 7.25)] {
            times.with_label_values(&[vm]).observe(time);
        }
        let alone = Family::new("alone", Kind::Histogram(&[2.0]), &[], "A.", "");
        let alone = alone.histograms(&registry).unwrap();
        alone.with_label_values::<&str>(&[]).observe(1.0);
        let counted = Family::new("counted_total", Kind::Counter, &["b", "a"], "C.", "");
        let counted = counted.counters(&registry).unwrap();
        counted.with_label_values(&["x", "y"]).inc_by(2.5);
        TESTS.put(&registry, [(&["a", "b"][..], 4.0)]).unwrap();
        let families = registry.gather();
        let mut expected = Vec::new();
        TextEncoder::new().encode(&families, &mut expected).unwrap();
        let texts = families.iter().map(Text::gathered).collect();
        let expected = String::from_utf8(expected).unwrap();
        assert_eq!(page(texts), expected);

        // Likewise what is kept without the library.
        let mut kept = [TIMES.histogram(), TIMES.histogram()];
        kept[0].observe(0.1);
        kept[0].observe(0.3);
        kept[1].observe(7.25);
        let kept = [("a", &kept[0]), ("b\"", &kept[1])];
        let kept = kept.map(|(vm, histogram)| ([vm.into()], histogram));
        let text = page(vec![TIMES.with_histograms(kept)]);
        assert!(expected.ends_with(&text), "{text} not in {expected}");
    }
}
