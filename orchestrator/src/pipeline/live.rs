// SPDX-License-Identifier: BSD-2-Clause
//! What the live targets of the test binary are told, and the time that they
//! take by it.

use std::time::Duration;

use crate::event::Live;

/// How long live_soak goes on where nobody says.
const SOAK: Duration = Duration::from_secs(3600);
/// The same as a part of live_all.
const SOAK_OF_ALL: Duration = Duration::from_secs(60);

impl Live {
    fn duration(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.duration_s?).ok()
    }

    /// Arguments of the test binary.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if !self.connections.is_empty() {
            let numbers: Vec<String> = self.connections.iter().map(u32::to_string).collect();
            arguments.extend(["--connections".to_owned(), numbers.join(",")]);
        }
        if let Some(duration) = self.duration() {
            let duration = humantime::format_duration(duration).to_string();
            arguments.extend(["--duration".to_owned(), duration]);
        }
        arguments
    }

    /// The part of a target's time that it takes because it is told to, beyond
    /// what the limit of the stage is meant for.
    pub(super) fn soak_of(&self, target: &str) -> Duration {
        match target {
            "live_soak" => self.duration().unwrap_or(SOAK),
            "live_all" => self.duration().unwrap_or(SOAK_OF_ALL),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_passed_on() {
        assert_eq!(Live::default().arguments(), [""; 0]);
        let live = Live {
            connections: vec![1000, 20],
            duration_s: Some(90.0),
        };
        assert_eq!(
            live.arguments(),
            ["--connections", "1000,20", "--duration", "1m 30s"]
        );
    }

    #[test]
    fn a_soak_has_its_duration_beyond_the_limit() {
        let live = Live {
            duration_s: Some(7200.0),
            ..Live::default()
        };
        assert_eq!(live.soak_of("live_soak"), Duration::from_secs(7200));
        assert_eq!(live.soak_of("live_all"), Duration::from_secs(7200));
        assert_eq!(live.soak_of("live_bench"), Duration::ZERO);
        assert_eq!(Live::default().soak_of("live_soak"), SOAK);
    }
}
