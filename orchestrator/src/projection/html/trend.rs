// SPDX-License-Identifier: BSD-2-Clause
//! One benchmark on one VM from run to run: the medians, how far the samples
//! lie apart, and where it changed.
//!
//! Words are outside of the plot, which is stretched to the width that there
//! is: they keep their size on a phone.

use std::fmt::Write as _;

use jiff::Timestamp;
use maud::{Markup, html};
use protocol::event::Better;

use super::{Mark, class, moment};
use crate::projection::benchmarks::amount;
use crate::projection::text::{Tone, count, printable};

/// Size of a plot; its unit is arbitrary.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;
/// What a plot leaves free above and below, as a part of its range.
const MARGIN: f64 = 0.08;
/// Points that are plotted, the last ones.
const POINTS_MAX: usize = 200;

/// A series of measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The VM that it was measured on.
    pub vm: String,
    /// What was measured, under which load.
    pub title: String,
    /// Unit of all values.
    pub unit: String,
    /// Which direction is an improvement.
    pub better: Better,
    /// In the order of their runs.
    pub points: Vec<Point>,
    /// In the order of their points.
    pub changes: Vec<Change>,
}

/// What one run measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name of the run.
    pub run: String,
    /// When it was.
    pub time: Timestamp,
    /// Half of the samples are at most this.
    pub median: f64,
    /// A quarter and three quarters of the samples are at most these.
    pub quartiles: [f64; 2],
}

/// Where a series is another from then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The first point that is.
    pub at: usize,
    /// How it stands, such as `confirmed`, and what that means.
    pub standing: (Tone, &'static str),
    /// Its run, its size and its neighbours, in one line.
    pub said: String,
}

impl Trend {
    /// What the last points are, and all that changed among them.
    pub(super) fn render(&self) -> Markup {
        let Some(plot) = Plot::of(self) else {
            return html! {};
        };
        let title = format!("{} on {}", printable(&self.title), printable(&self.vm));
        let (first, last) = (&plot.points[0], &plot.points[plot.points.len() - 1]);
        let [lowest, highest] = [plot.lowest, plot.highest].map(|value| self.amount(value));
        html! {
            figure.trend {
                figcaption {
                    strong { (printable(&self.title)) } " "
                    span.quiet { (printable(&self.vm)) ", " (direction(self.better)) }
                }
                p.axis { span { (highest) } }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none"
                    role="img" aria-label=(title) {
                    title { (title) }
                    desc { (self.description(&plot)) }
                    path.band d=(plot.band()) {}
                    @for change in &plot.changes {
                        path class={ "change " (class(change.standing.0)) } d=(plot.upright(change)) {}
                    }
                    path.line d=(plot.line()) {}
                    path.dots d=(plot.dots()) {}
                }
                p.axis { span { (lowest) } }
                p.axis { span { (moment(first.time)) } span { (moment(last.time)) } }
                @if !plot.changes.is_empty() {
                    ul { @for change in &plot.changes { (change.render()) } }
                }
                (self.table(&plot))
            }
        }
    }

    fn amount(&self, value: f64) -> String {
        printable(&amount(value, &self.unit)).into_owned()
    }

    fn description(&self, plot: &Plot<'_>) -> String {
        let last = &plot.points[plot.points.len() - 1];
        format!(
            "{} in {}, from {} to {}, last {}; {}",
            count(plot.points.len(), "median"),
            printable(&self.unit),
            self.amount(plot.lowest),
            self.amount(plot.highest),
            self.amount(last.median),
            count(plot.changes.len(), "change"),
        )
    }

    fn table(&self, plot: &Plot<'_>) -> Markup {
        html! {
            details {
                summary { (count(plot.points.len(), "run")) }
                table.stages {
                    thead {
                        tr {
                            th scope="col" { "run" }
                            th.number scope="col" { "median" }
                            th.number scope="col" { "quartiles" }
                        }
                    }
                    tbody {
                        @for point in plot.points {
                            tr {
                                th scope="row" { (printable(&point.run)) }
                                td.number { (self.amount(point.median)) }
                                td.number {
                                    @let [lower, upper] = point.quartiles;
                                    (self.amount(lower)) " – " (self.amount(upper))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Change {
    fn render(&self) -> Markup {
        let (tone, word) = self.standing;
        html! {
            li { (Mark { word, tone }.render()) ": " (printable(&self.said)) }
        }
    }
}

fn direction(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower is better",
        Better::Higher => "higher is better",
    }
}

/// The part of a trend that is plotted, and its range.
struct Plot<'a> {
    points: &'a [Point],
    /// Those among the points, counted from the first of them.
    changes: Vec<Change>,
    lowest: f64,
    highest: f64,
}

impl<'a> Plot<'a> {
    /// `None` without a point.
    fn of(trend: &'a Trend) -> Option<Self> {
        let left_out = trend.points.len().saturating_sub(POINTS_MAX);
        let points = &trend.points[left_out..];
        let values = || {
            points
                .iter()
                .flat_map(|point| [point.quartiles[0], point.quartiles[1], point.median])
        };
        let changes = trend.changes.iter().filter_map(|change| {
            let at = change.at.checked_sub(left_out)?;
            (at < points.len()).then(|| Change {
                at,
                ..change.clone()
            })
        });
        (!points.is_empty()).then(|| Self {
            points,
            changes: changes.collect(),
            lowest: values().fold(f64::INFINITY, f64::min),
            highest: values().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn x(&self, at: usize) -> f64 {
        match self.points.len() {
            0 | 1 => WIDTH / 2.0,
            points => at as f64 / (points - 1) as f64 * WIDTH,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let range = self.highest - self.lowest;
        let part = if range > 0.0 {
            (value - self.lowest) / range
        } else {
            0.5
        };
        HEIGHT * (1.0 - MARGIN - part * (1.0 - 2.0 * MARGIN))
    }

    fn line(&self) -> String {
        let medians = self.points.iter().map(|point| point.median);
        self.path(medians.enumerate())
    }

    /// From the lower quartiles there to the upper ones back.
    fn band(&self) -> String {
        let lower = self
            .points
            .iter()
            .map(|point| point.quartiles[0])
            .enumerate();
        let upper = self
            .points
            .iter()
            .map(|point| point.quartiles[1])
            .enumerate();
        let around: Vec<(usize, f64)> = lower.chain(upper.rev()).collect();
        self.path(around) + "Z"
    }

    fn path(&self, values: impl IntoIterator<Item = (usize, f64)>) -> String {
        let mut path = String::new();
        for (at, value) in values {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", self.x(at), self.y(value));
        }
        path
    }

    /// Lines of no length, whose round ends are dots however the plot is
    /// stretched.
    fn dots(&self) -> String {
        let medians = self.points.iter().map(|point| point.median).enumerate();
        medians
            .map(|(at, value)| format!("M{:.1} {:.1}h0", self.x(at), self.y(value)))
            .collect()
    }

    /// Between the points before and after a change.
    fn upright(&self, change: &Change) -> String {
        let before = change.at.saturating_sub(1);
        let x = f64::midpoint(self.x(before), self.x(change.at));
        format!("M{x:.1} 0v{HEIGHT}")
    }
}
