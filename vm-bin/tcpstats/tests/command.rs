// SPDX-License-Identifier: BSD-2-Clause
//! The command where no device is needed: what it says and how it exits.
#![expect(clippy::unwrap_used, reason = "a test whose means fail, fails")]

use assert_cmd::Command;
use serde_json::{Value, json};

fn tcpstats(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::new(env!("CARGO_BIN_EXE_tcpstats"))
        .args(arguments)
        .assert()
}

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

fn meaning(filter: &[&str]) -> Value {
    let assert = tcpstats(&[&["check"], filter].concat()).success();
    let stdout = &assert.get_output().stdout;
    assert_eq!(stdout.last(), Some(&b'\n'));
    serde_json::from_slice(stdout).unwrap()
}

#[test]
fn check_says_what_a_filter_means() {
    let filter = [
        "LOCAL_PORT=443,80",
        "remote_addr=fd00::/16",
        "exclude=listen,timewait",
    ];
    assert_eq!(
        meaning(&filter),
        json!({
            "filter": "local_port=443,80 remote_addr=fd00::/16 exclude=listen,time_wait",
            "local_ports": [443, 80],
            "remote_ports": [],
            "local_addr": null,
            "remote_addr": "fd00::/16",
            "ip_version": null,
            "states": ["closed", "syn_sent", "syn_received", "established", "close_wait",
                       "fin_wait_1", "closing", "last_ack", "fin_wait_2"],
            "fields": ["identity", "state", "congestion", "rtt", "buffers"],
            "format": "compact",
        })
    );
    let filter = meaning(&["local_addr=10.0.0.0/8 ipv4_only include_state=listen format=full"]);
    assert_eq!(filter["local_addr"], "10.0.0.0/8");
    assert_eq!(filter["ip_version"], 4);
    assert_eq!(filter["states"], json!(["listen"]));
    assert_eq!(filter["fields"].as_array().unwrap().len(), 10);
    assert_eq!(filter["format"], "full");
    assert_eq!(meaning(&[])["filter"], "");
    assert_eq!(meaning(&["remote_addr=::/0"])["remote_addr"], "::/0");
}

#[test]
fn a_wrong_filter_is_marked_and_exits_2() {
    for command in ["check", "list"] {
        let assert = tcpstats(&[command, "ipv4_only", "local_port=70000"])
            .code(2)
            .stdout("");
        let text = stderr(&assert);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("tcpstats: "), "{text}");
        assert_eq!(lines[1], "  ipv4_only local_port=70000");
        assert_eq!(lines[2], "                       ^^^^^");
    }
}

#[test]
fn without_a_device_it_says_what_to_start() {
    for command in ["list", "info"] {
        let assert = tcpstats(&[command, "--device", "/nonexistent/tcpstats"])
            .code(1)
            .stdout("");
        let text = stderr(&assert);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("failed to open /nonexistent/tcpstats"),
            "{text}"
        );
        assert!(
            text.contains("not running") || text.contains("not loaded"),
            "{text}"
        );
    }
}

#[test]
fn wrong_use_exits_2() {
    tcpstats(&[]).code(2);
    tcpstats(&["list", "--json", "--wide"]).code(2);
    tcpstats(&["lsit"]).code(2);
}
