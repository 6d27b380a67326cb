// SPDX-License-Identifier: BSD-2-Clause
//! The file of `serve`: what is run when. Mistakes are shown with their line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use miette::{Diagnostic, LabeledSpan, NamedSource};
use serde::Deserialize;
use toml::Spanned;

use super::clockwork;
use super::wanted::{Wanted, names};
use crate::inventory::Inventory;
use crate::plan;

/// Why there is no schedule.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(super) enum Error {
    #[error("the schedule {} could not be read: {reason}", path.display())]
    #[diagnostic(help("name another file with --config"))]
    Unreadable { path: PathBuf, reason: io::Error },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Mistake(#[from] Box<Mistake>),
}

/// A mistake in the file, shown by miette with the lines around it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub(super) struct Mistake {
    message: String,
    #[source_code]
    file: NamedSource<String>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
    #[help]
    help: Option<String>,
}

/// One line of the schedule.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// When, as it stands in the file.
    pub(super) cron: String,
    /// The same, to be asked.
    pub(super) times: Cron,
    /// What.
    pub(super) wanted: Wanted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    schedule: Vec<Spanned<RawEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    cron: Spanned<String>,
    target: Option<String>,
    category: Option<String>,
    #[serde(default, deserialize_with = "names")]
    vms: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Read the schedule in the file at `path`, which must fit `inventory`.
pub(super) fn load(path: &Path, inventory: &Inventory) -> Result<Vec<Entry>, Error> {
    let text = fs::read_to_string(path).map_err(|reason| Error::Unreadable {
        path: path.to_owned(),
        reason,
    })?;
    Ok(parse(&path.display().to_string(), &text, inventory)?)
}

fn parse(name: &str, text: &str, inventory: &Inventory) -> Result<Vec<Entry>, Box<Mistake>> {
    let mistake = |message: String, place: Option<Range<usize>>, help: Option<String>| {
        let label = |span| LabeledSpan::new_with_span(Some("here".into()), span);
        Box::new(Mistake {
            message,
            file: NamedSource::new(name, text.to_owned()),
            labels: place.map(label).into_iter().collect(),
            help,
        })
    };
    let file: RawFile = toml::from_str(text)
        .map_err(|error| mistake(error.message().to_owned(), error.span(), None))?;
    let entry = |entry: Spanned<RawEntry>| {
        let place = entry.span();
        let entry = entry.into_inner();
        let cron = entry.cron.get_ref();
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let times = parser.parse(cron).map_err(|error| {
            let help = "minute hour day month weekday, in UTC, as in `30 3 * * mon-fri`";
            let reason = format!("no cron expression: {error}");
            mistake(reason, Some(entry.cron.span()), Some(help.into()))
        })?;
        if clockwork::next(&times, Timestamp::now()).is_none() {
            let never = "a time that never comes".into();
            return Err(mistake(never, Some(entry.cron.span()), None));
        }
        let split = |list: String| list.split(',').map(str::to_owned).collect();
        let wanted = Wanted {
            vms: entry.vms,
            labels: entry.labels,
            target: entry.target.map(split).unwrap_or_default(),
            category: entry.category,
        };
        let refused = |error: plan::PlanError| {
            let help = error.help().map(|help| help.to_string());
            mistake(error.to_string(), Some(place.clone()), help)
        };
        wanted
            .plan(inventory, &plan::Overrides::default())
            .map_err(refused)?;
        Ok(Entry {
            cron: cron.clone(),
            times,
            wanted,
        })
    };
    file.schedule.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory;

    fn read(text: &str) -> Result<Vec<Entry>, Box<Mistake>> {
        let vms = "[[vm]]\nname = \"a\"\nhost = \"h\"\n";
        let inventory = inventory::parse("vms.toml", vms, Path::new("/")).unwrap();
        parse("serve.toml", text, &inventory)
    }

    fn line_of(error: &Mistake) -> usize {
        let text: &String = error.file.inner();
        text[..error.labels[0].offset()].matches('\n').count() + 1
    }

    #[test]
    fn an_entry_says_when_what_and_where() {
        let text = "[[schedule]]\ncron = \"0 3 * * *\"\ntarget = \"unit,live_all\"\ncategory = \"A\"\nvms = [\"a\"]\n";
        let [entry] = &read(text).unwrap()[..] else {
            panic!("not one entry");
        };
        assert_eq!(entry.cron, "0 3 * * *");
        assert_eq!(entry.wanted.target, ["unit", "live_all"]);
        assert_eq!(entry.wanted.vms, ["a"]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_shown_with_their_line() {
        for (text, line, message) in [
            (
                "[[schedule]]\ncron = \"0 25 * * *\"\n",
                2,
                "no cron expression",
            ),
            (
                "[[schedule]]\ncron = \"0 0 31 2 *\"\n",
                2,
                "a time that never comes",
            ),
            (
                "[[schedule]]\ncron = \"0 3 * * *\"\ntraget = \"unit\"\n",
                3,
                "unknown field `traget`",
            ),
            (
                "\n[[schedule]]\ncron = \"0 3 * * *\"\nvms = [\"b\"]\n",
                2,
                "no VM \"b\"",
            ),
            (
                "[[schedule]]\ncron = \"0 3 * * *\"\nvms = []\n",
                3,
                "`vms` is empty",
            ),
            (
                "[[schedule]]\ncron = \"0 3 * * *\"\nvms = [\"a\"]\nlabels = { b = \"c\" }\n",
                1,
                "either names or labels",
            ),
            (
                "[[schedule]]\ntarget = \"unit\"\n",
                1,
                "missing field `cron`",
            ),
            (
                "[[schedule]]\ncron = \"0 3 * * *\"\ntarget = \"unit\"\ncategory = \"A\"\n",
                1,
                "no meaning for unit",
            ),
            (
                "[[schedule]]\ncron = \"0 3 * * *\"\ntarget = \"unti\"\n",
                1,
                "unknown target 'unti', did you mean unit?",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error} for {text}");
            assert_eq!(line_of(&error), line, "{error} for {text}");
        }
    }
}
