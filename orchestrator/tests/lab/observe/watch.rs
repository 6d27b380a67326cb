// SPDX-License-Identifier: BSD-2-Clause
//! `scripts/observe.sh`, and what the programs that it starts say.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use reqwest::Url;
use rustix::process::Signal;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::bed::{TestLab, built, wait_until};
use crate::signal;
use crate::whole::{make_dist, repository};

/// Labels of a series, by name.
pub(super) type Labels = BTreeMap<String, String>;

/// One series and its value now.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: String,
}

/// All that `make observe` brings up, in a hurry.
pub(super) struct Watch {
    script: Child,
    dir: PathBuf,
    orchestrator: Url,
    prometheus: Url,
    alertmanager: Url,
    http: reqwest::Client,
    runtime: Runtime,
}

impl Watch {
    /// With `hosts` hosts in `lab`, which is not up yet.
    pub(super) fn start(lab: &TestLab, hosts: usize) -> Self {
        let dir = lab.dir().parent().unwrap().to_owned();
        let dist = dir.join("dist");
        make_dist(&dist);
        let said = dir.join("observe.log");
        let script = Command::new(repository().join("scripts/observe.sh"))
            .args(["--hurry", "--name", lab.name()])
            .args(["--hosts", &hosts.to_string()])
            .args(["--bin-dir", &built(), "--dir"])
            .arg(&dir)
            .arg("--dist")
            .arg(dist)
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(dir.join("observe.err")).unwrap())
            .spawn()
            .unwrap();
        let nowhere = Url::parse("http://127.0.0.1/").unwrap();
        let mut watch = Self {
            script,
            dir,
            orchestrator: nowhere.clone(),
            prometheus: nowhere.clone(),
            alertmanager: nowhere,
            http: reqwest::Client::new(),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        };
        wait_until("everything is up", || {
            let ended = watch.script.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", watch.stderr());
            fs::read_to_string(&said).unwrap().contains("Ctrl-C")
        });
        let said = fs::read_to_string(said).unwrap();
        watch.orchestrator = url(&said, "orchestrator");
        watch.prometheus = url(&said, "Prometheus");
        watch.alertmanager = url(&said, "Alertmanager");
        watch
    }

    /// What the script complained of.
    fn stderr(&self) -> String {
        fs::read_to_string(self.dir.join("observe.err")).unwrap()
    }

    /// What the service told last.
    pub(super) fn told(&self) -> String {
        let told = fs::read_to_string(self.dir.join("serve.log")).unwrap();
        let last = told.lines().rev().take(100).collect::<Vec<_>>();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The folder of the service's runs.
    pub(super) fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    /// The file that is recorded as the console of `vm`.
    pub(super) fn console(&self, vm: &str) -> PathBuf {
        self.dir.join("consoles").join(vm)
    }

    /// What Prometheus has for `expression` now.
    pub(super) fn query(&self, expression: &str) -> Vec<Sample> {
        let mut url = self.prometheus.join("api/v1/query").unwrap();
        url.query_pairs_mut().append_pair("query", expression);
        let answer = self.json(url);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let data = &answer["data"];
        assert_eq!(data["resultType"], "vector", "{expression}");
        let samples = data["result"].as_array().unwrap().iter();
        samples
            .map(|sample| Sample {
                labels: labels(&sample["metric"]),
                value: sample["value"][1].as_str().unwrap().to_owned(),
            })
            .collect()
    }

    /// The labels of each alert that Alertmanager has as active.
    pub(super) fn alerts(&self) -> Vec<Labels> {
        let alerts = self.json(self.alertmanager.join("api/v2/alerts?active=true").unwrap());
        let alerts = alerts.as_array().unwrap().iter();
        alerts.map(|alert| labels(&alert["labels"])).collect()
    }

    fn json(&self, url: Url) -> Value {
        let text = self.runtime.block_on(async {
            let answer = self.http.get(url).send().await.unwrap();
            answer.text().await.unwrap()
        });
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// As Ctrl-C does, but for the signal: SIGINT is ignored by what a shell has
    /// started in the background. What the script ended with.
    pub(super) fn stop(mut self) -> ExitStatus {
        signal(self.script.id().cast_signed(), Signal::TERM);
        let status = self.script.wait().unwrap();
        for url in [&self.orchestrator, &self.prometheus, &self.alertmanager] {
            let addresses = url.socket_addrs(|| None).unwrap();
            let refused = TcpStream::connect(&addresses[..]).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{url}");
        }
        status
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Ok(None) = self.script.try_wait() {
            signal(self.script.id().cast_signed(), Signal::TERM);
            let _ = self.script.wait();
        }
    }
}

fn url(said: &str, program: &str) -> Url {
    let line = said.lines().find_map(|line| line.strip_prefix(program));
    Url::parse(line.unwrap().trim()).unwrap()
}

fn labels(object: &Value) -> Labels {
    let labels = object.as_object().unwrap().iter();
    labels
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}
