// SPDX-License-Identifier: BSD-2-Clause
//! One series judged by its points.

use protocol::event::Better;
use regression::{Expectation, Judgement, MIN_REPETITIONS, Method, Standing, State, Worse};

use super::{is_exact, reference};
use crate::event::{Judged, Level, Quantity, SeriesChange, SeriesState, Suspicion};
use crate::history::{Ack, Point, SeriesKey};
use crate::projection::state::median;

/// Runs that are judged, the last ones: what was before them is of no use any
/// more, and takes its time.
const RUNS_MAX: usize = 1000;
/// Nothing measurable is larger; squares of it are still numbers.
const VALUE_MAX: f64 = 1e100;

/// A series and what is found in it.
#[derive(Debug)]
pub struct JudgedSeries<'a> {
    /// What is measured, and where.
    pub key: &'a SeriesKey,
    /// The runs that were judged, the oldest first: what they would have
    /// measured had the reference taken in each what it usually does.
    pub points: Vec<Point>,
    /// What the reference usually takes, nanoseconds; `None` where it was not
    /// measured.
    pub reference: Option<f64>,
    /// Runs that had too few repetitions for a point.
    pub left_out: usize,
    /// Its changes, in its order.
    pub changes: Vec<NamedChange>,
    /// How it stands.
    pub state: SeriesState,
    /// What makes its last run suspect, if it is.
    pub suspicion: Option<Suspicion>,
    /// What its next run is to measure.
    pub next: Option<Expectation>,
    /// Which of the changes the state is about.
    principal: Option<usize>,
}

/// A change by the name of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedChange {
    /// The first point after it.
    pub index: usize,
    /// What it is.
    pub change: SeriesChange,
    /// How it stands.
    pub standing: Standing,
    /// Who knows of it, and why; where that is how it stands.
    pub ack: Option<Ack>,
}

impl NamedChange {
    /// Whether it waits for somebody to look at it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.standing == Standing::Confirmed
    }
}

impl<'a> JudgedSeries<'a> {
    /// Judge the series `key` by `points`, the oldest first, of which people
    /// acknowledged changes as `acks` say; those of other series may be among
    /// them.
    ///
    /// A run with fewer than five repetitions is no point: its median is too
    /// uncertain. Where they can't differ, one is enough.
    #[must_use]
    pub fn of(key: &'a SeriesKey, points: &'a [Point], acks: &[Ack]) -> Self {
        let repetitions = if is_exact(&key.unit) {
            1
        } else {
            MIN_REPETITIONS
        };
        let usable: Vec<&Point> = points
            .iter()
            .filter(|point| point.samples.len() >= repetitions && point.median.abs() <= VALUE_MAX)
            .collect();
        let left_out = points.len() - usable.len();
        let recent = &usable[usable.len().saturating_sub(RUNS_MAX)..];
        let pairs = recent.iter().map(|p| (&p.samples[..], &p.reference[..]));
        let reference = reference::typical(pairs);
        let points: Vec<Point> = recent.iter().map(|p| adjusted(p, reference)).collect();

        let values: Vec<f64> = points.iter().map(|point| point.median).collect();
        // A run whose log is gone is known by its place: names begin with the time.
        let acks: Vec<(usize, &Ack)> = acks
            .iter()
            .filter(|ack| ack.series == *key)
            .map(|ack| (points.partition_point(|point| point.run < ack.run), ack))
            .collect();
        let acknowledged: Vec<usize> = acks.iter().map(|(index, _)| *index).collect();
        let worse = match key.better {
            Better::Lower => Worse::Up,
            Better::Higher => Worse::Down,
        };
        let method = Method::robust();
        let judgement = Judgement::of(&values, worse, &method, &acknowledged);
        let principal = judgement.principal().map(|judged| judged.change.index);
        let changes: Vec<NamedChange> = judgement
            .changes
            .iter()
            .map(|judged| {
                let known = judged.standing == Standing::Acknowledged;
                let ack = acks
                    .iter()
                    .rfind(|(index, _)| known && method.is_same(*index, judged.change.index));
                NamedChange {
                    ack: ack.map(|(_, ack)| (*ack).clone()),
                    ..named(&points, judged)
                }
            })
            .collect();
        Self {
            key,
            left_out,
            principal: changes
                .iter()
                .position(|change| Some(change.index) == principal),
            changes,
            state: state(judgement.state()),
            suspicion: judgement.suspicion.map(|suspicion| Suspicion {
                actual: suspicion.actual,
                expected: suspicion.expected,
                tolerance: suspicion.tolerance,
            }),
            next: judgement.next,
            points,
            reference,
        }
    }

