// SPDX-License-Identifier: BSD-2-Clause
//! VMs that build the source tree themselves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::{Lab, wait_until};

/// A source tree with a member for each program, none of which depends on
/// anything; the test binary's is `main`.
pub(crate) fn source_tree(lab: &Lab, main: &str) -> PathBuf {
    let tree = lab.scratch("source");
    let members = ["kmod-integration", "tcp-echo", "tcpstats", "tcpstatsd"];
    let list = members.map(|name| format!("{name:?}")).join(", ");
    write(
        &tree.join("Cargo.toml"),
        &format!("[workspace]\nresolver = \"3\"\nmembers = [{list}]\n"),
    );
    for name in members {
        let manifest = format!("[package]\nname = {name:?}\nversion = \"0.1.0\"\n");
        write(&tree.join(name).join("Cargo.toml"), &manifest);
        write(&tree.join(name).join("src/main.rs"), "fn main() {}\n");
    }
    write(&tree.join("kmod-integration/src/main.rs"), main);
    write(&tree.join("kmod/tcpstats/Makefile"), "clean all:\n");
    write(&tree.join(".git/HEAD"), "a secret\n");
    write(&tree.join("target/debris"), "of a build here\n");
    write(&tree.join("web/.gitignore"), "# Installed.\nmodules/\n");
    write(&tree.join("web/modules/debris"), "of a tool here\n");
    tree
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A test binary whose only test passes, or fails.
fn harness(outcome: &str) -> String {
    let status = i32::from(outcome == "failed");
    let event = |seq: u32, rest: &str| {
        format!("{{\"v\":1,\"seq\":{seq},\"time\":\"2026-01-01T00:00:00Z\",\"type\":{rest}}}")
    };
    let hello = "\"hello\",\"harness\":\"0.1.0\",\"protocol\":1,\"os\":\"Linux\",\
                 \"os_release\":\"6.1\",\"osreldate\":0,\"arch\":\"x86_64\",\"cpus\":1,\
                 \"memory_bytes\":1,\"hostname\":\"vm\"";
    let lines = [
        event(0, hello),
        event(1, &format!("\"bye\",\"outcome\":{outcome:?}")),
    ];
    format!(
        "fn main() {{\n    println!(\"{{}}\", {:?});\n    std::process::exit({status});\n}}\n",
        lines.join("\n")
    )
}

/// A VM `a` on which cargo is found where it is here.
fn lab_with_cargo() -> Lab {
    let mut lab = Lab::new(&[]);
    let bin = Path::new(env!("CARGO")).parent().unwrap().display();
    lab.vm(
        "a",
        &format!(
            "env = {{ PATH = \"{bin}:/usr/bin:/bin\", CARGO_NET_OFFLINE = \"true\", \
             CARGO_HOME = {:?} }}",
            lab.scratch("cargo-home")
        ),
    );
    lab
}

#[test]
fn a_tree_is_brought_built_and_run_and_an_older_change_is_built_too() {
    let lab = lab_with_cargo();
    // Nothing was built here for it: that is when a VM builds.
    fs::remove_dir_all(lab.dist()).unwrap();
    let tree = source_tree(&lab, &harness("passed"));
    let source = tree.display().to_string();
    let ran = lab.run(&["--target", "good", "--source", &source]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(
        ran.stages("a")[4..8],
        [Stage::Prepare, Stage::Deploy, Stage::Build, Stage::Setup]
    );
    let dir = lab.vm_dir("a");
    for left_here in [".git", "target/debris", "web/modules"] {
        assert!(!dir.join(left_here).exists(), "{left_here}");
    }
    assert!(dir.join("web/.gitignore").exists());
    assert!(dir.join("current/bin/tcp-echo").exists());

    // Another content that is older than the last build, and a member less.
    let main = tree.join("kmod-integration/src/main.rs");
    fs::write(&main, harness("failed")).unwrap();
    let file = fs::File::options().append(true).open(&main).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.set_modified(old).unwrap();
    let manifest = fs::read_to_string(tree.join("Cargo.toml")).unwrap();
    let fewer = manifest.replace(", \"tcpstatsd\"", "");
    fs::write(tree.join("Cargo.toml"), fewer).unwrap();
    fs::remove_dir_all(tree.join("tcpstatsd")).unwrap();
    let ran = lab.run(&["--target", "good", "--source", &source]);
    assert_eq!(ran.code(), 1, "the old program was run: {ran:#?}");
    assert!(!dir.join("tcpstatsd").exists());
    assert!(!dir.join("current/bin/tcpstatsd").exists());

    // What is there can be used without being brought again.
    let ran = lab.run(&["--target", "good", "--deploy", "none"]);
    assert_eq!(ran.code(), 1, "{ran:#?}");
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_build_that_fails_is_quoted() {
    let lab = lab_with_cargo();
    let tree = source_tree(&lab, "fn main() { no_such_function() }\n");
    let source = tree.display().to_string();
    let ran = lab.run(&["--target", "good", "--deploy", "build", "--source", &source]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Infrastructure);
    assert!(
        what.contains("could not compile `kmod-integration`"),
        "{what}"
    );
    let output = ran.output("a");
    assert!(output.iter().any(|line| line.contains("no_such_function")));
    assert_eq!(ran.stages("a").last(), Some(&Stage::Unlock));
}

#[test]
fn an_interrupted_build_leaves_nothing_that_runs() {
    let lab = lab_with_cargo();
    let tree = source_tree(&lab, &harness("passed"));
    let marker = lab.scratch("log").join("building");
    write(
        &tree.join("kmod-integration/build.rs"),
        &format!(
            "fn main() {{\n    std::fs::write({marker:?}, \"\").unwrap();\n    \
             loop {{ std::thread::sleep(std::time::Duration::from_secs(1)) }}\n}}\n"
        ),
    );
    let source = tree.display().to_string();
    let run = lab.start(&["--target", "good", "--deploy", "build", "--source", &source]);
    wait_until("the build is under way", || marker.exists());
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code(), 130, "{ran:#?}");
    assert_eq!(ran.stages("a").last(), Some(&Stage::Unlock));
    wait_until("nothing is left", || lab.processes().is_empty());
}

#[test]
fn on_freebsd_the_eight_steps_follow_each_other() {
    let mut lab = Lab::new(&[]);
    lab.freebsd();
    let log = lab.scratch("log").join("steps");
    // cargo is missing until pkg(8) has brought it.
    let stage = lab.scratch("packages");
    let logged = |words: &str| format!("echo {words} >>{log:?}\n");
    let harness = format!("#!/bin/sh\n{}exit 3\n", logged("harness $1"));
    write(&stage.join("harness"), &harness);
    let cargo = format!(
        "#!/bin/sh\n{}while [ $# -gt 0 ]; do case $1 in --target-dir) dir=$2 ;; esac; shift; done\n\
         mkdir -p \"$dir/release\"\nfor p in kmod-integration tcp-echo tcpstats; do\n\
         sed 's/exit 3/exit 0/' {stage:?}/harness >\"$dir/release/$p\"; chmod 755 \"$dir/release/$p\"; done\n",
        logged("cargo $1 $2 $3")
    );
    write(&stage.join("cargo"), &cargo);
    let tools = lab.sshd.tools();
    lab.tool(
        "pkg",
        &format!(
            "{}cp {stage:?}/cargo {tools:?}/cargo; chmod 755 {tools:?}/cargo",
            logged("pkg $*")
        ),
    );
    lab.tool(
        "make",
        &format!("{}echo module >\"$2/tcpstats.ko\"", logged("make $3 $4")),
    );
    lab.tool("kldload", &logged("kldload ${1##*/}"));
    lab.tool("kldunload", &logged("kldunload $1"));
    lab.tool(
        "sysctl",
        &format!("case $1 in dev*=*) {};; esac; echo 0", logged("$1").trim()),
    );
    // The machine that stands for the VM may have a cargo of its own.
    let bin = lab.scratch("bin");
    for command in [
        "sh", "sed", "cp", "mkdir", "chmod", "rsync", "cc", "df", "find", "pgrep", "pkill",
        "timeout",
    ] {
        symlink(Path::new("/usr/bin").join(command), bin.join(command)).unwrap();
    }
    let path = format!("{}:{}", tools.display(), bin.display());
    lab.vm(
        "a",
        &format!("env = {{ PATH = {path:?} }}\ndeploy = \"build\""),
    );
    let tree = source_tree(&lab, "");
    let source = tree.display().to_string();
    let ran = lab.run(&["--target", "live_good", "--source", &source]);
    assert_eq!(
        fs::read_to_string(&log).unwrap_or_default(),
        "pkg install -y rust\n\
         cargo build --release --workspace\n\
         harness pkg_setup\n\
         make clean all\n\
         kldload tcpstats.ko\n\
         dev.tcpstats.max_open_fds=64\n\
         harness live_good\n\
         kldunload tcpstats\n",
        "{ran:#?}"
    );
}
