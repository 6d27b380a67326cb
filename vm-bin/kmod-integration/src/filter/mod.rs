// SPDX-License-Identifier: BSD-2-Clause
//! The filter tests of `live_integration`, in nine categories.
//!
//! A test opens real connections, sets its filter, reads the device, and demands
//! what the [`model`] of the filter says, computed from the sockets themselves.

mod address_filter;
mod combinatorial_coverage;
mod combined_filter;
mod concurrent_readers;
mod format_fields;
mod ipversion_filter;
pub(crate) mod model;
mod named_profiles;
mod port_filter;
mod state_filter;

use std::path::PathBuf;

use protocol::Category;
use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::SysctlError;

use crate::framework::cancel::Cancel;
use crate::framework::check::{self, Mismatch, ReadError, Seen};
use crate::framework::echo::EchoError;
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::restore::Restorer;
use model::{Filter, Socket};

/// How often a fixture that wants certain ports is tried with others.
const PORT_ATTEMPTS: usize = 20;

/// The tests of a category, without their ids.
fn cases(category: Category) -> Vec<Case> {
    match category {
        Category::A => port_filter::cases(),
        Category::B => state_filter::cases(),
        Category::C => ipversion_filter::cases(),
        Category::D => address_filter::cases(),
        Category::E => combined_filter::cases(),
        Category::F => format_fields::cases(),
        Category::G => named_profiles::cases(),
        Category::H => concurrent_readers::cases(),
        Category::I => combinatorial_coverage::cases(),
    }
}

/// Why a test has not passed.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Something that was demanded was not seen.
    Failed {
        /// As far as it came.
        seen: Option<Seen>,
        message: String,
    },
    /// It cannot be run here, for this reason.
    Skipped(String),
}

impl Ending {
    /// A failure without counts.
    fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            seen: None,
            message: message.into(),
        }
    }
}

impl From<Box<Mismatch>> for Ending {
    fn from(mismatch: Box<Mismatch>) -> Self {
        Self::Failed {
            message: mismatch.message(),
            seen: Some(mismatch.seen),
        }
    }
}

/// Errors of building and reading are failures of the test.
macro_rules! fails_with {
    ($($error:ty),*) => {$(
        impl From<$error> for Ending {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        }
    )*};
}
fails_with!(FixtureError, ReadError, DeviceError, SysctlError, EchoError);

/// How a test ended.
pub(crate) type TestResult = Result<Seen, Ending>;

/// A test, before it has its id.
struct Case {
    name: String,
    body: Box<dyn Fn(&Lab) -> TestResult + Send>,
}

impl Case {
    fn new(name: impl Into<String>, body: impl Fn(&Lab) -> TestResult + Send + 'static) -> Self {
        Self {
            name: name.into(),
            body: Box::new(body),
        }
    }
}

/// A test.
pub(crate) struct Test {
    /// Letter and number, such as `D07`.
    pub(crate) id: String,
    pub(crate) category: Category,
    /// What it shows.
    pub(crate) name: String,
    body: Box<dyn Fn(&Lab) -> TestResult + Send>,
}

impl Test {
    pub(crate) fn run(&self, lab: &Lab) -> TestResult {
        (self.body)(lab)
    }
}

/// The tests of these categories, in order.
pub(crate) fn collect_tests(categories: &[Category]) -> Vec<Test> {
    let numbered = |category: Category| {
        (1..).zip(cases(category)).map(move |(number, case)| Test {
            id: format!("{category}{number:02}"),
            category,
            name: case.name,
            body: case.body,
        })
    };
    Category::ALL
        .into_iter()
        .filter(|category| categories.contains(category))
        .flat_map(numbered)
        .collect()
}

/// What a test works with.
pub(crate) struct Lab {
    /// Length of the buffer that the device is read through.
    pub(crate) buffer_records: usize,
    /// The program that holds many connections.
    pub(crate) tcp_echo: PathBuf,
    pub(crate) cancel: Cancel,
    pub(crate) restorer: Restorer,
}

impl Lab {
    fn fixture(&self) -> Fixture {
        Fixture::new(&self.cancel)
    }

    /// Build a fixture that wants certain ports, again with other ports where
    /// one is in use.
    fn fixture_with_ports<T>(
        &self,
        build: impl Fn(&mut Fixture) -> Result<T, FixtureError>,
    ) -> Result<(Fixture, T), FixtureError> {
        let mut attempt = 1;
        loop {
            let mut fixture = self.fixture();
            match build(&mut fixture) {
                Err(error) if error.is_in_use() && attempt < PORT_ATTEMPTS => attempt += 1,
                result => return result.map(|built| (fixture, built)),
            }
        }
    }

    /// The device gives the records that the model demands, at least one.
    fn expect(&self, fixture: &Fixture, filter: &Filter) -> TestResult {
        let seen = self.read_through(&Device::open_default()?, fixture, filter)?;
        if seen.expected == 0 {
            return Err(Ending::Failed {
                seen: Some(seen),
                message: "the filter is to match something of the fixture, and matches nothing"
                    .to_owned(),
            });
        }
        Ok(seen)
    }

    /// The device gives none of the fixture, though it gives all of it unfiltered.
    fn expect_none(&self, fixture: &Fixture, filter: &Filter) -> TestResult {
        let device = Device::open_default()?;
        self.read_through(&device, fixture, &Filter::new())?;
        let seen = self.read_through(&device, fixture, filter)?;
        if seen.expected > 0 {
            return Err(Ending::Failed {
                seen: Some(seen),
                message: "the filter is to match nothing of the fixture, and matches something"
                    .to_owned(),
            });
        }
        Ok(seen)
    }

    fn read_through(&self, device: &Device, fixture: &Fixture, filter: &Filter) -> TestResult {
        let sockets = fixture.sockets();
        self.read_sockets(device, &sockets, filter)
    }

    fn read_sockets(&self, device: &Device, sockets: &[Socket], filter: &Filter) -> TestResult {
        let records = check::read_filtered(device, filter, self.buffer_records)?;
        Ok(check::compare(filter, sockets, &records)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_category_has_the_tests_that_it_is_to_have() {
        let wanted = [12, 8, 8, 18, 8, 3, 2, 3, 116];
        for (category, wanted) in Category::ALL.into_iter().zip(wanted) {
            let count = collect_tests(&[category]).len();
            assert!(count >= wanted, "{category}: {count} tests");
        }
        assert_eq!(collect_tests(&[Category::I]).len(), 116);
    }

    #[test]
    fn ids_and_names_are_unique() {
        let tests = collect_tests(&Category::ALL);
        let ids: HashSet<_> = tests.iter().map(|test| &test.id).collect();
        assert_eq!(ids.len(), tests.len());
        let names: HashSet<_> = tests.iter().map(|t| (t.category as u8, &t.name)).collect();
        assert_eq!(names.len(), tests.len());
    }

    #[test]
    fn categories_are_chosen_by_letter_in_any_case() {
        assert_eq!("d".parse::<Category>().unwrap(), Category::D);
        let error = "Z".parse::<Category>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown category 'Z', there are A to I, several as A,B,D, and all"
        );
        let ids: Vec<_> = collect_tests(&[Category::G, Category::C])
            .into_iter()
            .map(|test| test.id)
            .collect();
        assert_eq!(ids.first().map(String::as_str), Some("C01"));
        assert_eq!(ids.last().map(String::as_str), Some("G02"));
    }
}
