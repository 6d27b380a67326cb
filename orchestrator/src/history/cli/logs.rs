// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator logs`: what a VM of a run has left, in the run's log and in its
//! folder.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::{Error, status};
use crate::event::{Body, Event};
use crate::event_log::Reader;
use crate::outputs::print;
use crate::projection::state::VmState;
use crate::projection::text::{count, printable};
use crate::runs::{self, RunsDir};
use crate::tell;

/// Name of what a VM's programs wrote beside their events.
const OUTPUT: &str = "output";
/// Name of what a VM's kernel said in trouble.
const CONSOLE: &str = "console";

/// Of which VM, and what.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's name or an end of it, `latest`, its folder, or its events.ndjson
    run: PathBuf,
    /// The VM's name
    vm: String,
    /// What to print: output, console, or a file of the list [default: the list]
    name: Option<PathBuf>,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "name")]
    json: bool,
    #[command(flatten)]
    runs_dir: RunsDir,
}

/// List it, or print it.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(logs(args))
}

fn logs(args: &Args) -> Result<(), Error> {
    let log = runs::find(&args.run, &args.runs_dir.path()?)?;
    has_vm(&log, &args.vm)?;
    // The run's folder is where its log is.
    let folder = log.with_file_name("vms").join(&args.vm);
    match &args.name {
        None => list(args, &log, &folder),
        Some(name) if name == Path::new(OUTPUT) => lines(&log, &args.vm, output_of),
        Some(name) if name == Path::new(CONSOLE) => lines(&log, &args.vm, console_of),
        Some(name) => file(&folder, name),
    }
}

/// That the run of that log had the VM: its name leads to no other folder then.
fn has_vm(log: &Path, vm: &str) -> Result<(), Error> {
    let record = super::read(log)?;
    if record.state.vm(vm).is_some() {
        return Ok(());
    }
    let had: Vec<&str> = record.state.vms.iter().map(VmState::name).collect();
    Err(Error::NoVm {
        vm: vm.to_owned(),
        had: had.join(", "),
    })
}

/// Something that can be printed.
#[derive(Serialize)]
struct Artifact {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

fn list(args: &Args, log: &Path, folder: &Path) -> Result<(), Error> {
    let in_log = |name: &str, of: LinesOf| {
        Ok::<_, Error>(Artifact {
            name: name.to_owned(),
            lines: Some(read(log)?.map(|event| of(&event, &args.vm).len()).sum()),
            bytes: None,
        })
    };
    let mut artifacts = vec![in_log(OUTPUT, output_of)?, in_log(CONSOLE, console_of)?];
    artifacts.retain(|artifact| artifact.lines != Some(0));
    files(folder, Path::new(""), &mut artifacts)?;
    let text = if args.json {
        serde_json::to_string_pretty(&artifacts)? + "\n"
    } else if artifacts.is_empty() {
        format!("{} has left nothing\n", printable(&args.vm))
    } else {
        artifacts.iter().map(line).collect()
    };
    Ok(print(&mut io::stdout(), &text)?)
}

fn line(artifact: &Artifact) -> String {
    let size = match (artifact.lines, artifact.bytes) {
        (Some(lines), _) => count(lines, "line"),
        (None, bytes) => format!("{} bytes", bytes.unwrap_or(0)),
    };
    format!("{size:>14}  {}\n", printable(&artifact.name))
}

/// The files below `folder` and `inside` it, sorted by name. What was fetched
/// from a VM holds no link, and none is followed.
fn files(folder: &Path, inside: &Path, found: &mut Vec<Artifact>) -> Result<(), Error> {
    let path = folder.join(inside);
    let failed = |reason| Error::File {
        action: "list",
        path: path.clone(),
        reason,
    };
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let inside = inside.join(entry.file_name());
        let metadata = entry.metadata().map_err(failed)?;
        if metadata.is_dir() {
            files(folder, &inside, found)?;
        } else if metadata.is_file() {
            found.push(Artifact {
                name: inside.to_string_lossy().into_owned(),
                lines: None,
                bytes: Some(metadata.len()),
            });
        }
    }
    Ok(())
}

/// The lines of an event that are wanted of a VM.
type LinesOf = fn(&Event, &str) -> Vec<String>;

fn output_of(event: &Event, of: &str) -> Vec<String> {
    match &event.body {
        Body::Output { vm, stage, line } | Body::Note { vm, stage, line } if vm == of => {
            vec![format!("{:.0} {stage}: {line}", event.time)]
        }
        _ => Vec::new(),
    }
}

fn console_of(event: &Event, of: &str) -> Vec<String> {
    match &event.body {
        Body::Console { vm, kind, lines } if vm == of => {
            let head = format!("{:.0} {}:", event.time, kind.as_str());
            std::iter::once(head).chain(lines.iter().cloned()).collect()
        }
        _ => Vec::new(),
    }
}

/// The events of the log, as far as they can be read.
fn read(log: &Path) -> Result<impl Iterator<Item = Event>, Error> {
    let reader = Reader::open(log).map_err(|reason| Error::Open {
        path: log.to_owned(),
        reason,
    })?;
    Ok(reader.map_while(Result::ok))
}

fn lines(log: &Path, vm: &str, of: LinesOf) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for line in read(log)?.flat_map(|event| of(&event, vm)) {
        print(&mut out, &format!("{}\n", printable(&line)))?;
    }
    Ok(())
}

/// Print the file `name` of those that are listed.
fn file(folder: &Path, name: &Path) -> Result<(), Error> {
    let mut listed = Vec::new();
    files(folder, Path::new(""), &mut listed)?;
    let path = folder.join(name);
    let failed = |reason| Error::File {
        action: "print",
        path: path.clone(),
        reason,
    };
    if !listed.iter().any(|file| Path::new(&file.name) == name) {
        tell::note("note: without a name, what can be printed is listed");
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    let mut file = BufReader::new(File::open(&path).map_err(failed)?);
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        show(&mut file, &mut out).map_err(failed)
    } else {
        io::copy(&mut file, &mut out)
            .map(drop)
            .or_else(|error| match error.kind() {
                // Whoever reads has seen enough.
                io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(failed(error)),
            })
    }
}

/// Line by line and printable: what came from a VM must not move the cursor.
fn show(file: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).replace('\t', "    ");
        print(
            out,
            &format!("{}\n", printable(text.trim_end_matches('\n'))),
        )?;
        line.clear();
    }
    Ok(())
}
