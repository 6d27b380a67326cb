// SPDX-License-Identifier: BSD-2-Clause
//! The table of a C header.

use std::fmt::Write;

/// Why a header's table cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A line that begins like an entry.
    #[error("line {line}: '{text}' is no entry of the table")]
    Entry {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// A structure that has fields.
    #[error("the size of {0} is missing")]
    Size(String),
}

/// The entries of a header, in its order.
#[derive(Debug)]
pub struct Table<'a> {
    entries: Vec<Entry<'a>>,
}

/// One entry. Names are C's, numbers as they stand there.
#[derive(Debug, PartialEq, Eq)]
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

/// A field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The structure's name in C.
    pub structure: &'a str,
    /// The name in Rust: C's without the prefix that all fields of a structure share.
    pub name: &'a str,
    /// Its first byte.
    pub offset: &'a str,
    /// Its bytes.
    pub size: &'a str,
    /// The fifth column, which some tables have.
    pub usage: Option<&'a str>,
}

impl<'a> Table<'a> {
    /// Find the entries in a header's text: `SIZE(structure, size)`, `FIELD(structure, name,
    /// offset, size)` and the same with a fifth column as `GROUP_FIELD`, `COMMAND(name, freebsd,
    /// linux)`.
    ///
    /// # Errors
    /// An entry of other columns, or a structure without its size.
    pub fn parse(header: &'a str) -> Result<Self, TableError> {
        let mut entries = Vec::new();
        for (index, line) in header.lines().enumerate() {
            let line = line.trim().trim_end_matches('\\').trim_end();
            match entry(line) {
                Some(Some(entry)) => entries.push(entry),
                Some(None) => {
                    return Err(TableError::Entry {
                        line: index + 1,
                        text: line.to_owned(),
                    });
                }
                None => {}
            }
        }
        let table = Self { entries };
        if let Some(field) = table.fields().find(|field| !table.has(field.structure)) {
            return Err(TableError::Size(field.structure.to_owned()));
        }
        Ok(table)
    }

    /// Every field of every structure.
    pub fn fields(&self) -> impl Iterator<Item = &Field<'a>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Field(field) => Some(field),
            _ => None,
        })
    }

    /// Calls of this crate's macros that assert the table.
    #[must_use]
    pub fn asserts(&self) -> String {
        let mut rust = String::new();
        for entry in &self.entries {
            // Writing to a string cannot fail.
            let _ = match entry {
                Entry::Size { structure, size } => {
                    let fields = self.fields_of(structure);
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
        rust
    }

    fn has(&self, name: &str) -> bool {
        let is_size = |entry: &Entry<'_>| matches!(entry, Entry::Size { structure, .. } if *structure == name);
        self.entries.iter().any(is_size)
    }

    /// `NAME OFFSET SIZE,` of each field; raw names, as some are words of Rust.
    fn fields_of(&self, structure: &str) -> String {
        self.fields()
            .filter(|field| field.structure == structure)
            .map(|field| format!("r#{} {} {}, ", field.name, field.offset, field.size))
            .collect()
    }
}

/// The entry in a line, `None` where the line is something else, `Some(None)` where it is an
/// entry of other columns.
fn entry(line: &str) -> Option<Option<Entry<'_>>> {
    let (kind, arguments) = line.split_once('(')?;
    if !["SIZE", "FIELD", "GROUP_FIELD", "COMMAND"].contains(&kind) {
        return None;
    }
    let arguments = arguments.strip_suffix(';').unwrap_or(arguments);
    let arguments: Vec<_> = arguments
        .trim_end_matches(')')
        .split(',')
        .map(str::trim)
        .collect();
    Some(match (kind, arguments.as_slice()) {
        ("SIZE", &[structure, size]) => Some(Entry::Size { structure, size }),
        ("COMMAND", &[name, freebsd, linux]) => Some(Entry::Command {
            name,
            freebsd,
            linux,
        }),
        ("FIELD", &[structure, name, offset, size]) => {
            Some(Entry::Field(field(structure, name, offset, size, None)))
        }
        ("GROUP_FIELD", &[structure, name, offset, size, group]) => Some(Entry::Field(field(
            structure,
            name,
            offset,
            size,
            Some(group),
        ))),
        _ => None,
    })
}

fn field<'a>(
    structure: &'a str,
    name: &'a str,
    offset: &'a str,
    size: &'a str,
    usage: Option<&'a str>,
) -> Field<'a> {
    Field {
        structure,
        name: name.split_once('_').map_or(name, |(_, name)| name),
        offset,
        size,
        usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_calls() {
        let header = "\
#define LAYOUT(SIZE, FIELD, GROUP_FIELD, COMMAND) \\
\tSIZE(pair, 8);                  \\
\tFIELD(pair, p_first, 0, 4);     \\
\tGROUP_FIELD(pair, p_type, 4, 4, SECOND); \\
\tCOMMAND(PAIR_GET, 0x40085001, 0x80085001)
#define OTHER(x) (x)
";
        let table = Table::parse(header).expect("a table");
        assert_eq!(
            table.asserts(),
            "same_layout! { pair 8 r#first 0 4, r#type 4 4, }\n\
             same_command! { PAIR_GET 0x40085001 0x80085001 }\n"
        );
        let usages: Vec<_> = table.fields().map(|field| field.usage).collect();
        assert_eq!(usages, [None, Some("SECOND")]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_passed_over() {
        let told = |header: &str| Table::parse(header).expect_err("no table").to_string();
        for line in ["SIZE(pair)", "FIELD(pair, p_first, 0)", "COMMAND(A, 1)"] {
            let header = format!("\n\t{line}; \\\n");
            assert_eq!(
                told(&header),
                format!("line 2: '{line};' is no entry of the table")
            );
        }
        assert_eq!(
            told("FIELD(pair, p_first, 0, 4);"),
            "the size of pair is missing"
        );
    }
}
