// SPDX-License-Identifier: BSD-2-Clause
//! The targets that compile, on this tree's sources and on made-up ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::event::{Benchmark, Better};
use protocol::{Body, Outcome};
use tempfile::TempDir;

use crate::support::{Ran, binary, bye, run};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kmod/tcpstats")
}

fn target(name: &str, kmod_src: &Path) -> Command {
    let mut command = binary();
    command.args([name, "--format", "json", "--kmod-src"]);
    command.arg(kmod_src);
    command
}

/// A source tree with these Makefiles: folder and content.
fn tree(makefiles: &[(&str, &str)]) -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    for (folder, content) in makefiles {
        fs::create_dir(tree.path().join(folder)).unwrap();
        fs::write(tree.path().join(folder).join("Makefile"), content).unwrap();
    }
    tree
}

fn benchmarks(ran: &Ran) -> Vec<Benchmark> {
    let events = ran.events().into_iter();
    events
        .filter_map(|body| match body {
            Body::Benchmark(benchmark) => Some(benchmark),
            _ => None,
        })
        .collect()
}

/// Name and outcome of each target, in order.
fn targets(ran: &Ran) -> Vec<(String, Outcome)> {
    let events = ran.events().into_iter();
    events
        .filter_map(|body| match body {
            Body::TargetFinished(target) => Some((target.target, target.outcome)),
            _ => None,
        })
        .collect()
}

/// What the run logged as errors.
fn errors(ran: &Ran) -> Vec<String> {
    let events = ran.events().into_iter();
    events
        .filter_map(|body| match body {
            Body::Log {
                level: protocol::event::Level::Error,
                message,
            } => Some(message),
            _ => None,
        })
        .collect()
}

const PARSE: [&str; 11] = [
    "empty",
    "single_port",
    "multi_port",
    "exclude_states",
    "ipv4_cidr",
    "ipv6_compressed",
    "ipv6_full",
    "complex_combo",
    "worst_case",
    "uppercase_stress",
    "rejected",
];
const MATCH: [&str; 7] = [
    "any",
    "one_port",
    "port_lists",
    "states",
    "ipv4_prefix",
    "ipv6_prefix",
    "all_conditions",
];

/// How callgrind's profiles are left.
const PROFILES: &str = "\t@cd $(OBJDIR) && touch filter_parse.callgrind filter_parse.annotated \
                        filter_match.callgrind filter_match.annotated\n";

/// Each workload of each benchmark was measured, in order, and has its test.
fn assert_complete(ran: &Ran) {
    let measured = benchmarks(ran);
    let of = |name: &str| -> Vec<String> {
        let of = measured.iter().filter(|one| one.name == name);
        of.map(|one| one.workload.clone()).collect()
    };
    assert_eq!(of("filter_parse"), PARSE);
    assert_eq!(of("filter_match"), MATCH);
    let ids: Vec<String> = ran.tests().into_iter().map(|test| test.id).collect();
    assert_eq!(ids, [&PARSE[..], &MATCH[..]].concat());
}

#[test]
fn bench_gives_five_samples_of_each_workload() {
    let ran = run(&mut target("bench", &sources()));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_complete(&ran);
    for benchmark in benchmarks(&ran) {
        assert_eq!((&*benchmark.target, &*benchmark.unit), ("bench", "ns"));
        assert_eq!(benchmark.better, Better::Lower);
        for taken in [&benchmark.samples, &benchmark.reference] {
            assert_eq!(taken.len(), 5);
            assert!(taken.iter().all(|ns| *ns > 0.0), "{benchmark:?}");
        }
    }
}

#[test]
fn callgrind_counts_instructions_and_keeps_the_profile() {
    let output = tempfile::tempdir().unwrap();
    let ran = run(target("callgrind", &sources())
        .arg("--output-dir")
        .arg(output.path()));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_complete(&ran);
    for benchmark in benchmarks(&ran) {
        assert_eq!(benchmark.unit, "instructions");
        assert_eq!((benchmark.samples.len(), benchmark.reference.len()), (1, 0));
        assert!(benchmark.samples[0] >= 10.0, "{benchmark:?}");
    }
    for (name, function) in [
        ("filter_parse", "tcpstats_filter_parse"),
        ("filter_match", "tcpstats_match"),
    ] {
        let kept = |kind| fs::read_to_string(output.path().join(format!("{name}.{kind}")));
        let annotated = kept("annotated").unwrap();
        assert!(annotated.contains(function), "{annotated}");
        let profile = kept("callgrind").unwrap();
        assert!(profile.contains("fn="), "{profile}");
    }
}

