// SPDX-License-Identifier: BSD-2-Clause
//! One scrape over HTTP through a Unix socket, within bounds of time and size.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use prometheus_parse::{Scrape, Value};
use reqwest::{Response, StatusCode, header, redirect};

use super::series;
use crate::event::{Reading, ScrapeReason};

/// The longest that a scrape may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// The most that an exporter may say at once, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Values of one label.
const LABELS_MAX: usize = 32;

/// What an exporter said, by its own names.
pub type Samples = BTreeMap<String, Reading>;

/// Why there are no samples.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScrapeError {
    /// For programs.
    pub reason: ScrapeReason,
    /// For people, one line.
    pub message: String,
    /// How long the exporter wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl ScrapeError {
    /// Without a wish of the exporter's.
    pub fn new(reason: ScrapeReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            retry_after: None,
        }
    }
}

/// Asks one exporter.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

impl Client {
    /// For the exporter that answers at the Unix socket `socket`.
    ///
    /// # Errors
    /// What the HTTP library needs and this system lacks.
    pub fn new(socket: &Path, limit: Duration) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .timeout(limit)
            .redirect(redirect::Policy::none())
            // An exporter that died must not look alive by an old connection.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http })
    }

    /// All that is taken of what the exporter says now.
    ///
    /// # Errors
    /// Whatever kept it from being said, and whatever was no exposition.
    pub async fn scrape(&self) -> Result<Samples, ScrapeError> {
        // The host is the socket's, whatever stands here.
        let request = self.http.get("http://localhost/metrics");
        let response = request.send().await.map_err(|error| explain(&error))?;
        match response.status() {
            StatusCode::OK => parse(&body(response).await?),
            StatusCode::TOO_MANY_REQUESTS => Err(ScrapeError {
                retry_after: retry_after(&response),
                ..ScrapeError::new(ScrapeReason::Busy, "it wants to be asked less often (429)")
            }),
            status => {
                let message = format!("it answered with status {}", status.as_u16());
                Err(ScrapeError::new(ScrapeReason::Status, message))
            }
        }
    }
}

fn explain(error: &reqwest::Error) -> ScrapeError {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let last = sources
        .last()
        .map_or(error.to_string(), ToString::to_string);
    if error.is_timeout() {
        ScrapeError::new(ScrapeReason::Timeout, "it took too long to answer")
    } else if error.is_body() || error.is_decode() {
        ScrapeError::new(ScrapeReason::Cut, format!("its answer was cut off: {last}"))
    } else {
        // Refused, or taken by ssh and closed since nobody listens there.
        ScrapeError::new(ScrapeReason::Unreachable, format!("no answer: {last}"))
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

async fn body(mut response: Response) -> Result<String, ScrapeError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            let message = format!("it said more than {BODY_BYTES_MAX} bytes");
            return Err(ScrapeError::new(ScrapeReason::Oversized, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| malformed("its answer is not UTF-8"))
}

fn malformed(message: &str) -> ScrapeError {
    ScrapeError::new(ScrapeReason::Malformed, message)
}

fn parse(text: &str) -> Result<Samples, ScrapeError> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = Scrape::parse(lines).map_err(|error| malformed(&error.to_string()))?;
    let mut samples = Samples::new();
    for sample in scrape.samples {
        let Some(family) = series::find(&sample.metric) else {
            continue;
        };
        let (Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)) = sample.value
        else {
            continue;
        };
        if !value.is_finite() {
            continue;
        }
        match series::label(family) {
            None => {
                samples.insert(sample.metric, Reading::One(value));
            }
            Some(label) => {
                let found = samples.entry(sample.metric);
                let Reading::By(values) = found.or_insert_with(|| Reading::By(BTreeMap::new()))
                else {
                    continue;
                };
                let named = sample.labels.get(label).filter(|name| is_plain(name));
                if let Some(name) = named.filter(|_| values.len() < LABELS_MAX) {
                    values.insert(name.to_owned(), value);
                }
            }
        }
    }
    if samples.is_empty() {
        return Err(malformed(
            "there is none of an exporter's metrics in its answer",
        ));
    }
    Ok(samples)
}

