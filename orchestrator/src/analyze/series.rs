// SPDX-License-Identifier: BSD-2-Clause
//! A series from a CSV file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What to judge: a value a point, and how the points are called.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Series {
    /// Of each point, where the file has a column `time`.
    pub(super) times: Option<Vec<String>>,
    pub(super) values: Vec<f64>,
}

/// Why a file is no series.
#[derive(Debug, thiserror::Error)]
pub(super) enum SeriesError {
    #[error("failed to open {path}")]
    Open { path: String, source: io::Error },
    #[error("{path} is no CSV file")]
    Csv { path: String, source: csv::Error },
    #[error(
        "{path}, line 1: the columns are `{columns}`; one is to be called `value`, and one may be called `time`"
    )]
    Columns { path: String, columns: String },
    #[error("{path}, line {line}: `{text}` is no finite number")]
    Value {
        path: String,
        line: u64,
        text: String,
    },
}

impl Series {
    /// Read a file, or the standard input where it is called `-`.
    ///
    /// # Errors
    /// [`SeriesError`], with the line.
    pub(super) fn read(path: &Path) -> Result<Self, SeriesError> {
        if path == Path::new("-") {
            return Self::parse(io::stdin().lock(), "the standard input");
        }
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::parse(file, &name),
            Err(source) => Err(SeriesError::Open { path: name, source }),
        }
    }

    fn parse(input: impl Read, name: &str) -> Result<Self, SeriesError> {
        let csv = |source| SeriesError::Csv {
            path: name.to_owned(),
            source,
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(input);
        let columns = reader.headers().map_err(csv)?;
        let place = |wanted: &str| columns.iter().position(|name| name == wanted);
        let (Some(value), time) = (place("value"), place("time")) else {
            return Err(SeriesError::Columns {
                path: name.to_owned(),
                columns: columns.iter().collect::<Vec<_>>().join(","),
            });
        };
        let mut series = Self {
            times: time.map(|_| Vec::new()),
            values: Vec::new(),
        };
        for record in reader.records() {
            let record = record.map_err(csv)?;
            let text = record.get(value).unwrap_or_default();
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            series.values.push(number.ok_or_else(|| SeriesError::Value {
                path: name.to_owned(),
                line: record.position().map_or(0, csv::Position::line),
                text: text.to_owned(),
            })?);
            if let (Some(times), Some(time)) = (&mut series.times, time) {
                times.push(record.get(time).unwrap_or_default().to_owned());
            }
        }
        Ok(series)
    }

    /// How a point is called: its time, else its number.
    pub(super) fn name(&self, index: usize) -> String {
        self.times
            .as_ref()
            .and_then(|times| times.get(index))
            .cloned()
            .unwrap_or_else(|| index.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Series, String> {
        Series::parse(text.as_bytes(), "x.csv").map_err(|error| crate::tell::chain(&error))
    }

    #[test]
    fn the_columns_are_found_by_their_names() {
        let series = parse("time,host, value\n# a note\nmonday,a,1.5\ntuesday,b,-2e3\n").unwrap();
        assert_eq!(series.values, [1.5, -2000.0]);
        assert_eq!(
            (series.name(0), series.name(1)),
            ("monday".into(), "tuesday".into())
        );
        let series = parse("value\n7\n").unwrap();
        assert_eq!(
            (series.values.as_slice(), series.name(0)),
            (&[7.0][..], "0".into())
        );
        assert_eq!(parse("value\n").unwrap().values, Vec::<f64>::new());
    }

    #[test]
    fn what_is_no_number_is_named_with_its_line() {
        for (text, says) in [
            ("value\n1\nx\n", "x.csv, line 3: `x` is no finite number"),
            ("value\nNaN\n", "x.csv, line 2: `NaN` is no finite number"),
            ("a,value\n1\n", "record 1 (line: 2, byte: 8)"),
            ("1\n2\n", "x.csv, line 1: the columns are `1`"),
            ("", "x.csv, line 1: the columns are ``"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