#[test]
fn a_workload_over_its_budget_fails_and_is_measured() {
    let line = |benchmark: &str, workload: &str| {
        format!("\t@printf '{benchmark}\\t{workload}\\t10.0\\t29.0\\n'\n")
    };
    let mut makefile = format!("callgrind:\n{PROFILES}");
    makefile.extend(
        PARSE[1..]
            .iter()
            .map(|workload| line("filter_parse", workload)),
    );
    makefile.extend(MATCH.iter().map(|workload| line("filter_match", workload)));
    let over = "filter_parse\\tempty\\t30.0\\t29.0\\tover budget";
    makefile.push_str(&format!("\t@printf '{over}\\n'; exit 1\n"));
    let ran = run(&mut target(
        "callgrind",
        tree(&[("test", &makefile)]).path(),
    ));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let failed: Vec<_> = ran
        .tests()
        .into_iter()
        .filter(|test| test.outcome == Outcome::Failed)
        .map(|test| (test.id, test.message))
        .collect();
    let message = "more than its budget of 29.0 instructions".to_owned();
    assert_eq!(failed, [("empty".to_owned(), Some(message))]);
    assert_eq!(benchmarks(&ran).len(), 18);
}

#[test]
fn a_workload_that_is_missing_fails_the_target() {
    let makefile = "bench:\n\t@printf 'filter_parse\\tempty\\t2.5 2.6\\t250.0 251.5\\n'\n";
    let ran = run(&mut target("bench", tree(&[("test", makefile)]).path()));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(
        errors(&ran),
        [
            "1 of 11 workloads of filter_parse were measured",
            "0 of 7 workloads of filter_match were measured"
        ]
    );
    let measured = &benchmarks(&ran)[0];
    assert_eq!(measured.samples, [2.5, 2.6]);
    assert_eq!(measured.reference, [250.0, 251.5]);
}

#[test]
fn the_tools_compile_and_run() {
    for name in ["bench_read", "gen_conn"] {
        let output = tempfile::tempdir().unwrap();
        let ran = run(target(name, &sources())
            .arg("--output-dir")
            .arg(output.path()));
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let tests: Vec<String> = ran.tests().into_iter().map(|test| test.id).collect();
        assert_eq!(tests, ["compile", "run"]);
        let log = output.path().join(format!("{name}-compile-make.log"));
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("-Werror"), "{log}");
    }
}

#[test]
fn a_tool_that_does_not_compile_is_not_run() {
    let makefile = "bench_read_tcpstats:\n\t@echo 'a.c:1: wrong' >&2; exit 1\n";
    let ran = run(&mut target(
        "bench_read",
        tree(&[("tools", makefile)]).path(),
    ));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let tests = ran.tests();
    assert_eq!(tests[0].outcome, Outcome::Failed);
    let message = tests[0].message.as_deref().unwrap();
    assert!(message.starts_with("a.c:1: wrong\n"), "{message}");
    assert_eq!(tests[1].outcome, Outcome::Skipped);
    assert_eq!(tests[1].message.as_deref(), Some("it does not compile"));
}

#[test]
fn all_without_the_sources_is_lacking_and_not_failed() {
    let ran = run(&mut target("all", tree(&[]).path()));
    assert_eq!(ran.status, Some(3), "{ran:?}");
}

#[test]
fn a_tool_that_runs_otherwise_fails() {
    let makefile = "gen_connections:\n\t@printf '#!/bin/sh\\necho ready 9\\n' >$(OBJDIR)/$@\n\
                    \t@chmod 755 $(OBJDIR)/$@\n";
    let ran = run(&mut target("gen_conn", tree(&[("tools", makefile)]).path()));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let message = ran.tests()[1].message.clone().unwrap();
    assert_eq!(message, "it said Some(Out(\"ready 9\"))");
}

