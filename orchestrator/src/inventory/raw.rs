// SPDX-License-Identifier: BSD-2-Clause
//! The keys of an inventory's file, before they are checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Console, Deploy, HostKeys};
use crate::event::Stage;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInventory {
    #[serde(default)]
    pub(super) defaults: Settings,
    #[serde(default, deserialize_with = "vms")]
    pub(super) vm: Vec<Spanned<RawVm>>,
}

/// The keys of `[defaults]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) target: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) other_targets: Vec<Spanned<String>>,
    pub(super) port: Option<Spanned<i64>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) identity: Option<Spanned<String>>,
    pub(super) jump: Option<Spanned<String>>,
    pub(super) known_hosts: Option<Spanned<String>>,
    pub(super) host_keys: Option<HostKeys>,
    pub(super) dir: Option<Spanned<String>>,
    pub(super) os: Option<String>,
    pub(super) arch: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) deploy: Option<Deploy>,
    #[serde(default)]
    pub(super) limits: BTreeMap<Stage, Spanned<String>>,
    pub(super) idle_limit: Option<Spanned<String>>,
    pub(super) exporter: Option<Spanned<String>>,
    pub(super) scrape_interval: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) expected_failures: Vec<Spanned<String>>,
}

/// The keys of a `[[vm]]`. Its own type, since serde can't flatten
/// [`Settings`] into it and refuse unknown keys too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVm {
    pub(super) name: Spanned<String>,
    pub(super) host: Spanned<String>,
    pub(super) port: Option<Spanned<i64>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) identity: Option<Spanned<String>>,
    pub(super) jump: Option<Spanned<String>>,
    pub(super) known_hosts: Option<Spanned<String>>,
    pub(super) host_keys: Option<HostKeys>,
    pub(super) dir: Option<Spanned<String>>,
    pub(super) os: Option<String>,
    pub(super) arch: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) deploy: Option<Deploy>,
    #[serde(default)]
    pub(super) limits: BTreeMap<Stage, Spanned<String>>,
    pub(super) idle_limit: Option<Spanned<String>>,
    pub(super) exporter: Option<Spanned<String>>,
    pub(super) scrape_interval: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) expected_failures: Vec<Spanned<String>>,
    pub(super) console: Option<Spanned<Console>>,
    pub(super) reset: Option<Spanned<Vec<String>>>,
}

/// The list of VMs, with words for who wrote `[vm]`.
fn vms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Spanned<RawVm>>, D::Error> {
    struct Vms;

    impl<'de> Visitor<'de> for Vms {
        type Value = Vec<Spanned<RawVm>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("each VM as `[[vm]]`, in two pairs of brackets")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, vms: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(vms))
        }
    }

    deserializer.deserialize_seq(Vms)
}
