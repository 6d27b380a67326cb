// SPDX-License-Identifier: BSD-2-Clause
//! `live_smoke`: the device's life from load to unload, many times over.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};

use tcpstats::device::Device;
use tcpstats::record::State;
use tcpstats::sysctl::{Access, NAMES, Sysctl};

use super::series::{Ending, Evidence, Series, TestResult, demand, demand_equal};
use super::{Session, TargetError};
use crate::filter::model::Filter;
use crate::framework::check;
use crate::framework::limits::Counters;
use crate::framework::module::{Module, ModuleError};
use crate::framework::system;

/// How often it is loaded.
const LIVES: usize = 20;

/// Load, look, read and unload; at last everything is as it was found.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    system::demand_rights().map_err(TargetError::Lacking)?;
    let module = Module::take(&session.options.kmod_src, &session.restorer)?;
    Series::run(session, name, LIVES + 2, |series| {
        // It is as before when the target has finished.
        let module = module;
        series.test(
            "unloaded",
            "of a device that is not loaded nothing is there",
            || {
                if module.is_loaded()? {
                    module.unload()?;
                }
                nothing_left(&module)
            },
        )?;
        for life in 1..=LIVES {
            series.test(
                &format!("life-{life:02}"),
                "loads with its defaults, is read and unloads",
                || live(&module),
            )?;
        }
        series.test(
            "reloaded",
            "after its last life nothing of it is left",
            || nothing_left(&module),
        )?;
        Ok(())
    })
}

fn live(module: &Module) -> TestResult {
    // One that an earlier test left loaded has no fresh counters.
    if module.is_loaded()? {
        module.unload()?;
    }
    module.load()?;
    demand_defaults()?;
    let evidence = read_own_listener()?;
    module.unload()?;
    nothing_left(module)?;
    Ok(evidence)
}

/// Every name of the device's page is there, with its value at start.
fn demand_defaults() -> Result<(), Ending> {
    let sysctl = Sysctl::new();
    for known in &NAMES {
        let expected = match known.access {
            Access::Limit { default } => default.to_string(),
            Access::Number => "0".to_owned(),
            Access::Text | Access::Command => String::new(),
        };
        let value = sysctl.get(known.name)?;
        demand(value == expected, || {
            format!("{} is {value:?} at start, not {expected:?}", known.name)
        })?;
    }
    Ok(())
}

/// A read finds a socket of this program, and is counted.
fn read_own_listener() -> TestResult {
    let failed = |error: io::Error| Ending::failed(format!("failed to listen: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    let filter = Filter::new()
        .local_ports([at.port()])
        .include([State::Listen]);
    let device = Device::open_default()?;
    let records = check::read_filtered(&device, &filter, 1)?;
    let own = records.iter().filter(|record| record.local() == at).count();
    drop(device);

    let counters = Counters::now()?;
    counters.demand_sum().map_err(Ending::failed)?;
    let counted = ["opens_total", "records_emitted"].map(|name| counters.get(name));
    demand(counted == [1, records.len() as u64], || {
        format!(
            "opens and records are counted as {counted:?}, there were 1 and {}",
            records.len()
        )
    })?;
    demand_equal("records of the own socket", 1, own as u64)
}

fn nothing_left(module: &Module) -> TestResult {
    let left = module.remains()?;
    demand(left.is_empty(), || left.join("; "))?;
    Ok(Evidence::default())
}

impl From<ModuleError> for TargetError {
    fn from(error: ModuleError) -> Self {
        Self::Lacking(error.to_string())
    }
}