/// Whether a label's value is one that an exporter gives: states, reasons and
/// names of limits.
fn is_plain(value: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    !value.is_empty() && value.len() <= 64 && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn what_is_known_is_taken_and_the_rest_left() {
        let samples = parse(
            "# TYPE tcpstats_sockets_total gauge\n\
             tcpstats_sockets_total 12\n\
             # TYPE tcpstats_sockets_by_state gauge\n\
             tcpstats_sockets_by_state{state=\"established\"} 10\n\
             tcpstats_sockets_by_state{state=\"listen\"} 2\n\
             tcpstats_sockets_by_state{state=\"a b\"} 2\n\
             # TYPE tcpstats_kmod_opens_total counter\n\
             tcpstats_kmod_opens_total 7\n\
             # TYPE tcpstats_sys_drops_total counter\n\
             tcpstats_sys_drops_total NaN\n\
             # TYPE tcpstats_socket_rtt_seconds histogram\n\
             tcpstats_socket_rtt_seconds_bucket{le=\"1\"} 3\n\
             tcpstats_socket_rtt_seconds_sum 1\n\
             tcpstats_socket_rtt_seconds_count 3\n\
             of_another_program 1\n",
        );
        let states = [("established", 10.0), ("listen", 2.0)];
        let states = states.map(|(name, value)| (name.to_owned(), value));
        let expected = [
            ("tcpstats_kmod_opens_total", Reading::One(7.0)),
            ("tcpstats_sockets_by_state", Reading::By(states.into())),
            ("tcpstats_sockets_total", Reading::One(12.0)),
        ];
        let expected = expected.map(|(name, reading)| (name.to_owned(), reading));
        assert_eq!(samples, Ok(expected.into()));
    }

    #[test]
    fn what_is_no_exposition_is_malformed() {
        for text in ["", "<html>hello</html>\n", "of_another_program 1\n"] {
            assert_eq!(parse(text).unwrap_err().reason, ScrapeReason::Malformed);
        }
    }

    #[test]
    fn a_label_cannot_grow_without_end() {
        let text: String = (0..1000)
            .map(|n| format!("tcpstats_sockets_by_state{{state=\"s{n}\"}} 1\n"))
            .collect();
        let Reading::By(values) = &parse(&text).unwrap()["tcpstats_sockets_by_state"] else {
            panic!("no label");
        };
        assert_eq!(values.len(), LABELS_MAX);
    }

    /// What a scrape gives of a server that answers with `answer` and closes.
    async fn answered(answer: &'static str) -> Result<Samples, ScrapeError> {
        served(async |stream| stream.write_all(answer.as_bytes()).await.unwrap()).await
    }

    async fn served(
        act: impl AsyncFnOnce(&mut UnixStream) + 'static,
    ) -> Result<Samples, ScrapeError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let client = Client::new(&path, Duration::from_millis(500)).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            act(&mut stream).await;
        };
        let (scraped, ()) = tokio::join!(client.scrape(), server);
        scraped
    }

    fn reason(scraped: Result<Samples, ScrapeError>) -> ScrapeReason {
        scraped.unwrap_err().reason
    }

    #[tokio::test]
    async fn each_trouble_has_its_reason() {
        let told = reason(answered("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await);
        assert_eq!(told, ScrapeReason::Status);
        let told = reason(answered("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntcp").await);
        assert_eq!(told, ScrapeReason::Cut);
        let told = reason(answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await);
        assert_eq!(told, ScrapeReason::Malformed);
        let told = reason(answered("").await);
        assert_eq!(told, ScrapeReason::Unreachable);
        let absent = Client::new(Path::new("/nonexistent/socket"), LIMIT).unwrap();
        assert_eq!(reason(absent.scrape().await), ScrapeReason::Unreachable);
    }

    #[tokio::test]
    async fn a_wish_to_be_left_alone_is_heard() {
        let told = answered("HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
        let error = told.unwrap_err();
        assert_eq!(error.reason, ScrapeReason::Busy);
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn a_slow_exporter_is_not_waited_for() {
        let silent = served(async |stream| {
            // Until the client gives up.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        });
        assert_eq!(reason(silent.await), ScrapeReason::Timeout);
    }

    #[tokio::test]
    async fn an_endless_answer_ends_within_bounds() {
        let endless = served(async |stream| {
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            stream.write_all(head).await.unwrap();
            // Fails once the client has had enough.
            while stream.write_all(&[b'#'; 4096]).await.is_ok() {}
        });
        assert_eq!(reason(endless.await), ScrapeReason::Oversized);
    }
}
