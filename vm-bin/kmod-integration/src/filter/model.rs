// SPDX-License-Identifier: BSD-2-Clause
//! What a filter means, said a second time.
//!
//! The device answers by the C matcher; this answers by the device's page
//! alone, over plain data, so that the two can disagree. It shares no code with
//! the C core: not the parser (a filter's text is printed from here and never
//! read back), not the matcher, not the form in which a filter is passed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tcpstats::record::{FieldGroup, State};

/// A socket as a filter sees it. An IPv4-mapped one is given as IPv4; a
/// listener's remote end is the unspecified address and port 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Socket {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) state: State,
    /// A half-open connection that its listener keeps without a socket.
    pub(crate) is_request: bool,
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.local, self.remote, self.state.name())
    }
}

/// An address with the number of its leading bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    addr: IpAddr,
    /// Printed as `/len`; without it the address stands alone and all bits count.
    len: Option<u8>,
}

impl Prefix {
    /// `addr/len`, `len` no longer than the address; the bits of `addr` beyond
    /// it are cleared, since the language refuses them.
    pub(crate) fn new(addr: IpAddr, len: u8) -> Self {
        let bits = u32::from(len);
        let addr = match addr {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(u32::BITS - bits).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(u128::BITS - bits).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        };
        Self {
            addr,
            len: Some(len),
        }
    }

    fn contains(self, other: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.addr, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (u128::from(a.to_bits()), u128::from(b.to_bits()), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let common = width - bit_length(ours ^ theirs);
        common >= self.len.map_or(width, u32::from)
    }
}

impl From<IpAddr> for Prefix {
    fn from(addr: IpAddr) -> Self {
        Self { addr, len: None }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len {
            Some(len) => write!(f, "{}/{len}", self.addr),
            None => write!(f, "{}", self.addr),
        }
    }
}

fn bit_length(value: u128) -> u32 {
    u128::BITS - value.leading_zeros()
}

/// The IP version of a filter's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(addr: IpAddr) -> Self {
        if addr.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What a filter demands of one end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct End {
    /// Any of these; none listed means any port.
    pub(crate) ports: Vec<u16>,
    pub(crate) prefix: Option<Prefix>,
}

impl End {
    fn admits(&self, end: SocketAddr) -> bool {
        (self.ports.is_empty() || self.ports.contains(&end.port()))
            && self.prefix.is_none_or(|prefix| prefix.contains(end.ip()))
    }
}

/// Which states a filter lets through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum States {
    #[default]
    Any,
    Exclude(Vec<State>),
    Include(Vec<State>),
}

/// What a record holds when a filter names no groups: `default`, 0x08F.
const DEFAULT_GROUPS: [FieldGroup; 5] = [
    FieldGroup::Identity,
    FieldGroup::State,
    FieldGroup::Congestion,
    FieldGroup::Rtt,
    FieldGroup::Buffers,
];

/// `format=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Compact,
    Full,
}

/// A filter, as data. [`fmt::Display`] prints it in the filter language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filter {
    pub(crate) local: End,
    pub(crate) remote: End,
    pub(crate) states: States,
    pub(crate) family: Option<Family>,
    groups: Option<Vec<FieldGroup>>,
    format: Option<Format>,
    /// Another way to write the same filter.
    spelling: Option<String>,
}

