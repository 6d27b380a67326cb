// SPDX-License-Identifier: BSD-2-Clause
//! The table of layouts in `tcpstats_layout.h`, as calls of the macros in `src/layout.rs`.

use std::fmt::Write;

/// One entry of the table. Names are C's.
enum Entry<'a> {
    Size {
        structure: &'a str,
        size: &'a str,
    },
    Field(Field<'a>),
    Command {
        name: &'a str,
        freebsd: &'a str,
        linux: &'a str,
    },
}

struct Field<'a> {
    structure: &'a str,
    name: &'a str,
    offset: &'a str,
    size: &'a str,
    /// Of a record's field alone.
    usage: Option<&'a str>,
}

impl Field<'_> {
    /// The name without the prefix that all fields of a C structure share.
    fn rust_name(&self) -> &str {
        self.name
            .split_once('_')
            .map_or(self.name, |(_, name)| name)
    }
}

/// Write the Rust of the table, or say which of its entries is none.
pub(crate) fn translate(table: &str) -> Result<String, String> {
    let entries = table
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, entry(line)?)))
        .map(|(number, entry)| entry.map_err(|error| format!("line {number}: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rust = String::new();
    for entry in &entries {
        let _ = match entry {
            Entry::Size { structure, size } => {
                let fields = fields_of(&entries, structure);
                writeln!(rust, "same_layout! {{ {structure} {size} {fields}}}")
            }
            Entry::Command {
                name,
                freebsd,
                linux,
            } => writeln!(rust, "same_command! {{ {name} {freebsd} {linux} }}"),
            Entry::Field(_) => Ok(()),
        };
    }
    record_fields(&entries, &mut rust);
    Ok(rust)
}

/// The entry in a line, `None` where it has none.
fn entry(line: &str) -> Option<Result<Entry<'_>, String>> {
    let line = line.trim().trim_end_matches('\\').trim_end();
    let call = line.strip_suffix(';').unwrap_or(line).strip_suffix(')')?;
    let (kind, arguments) = call.split_once('(')?;
    let arguments: Vec<_> = arguments.split(',').map(str::trim).collect();
    Some(Ok(match (kind, arguments.as_slice()) {
        ("SIZE", &[structure, size]) => Entry::Size { structure, size },
        ("COMMAND", &[name, freebsd, linux]) => Entry::Command {
            name,
            freebsd,
            linux,
        },
        ("FIELD", &[structure, name, offset, size]) => Entry::Field(Field {
            structure,
            name,
            offset,
            size,
            usage: None,
        }),
        ("RECORD_FIELD", &[name, offset, size, usage]) => Entry::Field(Field {
            structure: "tcpstats_record",
            name,
            offset,
            size,
            usage: Some(usage),
        }),
        ("SIZE" | "COMMAND" | "FIELD" | "RECORD_FIELD", _) => {
            return Some(Err(format!("'{line}' is no entry of the table")));
        }
        _ => return None,
    }))
}

fn fields<'a>(entries: &'a [Entry<'a>]) -> impl Iterator<Item = &'a Field<'a>> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Field(field) => Some(field),
        _ => None,
    })
}

/// `NAME OFFSET SIZE,` of each field; raw names, as some are words of Rust.
fn fields_of(entries: &[Entry<'_>], structure: &str) -> String {
    fields(entries)
        .filter(|field| field.structure == structure)
        .map(|field| {
            let name = field.rust_name();
            format!("r#{name} {} {}, ", field.offset, field.size)
        })
        .collect()
}

fn record_fields(entries: &[Entry<'_>], rust: &mut String) {
    rust.push_str("pub(crate) const RECORD_FIELDS: &[Field] = &[\n");
    for field in fields(entries) {
        let Some(usage) = field.usage else { continue };
        let _ = writeln!(
            rust,
            "Field {{ name: {:?}, offset: {}, size: {}, usage: {} }},",
            field.rust_name(),
            field.offset,
            field.size,
            field_usage(usage)
        );
    }
    rust.push_str("];\n");
}

/// `HEADER`, `UNUSED` or a group of fields, the last as `TCPSTATS_FIELDS_` has it.
fn field_usage(usage: &str) -> String {
    let name = usage[..1].to_owned() + &usage[1..].to_lowercase();
    match usage {
        "HEADER" | "UNUSED" => format!("FieldUsage::{name}"),
        _ => format!("FieldUsage::Group(FieldGroup::{name})"),
    }
}
