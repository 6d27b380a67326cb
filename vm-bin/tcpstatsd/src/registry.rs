// SPDX-License-Identifier: BSD-2-Clause
//! What all descriptors share: limits, admission, counters, profiles, the last refusal.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use tcpstats::core::{Admission, Counters, Limits, ProfileChange, Profiles, ReadStats};
use tcpstats::filter::{FIELDS_ALL, Filter, FilterError};
use tcpstats::sysctl::{ACTIVE_FDS, LAST_ERROR, NAMES, PROFILE_SET};

use crate::tree::{Node, ProfileId};

/// Reads at once that the daemon has threads for; more cannot be allowed.
pub(crate) const MAX_READERS: u32 = 1000;

/// The shared state, behind one lock that is never held while sockets are listed or read.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    admission: Admission,
    counters: Counters,
    profiles: Profiles,
    ids: BTreeMap<String, ProfileId>,
    next_id: ProfileId,
    last_error: String,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admit one more descriptor; [`Registry::close`] gives it back.
    ///
    /// # Errors
    /// `EMFILE` at the limit.
    pub(crate) fn open(&self) -> Result<(), Errno> {
        let mut state = self.lock();
        let limits = state.limits;
        state.admission.open(&limits)?;
        state.counters.opens_total += 1;
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.lock().admission.close();
    }

    /// Admit one more read, under the limits that are returned; [`Registry::read_done`] gives it
    /// back.
    ///
    /// # Errors
    /// `EBUSY` at the limit.
    pub(crate) fn read(&self) -> Result<Limits, Errno> {
        let mut state = self.lock();
        let limits = state.limits;
        state.admission.read(&limits)?;
        Ok(limits)
    }

    /// A read is over; `stats` are what it did, if it began.
    pub(crate) fn read_done(&self, stats: Option<&ReadStats>) {
        let mut state = self.lock();
        state.admission.read_done();
        if let Some(stats) = stats {
            state.counters.add(stats);
        }
    }

    /// The filter that a descriptor of this device starts with.
    pub(crate) fn filter_of(&self, device: Node) -> Option<Filter> {
        match device {
            Node::Device => Some(Filter::default()),
            Node::DeviceFull => Some(Filter {
                field_mask: FIELDS_ALL,
                ..Filter::default()
            }),
            Node::ProfileDevice(id) => {
                let state = self.lock();
                let profile = state.profiles.find(state.name_of(id)?)?;
                Some(*profile.filter)
            }
            _ => None,
        }
    }

    pub(crate) fn profile_exists(&self, id: ProfileId) -> bool {
        self.lock().name_of(id).is_some()
    }

    /// Names and numbers, in the order of the numbers: one that is made comes last.
    pub(crate) fn profile_ids(&self) -> Vec<(String, ProfileId)> {
        let mut ids: Vec<_> = self
            .lock()
            .ids
            .iter()
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        ids.sort_unstable_by_key(|(_, id)| *id);
        ids
    }

    /// The value of a sysctl file, without a newline; `None` where it is gone.
    pub(crate) fn value(&self, node: Node) -> Option<String> {
        let state = self.lock();
        match node {
            Node::Value(index) => Some(state.value(NAMES[index].name)),
            Node::ProfileFilter(id) => {
                let profile = state.profiles.find(state.name_of(id)?)?;
                Some(profile.text.to_owned())
            }
            _ => None,
        }
    }

    /// Write to a sysctl file; `value` is without its newline.
    ///
    /// # Errors
    /// `EINVAL` and others for a value that is refused; nothing changed but `last_error`.
    pub(crate) fn set(&self, node: Node, value: &str) -> Result<(), Errno> {
        let mut state = self.lock();
        match node {
            Node::Value(index) if NAMES[index].name == PROFILE_SET => {
                let result = state.profiles.command(value);
                state.take_change(result)
            }
            Node::Value(index) => state.set_limit(NAMES[index].name, value),
            Node::ProfileFilter(id) => {
                let name = state.name_of(id).ok_or(Errno::NOENT)?.to_owned();
                let result = if value.is_empty() {
                    state.profiles.delete(&name)
                } else {
                    state.profiles.set(&name, value)
                };
                state.take_change(result)
            }
            _ => Err(Errno::PERM),
        }
    }
}

impl State {
    fn name_of(&self, id: ProfileId) -> Option<&str> {
        self.ids
            .iter()
            .find(|(_, of)| **of == id)
            .map(|(name, _)| name.as_str())
    }

    fn value(&self, name: &str) -> String {
        match name {
            LAST_ERROR => self.last_error.clone(),
            PROFILE_SET => {
                let lines: Vec<_> = self
                    .profiles
                    .iter()
                    .map(|p| format!("{} {}", p.name, p.text))
                    .collect();
                lines.join("\n")
            }
            _ => self.number(name).to_string(),
        }
    }

