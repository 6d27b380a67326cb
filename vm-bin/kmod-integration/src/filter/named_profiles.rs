// SPDX-License-Identifier: BSD-2-Clause
//! Category G: named profiles, made by sysctl and read through their own nodes.

use std::collections::HashSet;
use std::net::SocketAddr;

use rustix::io::Errno;
use tcpstats::device::{Device, DeviceError};
use tcpstats::paths;
use tcpstats::record::{Record, State};
use tcpstats::sysctl::{PROFILE_SET, Sysctl};

use super::model::Filter;
use super::{Case, Ending, Lab, TestResult};
use crate::framework::check;
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::leftover::profile_prefix;
use crate::framework::loopback::{V4_A, V4_B};
use crate::framework::restore::Guard;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a profile's node gives what the same filter by ioctl gives",
            same,
        ),
        Case::new(
            "update and deletion leave an open descriptor alone",
            undisturbed,
        ),
    ]
}

/// A profile that goes with this value, if it is not gone by then.
struct Profile {
    name: String,
    sysctl: Sysctl,
    _guard: Guard,
}

impl Profile {
    fn create(lab: &Lab, purpose: &str, filter: &Filter) -> Result<Self, Ending> {
        let sysctl = Sysctl::new();
        match sysctl.get(PROFILE_SET) {
            Err(error) if error.is_not_found() => {
                return Err(Ending::Skipped(format!(
                    "this device has no named profiles: {error}"
                )));
            }
            read => read?,
        };
        let name = profile_prefix(std::process::id()) + purpose;
        sysctl.profile_set(&name, &filter.to_string())?;
        let (tree, profile) = (sysctl.clone(), name.clone());
        let guard = lab.restorer.guard(move || {
            let listed = tree.profile_list().map_err(|error| error.to_string())?;
            if listed.iter().any(|listed| listed.name == profile) {
                tree.profile_delete(&profile)
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        });
        Ok(Self {
            name,
            sysctl,
            _guard: guard,
        })
    }

    fn open(&self) -> Result<Device, DeviceError> {
        Device::open(paths::device_of_profile(&self.name))
    }

    /// The filter that `profile_set` lists for it.
    fn listed(&self) -> Result<Option<String>, Ending> {
        let profiles = self.sysctl.profile_list()?;
        Ok(profiles
            .into_iter()
            .find(|listed| listed.name == self.name)
            .map(|listed| listed.filter))
    }

    fn demand_listed(&self, filter: &Filter) -> Result<(), Ending> {
        match self.listed()? {
            Some(text) if text == filter.to_string() => Ok(()),
            listed => Err(Ending::failed(format!(
                "profile {} is listed as {listed:?} instead of '{filter}'",
                self.name
            ))),
        }
    }

    fn delete_and_demand_gone(&self) -> Result<(), Ending> {
        self.sysctl.profile_delete(&self.name)?;
        if self.listed()?.is_some() {
            return Err(Ending::failed(format!(
                "profile {} is still listed after its deletion",
                self.name
            )));
        }
        match self.open() {
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(Ending::failed(format!(
                "the node of profile {} opens after its deletion",
                self.name
            ))),
        }
    }
}

/// A server with three clients, one of them half closed.
fn server(lab: &Lab) -> Result<(Fixture, SocketAddr), FixtureError> {
    let mut fixture = lab.fixture();
    let at = fixture.listen(V4_A)?;
    fixture.connect(V4_B, at)?;
    fixture.connect(V4_B, at)?;
    let connection = fixture.connect(V4_B, at)?;
    fixture.half_close(&connection)?;
    Ok((fixture, at))
}

fn same(lab: &Lab) -> TestResult {
    let (fixture, at) = server(lab)?;
    let filter = Filter::new()
        .local_ports([at.port()])
        .include([State::Established, State::CloseWait]);
    let profile = Profile::create(lab, "same", &filter)?;
    profile.demand_listed(&filter)?;

    let by_node = check::read_all(&profile.open()?, lab.buffer_records)?;
    let seen = check::compare(&filter, &fixture.sockets(), &by_node)?;
    let device = Device::open_default()?;
    let by_ioctl = check::read_filtered(&device, &filter, lab.buffer_records)?;
    check::compare(&filter, &fixture.sockets(), &by_ioctl)?;
    if identities(&by_node) != identities(&by_ioctl) {
        return Err(Ending::Failed {
            seen: Some(seen),
            message: "node and ioctl give different records".to_owned(),
        });
    }
    profile.delete_and_demand_gone()?;
    Ok(seen)
}

fn identities(records: &[Record]) -> HashSet<(SocketAddr, SocketAddr, i32)> {
    records
        .iter()
        .map(|record| (record.local(), record.remote(), record.state))
        .collect()
}

fn undisturbed(lab: &Lab) -> TestResult {
    let (fixture, at) = server(lab)?;
    let sockets = fixture.sockets();
    let before = Filter::new().local_ports([at.port()]);
    let after = Filter::new().remote_ports([at.port()]);
    let profile = Profile::create(lab, "kept", &before)?;

    let old = profile.open()?;
    profile
        .sysctl
        .profile_set(&profile.name, &after.to_string())?;
    profile.demand_listed(&after)?;
    let new = profile.open()?;
    let seen = check::compare(
        &before,
        &sockets,
        &check::read_all(&old, lab.buffer_records)?,
    )?;
    check::compare(
        &after,
        &sockets,
        &check::read_all(&new, lab.buffer_records)?,
    )?;

    profile.delete_and_demand_gone()?;
    for (device, filter) in [(&old, &before), (&new, &after)] {
        device.reset()?;
        check::compare(
            filter,
            &sockets,
            &check::read_all(device, lab.buffer_records)?,
        )?;
    }
    Ok(seen)
}
