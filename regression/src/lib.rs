// SPDX-License-Identifier: BSD-2-Clause
//! Finds the points at which a series of measurements changed for good.
//!
//! A series has one value a run, in the order of the runs; a change is a run from which on the
//! values have another mean. Two methods are there, both functions of their arguments alone:
//!
//! - [`Method::hunter`]: Fleming et al., "Hunter: Using Change Point Detection to Hunt for
//!   Performance Regressions", ICPE 2023, as its authors' program does it (Apache Otava 0.8.0). It
//!   rests on Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of
//!   Multivariate Data", 2014.
//! - [`Method::robust`]: the same behind a Hampel filter, with sample deviations, and with demands
//!   on the size of a change and on the points at either side. It is what regressions are judged
//!   by: single outliers alarm nobody.
//!
//! A [`Judgement`] says how a series stands by its changes; a [`Ratio`] compares two sets of
//! repetitions where there is no history.

mod change;
mod divisive;
mod hampel;
mod judgement;
mod method;
mod ratio;
mod statistics;
mod suspect;

pub use change::{Change, Side};
pub use hampel::Hampel;
pub use judgement::{JudgedChange, Judgement, Standing, State, Worse};
pub use method::{Demands, Method};
pub use ratio::{MIN_REPETITIONS, Ratio};
pub use statistics::{Deviation, mad, median};
pub use suspect::{Expectation, MIN_MAGNITUDE, Suspicion, suspicion};