impl Filter {
    /// Every socket.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn local_ports(mut self, ports: impl Into<Vec<u16>>) -> Self {
        self.local.ports = ports.into();
        self
    }

    pub(crate) fn remote_ports(mut self, ports: impl Into<Vec<u16>>) -> Self {
        self.remote.ports = ports.into();
        self
    }

    pub(crate) fn local_addr(mut self, prefix: impl Into<Prefix>) -> Self {
        self.local.prefix = Some(prefix.into());
        self
    }

    pub(crate) fn remote_addr(mut self, prefix: impl Into<Prefix>) -> Self {
        self.remote.prefix = Some(prefix.into());
        self
    }

    pub(crate) fn exclude(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = States::Exclude(states.into());
        self
    }

    pub(crate) fn include(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = States::Include(states.into());
        self
    }

    pub(crate) fn only(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }

    pub(crate) fn fields(mut self, groups: impl Into<Vec<FieldGroup>>) -> Self {
        self.groups = Some(groups.into());
        self
    }

    pub(crate) fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// The same filter, written as `text`.
    pub(crate) fn spelled(mut self, text: impl Into<String>) -> Self {
        self.spelling = Some(text.into());
        self
    }

    /// Is a socket with these ends and in this state reported?
    pub(crate) fn admits(&self, socket: &Socket) -> bool {
        self.admits_ends(socket.local, socket.remote) && self.admits_state(socket.state)
    }

    /// The same of all but the state.
    pub(crate) fn admits_ends(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.family
            .is_none_or(|family| family == Family::of(local.ip()))
            && self.local.admits(local)
            && self.remote.admits(remote)
    }

    /// The same of the state alone.
    pub(crate) fn admits_state(&self, state: State) -> bool {
        match &self.states {
            States::Any => true,
            States::Exclude(states) => !states.contains(&state),
            States::Include(states) => states.contains(&state),
        }
    }

    /// Is this group of fields filled? Identity always is.
    pub(crate) fn fills(&self, group: FieldGroup) -> bool {
        match (&self.groups, self.format) {
            _ if group == FieldGroup::Identity => true,
            (Some(groups), _) => groups.contains(&group),
            (None, Some(Format::Full)) => true,
            (None, _) => DEFAULT_GROUPS.contains(&group),
        }
    }

    fn directives(&self) -> Vec<String> {
        let mut directives = Vec::new();
        for (key, ports) in [
            ("local_port", &self.local.ports),
            ("remote_port", &self.remote.ports),
        ] {
            if !ports.is_empty() {
                directives.push(format!("{key}={}", list(ports.iter())));
            }
        }
        for (key, prefix) in [
            ("local_addr", self.local.prefix),
            ("remote_addr", self.remote.prefix),
        ] {
            if let Some(prefix) = prefix {
                directives.push(format!("{key}={prefix}"));
            }
        }
        match &self.states {
            States::Any => {}
            States::Exclude(states) => {
                directives.push(format!("exclude={}", list(states.iter().map(|s| s.name()))));
            }
            States::Include(states) => {
                directives.push(format!(
                    "include_state={}",
                    list(states.iter().map(|s| s.name()))
                ));
            }
        }
        match self.family {
            Some(Family::V4) => directives.push("ipv4_only".to_owned()),
            Some(Family::V6) => directives.push("ipv6_only".to_owned()),
            None => {}
        }
        if let Some(groups) = &self.groups {
            directives.push(format!("fields={}", list(groups.iter().map(|g| g.name()))));
        }
        match self.format {
            Some(Format::Compact) => directives.push("format=compact".to_owned()),
            Some(Format::Full) => directives.push("format=full".to_owned()),
            None => {}
        }
        directives
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spelling {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.directives().join(" ")),
        }
    }
}

