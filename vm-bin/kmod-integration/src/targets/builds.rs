// SPDX-License-Identifier: BSD-2-Clause
//! Programs and the module that must compile without a warning: `kmod`,
//! `bench_read` and `gen_conn`; of the programs it is seen that they run.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use protocol::Outcome;

use super::{Session, TargetError};
use crate::framework::compile::{Job, Make, SILENCE_LIMIT};
use crate::framework::cross::{self, Platform};
use crate::framework::packages::KERNEL_MAKEFILE;
use crate::framework::process::{Line, Process, ProcessError};
use crate::report::ReportError;

/// How long a program may take for its part.
const RUN_LIMIT: Duration = Duration::from_secs(30);
/// Connections that the generator makes to show that it does.
const CONNECTIONS: u32 = 10;

/// The module: by FreeBSD's own rules there, by a cross-compiler elsewhere.
pub(super) fn kmod<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    if cfg!(target_os = "freebsd") {
        kmod_native(session, name)
    } else {
        kmod_cross(session, name)
    }
}

fn kmod_native<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let options = &session.options;
    session.demand_compiler()?;
    if !Path::new(KERNEL_MAKEFILE).is_file() {
        return Err(TargetError::Lacking(format!(
            "no kernel sources, looked for {KERNEL_MAKEFILE}: \
             `kmod-integration pkg_setup` installs them"
        )));
    }
    let objects = session.objects()?;
    let make = session.start_make(Job {
        folder: options.kmod_src.clone(),
        arguments: vec!["all".into(), format!("CC={}", options.cc).into()],
        environment: vec![("MAKEOBJDIR", objects.path.clone().into())],
    })?;
    session.report().target_started(name, Some(1))?;
    let module = objects.path.join("tcpstats.ko");
    build(
        session,
        "module",
        "tcpstats.ko, without a warning",
        make,
        &module,
    )?;
    drop(objects);
    session.end_target(Vec::new())
}

fn kmod_cross<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let kmod_src = &session.options.kmod_src;
    if !kmod_src.join("cross/Makefile").is_file() {
        return Err(TargetError::Lacking(format!(
            "no cross/Makefile in {}: name the module's folder with --kmod-src",
            kmod_src.display()
        )));
    }
    let objects = session.objects()?;
    session
        .report()
        .target_started(name, u32::try_from(Platform::ALL.len()).ok())?;
    for platform in Platform::ALL {
        let title = format!("tcpstats.ko for {platform}, without a warning");
        let id = platform.id();
        match cross::job(kmod_src, platform, &objects.path) {
            Ok(job) => {
                let module = objects.path.join(platform.module());
                build(session, &id, &title, session.start_make(job)?, &module)?;
            }
            Err(reason) => skip(session, &id, &title, reason)?,
        }
    }
    drop(objects);
    session.end_target(Vec::new())
}

/// The benchmark of the read path, which says how it is used.
pub(super) fn bench_read<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    program(session, name, "bench_read_tcpstats", |program| {
        let mut process = start(session, Command::new(program).arg("-?"))?;
        let mut told = false;
        while let Some(line) = process.next_line("say its usage", RUN_LIMIT)? {
            let (Line::Out(text) | Line::Err(text)) = line;
            told |= text.starts_with("usage: bench_read_tcpstats ");
        }
        Ok(match (told, process.wait(RUN_LIMIT)?.code()) {
            (true, Some(2)) => None,
            (told, code) => Some(format!("it said its usage: {told}, exit status {code:?}")),
        })
    })
}

/// The generator of connections, which makes a few.
pub(super) fn gen_conn<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    program(session, name, "gen_connections", |program| {
        let count = CONNECTIONS.to_string();
        let process = start(session, Command::new(program).args(["-n", &count]))?;
        Ok(match process.next_line("say that they stand", RUN_LIMIT)? {
            Some(Line::Out(line)) if line == format!("ready {CONNECTIONS}") => None,
            line => Some(format!("it said {line:?}")),
        })
    })
}

/// Two tests: that `tool` compiles, and that it runs as `check` demands, which
/// gives what is wrong.
fn program<W: Write>(
    session: &Session<W>,
    name: &str,
    tool: &str,
    check: impl FnOnce(&Path) -> Result<Option<String>, ProcessError>,
) -> Result<(), TargetError> {
    let options = &session.options;
    session.demand_compiler()?;
    let objects = session.objects()?;
    let job = Job::new(
        options.kmod_src.join("tools"),
        tool,
        &options.cc,
        &objects.path,
    );
    let make = session.start_make(job)?;
    session.report().target_started(name, Some(2))?;
    let path = objects.path.join(tool);
    let title = format!("{tool} compiles without a warning");
    if build(session, "compile", &title, make, &path)? {
        session
            .report()
            .test_started(None, "run", &format!("{tool} runs"));
        let fault = check(&path).unwrap_or_else(|error| Some(error.to_string()));
        session.report().test_finished(|test| judge(test, fault))?;
    } else {
        skip(
            session,
            "run",
            &format!("{tool} runs"),
            "it does not compile".to_owned(),
        )?;
    }
    drop(objects);
    session.end_target(Vec::new())
}

fn start<W: Write>(session: &Session<W>, command: &mut Command) -> Result<Process, ProcessError> {
    Process::spawn(command, &session.cancel, &session.restorer)
}

/// A test: `make` ends well, and `product` is there afterwards. Whether it
/// passed.
fn build<W: Write>(
    session: &Session<W>,
    id: &str,
    title: &str,
    make: Make,
    product: &Path,
) -> Result<bool, TargetError> {
    {
        let mut report = session.report();
        report.test_started(None, id, title);
        report.allow(SILENCE_LIMIT);
    }
    let log = format!("{}-{id}", session.report().target_name());
    let mut faults = session.follow(make, &log, |_| Ok(()))?.faults();
    if faults.is_empty() && !product.is_file() {
        faults.push(format!("make has not made {}", product.display()));
    }
    let fault = (!faults.is_empty()).then(|| faults.join("\n"));
    let passed = fault.is_none();
    session.report().test_finished(|test| judge(test, fault))?;
    Ok(passed)
}

fn judge(test: &mut protocol::event::TestFinished, fault: Option<String>) {
    test.outcome = match fault {
        None => Outcome::Passed,
        Some(_) => Outcome::Failed,
    };
    test.message = fault;
}

fn skip<W: Write>(
    session: &Session<W>,
    id: &str,
    title: &str,
    reason: String,
) -> Result<(), ReportError> {
    let mut report = session.report();
    report.test_started(None, id, title);
    report.test_finished(|test| {
        test.outcome = Outcome::Skipped;
        test.message = Some(reason);
    })
}
