// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator serve`: runs on request and on schedule, one at a time a VM.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use assert_cmd::Command as Program;

use crate::fixture::{Exporter, Lab, wait_until};

#[test]
fn a_run_on_request_is_driven_and_shown() {
    let lab = Lab::new(&["a", "b"]);
    let service = lab.serve("serve", "");
    let (run, state) = service.run("good", "a");
    assert_eq!(state, "running");
    let result = service.wait_for_end(&run);
    assert_eq!(result["result"], "passed");
    assert_eq!(result["vms"][0]["name"], "a");
    let list = service.ask("GET", "/api/v1/runs", "").json();
    assert_eq!(list["runs"][0]["run"], run.as_str());
    wait_until("it is over", || {
        let vms = service.ask("GET", "/api/v1/vms", "").json();
        vms["vms"][0]["runs"].as_array().unwrap().is_empty()
    });
    let vms = service.ask("GET", "/api/v1/vms", "").json();
    assert_eq!(vms["vms"][0]["last"]["outcome"], "passed");
    assert!(vms["vms"][1]["last"].is_null());
    let passed = "orchestrator_target_passed{target=\"good\",vm=\"a\"} 1\n";
    assert!(service.metrics().contains(passed));
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(lab.processes(), []);
}

#[test]
fn pages_need_no_token_and_lead_nowhere_else() {
    let lab = Lab::new(&["a", "b"]);
    let service = lab.serve("serve", "");
    let (run, _) = service.run("failing", "a");
    service.wait_for_end(&run);
    wait_until("it is in the history", || {
        let overview = service.ask_with("GET", "/", "", "");
        assert_eq!(overview.status, 200);
        let link = format!("<a href=\"/runs/{run}\">");
        // In the matrix, and in the list.
        overview.text.matches(&link).count() == 2 && !overview.text.contains("running")
    });
    let page = service.ask_with("GET", &format!("/runs/{run}"), "", "");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<h1>FAILED: 0 of 1 VM passed"));
    for header in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "default-src 'none'; style-src 'sha256-",
    ] {
        assert!(page.head.contains(header), "{header} not in {}", page.head);
    }
    let runs = service.runs();
    fs::copy(
        runs.join(&run).join("events.ndjson"),
        runs.parent().unwrap().join("events.ndjson"),
    )
    .unwrap();
    for hostile in [
        "..",
        "%2e%2e",
        "..%2f",
        "%2e%2e%2f..",
        "absent",
        "a%00b",
        "%3Cb%3E",
    ] {
        let answer = service.ask_with("GET", &format!("/runs/{hostile}"), "", "");
        assert_eq!(answer.status, 404, "{hostile}");
        assert!(!answer.text.contains(hostile), "{hostile}");
    }
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_vm_is_part_of_one_run_at_a_time_and_others_go_on_beside_it() {
    let lab = Lab::new(&["a", "b"]);
    let service = lab.serve("serve", "");
    let (first, _) = service.run("hang", "a");
    let (second, state) = service.run("good", "a");
    assert_eq!(state, "waiting");
    let (other, state) = service.run("good", "b");
    assert_eq!(state, "running");
    let result = service.wait_for_end(&other);
    assert_eq!(result["result"], "passed", "{result:#}");
    assert!(service.result(&second).is_null());
    let (third, state) = service.run("good", "a");
    assert_eq!(state, "waiting");

    let answer = service.ask("DELETE", &format!("/api/v1/runs/{third}"), "");
    assert_eq!(
        (answer.status, answer.json()["was"].as_str()),
        (202, Some("waiting"))
    );
    let answer = service.ask("DELETE", &format!("/api/v1/runs/{first}"), "");
    assert_eq!(
        (answer.status, answer.json()["was"].as_str()),
        (202, Some("running"))
    );
    assert_eq!(
        service.wait_for_end(&first)["vms"][0]["outcome"],
        "cancelled"
    );
    assert_eq!(service.wait_for_end(&second)["result"], "passed");
    assert!(service.result(&third).is_null());
    let answer = service.ask("DELETE", &format!("/api/v1/runs/{third}"), "");
    assert_eq!(answer.status, 404);
}

