// SPDX-License-Identifier: BSD-2-Clause
//! The scraping of a VM's exporter beside its tests, through the SSH
//! connection: no port of the VM needs to be reachable from here.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::event::ScrapeReason;
use crate::inventory::check;
use crate::scrape::{Client, ScrapeError, client, repeat};
use crate::ssh::Connection;
use crate::ssh::forward::{Forward, Forwarder};

/// Longest time to end a scrape that is under way.
const END: Duration = Duration::from_secs(6);

/// An exporter that is being scraped, until this is ended or dropped.
#[derive(Debug)]
pub(super) struct Scraping {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Scraping {
    /// Finish what is under way and give the forward back.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        // What takes longer is aborted by the drop.
        let _ = timeout(END, &mut self.task).await;
    }
}

impl Drop for Scraping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pipeline {
    /// Scrape the exporter that listens at `address` there.
    pub(super) fn scrape(&self, connection: &Connection, address: &str) -> Scraping {
        let forwarder = connection.forwarder(&self.shared.control);
        let recorder = self.shared.recorder.clone();
        let (vm, address) = (self.vm.name.clone(), address.to_owned());
        let period = self.vm.scrape_interval;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let forward = match open(forwarder, &address).await {
                Ok(forward) => forward,
                Err(error) => {
                    recorder.record(repeat::failed(vm, 0.0, error, false)).await;
                    return;
                }
            };
            match Client::new(forward.socket(), client::LIMIT) {
                Ok(client) => {
                    let repeating = repeat::repeat(&client, &vm, period, &recorder);
                    stopped.run_until_cancelled(repeating).await;
                }
                Err(error) => {
                    let error = ScrapeError::new(ScrapeReason::Forward, error.to_string());
                    recorder.record(repeat::failed(vm, 0.0, error, false)).await;
                }
            }
            forward.close().await;
        });
        Scraping { stop, task }
    }
}

async fn open(forwarder: Forwarder, address: &str) -> Result<Forward, ScrapeError> {
    let Some((host, port)) = check::split_address(address) else {
        let message = format!("{address:?} is no address of an exporter");
        return Err(ScrapeError::new(ScrapeReason::Forward, message));
    };
    let opened = forwarder.open(host, port).await;
    opened.map_err(|reason| {
        let message = format!("ssh can't forward to {address}: {reason}");
        ScrapeError::new(ScrapeReason::Forward, message)
    })
}