/// The cross-compiler of this tree is there or not: without it each module is
/// skipped with the way to get it.
#[test]
fn modules_are_cross_compiled_or_skipped_with_the_reason() {
    let ran = run(&mut target("kmod", &sources()));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let tests = ran.tests();
    let ids: Vec<&str> = tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, ["14-amd64", "14-arm64", "15-amd64", "15-arm64"]);
    for test in &tests {
        let compiler = format!("../../target/freebsd/zig-{}/ziglang/zig", &test.id[..2]);
        let wanted = match sources().join(compiler).exists() {
            true => Outcome::Passed,
            false => Outcome::Skipped,
        };
        assert_eq!(test.outcome, wanted, "{test:?}");
        let told = test.message.as_deref().unwrap_or_default();
        assert_eq!(
            told.contains("`make freebsd-module` in the source tree fetches it"),
            wanted == Outcome::Skipped,
            "{told}"
        );
    }
}

/// A tree in which every goal of the tests succeeds at once.
fn quick_tree(unit: &str) -> TempDir {
    let mut tests = String::new();
    for goal in ["memcheck", "asan", "ubsan"] {
        tests.push_str(&format!(
            "{goal}:\n\t@echo '# test_a'; echo 'ok 1 - one'; echo 1..1\n"
        ));
    }
    for (goal, columns) in [
        ("bench", "2.5 2.6\\t250.0 251.5"),
        ("callgrind", "20.0\\t-"),
    ] {
        tests.push_str(&format!("{goal}:\n"));
        for (benchmark, workloads) in [("filter_parse", &PARSE[..]), ("filter_match", &MATCH)] {
            for workload in workloads {
                let line = format!("{benchmark}\\t{workload}\\t{columns}");
                tests.push_str(&format!("\t@printf '{line}\\n'\n"));
            }
        }
    }
    tests.push_str(PROFILES);
    tests.push_str(&format!("unit:\n\t{unit}\n"));
    let tools = "bench_read_tcpstats:\n\
                 \t@printf '#!/bin/sh\\necho usage: $@ x\\nexit 2\\n' >$(OBJDIR)/$@\n\
                 \t@chmod 755 $(OBJDIR)/$@\n\
                 gen_connections:\n\
                 \t@printf '#!/bin/sh\\necho ready 10\\n' >$(OBJDIR)/$@\n\
                 \t@chmod 755 $(OBJDIR)/$@\n";
    tree(&[("test", &tests), ("tools", tools), ("cross", "all:\n")])
}

const ALL: [&str; 9] = [
    "unit",
    "memcheck",
    "asan",
    "ubsan",
    "bench",
    "callgrind",
    "kmod",
    "bench_read",
    "gen_conn",
];

#[test]
fn all_runs_every_target_though_one_fails() {
    let tree = quick_tree("@echo '# test_a'; echo 'not ok 1 - one'; echo 1..1; exit 1");
    let ran = run(&mut target("all", tree.path()));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let targets = targets(&ran);
    let names: Vec<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ALL);
    for (name, outcome) in &targets {
        let wanted = match name.as_str() {
            "unit" => Outcome::Failed,
            "kmod" => Outcome::Skipped,
            _ => Outcome::Passed,
        };
        assert_eq!(*outcome, wanted, "{name}");
    }
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
}

#[test]
fn all_goes_on_where_the_machine_lacks_something_and_ends_with_status_3() {
    let tree = quick_tree("@echo '# test_a'; echo 'ok 1 - one'; echo 1..1");
    // A PATH with make, a shell and what they need, and without valgrind.
    let path = tempfile::tempdir().unwrap();
    for program in ["make", "sh", "cc", "touch", "chmod", "printf", "echo", "ip"] {
        let found = ["/usr/bin", "/bin", "/usr/sbin"]
            .map(|folder| Path::new(folder).join(program))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("needs {program}"));
        std::os::unix::fs::symlink(found, path.path().join(program)).unwrap();
    }
    let ran = run(target("all", tree.path()).env("PATH", path.path()));
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let skipped: Vec<String> = targets(&ran)
        .into_iter()
        .filter(|(_, outcome)| *outcome == Outcome::Skipped)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(skipped, ["memcheck", "callgrind", "kmod"]);
    assert_eq!(targets(&ran).len(), 9);
    let errors = errors(&ran);
    for error in &errors[..2] {
        assert_eq!(
            error,
            "failed to start valgrind: No such file or directory (os error 2); \
             `kmod-integration pkg_setup` installs it"
        );
    }
    assert_eq!(
        errors[2..],
        ["the machine lacks what these targets need: memcheck, callgrind"]
    );
}