#[test]
fn a_stop_cleans_up_and_takes_no_more() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve("serve", "");
    // The clean-up waits until it was seen what the service says meanwhile.
    let hold = lab.scratch("marks").join("hold");
    fs::write(&hold, "").unwrap();
    let held = format!("while [ -e {hold:?} ]; do sleep 0.05; done; exec /usr/bin/pkill \"$@\"");
    lab.tool("pkill", &held);
    let (run, _) = service.run("hang", "a");
    let (waiting, _) = service.run("good", "a");
    wait_until("the target runs", || {
        !service.result(&run)["vms"][0]["targets"][0].is_null()
    });
    assert_eq!(service.ask_with("GET", "/readyz", "", "").status, 200);
    let runs = service.runs();
    service.signal("TERM");
    wait_until("it is not ready", || {
        service.ask_with("GET", "/readyz", "", "").status == 503
    });
    let body = "{\"target\":[\"good\"],\"vms\":[\"a\"]}";
    let refused = service.ask("POST", "/api/v1/runs", body);
    assert_eq!(refused.status, 503, "{refused:?}");
    fs::remove_file(hold).unwrap();
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(lab.processes(), []);
    let log = fs::read_to_string(runs.join(&run).join("events.ndjson")).unwrap();
    assert!(log.contains("\"type\":\"interrupted\",\"signal\":\"SIGTERM\",\"forced\":false"));
    assert!(log.contains("\"outcome\":\"cancelled\""));
    assert!(!runs.join(waiting).exists());
}

#[test]
fn after_a_restart_each_vm_has_its_last_run_and_what_others_said_of_their_targets() {
    let lab = Lab::new(&["a", "b"]);
    let service = lab.serve("serve", "");
    let (older, _) = service.run("good", "a");
    service.wait_for_end(&older);
    let (of_a, _) = service.run("failing", "a");
    let (of_b, _) = service.run("live_good", "b");
    service.wait_for_end(&of_a);
    service.wait_for_end(&of_b);
    service.signal("KILL");
    service.wait();

    let service = lab.serve("serve", "");
    let metrics = service.metrics();
    for sample in [
        "orchestrator_target_passed{target=\"failing\",vm=\"a\"} 0\n",
        "orchestrator_target_passed{target=\"good\",vm=\"a\"} 1\n",
        "orchestrator_vm_outcome{outcome=\"failed\",vm=\"a\"} 1\n",
        "orchestrator_vm_info{arch=",
        "orchestrator_run_in_progress 0\n",
    ] {
        assert!(metrics.contains(sample), "{sample} not in {metrics}");
    }
    let vms = service.ask("GET", "/api/v1/vms", "").json();
    assert_eq!(vms["vms"][0]["last"]["run"], of_a.as_str());
    assert!(
        !service.stderr().contains("cut off"),
        "{}",
        service.stderr()
    );
}

/// Families of what a process has counted and is itself, which a restart ends.
const OF_PROCESS: [&str; 8] = [
    "process_",
    "orchestrator_events_total",
    "orchestrator_runs_total",
    "orchestrator_ssh_connect_seconds",
    "orchestrator_stage_duration_seconds",
    "orchestrator_retries_total",
    "orchestrator_scrape_duration_seconds",
    "orchestrator_scrape_failures_total",
];

/// What an exposition says of the last run of every VM.
fn of_last_runs(metrics: &str) -> Vec<&str> {
    let of_process = |line: &str| {
        let line = line.trim_start_matches("# HELP ");
        let line = line.trim_start_matches("# TYPE ");
        OF_PROCESS.iter().any(|family| line.starts_with(family))
    };
    metrics.lines().filter(|line| !of_process(line)).collect()
}

#[test]
fn after_a_restart_the_metrics_of_every_last_run_are_the_same_but_for_a_vm_that_is_gone() {
    let exporter = Exporter::start(|_| Exporter::says(7));
    let mut lab = Lab::new(&["a"]);
    let until = lab.vm_dir("until");
    let (address, until) = (exporter.address().to_string(), until.to_str().unwrap());
    let exporting = format!(
        "scrape_interval = \"20ms\"\nenv = {{ EXPORTER = {address:?}, UNTIL = {until:?} }}\n"
    );
    lab.vm("b", &exporting);
    let stays = lab.inventory();
    lab.vm("c", "");
    let schedule = "[[schedule]]\ncron = \"0 0 1 1 *\"\ntarget = \"good\"\n";

    let service = lab.serve("serve", schedule);
    let request = r#"{"target":["failing","live_good"],"vms":["a","c"]}"#;
    let of_two = service.ask("POST", "/api/v1/runs", request).json();
    let (of_b, _) = service.run("exporting", "b");
    wait_until("the exporter is scraped", || {
        service.metrics().contains("tcp_sockets{vm=\"b\"} 12\n")
    });
    fs::write(until, "").unwrap();
    service.wait_for_end(&of_b);
    service.wait_for_end(of_two["run"].as_str().unwrap());
    let before = service.metrics();
    service.signal("TERM");
    service.wait();

    let service = lab.serve("serve", schedule);
    let after = service.metrics();
    assert_eq!(of_last_runs(&after), of_last_runs(&before));
    for sample in [
        "orchestrator_target_passed{target=\"failing\",vm=\"c\"} 0\n",
        "orchestrator_run_due_timestamp_seconds{target=\"good\",vm=\"c\"} ",
        "tcp_sockets{vm=\"b\"} 12\n",
        "process_start_time_seconds ",
    ] {
        assert!(after.contains(sample), "{sample} not in {after}");
    }
    let mut promtool = Program::new("promtool");
    let checked = promtool.args(["check", "metrics"]).write_stdin(after);
    checked.assert().success().stdout("").stderr("");
    service.signal("TERM");
    service.wait();

    lab.set_inventory(stays);
    let without = lab.serve("serve", schedule).metrics();
    assert!(!without.contains("vm=\"c\""), "{without}");
    let expected = of_last_runs(&before)
        .into_iter()
        .filter(|line| !line.contains("vm=\"c\""));
    assert_eq!(of_last_runs(&without), expected.collect::<Vec<_>>());
}

