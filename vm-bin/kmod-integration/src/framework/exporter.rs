// SPDX-License-Identifier: BSD-2-Clause
//! The Prometheus exporter: started, scraped, and ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use prometheus_parse::Value;

use super::cancel::Cancel;
use super::process::{Line, Process, ProcessError};
use super::restore::Restorer;

/// What it may take until it listens.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// What one scrape may take; that of 100,000 sockets takes well under a second
/// on a machine that has nothing else to do.
const SCRAPE_LIMIT: Duration = Duration::from_secs(30);
/// More than the page of any machine has.
const PAGE_BYTES_MAX: u64 = 8 << 20;
/// Collections a second: tests scrape before and after each step.
const MAX_QUERY_RATE: &str = "20";

/// The exporter did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExporterError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended, or said something else.
    #[error("the exporter did not come up: {0}")]
    NotListening(String),
}

/// A scrape that gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrapeError {
    #[error("failed to scrape http://{address}/metrics: {source}")]
    Http {
        address: SocketAddr,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("failed to read what http://{address}/metrics serves: {source}")]
    Format {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// A running exporter, which ends with this value.
pub(crate) struct Exporter {
    address: SocketAddr,
    agent: ureq::Agent,
    _process: Process,
}

impl Exporter {
    /// Start it on a port of its own and wait until it listens.
    ///
    /// # Errors
    /// [`ExporterError`].
    pub(crate) fn start(
        program: &Path,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, ExporterError> {
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--die-with-parent"])
            .env("TCPSTATS_MAX_QUERY_RATE", MAX_QUERY_RATE);
        let process = Process::spawn(&mut command, cancel, restorer)?;
        let address = listening(&process)?;
        // Nothing of the environment leads elsewhere: it is on this machine.
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(SCRAPE_LIMIT))
            .proxy(None)
            .build()
            .into();
        Ok(Self {
            address,
            agent,
            _process: process,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All samples of its page.
    ///
    /// # Errors
    /// It does not answer, or not with metrics.
    pub(crate) fn scrape(&self) -> Result<Samples, ScrapeError> {
        let address = self.address;
        let http = |source| ScrapeError::Http {
            address,
            source: Box::new(source),
        };
        let mut response = self
            .agent
            .get(format!("http://{address}/metrics"))
            .call()
            .map_err(http)?;
        let page = response
            .body_mut()
            .with_config()
            .limit(PAGE_BYTES_MAX)
            .read_to_string()
            .map_err(http)?;
        Samples::parse(&page).map_err(|source| ScrapeError::Format { address, source })
    }
}

/// The address in the program's line.
fn listening(process: &Process) -> Result<SocketAddr, ExporterError> {
    let mut said = Vec::new();
    while let Some(Line::Out(text) | Line::Err(text)) = process.next_line("listen", READY_LIMIT)? {
        let address = text
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok());
        match address {
            Some(address) => return Ok(address),
            None => said.push(text),
        }
    }
    said.push("it ended".to_owned());
    Err(ExporterError::NotListening(said.join("; ")))
}

/// Samples by name, those with labels as `name{label="value"}`; of histograms
/// the sum and the number of observations are what differences are told of, and
/// those are samples of their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(BTreeMap<String, f64>);

impl Samples {
    fn parse(page: &str) -> Result<Self, std::io::Error> {
        let lines = page.lines().map(|line| Ok(line.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines)?;
        let samples = scrape.samples.into_iter().filter_map(|sample| {
            let (Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)) =
                sample.value
            else {
                return None;
            };
            let mut labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(label, value)| format!("{label}={value:?}"))
                .collect();
            labels.sort_unstable();
            let name = match labels.join(",") {
                none if none.is_empty() => sample.metric,
                labels => format!("{}{{{labels}}}", sample.metric),
            };
            Some((name, value))
        });
        Ok(Self(samples.collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Those that are whole numbers, of which `wanted` says so.
    pub(crate) fn whole(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, u64> {
        self.0
            .iter()
            .filter(|(name, value)| wanted(name) && **value >= 0.0 && value.fract() == 0.0)
            .map(|(name, value)| (name.clone(), *value as u64))
            .collect()
    }

    /// Of those that `wanted` says so of, what has changed since `before`, as
    /// `name +3`.
    pub(crate) fn since(&self, before: &Self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.0
            .iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, now)| {
                let change = now - before.get(name).unwrap_or_default();
                (change != 0.0).then(|| format!("{name} {change:+}"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP tcpstats_sockets_total Sockets.
# TYPE tcpstats_sockets_total gauge
tcpstats_sockets_total 12
# TYPE tcpstats_sockets_by_state gauge
tcpstats_sockets_by_state{state=\"listen\"} 2
tcpstats_sockets_by_state{state=\"established\"} 10
# TYPE tcpstats_exporter_collection_latency_seconds gauge
tcpstats_exporter_collection_latency_seconds 0.25
# TYPE tcpstats_rtt_seconds histogram
tcpstats_rtt_seconds_bucket{le=\"0.1\"} 3
tcpstats_rtt_seconds_bucket{le=\"+Inf\"} 10
tcpstats_rtt_seconds_sum 2.5
tcpstats_rtt_seconds_count 10
";

    #[test]
    fn samples_have_their_labels_in_the_name() {
        let samples = Samples::parse(PAGE).unwrap();
        assert_eq!(samples.get("tcpstats_sockets_total"), Some(12.0));
        let listen = samples.get(r#"tcpstats_sockets_by_state{state="listen"}"#);
        assert_eq!(listen, Some(2.0));
        let whole = samples.whole(|name| !name.contains("rtt"));
        assert_eq!(whole.values().copied().collect::<Vec<_>>(), [10, 2, 12]);
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = Samples::parse(PAGE).unwrap();
        let page = PAGE.replace("_total 12", "_total 15");
        let after = Samples::parse(&page).unwrap();
        let changed = |name: &str| after.since(&before, |other| other.starts_with(name));
        assert_eq!(changed("tcpstats_"), ["tcpstats_sockets_total +3"]);
        assert_eq!(changed("tcpstats_rtt"), [""; 0]);
    }
}
