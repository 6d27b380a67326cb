// SPDX-License-Identifier: BSD-2-Clause
//! The reference of all metrics, as Markdown, from the table that the page is made from.

use std::fmt::{self, Display};

use super::family::{Family, Kind};
use super::table::SECTIONS;

/// Displays as the reference.
pub(crate) struct Reference;

impl Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<!-- SPDX-License-Identifier: BSD-2-Clause -->")?;
        writeln!(f, "# What tcpstats-exporter serves\n")?;
        writeln!(
            f,
            "Made by `tcpstats-exporter --print-metrics`; a test compares it with the program."
        )?;
        for section in &SECTIONS {
            writeln!(f, "\n## {}\n\n{}\n", section.title, section.intro)?;
            writeln!(f, "| name | type | labels | meaning | from |")?;
            writeln!(f, "|---|---|---|---|---|")?;
            for family in section.families {
                row(f, family)?;
            }
        }
        writeln!(f, "\n## Upper bounds of the buckets\n")?;
        writeln!(f, "| name | bounds |\n|---|---|")?;
        for family in SECTIONS.iter().flat_map(|section| section.families) {
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