    /// As a run's log has it.
    #[must_use]
    pub fn to_event(&self, fails_run: bool) -> Judged {
        let principal = self.principal.and_then(|at| self.changes.get(at));
        Judged {
            quantity: quantity(self.key),
            series: name(self.key),
            runs: self.points.len(),
            state: self.state,
            change: principal.map(|named| named.change.clone()),
            suspicion: self.suspicion,
            fails_run,
        }
    }
}

/// What `key` is a series of, wherever it was measured.
#[must_use]
pub fn quantity(key: &SeriesKey) -> Quantity {
    Quantity {
        benchmark: key.benchmark.clone(),
        workload: key.workload.clone(),
        connections: key.connections,
        unit: key.unit.clone(),
        better: key.better,
    }
}

/// How a series is called where it is to be acknowledged: 16 hexadecimal digits.
#[must_use]
pub fn name(key: &SeriesKey) -> String {
    format!("{:016x}", key.id())
}

fn adjusted(point: &Point, reference: Option<f64>) -> Point {
    let samples = reference::adjusted(&point.samples, &point.reference, reference);
    Point {
        median: median(&samples).unwrap_or(point.median),
        samples,
        ..point.clone()
    }
}

fn named(points: &[Point], judged: &regression::JudgedChange) -> NamedChange {
    let change = &judged.change;
    let level = |side: &regression::Side| Level {
        runs: side.points.len(),
        mean: side.mean,
        deviation: side.deviation,
    };
    NamedChange {
        index: change.index,
        change: SeriesChange {
            run: points[change.index].run.clone(),
            ratio: change.ratio(),
            p: change.p,
            before: level(&change.before),
            after: level(&change.after),
        },
        standing: judged.standing,
        ack: None,
    }
}

