// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats top`: the connections that stand out, again and again.

mod frame;
mod sample;
mod screen;

use std::io::{IsTerminal as _, Write};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::Filter;
use tcpstats::record::FieldGroup;

use self::frame::View;
use self::sample::{Sample, Sampler, SortKey};
use self::screen::{Key, Screen};
use super::{CommandError, FilterText};

/// What the columns are made of.
const GROUPS: [FieldGroup; 8] = [
    FieldGroup::Identity,
    FieldGroup::State,
    FieldGroup::Congestion,
    FieldGroup::Rtt,
    FieldGroup::Sequences,
    FieldGroup::Counters,
    FieldGroup::Timers,
    FieldGroup::Buffers,
];

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: FilterText,
    /// Seconds between looks
    #[arg(short, long, value_name = "SECONDS", default_value = "2", value_parser = delay)]
    delay: Duration,
    /// Looks to take, 0 for no end [default: 0 on a terminal, 1 in batch mode]
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// Print one look after the other, whole; so it is where the output is no terminal
    #[arg(short, long)]
    batch: bool,
    /// What stands first
    #[arg(short, long, value_name = "KEY", value_enum, default_value_t = SortKey::Retransmits)]
    sort: SortKey,
    /// The smallest first
    #[arg(short, long)]
    reverse: bool,
    /// Connections to show at most, in batch mode [default: all]
    #[arg(short, long, value_name = "N")]
    lines: Option<usize>,
}

fn delay(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(delay) if delay >= Duration::from_millis(100) => Ok(delay),
        _ => Err("must be 0.1 seconds or more".to_owned()),
    }
}

pub(super) fn run(
    arguments: &Arguments,
    device: impl FnOnce() -> Result<Device, DeviceError>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut filter = arguments.filter.parse()?;
    let view = View {
        filter: shown(&filter),
        sort: arguments.sort,
        reverse: arguments.reverse,
        delay: arguments.delay,
    };
    filter.field_mask |= GROUPS.iter().fold(0, |mask, group| mask | group.bit());
    let sampler = Sampler::new(device()?, filter);
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if arguments.batch || !terminal {
        batch(arguments, &view, sampler, out)
    } else {
        interactive(arguments, view, sampler, out)
    }
}

/// What restricts the connections; the fields are this command's own matter.
fn shown(filter: &Filter) -> String {
    let text = filter.to_string();
    let directives = text
        .split(' ')
        .filter(|directive| !directive.starts_with("fields=") && !directive.starts_with("format="));
    directives.collect::<Vec<_>>().join(" ")
}

fn batch(
    arguments: &Arguments,
    view: &View,
    mut sampler: Sampler,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let count = arguments.count.unwrap_or(1);
    let mut taken = 0;
    loop {
        let started = Instant::now();
        let mut sample = sampler.take()?;
        let rows = arguments.lines.unwrap_or(usize::MAX);
        for line in view.lines(&mut sample, None, rows) {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        taken += 1;
        if taken == count {
            return Ok(());
        }
        thread::sleep(arguments.delay.saturating_sub(started.elapsed()));
        writeln!(out)?;
    }
}

/// Looks and shows until asked to end. A look that fails is told and tried again: a device may be
/// busy for a moment, or come back.
fn interactive(
    arguments: &Arguments,
    mut view: View,
    mut sampler: Sampler,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut screen = Screen::enter(out)?;
    let count = arguments.count.unwrap_or(0);
    let mut taken = 0;
    loop {
        let next = Instant::now() + arguments.delay;
        let mut look = sampler.take();
        taken += 1;
        loop {
            draw(&mut screen, &view, look.as_mut())?;
            match screen.key(next)? {
                Some(Key::Quit) => return Ok(()),
                Some(Key::Sort(step)) => view.sort = view.sort.neighbour(step),
                Some(Key::Reverse) => view.reverse = !view.reverse,
                Some(Key::Resized) => {}
                Some(Key::Refresh) | None => break,
            }
        }
        if taken == count {
            return Ok(());
        }
    }
}

fn draw(
    screen: &mut Screen<impl Write>,
    view: &View,
    look: Result<&mut Sample, &mut DeviceError>,
) -> Result<(), CommandError> {
    let (width, height) = screen.size();
    let lines = match look {
        Ok(sample) => view.screen(sample, width, height),
        Err(error) => {
            let text: Vec<char> = error.to_string().chars().collect();
            let mut lines: Vec<String> = text.chunks(width.max(1)).map(String::from_iter).collect();
            lines.push("trying again; q quits".to_owned());
            lines
        }
    };
    Ok(screen.show(&lines, view.heading_line())?)
}
