// SPDX-License-Identifier: BSD-2-Clause
//! The targets: what one call of the test binary runs.

mod builds;
mod compile_tests;
mod dos_protection;
mod dtrace_probes;
mod kmod_lifecycle;
mod live_all;
mod live_integration;
mod making;
mod parser_cost;
mod pkg_setup;
mod read_bench;
mod series;
mod session;
mod soak;
mod sysctl_counters;

use std::io::Stdout;

use protocol::Target;
use protocol::target::Kind;

pub(crate) use session::{Members, Session, TargetError};

/// Runs a target, by its name, and tells the session's report. Failed tests are
/// no error of these.
pub(crate) type Run = fn(&Session<Stdout>, &str) -> Result<(), TargetError>;

/// What runs `target`.
pub(crate) fn run_of(target: Target) -> Run {
    match target {
        Target::Unit => compile_tests::run,
        Target::Memcheck => compile_tests::memcheck,
        Target::Asan => compile_tests::run,
        Target::Ubsan => compile_tests::run,
        Target::Bench => parser_cost::bench,
        Target::Callgrind => parser_cost::callgrind,
        Target::Kmod => builds::kmod,
        Target::BenchRead => builds::bench_read,
        Target::GenConn => builds::gen_conn,
        Target::All => |session, _| all_of(Kind::Compile, session),
        Target::LiveSmoke => kmod_lifecycle::run,
        Target::LiveBench => |session, name| read_bench::run(session, name, None),
        Target::LiveStats => |session, name| {
            let reason = "live_stats alone has no exporter: live_all starts one";
            sysctl_counters::run(session, name, Err(reason))
        },
        Target::LiveDtrace => dtrace_probes::run,
        Target::LiveDos => |session, name| dos_protection::run(session, name, None),
        Target::LiveIntegration => live_integration::run,
        Target::LiveSoak => soak::run,
        Target::LiveAll => live_all::run,
        Target::PkgSetup => pkg_setup::run,
    }
}

/// Run every target of this kind.
fn all_of(kind: Kind, session: &Session<Stdout>) -> Result<(), TargetError> {
    let mut members = Members::of(session);
    for target in Target::ALL {
        if target.kind() == kind {
            members.run(target.name(), run_of(target))?;
        }
    }
    members.end()
}
