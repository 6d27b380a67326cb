// SPDX-License-Identifier: BSD-2-Clause
//! For tests: a manual page in mdoc(7) describes the options that its program takes, and no other.

use std::collections::BTreeSet;

use clap::Command;

/// What every program takes; a page may name them or not.
const OF_ALL: [&str; 2] = ["help", "version"];

/// Compare the long options of `command`, with those of its subcommands, with those that `manual`
/// names by the macro `Fl`.
///
/// # Panics
/// Where they differ.
pub fn assert_options(mut command: Command, manual: &str) {
    command.build();
    let (mut taken, mut described) = (options(&command), described(manual));
    for option in OF_ALL {
        taken.remove(option);
        described.remove(option);
    }
    assert_eq!(taken, described, "taken, and in the manual page");
}

fn options(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    let own = own.map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(options))
        .collect()
}

/// A long option is written `Fl Fl name`, or `Fl -name`, or `Fl n , -name`.
fn described(manual: &str) -> BTreeSet<String> {
    let lines = manual.lines().filter(|line| line.contains("Fl "));
    lines
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let doubled: Vec<&str> = words
                .windows(3)
                .filter(|words| words[..2].iter().all(|word| word.ends_with("Fl")))
                .map(|words| words[2])
                .collect();
            let dashed = words.into_iter().filter_map(|word| word.strip_prefix('-'));
            doubled.into_iter().chain(dashed).collect::<Vec<_>>()
        })
        .filter(|option| option.len() > 1)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn command() -> Command {
        let json = Arg::new("json").long("json");
        let device = Arg::new("device").long("device").short('d');
        Command::new("x")
            .arg(device)
            .subcommand(Command::new("list").arg(json))
    }

    #[test]
    fn all_spellings_of_mdoc_are_known() {
        assert_options(
            command(),
            ".Op Fl -device Ar path\n.It Fl d , -device\n.Fl Fl json\n",
        );
        assert_options(
            command(),
            ".It Fl Fl device Ar path\n.It Fl -json\n.It Fl h , -help\n",
        );
    }

    #[test]
    #[should_panic(expected = "taken, and in the manual page")]
    fn an_option_that_is_not_described_is_told() {
        assert_options(
            command(),
            ".It Fl -device\nsays - and -json without the macro\n",
        );
    }

    #[test]
    #[should_panic(expected = "taken, and in the manual page")]
    fn an_option_that_is_not_taken_is_told() {
        assert_options(command(), ".It Fl -device\n.It Fl -json\n.It Fl Fl old\n");
    }
}