#[test]
fn a_run_that_a_killed_service_left_goes_on_after_a_restart() {
    let lab = Lab::new(&["a", "b"]);
    let service = lab.serve("serve", "");
    let body = r#"{"target":["live_good","hang"],"vms":["a"]}"#;
    let cut = service.ask("POST", "/api/v1/runs", body).json();
    let cut = cut["run"].as_str().unwrap();
    let is_hanging = || {
        let targets = &service.result(cut)["vms"][0]["targets"];
        targets[1]["target"] == "hang"
    };
    wait_until("its second target runs", is_hanging);
    service.signal("KILL");
    service.wait();
    assert_ne!(lab.processes(), []);

    // The second time it ends by itself.
    let harness = include_str!("fixture/kmod-integration.sh");
    lab.program(
        "kmod-integration",
        &harness
            .replace("hang | polite)", "polite)")
            .replace("good | live_good)", "good | live_good | hang)"),
    );
    let service = lab.serve("serve", "");
    let said = format!("run {cut} was cut off and goes on\n");
    wait_until("it goes on", || service.stderr().contains(&said));
    let result = service.wait_for_end(cut);
    assert_eq!(result["result"], "passed", "{result:#}");
    let metrics = service.metrics();
    let before = "orchestrator_target_passed{target=\"live_good\",vm=\"a\"} 1\n";
    assert!(metrics.contains(before), "{metrics}");
    let log = fs::read_to_string(service.runs().join(cut).join("events.ndjson")).unwrap();
    let times = |what: &str| log.matches(what).count();
    assert_eq!(times("\"type\":\"run_resumed\""), 1);
    assert_eq!(
        times("\"target\":\"live_good\",\"event\":{\"v\":1,\"seq\":0,"),
        1
    );
    // Once it has come to its end it stays as it is.
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
    wait_until("nothing is left", || lab.processes().is_empty());
    let service = lab.serve("serve", "");
    assert_eq!(service.result(cut), result);
    assert!(
        !service.stderr().contains("cut off"),
        "{}",
        service.stderr()
    );
}

#[test]
fn a_run_is_not_taken_from_who_drives_it_nor_gone_on_with_for_ever() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let folder = run.folder().unwrap();
    let runs = lab.scratch("serve").join("runs");
    std::os::unix::fs::symlink(folder.parent().unwrap(), runs).unwrap();
    let service = lab.serve("serve", "");
    let said = "was cut off: another process goes on with it";
    wait_until(said, || service.stderr().contains(said));
    drop(service);
    let folder = run.kill();

    let log = folder.join("events.ndjson");
    let text = fs::read_to_string(&log).unwrap();
    let next = text.lines().count();
    let resumed = (next..next + 3).map(|seq| {
        format!(
            "{{\"v\":1,\"seq\":{seq},\"time\":\"2026-01-01T00:00:00Z\",\
             \"type\":\"run_resumed\",\"orchestrator\":\"0.1.0\"}}\n"
        )
    });
    fs::write(&log, text + &resumed.collect::<String>()).unwrap();
    let service = lab.serve("serve", "");
    let said = "was cut off: it was gone on with 3 times already";
    wait_until(said, || service.stderr().contains(said));
}

