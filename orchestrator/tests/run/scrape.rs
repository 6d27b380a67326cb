// SPDX-License-Identifier: BSD-2-Clause
//! The exporter is scraped through SSH while a target runs, and whatever it
//! does costs the run nothing.

use std::fs;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::path::PathBuf;

use orchestrator::event::{Body, ScrapeReason, VmOutcome};
use rustix::net::{self, AddressFamily, SocketType};

use crate::fixture::{Exporter, Lab, Ran, RealExporter, Started};

/// A lab of one VM whose target tells of an exporter and goes on until it may
/// end.
struct Scene {
    lab: Lab,
    until: PathBuf,
}

impl Scene {
    fn new(address: &str) -> Self {
        let mut lab = Lab::new(&[]);
        let until = lab.vm_dir("until");
        let more = format!(
            "scrape_interval = \"20ms\"\nenv = {{ EXPORTER = {address:?}, UNTIL = {until:?} }}\n"
        );
        lab.vm("a", &more);
        Self { lab, until }
    }

    fn start(&self) -> Started {
        self.lab.start(&["--target", "exporting"])
    }

    /// Let the target end.
    fn end(&self, run: Started) -> Ran {
        fs::write(&self.until, "").unwrap();
        let ran = run.wait();
        assert_eq!(ran.end("a").0, VmOutcome::Passed, "{ran:#?}");
        assert_eq!(ran.code(), 0);
        assert_eq!(self.lab.processes(), []);
        ran
    }
}

fn failures(ran: &Ran) -> Vec<ScrapeReason> {
    let events = ran.events.iter().filter_map(|event| match &event.body {
        Body::ScrapeFailed { reason, .. } => Some(*reason),
        _ => None,
    });
    events.collect()
}

fn is_scrape(body: &Body) -> bool {
    matches!(body, Body::Scraped { .. })
}

fn failed_with(wanted: ScrapeReason) -> impl Fn(&Body) -> bool {
    move |body| matches!(body, Body::ScrapeFailed { reason, .. } if *reason == wanted)
}

#[test]
fn an_exporter_is_republished_while_its_target_runs() {
    let exporter = Exporter::start(|_| Exporter::says(7));
    let scene = Scene::new(&exporter.address().to_string());
    let run = scene.start();
    run.wait_for_metrics(&[
        "kmod_opens_total{vm=\"a\"} 7\n",
        "tcp_sockets{vm=\"a\"} 12\n",
        "tcp_sockets_by_state{state=\"listen\",vm=\"a\"} 2\n",
        "tcp_accepts_total{vm=\"a\"} 90\n",
        "orchestrator_last_scrape_timestamp_seconds{vm=\"a\"} ",
    ]);
    let ran = scene.end(run);
    assert_eq!(failures(&ran), []);
    let scrapes = ran.events.iter().filter(|event| is_scrape(&event.body));
    // The last answer may come after the run has lost interest.
    let unheard = exporter.requests() - u32::try_from(scrapes.count()).unwrap();
    assert!(unheard <= 1, "{unheard}");
}

#[test]
fn the_inventory_may_name_the_exporter() {
    let exporter = Exporter::start(|_| Exporter::says(7));
    let mut lab = Lab::new(&[]);
    let more = format!(
        "exporter = \"{}\"\nscrape_interval = \"20ms\"\nidle_limit = \"1s\"",
        exporter.address()
    );
    lab.vm("a", &more);
    let ran = lab.run(&["--target", "hang"]);
    assert!(
        ran.events.iter().any(|event| is_scrape(&event.body)),
        "{ran:#?}"
    );
    assert_eq!(failures(&ran), []);
}

