// SPDX-License-Identifier: BSD-2-Clause
//! The command line as plain data.

use std::net::SocketAddr;

use clap::Parser;

/// Most collections a second that can be asked for.
const MOST_PER_SECOND: f64 = 1000.0;

/// Serve the tcpstats device and the system's TCP counters to Prometheus.
///
/// Prints `listening on ADDR` for each address once it serves it. SIGTERM and SIGINT end it.
/// Exit status: 0 it was ended, 1 it could not serve (a port in use), 2 wrong use.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Address to serve; may be given more than once, port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9814")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Collections a second, however many scrape; above it the last result is served again
    #[arg(long, value_name = "N", env = "TCPSTATS_MAX_QUERY_RATE", default_value = "2",
          value_parser = rate)]
    pub(crate) max_query_rate: f64,

    /// End when the process that started this one ends
    #[arg(long)]
    pub(crate) die_with_parent: bool,

    /// Print the reference of all metrics as Markdown, and end
    #[arg(long)]
    pub(crate) print_metrics: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= MOST_PER_SECOND => Ok(rate),
        _ => Err(format!(
            "TCPSTATS_MAX_QUERY_RATE and --max-query-rate take a number of collections a second, \
             above 0 and at most {MOST_PER_SECOND}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_manual_has_every_option_and_no_other() {
        let manual = include_str!("../man/tcpstats-exporter.8");
        manual_check::assert_options(Arguments::command(), manual);
    }

    #[test]
    fn rates_are_positive_and_bounded() {
        for (text, value) in [("2", 2.0), ("0.1", 0.1), ("20", 20.0), ("1000", 1000.0)] {
            assert_eq!(rate(text), Ok(value));
        }
        for wrong in ["", "0", "-1", "1001", "nan", "inf", "two", "2/s"] {
            let error = rate(wrong).expect_err(wrong);
            assert!(error.contains("TCPSTATS_MAX_QUERY_RATE"), "{error}");
        }
    }

    #[test]
    fn listens_on_loopback_unless_told_otherwise() {
        let arguments = Arguments::try_parse_from(["tcpstats-exporter"]).expect("no argument");
        assert_eq!(arguments.listen, [SocketAddr::from(([127, 0, 0, 1], 9814))]);
        let two = [
            "tcpstats-exporter",
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "[::1]:1",
        ];
        let arguments = Arguments::try_parse_from(two).expect("two addresses");
        assert_eq!(arguments.listen.len(), 2);
        assert!(Arguments::try_parse_from(["tcpstats-exporter", "--listen", "9814"]).is_err());
    }
}
