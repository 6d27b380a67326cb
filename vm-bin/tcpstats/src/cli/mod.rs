// SPDX-License-Identifier: BSD-2-Clause
//! Arguments, exit status, and what the commands share.

mod check;
mod device;
mod info;
mod list;
mod table;
mod top;
mod view;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::{Filter, FilterError};
use tcpstats::paths;
use tcpstats::sysctl::SysctlError;

/// Exit status for a filter or arguments that are wrong, as clap has it.
const EXIT_USAGE: u8 = 2;

/// List TCP connections from the tcpstats device.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The device to read [default: /dev/tcpstats]
    #[arg(long, global = true, value_name = "PATH")]
    device: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the connections that a filter lets through
    List(list::Arguments),
    /// Show the connections that stand out, again and again
    Top(top::Arguments),
    /// Say what a filter means, or what is wrong with it
    Check(check::Arguments),
    /// Show the device's protocol, limits and counters
    Info(info::Arguments),
}

/// A filter, which may be given as several arguments.
#[derive(Args, Debug)]
struct FilterText {
    /// Directives such as local_port=22,80 exclude=listen fields=all
    #[arg(value_name = "FILTER")]
    words: Vec<String>,
}

impl FilterText {
    fn parse(&self) -> Result<Filter, CommandError> {
        let text = self.words.join(" ");
        Filter::parse(&text).map_err(|error| CommandError::Filter { text, error })
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{}", marked(text, error))]
    Filter { text: String, error: FilterError },
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    #[error("failed to write the output: {0}")]
    Output(#[from] io::Error),
    #[error("failed to write the output: {0}")]
    Json(#[from] serde_json::Error),
}

impl CommandError {
    /// Whoever read the output has seen enough, as `head` does.
    fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Json(error) => error.io_error_kind() == Some(io::ErrorKind::BrokenPipe),
            _ => false,
        }
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Filter { .. } => ExitCode::from(EXIT_USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Characters of a filter that an error shows: a line of a usual terminal.
const EXCERPT: usize = 72;

/// The error with the filter below it and a mark under the place. Of a long filter only what is
/// around the place is shown.
fn marked(text: &str, error: &FilterError) -> String {
    // What is no printable ASCII may be of any width, and may be a terminal's command.
    let printable: Vec<u8> = text
        .bytes()
        .map(|b| if matches!(b, b' '..=b'~') { b } else { b'?' })
        .collect();
    let at = error.offset.min(printable.len());
    // The place in the middle, but no room left empty at either end.
    let start = at
        .saturating_sub(EXCERPT / 2)
        .min(printable.len().saturating_sub(EXCERPT));
    let end = printable.len().min(start + EXCERPT);
    let before = if start > 0 { "..." } else { "" };
    let after = if end < printable.len() { "..." } else { "" };
    let excerpt = String::from_utf8_lossy(&printable[start..end]);
    let blank = " ".repeat(before.len() + at - start);
    let mark = "^".repeat(error.length.min(end - at).max(1));
    format!(
        "{}\n  {before}{excerpt}{after}\n  {blank}{mark}",
        error.message
    )
}

/// Run the command line.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let device = || Device::open(arguments.device.clone().unwrap_or_else(paths::device));
    let result = match &arguments.command {
        Command::List(list) => list::run(list, device, &mut out),
        Command::Top(top) => top::run(top, device, &mut out),
        Command::Check(check) => check::run(check, &mut out),
        Command::Info(info) => info::run(info, device, &mut out),
    };
    match result.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "tcpstats: {error}");
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let text = "ipv4_only local_port=70000";
        let error = Filter::parse(text).expect_err("no such port");
        let lines: Vec<_> = marked(text, &error).lines().map(str::to_owned).collect();
        assert_eq!(lines[1], "  ipv4_only local_port=70000");
        assert_eq!(lines[2], "                       ^^^^^");
    }

    #[test]
    fn a_long_filter_is_shown_around_the_place() {
        let ports = |count: u16| (1..=count).map(|n| (n + 10_000).to_string());
        let text = format!(
            "local_port={} bogus=1 remote_port={}",
            ports(8).collect::<Vec<_>>().join(","),
            ports(8).collect::<Vec<_>>().join(",")
        );
        let error = Filter::parse(&text).expect_err("no such directive");
        let marked = marked(&text, &error);
        let lines: Vec<_> = marked.lines().collect();
        assert_eq!(lines[1].len(), 2 + 3 + EXCERPT + 3);
        let place = lines[2].find('^').expect("a mark");
        assert_eq!(&lines[1][place..place + 5], "bogus");
    }

    #[test]
    fn a_filter_that_is_too_long_is_not_printed_whole() {
        let text = format!("local_port={}", "1".repeat(100_000));
        let error = Filter::parse(&text).expect_err("too long");
        let marked = marked(&text, &error);
        assert!(marked.lines().all(|line| line.len() <= 80), "{marked}");
    }

    #[test]
    fn a_filter_cannot_command_the_terminal() {
        let text = "\u{1b}[31m";
        let error = Filter::parse(text).expect_err("not printable");
        assert!(!marked(text, &error).contains('\u{1b}'));
    }

    #[test]
    fn the_manual_has_every_option_and_no_other() {
        manual_check::assert_options(Arguments::command(), include_str!("../../man/tcpstats.1"));
    }
}