#[test]
fn an_absent_exporter_is_told_and_given_up() {
    // Bound and not listening: nobody else gets the port meanwhile.
    let silent = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    net::bind(&silent, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddrV4::try_from(net::getsockname(&silent).unwrap()).unwrap();
    let scene = Scene::new(&address.to_string());
    let run = scene.start();
    run.wait_for("a failure", failed_with(ScrapeReason::Unreachable));
    let ran = scene.end(run);
    let failures = failures(&ran);
    assert!((1..=10).contains(&failures.len()), "{failures:?}");
    assert!(
        failures.iter().all(|f| *f == ScrapeReason::Unreachable),
        "{failures:?}"
    );
    assert_eq!(
        ran.stderr.matches("scraping failed").count(),
        1,
        "{}",
        ran.stderr
    );
    let note = format!(
        "a: {0} of {0} scrapes failed: unreachable {0}",
        failures.len()
    );
    assert!(ran.stdout.contains(&note), "{}", ran.stdout);
}

#[test]
fn an_exporter_that_dies_is_told_once_and_left_alone() {
    let exporter = Exporter::start(|_| Exporter::says(7));
    let scene = Scene::new(&exporter.address().to_string());
    let run = scene.start();
    run.wait_for("a scrape", is_scrape);
    drop(exporter);
    run.wait_for("it is gone", failed_with(ScrapeReason::Gone));
    run.wait_for_metrics(&["orchestrator_scrape_failures_total{reason=\"gone\",vm=\"a\"} 1\n"]);
    let ran = scene.end(run);
    assert_eq!(failures(&ran), [ScrapeReason::Gone]);
}

#[test]
fn a_real_exporter_that_freezes_and_dies_costs_the_run_nothing() {
    let exporter = RealExporter::start();
    let scene = Scene::new(exporter.address());
    let run = scene.start();
    run.wait_for("a scrape", is_scrape);
    exporter.signal("STOP");
    run.wait_for("it is slow", failed_with(ScrapeReason::Timeout));
    let missing = "orchestrator_scrape_failures_total{reason=\"timeout\",vm=\"a\"} 1\n";
    run.wait_for_metrics(&[missing]);
    assert!(
        !run.get_metrics().contains("\ntcp_"),
        "old samples are shown"
    );
    exporter.signal("CONT");
    // The device is not served here; the system's counters are.
    run.wait_for_metrics(&["\ntcp_", missing]);
    exporter.signal("KILL");
    run.wait_for("it is gone", failed_with(ScrapeReason::Gone));
    let ran = scene.end(run);
    let mut failures = failures(&ran);
    // It may have been killed in the middle of an answer.
    failures.retain(|reason| *reason != ScrapeReason::Cut);
    assert_eq!(failures, [ScrapeReason::Timeout, ScrapeReason::Gone]);
}

#[test]
fn a_busy_exporter_is_asked_again_when_it_may_be() {
    let exporter = Exporter::start(|n| match n {
        0 => Exporter::answers("429 Too Many Requests", "retry-after: 1\r\n", ""),
        _ => Exporter::says(7),
    });
    let scene = Scene::new(&exporter.address().to_string());
    let run = scene.start();
    run.wait_for("a refusal", failed_with(ScrapeReason::Busy));
    run.wait_for("a scrape", is_scrape);
    let ran = scene.end(run);
    assert_eq!(failures(&ran), [ScrapeReason::Busy]);
    let time = |wanted: &dyn Fn(&Body) -> bool| {
        let event = ran.events.iter().find(|event| wanted(&event.body));
        event.unwrap().time
    };
    let pause = time(&is_scrape).duration_since(time(&failed_with(ScrapeReason::Busy)));
    assert!(pause.as_millis() >= 1000, "{pause:?}");
}

#[test]
fn what_was_said_before_a_failure_is_not_repeated() {
    let exporter = Exporter::start(|n| match n {
        0 => Exporter::says(7),
        _ => Exporter::answers("500 Internal Server Error", "", ""),
    });
    let scene = Scene::new(&exporter.address().to_string());
    let run = scene.start();
    run.wait_for("a failure", failed_with(ScrapeReason::Status));
    let metrics = run.get_metrics();
    assert!(!metrics.contains("tcp_sockets{"), "{metrics}");
    let ran = scene.end(run);
    assert!(failures(&ran).iter().all(|f| *f == ScrapeReason::Status));
}

#[test]
fn an_address_that_is_none_is_told() {
    let scene = Scene::new("nowhere");
    let run = scene.start();
    run.wait_for("a failure", failed_with(ScrapeReason::Forward));
    let ran = scene.end(run);
    assert_eq!(failures(&ran), [ScrapeReason::Forward]);
}

/// Connections whose one end has been closed.
const HALF_CLOSED: usize = 25;

#[test]
fn what_the_real_exporter_says_of_real_sockets_arrives() {
    let tcpstatsd = test_host::beside(env!("CARGO_BIN_EXE_orchestrator"), "tcpstatsd");
    test_host::with_daemon(tcpstatsd, |daemon| {
        let exporter = RealExporter::of(&daemon.mount());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _pairs: Vec<_> = (0..HALF_CLOSED)
            .map(|_| {
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (server, _) = listener.accept().unwrap();
                server.shutdown(Shutdown::Write).unwrap();
                (client, server)
            })
            .collect();

        let scene = Scene::new(exporter.address());
        let run = scene.start();
        run.wait_for_metrics(&[
            &format!("tcp_sockets_by_state{{state=\"close_wait\",vm=\"a\"}} {HALF_CLOSED}\n"),
            &format!("tcp_sockets_by_state{{state=\"fin_wait_2\",vm=\"a\"}} {HALF_CLOSED}\n"),
            &format!(
                "kmod_limit{{name=\"max_open_fds\",vm=\"a\"}} {}\n",
                daemon.number("max_open_fds")
            ),
            "kmod_active_fds{vm=\"a\"} 0\n",
            "tcp_bad_checksum_total{vm=\"a\"} 0\n",
        ]);
        assert_eq!(failures(&scene.end(run)), []);
    });
}
