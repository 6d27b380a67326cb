// SPDX-License-Identifier: BSD-2-Clause
//! `live_all`: every live target, with one exporter beside those that scrape it.

use std::io::Write;
use std::time::Duration;

use super::{
    Members, Session, TargetError, dos_protection, dtrace_probes, kmod_lifecycle, live_integration,
    read_bench, series, soak, sysctl_counters,
};
use crate::framework::exporter::Exporter;
use crate::framework::module::Module;
use crate::report::ReportError;

/// How long live_soak goes on here unless --duration says otherwise.
const SOAK: Duration = Duration::from_secs(60);

/// Run them in order; the device is served meanwhile, and afterwards as before.
pub(super) fn run<W: Write>(session: &Session<W>, _name: &str) -> Result<(), TargetError> {
    let mut members = Members::of(session);
    members.run("live_smoke", kmod_lifecycle::run)?;
    // The exporter would be in the way of a module that is reloaded: it starts
    // after that, and ends before the module is put back.
    let _module = load_if_absent(session)?;
    let exporter = start_exporter(session)?;
    members.run("live_bench", |session, name| {
        read_bench::run(session, name, exporter.as_ref().ok())
    })?;
    members.run("live_stats", |session, name| {
        sysctl_counters::run(session, name, exporter.as_ref().map_err(String::as_str))
    })?;
    members.run("live_dtrace", dtrace_probes::run)?;
    members.run("live_dos", |session, name| {
        dos_protection::run(session, name, exporter.as_ref().ok())
    })?;
    members.run("live_integration", live_integration::run)?;
    members.run("live_soak", |session, name| {
        soak::run_for(session, name, session.options.duration.unwrap_or(SOAK))
    })?;
    members.end()
}

/// The other targets need a device; where none was served they get one.
fn load_if_absent<W: Write>(session: &Session<W>) -> Result<Option<Module>, TargetError> {
    if series::device_answers().is_ok() {
        return Ok(None);
    }
    let module = Module::take(&session.options.kmod_src, &session.restorer)?;
    module.load()?;
    Ok(Some(module))
}

/// Without an exporter the targets do without, for the reason that is given: that
/// is said, and no failure.
fn start_exporter<W: Write>(session: &Session<W>) -> Result<Result<Exporter, String>, ReportError> {
    let program = &session.options.exporter;
    match Exporter::start(program, &session.cancel, &session.restorer) {
        Ok(exporter) => {
            session.report().exporter(exporter.address())?;
            Ok(Ok(exporter))
        }
        Err(error) => {
            let reason = error.to_string();
            session.warn(format!("{reason}: the targets go without an exporter"))?;
            Ok(Err(reason))
        }
    }
}