#[test]
fn the_schedule_is_kept() {
    let lab = Lab::new(&["a"]);
    let schedule = "[[schedule]]\ncron = \"* * * * * *\"\ntarget = \"good\"\nvms = [\"a\"]\n\
                    [[schedule]]\ncron = \"0 0 1 1 *\"\n";
    let service = lab.serve("serve", schedule);
    let list = service.ask("GET", "/api/v1/schedule", "").json();
    assert_eq!(list["schedule"][0]["cron"], "* * * * * *");
    assert!(
        list["schedule"][1]["next"]
            .as_str()
            .unwrap()
            .ends_with("-01-01T00:00:00Z")
    );
    let passed = "orchestrator_runs_total{result=\"passed\"} 2\n";
    wait_until("two runs", || service.metrics().contains(passed));
    assert!(
        service.stderr().contains("is due (* * * * * *)"),
        "{}",
        service.stderr()
    );
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(lab.processes(), []);
}

#[test]
fn only_who_has_the_token_may_use_the_api() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve("serve", "");
    for (headers, status) in [
        ("", 401),
        ("Authorization: Bearer wrong\r\n", 401),
        ("Authorization: Bearer a-token-of-this-tes\r\n", 401),
        ("Authorization: Basic a-token-of-this-test\r\n", 401),
        ("Authorization: Bearer a-token-of-this-test\r\n", 200),
    ] {
        let answer = service.ask_with("GET", "/api/v1/vms", headers, "");
        assert_eq!(answer.status, status, "{headers}");
    }
    assert_eq!(
        service.ask_with("POST", "/api/v1/runs", "", "{}").status,
        401
    );
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(service.ask_with("GET", path, "", "").status, 200, "{path}");
    }
}

#[test]
fn wrong_requests_are_refused_with_a_reason() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve("serve", "");
    for (body, status, reason) in [
        ("{", 400, "EOF"),
        ("{\"vm\":\"a\"}", 422, "unknown field `vm`"),
        (
            "{\"vms\":[\"c\"]}",
            422,
            "the inventory has no VM \\\"c\\\"",
        ),
        ("{\"target\":[\"--x\"]}", 422, "target"),
    ] {
        let answer = service.ask("POST", "/api/v1/runs", body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.text.contains(reason), "{answer:?}");
    }
    for path in [
        "/api/v1/runs/nobody",
        "/api/v1/runs/..%2F..%2Fetc",
        "/api/v2",
    ] {
        assert_eq!(service.ask("GET", path, "").status, 404, "{path}");
    }
    assert!(!service.runs().exists(), "something was begun");
}

fn serve(args: &[&str], dir: &Path) -> String {
    let mut command = Program::new(env!("CARGO_BIN_EXE_orchestrator"));
    command
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--runs-dir"]);
    command.arg(dir.join("runs")).args(args);
    command
        .env("XDG_CONFIG_HOME", dir)
        .env("NO_COLOR", "1")
        .current_dir(dir);
    let assert = command.assert().code(2);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn mistakes_are_told_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = write("serve.toml", "[[schedule]]\ncron = \"never\"\n", 0o644);
    let said = serve(&["--config", &config], dir.path());
    assert!(said.contains("no cron expression"), "{said}");
    assert!(said.contains("serve.toml:2:8"), "{said}");
    let open = write("open", "0123456789abcdef\n", 0o644);
    let said = serve(&["--token-file", &open], dir.path());
    assert!(said.contains("others than its owner"), "{said}");
    let short = write("short", "0123\n", 0o600);
    let said = serve(&["--token-file", &short], dir.path());
    assert!(said.contains("shorter than 16"), "{said}");
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_finds_hardened() {
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/tcpstats-orchestrator.service");
    let text = fs::read_to_string(unit).unwrap();
    let (_, command) = text
        .split_once("ExecStart=/usr/local/bin/orchestrator ")
        .unwrap();
    let command = command.lines().next().unwrap();
    let help = Program::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["serve", "--help"])
        .output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    for flag in command.split(' ').filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "serve has no {flag}");
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("tcpstats-orchestrator.service");
    fs::write(
        &copy,
        text.replace("/usr/local/bin/orchestrator", "/bin/true"),
    )
    .unwrap();
    for arguments in [
        &["verify", "--man=no"][..],
        &["security", "--offline=true", "--threshold=15"],
    ] {
        match Command::new("systemd-analyze")
            .args(arguments)
            .arg(&copy)
            .output()
        {
            Ok(output) => assert!(output.status.success(), "{arguments:?}: {output:?}"),
            Err(error) => eprintln!("not tried, systemd-analyze: {error}"),
        }
    }
}