    fn number(&self, name: &str) -> u64 {
        let (limits, counters) = (&self.limits, &self.counters);
        let [gencnt, cred, ipver, state, port, addr] = counters.sockets_skipped;
        match name {
            "max_open_fds" => limits.max_open_fds.into(),
            "max_concurrent_readers" => limits.max_concurrent_readers.into(),
            "max_read_duration_ms" => limits.max_read_duration_ms.into(),
            "min_read_interval_ms" => limits.min_read_interval_ms.into(),
            ACTIVE_FDS => self.admission.active_fds().into(),
            "opens_total" => counters.opens_total,
            "reads_total" => counters.reads_total,
            "records_emitted" => counters.records_emitted,
            "sockets_visited" => counters.sockets_visited,
            "sockets_skipped_gencnt" => gencnt,
            "sockets_skipped_cred" => cred,
            "sockets_skipped_ipver" => ipver,
            "sockets_skipped_state" => state,
            "sockets_skipped_port" => port,
            "sockets_skipped_addr" => addr,
            "read_duration_ns_total" => counters.read_duration_ns_total,
            "read_duration_ns_max" => counters.read_duration_ns_max,
            "uiomove_errors" => counters.uiomove_errors,
            "reads_timed_out" => counters.reads_timed_out,
            "reads_interrupted" => counters.reads_interrupted,
            _ => unreachable!("{name} is no number of tcpstats::sysctl::NAMES"),
        }
    }

    fn set_limit(&mut self, name: &str, value: &str) -> Result<(), Errno> {
        // u32::from_str takes a sign, which is no digit of a limit.
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = value.parse().ok().filter(|_| digits).ok_or(Errno::INVAL)?;
        match name {
            "max_open_fds" => self.limits.max_open_fds = number,
            "max_concurrent_readers" if number > MAX_READERS => return Err(Errno::INVAL),
            "max_concurrent_readers" => self.limits.max_concurrent_readers = number,
            "max_read_duration_ms" => self.limits.max_read_duration_ms = number,
            "min_read_interval_ms" => self.limits.min_read_interval_ms = number,
            _ => return Err(Errno::PERM),
        }
        Ok(())
    }

    /// Follow a change of the profiles with their numbers.
    fn take_change(&mut self, result: Result<ProfileChange, FilterError>) -> Result<(), Errno> {
        match result {
            Ok(ProfileChange::Created(name)) => {
                self.ids.insert(name, self.next_id);
                self.next_id = self.next_id.wrapping_add(1);
                Ok(())
            }
            Ok(ProfileChange::Updated(_)) => Ok(()),
            Ok(ProfileChange::Deleted(name)) => {
                self.ids.remove(&name);
                Ok(())
            }
            Err(error) => {
                self.last_error = error.to_string();
                Err(error.errno)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        let index = NAMES
            .iter()
            .position(|known| known.name == name)
            .expect("a known name");
        Node::Value(index)
    }

    #[test]
    fn every_name_has_a_value_and_every_limit_its_default() {
        let registry = Registry::default();
        for (index, name) in NAMES.iter().enumerate() {
            let value = registry.value(Node::Value(index)).expect("a value");
            let expected = match name.access {
                tcpstats::sysctl::Access::Limit { default } => default.to_string(),
                tcpstats::sysctl::Access::Number => "0".to_owned(),
                _ => String::new(),
            };
            assert_eq!(value, expected, "{}", name.name);
        }
    }

    #[test]
    fn limits_take_whole_numbers_only() {
        let registry = Registry::default();
        for bad in ["", " 1", "1 ", "+1", "-1", "0x1", "4294967296", "one"] {
            assert_eq!(
                registry.set(node("max_open_fds"), bad),
                Err(Errno::INVAL),
                "{bad:?}"
            );
        }
        assert_eq!(
            registry.set(node("max_concurrent_readers"), "1001"),
            Err(Errno::INVAL)
        );
        assert_eq!(registry.lock().limits, Limits::default());
        registry
            .set(node("max_open_fds"), "4294967295")
            .expect("a u32");
        assert_eq!(registry.lock().limits.max_open_fds, u32::MAX);
        assert_eq!(registry.set(node("active_fds"), "1"), Err(Errno::PERM));
    }

    /// The number of the only profile.
    fn id(registry: &Registry) -> Option<ProfileId> {
        registry.profile_ids().first().map(|(_, id)| *id)
    }

    #[test]
    fn a_profile_made_again_is_another_one() {
        let registry = Registry::default();
        registry
            .set(node(PROFILE_SET), "web local_port=80")
            .expect("created");
        let first = id(&registry).expect("there");
        registry
            .set(Node::ProfileFilter(first), "local_port=443")
            .expect("updated");
        assert_eq!(id(&registry), Some(first));
        assert_eq!(
            registry.value(Node::ProfileFilter(first)).as_deref(),
            Some("local_port=443")
        );
        registry
            .set(Node::ProfileFilter(first), "")
            .expect("deleted");
        assert_eq!(registry.value(Node::ProfileFilter(first)), None);
        assert_eq!(
            registry.set(Node::ProfileFilter(first), "ipv4_only"),
            Err(Errno::NOENT)
        );
        registry
            .set(node(PROFILE_SET), "web ipv4_only")
            .expect("created again");
        assert_ne!(id(&registry), Some(first));
        assert!(!registry.profile_exists(first));
    }
}
