// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats list`: the connections as a table or as JSON lines.

use std::io::Write;
use std::ops::ControlFlow;

use clap::Args;
use tcpstats::device::{Device, DeviceError};
use tcpstats::record::Record;

use super::device::buffer_records;
use super::table::{self, Heading};
use super::view::{NARROW, WIDE, json};
use super::{CommandError, FilterText};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: FilterText,
    /// One JSON object a line, with the field groups that the filter selects
    #[arg(long, conflicts_with = "wide")]
    json: bool,
    /// More columns
    #[arg(long)]
    wide: bool,
}

pub(super) fn run(
    arguments: &Arguments,
    device: impl FnOnce() -> Result<Device, DeviceError>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut filter = arguments.filter.parse()?;
    let columns = if arguments.wide { WIDE } else { NARROW };
    if !arguments.json {
        // A table shows its columns, whatever fields the filter names.
        filter.field_mask |= columns
            .iter()
            .fold(0, |mask, column| mask | column.group.bit());
    }
    let device = device()?;
    device.set_filter(&filter)?;
    if arguments.json {
        return each(&device, |record| {
            serde_json::to_writer(&mut *out, &json(record, &filter))?;
            Ok(writeln!(out)?)
        });
    }
    let mut rows = Vec::new();
    each(&device, |record| {
        rows.push(columns.iter().map(|column| (column.text)(record)).collect());
        Ok(())
    })?;
    let headings: Vec<Heading> = columns.iter().map(|column| column.heading).collect();
    for line in table::lines(&headings, &rows, None, headings.len()) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn each(
    device: &Device,
    mut show: impl FnMut(&Record) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut result = Ok(());
    device.for_each(buffer_records(device)?, |record| {
        result = show(record);
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    result
}
