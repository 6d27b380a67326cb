// SPDX-License-Identifier: BSD-2-Clause
//! Rows under titles, each column as wide as its widest text.

use std::borrow::Cow;

/// Between columns.
const GAP: usize = 2;

/// What a narrowed address keeps at least.
const MIN_ADDRESS: usize = 15;

/// A table's column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heading {
    pub(super) title: &'static str,
    /// Numbers stand right.
    is_number: bool,
    /// An address with a port, which may be shortened.
    is_address: bool,
}

impl Heading {
    pub(super) const fn text(title: &'static str) -> Self {
        Self {
            title,
            is_number: false,
            is_address: false,
        }
    }

    pub(super) const fn number(title: &'static str) -> Self {
        Self {
            is_number: true,
            ..Self::text(title)
        }
    }

    pub(super) const fn address(title: &'static str) -> Self {
        Self {
            is_address: true,
            ..Self::text(title)
        }
    }
}

/// The lines of a table: titles first. With a `width` no line is longer: the last columns are left
/// out as far as necessary, but not the first `kept`, and addresses are shortened.
pub(super) fn lines(
    headings: &[Heading],
    rows: &[Vec<String>],
    width: Option<usize>,
    kept: usize,
) -> Vec<String> {
    let mut widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(index, heading)| {
            let texts = rows.iter().map(|row| row[index].chars().count());
            texts.fold(heading.title.len(), usize::max)
        })
        .collect();
    if let Some(width) = width {
        fit(headings, &mut widths, width, kept);
    }
    let titles = headings.iter().map(|heading| heading.title);
    let mut lines = vec![line(headings, &widths, titles)];
    lines.extend(
        rows.iter()
            .map(|row| line(headings, &widths, row.iter().map(String::as_str))),
    );
    if let Some(width) = width {
        for line in &mut lines {
            *line = line.chars().take(width).collect();
        }
    }
    lines
}

/// Leaves out columns and narrows addresses until the sum is at most `width`.
fn fit(headings: &[Heading], widths: &mut Vec<usize>, width: usize, kept: usize) {
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
    let narrowest = |widths: &[usize]| {
        let addresses = headings.iter().zip(widths).filter(|(h, _)| h.is_address);
        let gain: usize = addresses.map(|(_, w)| w.saturating_sub(MIN_ADDRESS)).sum();
        total(widths) - gain
    };
    // A column of numbers is worth more than whole addresses only where it is one to be kept.
    while widths.len() > kept && total(widths) > width {
        widths.pop();
    }
    if narrowest(widths) > width {
        return;
    }
    while total(widths) > width {
        let widest = (0..widths.len())
            .filter(|&index| headings[index].is_address)
            .max_by_key(|&index| widths[index]);
        match widest {
            Some(index) => widths[index] -= 1,
            None => return,
        }
    }
}

fn line<'a>(
    headings: &[Heading],
    widths: &[usize],
    texts: impl Iterator<Item = &'a str>,
) -> String {
    let cells = headings.iter().zip(widths).zip(texts);
    let cells: Vec<String> = cells
        .map(|((heading, &width), text)| {
            let text = shortened(text, width);
            if heading.is_number {
                format!("{text:>width$}")
            } else {
                format!("{text:<width$}")
            }
        })
        .collect();
    cells.join(&" ".repeat(GAP)).trim_end().to_owned()
}

/// The text in at most `width` characters. Of an address the port stays.
fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width {
        return Cow::Borrowed(text);
    }
    let port = text.rfind(':').map_or("", |colon| &text[colon..]);
    let tail = if text.starts_with('[') && !port.is_empty() {
        format!("…]{port}")
    } else {
        format!("…{port}")
    };
    let head = width.saturating_sub(tail.chars().count());
    Cow::Owned(text.chars().take(head).chain(tail.chars()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [Heading; 4] = [
        Heading::address("local"),
        Heading::address("remote"),
        Heading::number("rtt_us"),
        Heading::number("cwnd_B"),
    ];

    fn rows() -> Vec<Vec<String>> {
        [
            ["127.0.0.1:80", "127.0.0.2:40000", "17", "4380"],
            ["[2001:db8:1:2:3:4:5:6]:443", "[::1]:9", "123456", "1"],
        ]
        .map(|row| row.map(str::to_owned).to_vec())
        .to_vec()
    }

    #[test]
    fn columns_are_as_wide_as_their_texts() {
        assert_eq!(
            lines(&HEADINGS, &rows(), None, 0),
            [
                "local                       remote           rtt_us  cwnd_B",
                "127.0.0.1:80                127.0.0.2:40000      17    4380",
                "[2001:db8:1:2:3:4:5:6]:443  [::1]:9          123456       1",
            ]
        );
    }

    #[test]
    fn a_narrow_screen_loses_the_last_columns_first() {
        assert_eq!(
            lines(&HEADINGS, &rows(), Some(52), 2)[0],
            "local                       remote           rtt_us"
        );
    }

    #[test]
    fn kept_columns_shorten_the_addresses() {
        let lines = lines(&HEADINGS, &rows(), Some(46), 3);
        assert_eq!(lines[2], "[2001:db8:1:2:3…]:443  [::1]:9          123456");
        assert!(
            lines.iter().all(|line| line.chars().count() <= 46),
            "{lines:?}"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_narrowest_screen() {
        for width in 1..80 {
            let lines = lines(&HEADINGS, &rows(), Some(width), 3);
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{width}: {lines:?}"
            );
        }
    }
}
