// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator completions` and `orchestrator man`: made from the one table
//! of commands that the program itself reads its arguments by.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::exit::ExitStatus;
use crate::outputs;
use crate::tell;

/// What the pages say of their age: when the table of commands last changed.
const DATE: &str = "2026-11-23";

/// For which shell.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that is to complete arguments
    shell: Shell,
}

/// Where to.
#[derive(Debug, clap::Args)]
pub struct Pages {
    /// Folder that gets a page for each command, such as share/man/man1
    dir: PathBuf,
}

/// Print the completions of `command`.
#[must_use]
pub fn completions(args: &Completions, mut command: Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Print a page of this program's own.
pub(crate) fn print(text: &str) -> ExitCode {
    match outputs::print(&mut io::stdout(), text) {
        Ok(()) => ExitStatus::Success.into(),
        Err(error) => {
            tell::note(format_args!("error: failed to print: {error}"));
            ExitStatus::NotDriven.into()
        }
    }
}

/// Write the manual pages of `command` and all its subcommands.
#[must_use]
pub fn pages(args: &Pages, mut command: Command) -> ExitCode {
    command.build();
    let dir = &args.dir;
    match fs::create_dir_all(dir).and_then(|()| write_page(dir, &command)) {
        Ok(()) => ExitStatus::Success.into(),
        Err(error) => {
            let dir = dir.display();
            tell::note(format_args!("error: failed to write to {dir}: {error}"));
            ExitStatus::Usage.into()
        }
    }
}

fn write_page(dir: &Path, command: &Command) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name)
        .date(DATE)
        .render(&mut page)?;
    let page = tidy(&String::from_utf8_lossy(&page));
    fs::write(dir.join(format!("{name}.1")), page)?;
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let shown = shown.filter(|sub| sub.get_name() != "help");
    shown.into_iter().try_for_each(|sub| write_page(dir, sub))
}

/// `page` as manual pages want it. An empty line between two line breaks is
/// vertical space, but formatters warn of the breaks; and what follows the help
/// has no heading of its own.
fn tidy(page: &str) -> String {
    page.replace("\n.br\n\n.br\n", "\n.sp\n")
        .replace(".SH EXTRA\nExit status: ", ".SH \"EXIT STATUS\"\n")
}
