// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats list`: the connections as a table or as JSON lines.

use std::io::Write;
use std::ops::ControlFlow;

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use tcpstats::device::{Device, DeviceError};
use tcpstats::record::Record;

use super::view::{Column, NARROW, WIDE, json};
use super::{CommandError, FilterText};

/// Records in one read: about 1 MiB.
const BUFFER_RECORDS: usize = 3276;

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
    let mut table = new_table(columns);
    each(&device, |record| {
        table.add_row(columns.iter().map(|column| (column.text)(record)));
        Ok(())
    })?;
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn each(
    device: &Device,
    mut show: impl FnMut(&Record) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut result = Ok(());
    device.for_each(BUFFER_RECORDS, |record| {
        result = show(record);
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    result
}

fn new_table(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.title));
    for (index, column) in columns.iter().enumerate() {
        if let Some(made) = table.column_mut(index) {
            made.set_padding((0, 2));
            if column.is_number {
                made.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}
