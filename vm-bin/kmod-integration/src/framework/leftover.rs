// SPDX-License-Identifier: BSD-2-Clause
//! What a run that was killed has left: found by looking at the machine before
//! and after, since nobody is left to ask.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tcpstats::sysctl::{Profile, Sysctl};

use super::loopback;
use super::module::Served;

/// The machine before a run, as far as runs change it and it can be seen from
/// outside: the loopback addresses of the tests, what serves the device, and the
/// device's limits. (The profiles of a run bear its number.)
pub(crate) struct Before {
    served: Option<Served>,
    absent: Vec<IpAddr>,
    limits: BTreeMap<String, u64>,
    profiles: Vec<Profile>,
}

impl Before {
    pub(crate) fn look() -> Self {
        Self {
            served: Served::look(),
            absent: loopback::absent(),
            limits: limits(),
            profiles: profiles(),
        }
    }

    /// Make the machine as it was before the run in process `worker`. What was
    /// put back, or could not be, a line each.
    pub(crate) fn put_back(&self, worker: u32) -> Vec<String> {
        let absent = loopback::absent();
        let added = self.absent.iter().filter(|addr| !absent.contains(addr));
        let addresses = added.map(|addr| match loopback::remove(*addr) {
            Ok(()) => format!("{addr} was removed from the loopback interface"),
            Err(error) => error,
        });
        let served = self.served.as_ref().and_then(Served::put_back);
        served
            .into_iter()
            .chain(addresses)
            .chain(self.put_limits_back())
            .chain(self.put_profiles_back())
            .chain(delete_profiles(worker))
            .collect()
    }

    fn put_limits_back(&self) -> Vec<String> {
        let now = limits();
        let changed = self
            .limits
            .iter()
            .filter(|(name, before)| now.get(*name).is_some_and(|now| now != *before));
        changed
            .map(
                |(name, before)| match Sysctl::new().set(name, &before.to_string()) {
                    Ok(()) => format!("{name} was set back to {before}"),
                    Err(error) => format!("failed to set {name} back to {before}: {error}"),
                },
            )
            .collect()
    }

    /// The run may have been killed before a device that it loaded anew had them.
    fn put_profiles_back(&self) -> Vec<String> {
        let now = profiles();
        let lost = self
            .profiles
            .iter()
            .filter(|before| now.iter().all(|now| now.name != before.name));
        lost.map(
            |Profile { name, filter }| match Sysctl::new().profile_set(name, filter) {
                Ok(()) => format!("the profile {name} was made again"),
                Err(error) => format!("failed to make the profile {name} again: {error}"),
            },
        )
        .collect()
    }
}

/// None where there is no device.
fn profiles() -> Vec<Profile> {
    Sysctl::new().profile_list().unwrap_or_default()
}

/// Those that bear the worker's number.
fn delete_profiles(worker: u32) -> Vec<String> {
    let sysctl = Sysctl::new();
    let prefix = profile_prefix(worker);
    let profiles = sysctl.profile_list().unwrap_or_default().into_iter();
    profiles
        .filter(|profile| profile.name.starts_with(&prefix))
        .map(|profile| match sysctl.profile_delete(&profile.name) {
            Ok(()) => format!("the profile {} was deleted", profile.name),
            Err(error) => format!("failed to delete the profile {}: {error}", profile.name),
        })
        .collect()
}

/// What the names of a run's profiles begin with: no other run's are touched.
pub(crate) fn profile_prefix(worker: u32) -> String {
    format!("it_{worker}_")
}

/// None where there is no device.
fn limits() -> BTreeMap<String, u64> {
    Sysctl::new().limits().unwrap_or_default()
}