fn state(state: State) -> SeriesState {
    match state {
        State::Stable => SeriesState::Stable,
        State::Suspect => SeriesState::Suspect,
        State::Confirmed => SeriesState::Confirmed,
        State::Acknowledged => SeriesState::Acknowledged,
        State::Recovered => SeriesState::Recovered,
        State::Improved => SeriesState::Improved,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn key(unit: &str, better: Better) -> SeriesKey {
        SeriesKey {
            fingerprint: "f".into(),
            vm: "a".into(),
            benchmark: "parse".into(),
            workload: "empty".into(),
            connections: 0,
            unit: unit.into(),
            better,
        }
    }

    fn point(number: usize, median: f64, repetitions: usize) -> Point {
        Point {
            run: format!("run{number:03}"),
            time: Timestamp::from_second(number as i64).unwrap(),
            median,
            samples: vec![median; repetitions],
            reference: Vec::new(),
        }
    }

    /// Ten runs about each level, one up and down.
    fn points(levels: &[f64]) -> Vec<Point> {
        let medians = levels
            .iter()
            .flat_map(|level| (0..10).map(move |i| level + f64::from(i % 3) - 1.0));
        medians
            .enumerate()
            .map(|(number, median)| point(number, median, 5))
            .collect()
    }

    fn ack(key: &SeriesKey, run: &str) -> Ack {
        Ack {
            series: key.clone(),
            run: run.into(),
            who: "me".into(),
            time: Timestamp::UNIX_EPOCH,
            note: "known".into(),
        }
    }

    #[test]
    fn a_change_is_known_by_its_run_size_and_neighbours() {
        let key = key("ns", Better::Lower);
        let points = points(&[100.0, 120.0]);
        let judged = JudgedSeries::of(&key, &points, &[]).to_event(true);
        let change = judged.change.unwrap();
        assert_eq!(judged.state, SeriesState::Confirmed);
        assert_eq!((judged.runs, judged.fails_run), (20, true));
        assert_eq!(judged.series, name(&key));
        assert_eq!(change.run, "run010");
        assert!((change.ratio - 20.0 / 99.9).abs() < 1e-9, "{change:?}");
        assert_eq!((change.before.runs, change.after.runs), (10, 10));
        assert!((change.before.mean - 99.9).abs() < 1e-9);
        assert!(change.p < 1e-12);
    }

    #[test]
    fn more_is_worse_or_better_as_the_benchmark_says() {
        let rates = key("records/s", Better::Higher);
        let faster = points(&[100.0, 120.0]);
        let state = |points: &[Point]| JudgedSeries::of(&rates, points, &[]).state;
        assert_eq!(state(&faster), SeriesState::Improved);
        assert_eq!(state(&points(&[120.0, 100.0])), SeriesState::Confirmed);
    }

    /// The same run on a machine that was so many times as slow, with the
    /// reference beside it.
    fn on_machine(point: &Point, slow: f64) -> Point {
        Point {
            median: point.median * slow,
            samples: point.samples.iter().map(|of| of * slow).collect(),
            reference: vec![250.0 * slow; point.samples.len()],
            ..point.clone()
        }
    }

    #[test]
    fn a_slow_machine_is_no_change_and_hides_none() {
        let key = key("ns", Better::Lower);
        // From the 15th run on all takes half as long again.
        let disturbed = |levels: &[f64]| -> Vec<Point> {
            let points = points(levels).into_iter().enumerate();
            points
                .map(|(at, point)| on_machine(&point, if at < 15 { 1.0 } else { 1.5 }))
                .collect()
        };
        let quiet = disturbed(&[100.0, 100.0]);
        let judged = JudgedSeries::of(&key, &quiet, &[]);
        assert_eq!(
            (judged.state, judged.reference),
            (SeriesState::Stable, Some(250.0))
        );
        assert_eq!(judged.points[19].median, judged.points[9].median);
        let mut bare = quiet.clone();
        bare.iter_mut().for_each(|point| point.reference.clear());
        let judged = JudgedSeries::of(&key, &bare, &[]);
        assert_eq!(
            (judged.state, judged.reference),
            (SeriesState::Confirmed, None)
        );

        let stepped = disturbed(&[100.0, 120.0]);
        let change = JudgedSeries::of(&key, &stepped, &[]).to_event(true).change;
        let change = change.unwrap();
        assert_eq!(change.run, "run010");
        assert!((change.before.mean - 99.9).abs() < 1e-9, "{change:?}");
        assert!((change.after.mean - 119.9).abs() < 1e-9, "{change:?}");
    }

    #[test]
    fn runs_of_before_the_reference_count_as_they_are() {
        let key = key("ns", Better::Lower);
        let mut mixed = points(&[100.0, 100.0]);
        for point in &mut mixed[10..] {
            *point = on_machine(point, 1.0);
        }
        let judged = JudgedSeries::of(&key, &mixed, &[]);
        assert_eq!(
            (judged.state, judged.reference),
            (SeriesState::Stable, Some(250.0))
        );
        assert_eq!(judged.points[0].median, mixed[0].median);
    }

    #[test]
    fn an_acknowledgement_holds_for_its_series_and_its_change() {
        let key = key("ns", Better::Lower);
        let mut other = key.clone();
        other.vm = "b".into();
        let points = points(&[100.0, 120.0]);
        let state = |ack: Ack| JudgedSeries::of(&key, &points, &[ack]).state;
        assert_eq!(state(ack(&key, "run010")), SeriesState::Acknowledged);
        assert_eq!(state(ack(&key, "run004")), SeriesState::Confirmed);
        assert_eq!(state(ack(&other, "run010")), SeriesState::Confirmed);
        // The log of the run is gone.
        assert_eq!(state(ack(&key, "run009x")), SeriesState::Acknowledged);
    }

    #[test]
    fn runs_with_few_repetitions_are_no_points_unless_they_are_exact() {
        let mut points = points(&[100.0, 120.0]);
        for point in &mut points[10..] {
            point.samples.truncate(4);
        }
        let times = key("ns", Better::Lower);
        let judged = JudgedSeries::of(&times, &points, &[]);
        assert_eq!((judged.points.len(), judged.left_out), (10, 10));
        assert_eq!(judged.state, SeriesState::Stable);
        let counts = key("instructions", Better::Lower);
        let judged = JudgedSeries::of(&counts, &points, &[]);
        assert_eq!((judged.points.len(), judged.left_out), (20, 0));
        assert_eq!(judged.state, SeriesState::Confirmed);
    }

    #[test]
    fn what_no_log_could_hold_is_left_out() {
        let key = key("ns", Better::Lower);
        let mut points = points(&[100.0, 120.0]);
        points[3].median = f64::MAX;
        points[15].median = f64::MIN;
        let judged = JudgedSeries::of(&key, &points, &[]);
        assert_eq!((judged.points.len(), judged.left_out), (18, 2));
        let text = serde_json::to_string(&judged.to_event(false)).unwrap();
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn only_the_last_runs_are_judged() {
        let key = key("ns", Better::Lower);
        let flat: Vec<Point> = (0..1100)
            .map(|number| point(number, if number < 50 { 50.0 } else { 100.0 }, 5))
            .collect();
        let judged = JudgedSeries::of(&key, &flat, &[]);
        assert_eq!(judged.points.len(), 1000);
        assert_eq!(judged.points[0].run, "run100");
        assert_eq!((judged.state, judged.left_out), (SeriesState::Stable, 0));
    }
}
