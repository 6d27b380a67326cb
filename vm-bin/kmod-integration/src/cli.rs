// SPDX-License-Identifier: BSD-2-Clause
//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use protocol::target::{UnknownCategory, UnknownTarget};
use protocol::{Category, Target};

use crate::report::Format;

/// Tests of the tcpstats device and of its sources, on the machine they run on
#[derive(Debug, Parser)]
#[command(
    version,
    args_override_self = true,
    after_help = "Exit status: 0 all passed, 1 something failed, 2 wrong use, \
                  3 the machine lacks what the target needs."
)]
pub(crate) struct Options {
    /// What to run; --list names them
    #[arg(required_unless_present = "list")]
    target: Option<String>,

    /// Name every target and every test, and run nothing
    #[arg(long, conflicts_with = "target")]
    list: bool,

    /// Program that holds connections for the concurrent readers
    #[arg(long, value_name = "PATH", default_value = "tcp-echo")]
    pub(crate) tcp_echo: PathBuf,

    /// The C reader; taken for the targets that compare with it
    #[arg(long, value_name = "PATH", default_value = "read_tcpstats")]
    read_tcpstats: PathBuf,

    /// Folder of the module's sources
    #[arg(long, value_name = "PATH", default_value = "kmod/tcpstats")]
    pub(crate) kmod_src: PathBuf,

    /// C compiler
    #[arg(long, value_name = "PATH", default_value = "cc")]
    pub(crate) cc: String,

    /// The Prometheus exporter; taken for the targets that scrape it
    #[arg(long, value_name = "PATH", default_value = "tcpstats-exporter")]
    pub(crate) exporter: PathBuf,

    /// Connections that the live targets open; live_bench takes several, as
    /// 1000,10000,100000
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: Vec<u32>,

    /// How long live_soak goes on, such as 90s or 1h
    #[arg(long, value_name = "T", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Categories of live_integration: letters such as A,B,D, or all
    #[arg(long, value_name = "CAT", default_value = "all", value_parser = categories)]
    pub(crate) category: Categories,

    /// Form of the standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Write a log for each test, summary.json and junit.xml into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
}

impl Options {
    /// The target; `None` for a mere list.
    ///
    /// # Errors
    /// A name that is none.
    pub(crate) fn target(&self) -> Result<Option<Target>, UnknownTarget> {
        self.target.as_deref().map(str::parse).transpose()
    }
}

/// The chosen categories. (A type of its own, since clap takes a plain list for
/// repeated arguments.)
#[derive(Debug, Clone)]
pub(crate) struct Categories(pub(crate) Vec<Category>);

fn categories(text: &str) -> Result<Categories, UnknownCategory> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Categories(Category::ALL.into()));
    }
    text.split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map(Categories)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_manual_has_every_target_and_option_and_no_other_option() {
        let manual = include_str!("../man/kmod-integration.8");
        let has = |line: &str| {
            let begins = |other: &str| other == line || other.starts_with(&format!("{line} "));
            assert!(manual.lines().any(begins), "no line {line}");
        };
        for target in Target::ALL {
            has(&format!(".It Cm {target}"));
        }
        manual_check::assert_options(Options::command(), manual);
    }

    #[test]
    fn categories_are_a_list_or_all() {
        assert_eq!(categories("all").unwrap().0, Category::ALL);
        assert_eq!(categories("D,a").unwrap().0, [Category::D, Category::A]);
        assert!(categories("A,,B").is_err());
        assert!(categories("").is_err());
    }
}
