// SPDX-License-Identifier: BSD-2-Clause
//! The Test Anything Protocol as the C tests speak it: several programs one
//! after the other, each announced by `# test_NAME`, its plan at the end.

/// A test that a program reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TapTest {
    /// `PROGRAM:NUMBER`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// What the program said of it besides.
    pub(crate) diagnostics: Vec<String>,
}

/// Takes lines, gives tests, each once all of it was seen.
#[derive(Debug, Default)]
pub(crate) struct TapReader {
    program: String,
    reported: u32,
    /// The number of tests that the program says it has.
    plan: Option<u32>,
    test: Option<TapTest>,
}

impl TapReader {
    /// Take the next line; gives tests that are complete by it.
    pub(crate) fn line(&mut self, line: &str) -> Vec<TapTest> {
        if let Some(program) = announced(line) {
            let complete = self.end_program();
            self.program = program.to_owned();
            return complete;
        }
        if let Some((passed, rest)) = outcome(line) {
            let complete = self.test.take();
            self.reported += 1;
            let (_, name) = rest.split_once(" - ").unwrap_or(("", rest));
            self.test = Some(TapTest {
                id: format!("{}:{}", self.program, self.reported),
                name: name.to_owned(),
                passed,
                diagnostics: Vec::new(),
            });
            return complete.into_iter().collect();
        }
        if let Some(plan) = line.strip_prefix("1..") {
            self.plan = plan.parse().ok();
        } else if let (Some(text), Some(test)) = (line.strip_prefix("# "), &mut self.test) {
            test.diagnostics.push(text.to_owned());
        }
        Vec::new()
    }

    /// No more lines come; gives what is complete by that.
    pub(crate) fn end(&mut self) -> Vec<TapTest> {
        self.end_program()
    }

    /// A program that died half-way, or counts otherwise, has failed by that.
    fn end_program(&mut self) -> Vec<TapTest> {
        let mut complete: Vec<TapTest> = self.test.take().into_iter().collect();
        if !self.program.is_empty() && self.plan != Some(self.reported) {
            let said = match self.plan {
                Some(plan) => format!("a plan of {plan}"),
                None => "no plan".to_owned(),
            };
            complete.push(TapTest {
                id: format!("{}:plan", self.program),
                name: "the program runs to its end".to_owned(),
                passed: false,
                diagnostics: vec![format!("{} tests reported, {said}", self.reported)],
            });
        }
        *self = Self::default();
        complete
    }
}

fn announced(line: &str) -> Option<&str> {
    line.strip_prefix("# ")
        .filter(|text| text.starts_with("test_") && !text.contains(' '))
}

fn outcome(line: &str) -> Option<(bool, &str)> {
    match line.strip_prefix("not ok ") {
        Some(rest) => Some((false, rest)),
        None => line.strip_prefix("ok ").map(|rest| (true, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, bool)> {
        let mut reader = TapReader::default();
        let mut tests: Vec<TapTest> = text.lines().flat_map(|line| reader.line(line)).collect();
        tests.extend(reader.end());
        tests
            .into_iter()
            .map(|test| (format!("{} {}", test.id, test.name), test.passed))
            .collect()
    }

    fn pair(text: &str, passed: bool) -> (String, bool) {
        (text.to_owned(), passed)
    }

    #[test]
    fn programs_and_their_tests_are_told_apart() {
        let text = "cc -c a.c\n# test_a\nok 1 - one - two\nnot ok 2 - three\n1..2\n\
                    # 1 of 2 tests failed\n# test_b\nok 1 - four\n1..1\nmake: error";
        assert_eq!(
            read(text),
            [
                pair("test_a:1 one - two", true),
                pair("test_a:2 three", false),
                pair("test_b:1 four", true),
            ]
        );
    }

    #[test]
    fn a_program_that_dies_has_failed() {
        assert_eq!(
            read("# test_a\nok 1 - one\n# test_b\n1..0"),
            [
                pair("test_a:1 one", true),
                pair("test_a:plan the program runs to its end", false),
            ]
        );
        assert_eq!(
            read("# test_a\nok 1 - one\n1..2"),
            [
                pair("test_a:1 one", true),
                pair("test_a:plan the program runs to its end", false),
            ]
        );
    }

    #[test]
    fn diagnostics_stay_with_their_test() {
        let mut reader = TapReader::default();
        for line in ["# test_a", "not ok 1 - one", "# got 1", "# wanted 2"] {
            assert!(reader.line(line).is_empty());
        }
        let complete = reader.line("ok 2 - two");
        assert_eq!(complete[0].diagnostics, ["got 1", "wanted 2"]);
    }
}
