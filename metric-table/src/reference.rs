// SPDX-License-Identifier: BSD-2-Clause
//! The reference of all metrics, as Markdown, from the table that the page is made from.

use std::fmt::{self, Display};

use crate::family::{Family, Kind};

/// A group of families of a table.
#[derive(Debug)]
pub struct Section {
    /// What they have in common.
    pub title: &'static str,
    /// When they are served, and what holds for all of them.
    pub intro: &'static str,
    /// In the order of the reference.
    pub families: &'static [Family],
}

/// Displays as the reference.
#[derive(Debug)]
pub struct Reference<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// The command that prints it.
    pub command: &'a str,
    /// The table.
    pub sections: &'a [Section],
}

impl Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<!-- SPDX-License-Identifier: BSD-2-Clause -->")?;
        writeln!(f, "# {}\n", self.title)?;
        let command = self.command;
        writeln!(
            f,
            "Made by `{command}`; a test compares it with the program."
        )?;
        for section in self.sections {
            writeln!(f, "\n## {}\n\n{}\n", section.title, section.intro)?;
            writeln!(f, "| name | type | labels | meaning | from |")?;
            writeln!(f, "|---|---|---|---|---|")?;
            for family in section.families {
                row(f, family)?;
            }
        }
        writeln!(f, "\n## Upper bounds of the buckets\n")?;
        writeln!(f, "| name | bounds |\n|---|---|")?;
        for family in self.sections.iter().flat_map(|section| section.families) {
            if let Kind::Histogram(bounds) = family.kind {
                let bounds: Vec<_> = bounds.iter().map(ToString::to_string).collect();
                writeln!(f, "| `{}` | {} |", family.name, bounds.join(", "))?;
            }
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, family: &Family) -> fmt::Result {
    let Family {
        name, help, source, ..
    } = family;
    let (kind, labels) = (family.kind.name(), family.labels.join(", "));
    writeln!(f, "| `{name}` | {kind} | {labels} | {help} | {source} |")
}