fn list(items: impl Iterator<Item = impl fmt::Display>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn socket(local: &str, remote: &str, state: State) -> Socket {
        Socket {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            state,
            is_request: false,
        }
    }

    /// Compares bit by bit, as nobody would write it for use.
    fn same_leading_bits(a: &[u8], b: &[u8], len: u8) -> bool {
        let bit = |bytes: &[u8], index: usize| bytes[index / 8] >> (7 - index % 8) & 1;
        (0..usize::from(len)).all(|index| bit(a, index) == bit(b, index))
    }

    #[test]
    fn v4_prefixes_of_every_length_agree_with_a_bitwise_comparison() {
        let home = [127, 90, 165, 3];
        for len in 0..=32_u8 {
            let prefix = Prefix::new(IpAddr::from(home), len);
            for flipped in 0..32 {
                let other = (u32::from_be_bytes(home) ^ 1 << flipped).to_be_bytes();
                assert_eq!(
                    prefix.contains(IpAddr::from(other)),
                    same_leading_bits(&home, &other, len),
                    "{prefix} and bit {flipped}"
                );
            }
            assert!(prefix.contains(IpAddr::from(home)));
            assert!(!prefix.contains(ip("::")));
        }
    }

    #[test]
    fn v6_prefixes_of_every_length_agree_with_a_bitwise_comparison() {
        let home: u128 = 0xfd00_5a5a_a5a5_0ff0_1234_5678_9abc_def0;
        for len in 0..=128_u8 {
            let prefix = Prefix::new(IpAddr::from(home.to_be_bytes()), len);
            for flipped in 0..128 {
                let other = (home ^ 1 << flipped).to_be_bytes();
                assert_eq!(
                    prefix.contains(IpAddr::from(other)),
                    same_leading_bits(&home.to_be_bytes(), &other, len),
                    "{prefix} and bit {flipped}"
                );
            }
            assert!(!prefix.contains(ip("0.0.0.0")));
        }
    }

    #[test]
    fn every_directive_decides_as_the_page_says() {
        let est = socket("127.0.0.2:80", "127.0.0.3:4000", State::Established);
        let est6 = socket("[fd00::2]:80", "[fd00::3]:4000", State::Established);
        let listen = socket("127.0.0.2:80", "0.0.0.0:0", State::Listen);
        let table = [
            (Filter::new(), [true, true, true]),
            (Filter::new().local_ports([80]), [true, true, true]),
            (Filter::new().local_ports([81, 80]), [true, true, true]),
            (Filter::new().local_ports([81]), [false, false, false]),
            (Filter::new().remote_ports([4000]), [true, true, false]),
            (Filter::new().remote_ports([80]), [false, false, false]),
            (
                Filter::new().local_addr(ip("127.0.0.2")),
                [true, false, true],
            ),
            (
                Filter::new().remote_addr(Prefix::new(ip("127.0.0.0"), 8)),
                [true, false, false],
            ),
            (
                Filter::new().local_addr(Prefix::new(ip("0.0.0.0"), 0)),
                [true, false, true],
            ),
            (
                Filter::new().local_addr(Prefix::new(ip("::"), 0)),
                [false, true, false],
            ),
            (Filter::new().only(Family::V4), [true, false, true]),
            (Filter::new().only(Family::V6), [false, true, false]),
            (Filter::new().exclude([State::Listen]), [true, true, false]),
            (
                Filter::new().include([State::Listen, State::TimeWait]),
                [false, false, true],
            ),
            (
                Filter::new().local_ports([80]).remote_ports([4001]),
                [false, false, false],
            ),
        ];
        for (filter, expected) in table {
            let actual = [est, est6, listen].map(|socket| filter.admits(&socket));
            assert_eq!(actual, expected, "{filter}");
        }
    }

    #[test]
    fn groups_follow_fields_then_format() {
        let filled = |filter: Filter| -> Vec<&'static str> {
            FieldGroup::ALL
                .into_iter()
                .filter(|group| filter.fills(*group))
                .map(FieldGroup::name)
                .collect()
        };
        let default = ["identity", "state", "congestion", "rtt", "buffers"];
        assert_eq!(filled(Filter::new()), default);
        assert_eq!(filled(Filter::new().format(Format::Compact)), default);
        assert_eq!(
            filled(Filter::new().format(Format::Full)),
            FieldGroup::ALL.map(FieldGroup::name)
        );
        assert_eq!(
            filled(
                Filter::new()
                    .format(Format::Full)
                    .fields([FieldGroup::Names])
            ),
            ["identity", "names"]
        );
    }

    #[test]
    fn a_filter_is_printed_in_the_language() {
        let filter = Filter::new()
            .local_ports([80, 443])
            .remote_ports([9])
            .local_addr(Prefix::new(ip("127.9.9.9"), 8))
            .remote_addr(ip("127.0.0.3"))
            .include([State::FinWait2, State::TimeWait])
            .only(Family::V4)
            .fields([FieldGroup::Identity, FieldGroup::Ecn])
            .format(Format::Compact);
        assert_eq!(
            filter.to_string(),
            "local_port=80,443 remote_port=9 local_addr=127.0.0.0/8 remote_addr=127.0.0.3 \
             include_state=fin_wait_2,time_wait ipv4_only fields=identity,ecn format=compact"
        );
        assert_eq!(Filter::new().to_string(), "");
        assert_eq!(
            Filter::new()
                .exclude([State::Closed])
                .only(Family::V6)
                .to_string(),
            "exclude=closed ipv6_only"
        );
        let spelled = filter.spelled("LOCAL_PORT=80");
        assert_eq!(spelled.to_string(), "LOCAL_PORT=80");
    }
}
