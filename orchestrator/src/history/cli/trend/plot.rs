// SPDX-License-Identifier: BSD-2-Clause
//! A series on the terminal: a dot a run, a line a level, and where it changed.

use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

use crate::projection::benchmarks::amount;
use crate::regressions::judge::JudgedSeries;

/// Characters that a line leaves to the labels.
const LABELS_WIDTH: u16 = 20;
/// Characters of a plot at most: more say no more.
const WIDTH_MAX: u16 = 100;
/// Characters of a plot at least, as the crate demands.
const WIDTH_MIN: u16 = 16;
/// Lines of a plot.
const HEIGHT: u32 = 10;
/// Dots of a character, across and down.
const DOTS: (u32, u32) = (2, 4);

/// The plot, and below it the number of each change where it is; nothing of
/// fewer than two runs.
pub(super) fn lines(judged: &JudgedSeries<'_>, width: u16) -> Vec<String> {
    let medians: Vec<f64> = judged.points.iter().map(|point| point.median).collect();
    let least = medians.iter().copied().fold(f64::INFINITY, f64::min);
    let most = medians.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if medians.len() < 2 {
        return Vec::new();
    }
    let width = width
        .saturating_sub(LABELS_WIDTH)
        .clamp(WIDTH_MIN, WIDTH_MAX);
    // What all runs have in common has no height of its own.
    let height = if most > least { most - least } else { 1.0 };
    let part = |value: f64| ((value - least) / height) as f32;
    let dots: Vec<(f32, f32)> = medians
        .iter()
        .enumerate()
        .map(|(run, median)| (run as f32, part(*median)))
        .collect();
    let levels: Vec<[(f32, f32); 2]> = levels(judged)
        .into_iter()
        .map(|(from, to, mean)| [(from as f32, part(mean)), (to as f32, part(mean))])
        .collect();
    let unit = judged.key.unit.clone();
    let dots = Shape::Points(&dots);
    let levels: Vec<Shape<'_>> = levels.iter().map(|ends| Shape::Lines(ends)).collect();
    let last = (medians.len() - 1) as f32;
    let (across, down) = (u32::from(width) * DOTS.0, HEIGHT * DOTS.1);
    // The last dot stands within the plot.
    let end = last * (across as f32) / (across - 1) as f32;
    let mut chart = Chart::new_with_y_range(across, down, 0.0, end, 0.0, 1.0);
    let label = move |part: f32| amount(least + f64::from(part) * height, &unit);
    let mut chart = chart
        .x_label_format(LabelFormat::None)
        .y_label_format(LabelFormat::Custom(Box::new(label)))
        .lineplot(&dots);
    for level in &levels {
        chart = chart.lineplot(level);
    }
    chart.figures();
    let text = chart.to_string();
    let plot = text.lines().filter(|line| !line.trim().is_empty());
    plot.map(|line| format!("  {line}"))
        .chain(marks(judged, width))
        .collect()
}

/// From which run to which the series has which mean.
fn levels(judged: &JudgedSeries<'_>) -> Vec<(usize, usize, f64)> {
    let last = judged.points.len() - 1;
    let mut levels = Vec::new();
    let mut from = 0;
    for named in &judged.changes {
        levels.push((from, named.index - 1, named.change.before.mean));
        from = named.index;
    }
    if let Some(named) = judged.changes.last() {
        levels.push((from, last, named.change.after.mean));
    }
    levels
}

fn marks(judged: &JudgedSeries<'_>, width: u16) -> Option<String> {
    if judged.changes.is_empty() {
        return None;
    }
    let last = judged.points.len() - 1;
    let mut line = vec![' '; usize::from(width)];
    for (named, number) in judged.changes.iter().zip(1_u32..) {
        let place = named.index * (usize::from(width) - 1) / last;
        // Ten and more have no digit of their own.
        line[place] = char::from_digit(number, 10).unwrap_or('*');
    }
    let line: String = line.into_iter().collect();
    Some(format!("  {}", line.trim_end()))
}
