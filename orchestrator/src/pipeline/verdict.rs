// SPDX-License-Identifier: BSD-2-Clause
//! What a test binary's event stream and its exit status say together.
//!
//! Both must say the same. Where they contradict each other neither can be
//! believed, and the VM counts as lost rather than as passed or failed.

use protocol::{Outcome, StreamError};

use super::Failure;
use crate::ssh::Exit;

/// The test binary's exit statuses, and those of env(1) and timeout(1) around it.
mod status {
    pub(super) const PASSED: i32 = 0;
    pub(super) const FAILED: i32 = 1;
    pub(super) const USAGE: i32 = 2;
    pub(super) const MACHINE_LACKS: i32 = 3;
    pub(super) const TIMED_OUT: i32 = 124;
    pub(super) const NOT_EXECUTABLE: i32 = 126;
    pub(super) const NOT_FOUND: i32 = 127;
}

/// Whether all tests passed, of a stream that came to its end as `stream`, a
/// binary that ended with `exit`, and `last_words`, the last that it logged as
/// an error, else complained with.
pub(super) fn verdict(
    stream: Result<Outcome, StreamError>,
    exit: Exit,
    last_words: &str,
    tried: &str,
) -> Result<bool, Failure> {
    let words = |otherwise: &str| match last_words {
        "" => otherwise.to_owned(),
        words => words.to_owned(),
    };
    match (stream, exit) {
        (Ok(Outcome::Passed | Outcome::Skipped), Exit::Status(status::PASSED)) => Ok(true),
        (Ok(Outcome::Failed), Exit::Status(status::FAILED)) => Ok(false),
        (_, Exit::Status(status::MACHINE_LACKS)) => Err(Failure::infrastructure(
            words("the machine lacks what the target needs"),
            tried,
            "",
        )),
        (Err(StreamError::NoBye { events: 0 }), Exit::Status(status::USAGE)) => {
            Err(Failure::infrastructure(
                // Its reason is more than a line: it stands in the event log.
                "the test binary refused its arguments",
                tried,
                "see what it said, and that it is of this orchestrator's version",
            ))
        }
        (
            Err(StreamError::NoBye { events: 0 }),
            Exit::Status(status::NOT_EXECUTABLE | status::NOT_FOUND),
        ) => Err(Failure::infrastructure(
            words("the test binary can't be executed"),
            tried,
            "deploy it with --deploy cross, for the VM's system and processor",
        )),
        (Ok(bye), exit) => Err(Failure::lost(
            format!("the test binary said {bye} but ended otherwise ({exit})"),
            tried,
            "look at its output in the event log",
        )),
        (Err(StreamError::NoBye { events }), exit) => Err(Failure::lost(
            format!(
                "the test binary ended after {events} events without a bye: {}",
                end(exit)
            ),
            tried,
            "look at its output in the event log",
        )),
        (Err(error), _) => Err(broken_stream(&error, tried)),
    }
}

/// The stream can't be trusted from here on.
pub(super) fn broken_stream(error: &StreamError, tried: &str) -> Failure {
    Failure::lost(
        format!("the event stream broke: {error}"),
        tried,
        "see that only the test binary writes to its standard output",
    )
}

fn end(exit: Exit) -> String {
    match exit {
        Exit::Status(status::TIMED_OUT) => "its time was over".into(),
        // How env(1), timeout(1) and shells report a signal.
        Exit::Status(signal @ 129..=192) => format!("killed by signal {}", signal - 128),
        exit => exit.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::VmOutcome::{Infrastructure, Lost};

    fn of(
        stream: Result<Outcome, StreamError>,
        exit: Exit,
    ) -> Result<bool, (crate::event::VmOutcome, String)> {
        verdict(stream, exit, "words", "x").map_err(|f| (f.outcome, f.cause.what))
    }

    fn no_bye(events: u64) -> Result<Outcome, StreamError> {
        Err(StreamError::NoBye { events })
    }

    #[test]
    fn only_agreement_counts() {
        assert_eq!(of(Ok(Outcome::Passed), Exit::Status(0)), Ok(true));
        assert_eq!(of(Ok(Outcome::Skipped), Exit::Status(0)), Ok(true));
        assert_eq!(of(Ok(Outcome::Failed), Exit::Status(1)), Ok(false));
        for (bye, exit) in [
            (Outcome::Passed, Exit::Status(1)),
            (Outcome::Failed, Exit::Status(0)),
            (Outcome::Passed, Exit::Signal),
            (Outcome::Passed, Exit::Status(101)),
        ] {
            assert_eq!(of(Ok(bye), exit).unwrap_err().0, Lost, "{bye} {exit}");
        }
    }

    #[test]
    fn a_machine_that_lacks_something_is_infrastructure() {
        let lacks = Err((Infrastructure, "words".to_owned()));
        assert_eq!(of(Ok(Outcome::Failed), Exit::Status(3)), lacks);
        assert_eq!(of(no_bye(0), Exit::Status(127)), lacks);
        let refused = "the test binary refused its arguments".to_owned();
        assert_eq!(
            of(no_bye(0), Exit::Status(2)),
            Err((Infrastructure, refused))
        );
    }

    #[test]
    fn a_stream_without_bye_is_lost_however_the_binary_ended() {
        for exit in [Exit::Status(0), Exit::Status(1), Exit::Signal] {
            assert_eq!(of(no_bye(7), exit).unwrap_err().0, Lost, "{exit}");
        }
        assert_eq!(
            of(no_bye(7), Exit::Status(137)).unwrap_err().1,
            "the test binary ended after 7 events without a bye: killed by signal 9"
        );
        let gap = StreamError::Gap {
            line: 3,
            expected: 2,
            found: 4,
        };
        assert_eq!(
            of(Err(gap), Exit::Status(0)).unwrap_err().1,
            "the event stream broke: line 3 has seq 4 where 2 was due"
        );
    }
}
