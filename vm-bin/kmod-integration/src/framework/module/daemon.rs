// SPDX-License-Identifier: BSD-2-Clause
//! tcpstatsd as the module of Linux: found by what it holds open, ended by
//! SIGTERM, and started again as it was.
#![expect(unsafe_code, reason = "setsid(2) between fork and exec")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, setsid};
use tcpstats::paths;
use tempfile::TempDir;

use super::{ModuleError, system};

/// The daemon's program.
const PROGRAM: &str = "tcpstatsd";
/// What it may take to get ready, and to be gone.
const LIMIT: Duration = Duration::from_secs(20);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(1);

/// How the daemon is started.
struct Recipe {
    program: PathBuf,
    /// From the program's own name on.
    arguments: Vec<OsString>,
    /// `None`: this program's own.
    environment: Option<Vec<(OsString, OsString)>>,
    folder: PathBuf,
    /// Where its complaints went.
    stderr: Option<File>,
}

/// The daemon that serves, or could.
pub(super) struct Daemon {
    mount: PathBuf,
    recipe: Recipe,
    /// The one that was started here, if it was.
    child: Option<Child>,
    /// Holds the links of a daemon whose mount is not the usual one.
    _links: Option<TempDir>,
}

impl Daemon {
    /// The one that serves.
    pub(super) fn running() -> Option<Self> {
        let mount = mount();
        let pid = serving_at(&mount)?;
        Self::of(mount, pid).ok()
    }

    fn of(mount: PathBuf, pid: u32) -> Result<Self, ModuleError> {
        Ok(Self {
            mount,
            recipe: Recipe::of(pid)?,
            child: None,
            _links: None,
        })
    }

    /// The one that serves, or else the program that could.
    pub(super) fn find() -> Result<Self, ModuleError> {
        let mount = mount();
        if let Some(pid) = serving_at(&mount) {
            return Self::of(mount, pid);
        }
        let program = find_program()?;
        let mut arguments = vec![OsString::from(PROGRAM), "--mount".into()];
        arguments.push(mount.clone().into());
        // The links in /dev belong to the daemon of the usual mount.
        let links = (mount != Path::new(paths::DEFAULT_MOUNT))
            .then(tempfile::tempdir)
            .transpose()
            .map_err(system("make a folder for the device's links"))?;
        if let Some(links) = &links {
            arguments.extend(["--dev-dir".into(), links.path().into()]);
        }
        Ok(Self {
            mount,
            recipe: Recipe {
                program,
                arguments,
                environment: None,
                folder: PathBuf::from("/"),
                stderr: None,
            },
            child: None,
            _links: links,
        })
    }

    pub(super) fn is_running(&self) -> bool {
        serving_at(&self.mount).is_some()
    }

    /// Start it; what it complains about when it does not come up is told.
    pub(super) fn start(&mut self) -> Result<(), ModuleError> {
        self.start_with(Stdio::piped())
    }

    /// Start it with its complaints going where they went before.
    pub(super) fn start_as_before(&mut self) -> Result<(), ModuleError> {
        let stderr = match &self.recipe.stderr {
            Some(file) => file
                .try_clone()
                .map_err(system("copy a descriptor"))?
                .into(),
            None => Stdio::null(),
        };
        self.start_with(stderr)
    }

    fn start_with(&mut self, stderr: Stdio) -> Result<(), ModuleError> {
        let program = self.recipe.program.display().to_string();
        let mut command = self.recipe.command();
        command.stderr(stderr);
        let mut child = command
            .spawn()
            .map_err(system(format!("start {program}")))?;
        let ready = wait_ready(&mut child, &program);
        if ready.is_err() {
            // It ended of itself, or it is of no use.
            let _ = child.kill();
            let _ = child.wait();
        } else {
            self.child = Some(child);
        }
        ready
    }

    /// End it and wait until its mount is gone.
    pub(super) fn stop(&mut self) -> Result<(), ModuleError> {
        let Some(pid) = serving_at(&self.mount) else {
            return Ok(());
        };
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        if let Some(process) = process {
            kill_process(process, Signal::TERM)
                .map_err(|errno| system(format!("end {PROGRAM}"))(errno.into()))?;
        }
        let what = || format!("{PROGRAM} (process {pid})");
        self.wait_for(what, "end", |daemon| {
            Ok(serving_at(&daemon.mount).is_none() && daemon.reap()?)
        })?;
        self.wait_for(what, "unmount the device", |daemon| {
            Ok(!is_mounted(&daemon.mount)?)
        })
    }

    /// Whether no child is left; a zombie is still one.
    fn reap(&mut self) -> Result<bool, ModuleError> {
        let Some(child) = &mut self.child else {
            return Ok(true);
        };
        let ended = child
            .try_wait()
            .map_err(system(format!("wait for {PROGRAM}")))?;
        if ended.is_some() {
            self.child = None;
        }
        Ok(ended.is_some())
    }

    fn wait_for(
        &mut self,
        what: impl Fn() -> String,
        wanted: &'static str,
        mut is_so: impl FnMut(&mut Self) -> Result<bool, ModuleError>,
    ) -> Result<(), ModuleError> {
        let deadline = Instant::now() + LIMIT;
        while !is_so(self)? {
            if Instant::now() >= deadline {
                return Err(ModuleError::TimedOut {
                    what: what(),
                    wanted,
                    seconds: LIMIT.as_secs(),
                });
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    pub(super) fn remains(&mut self) -> Result<Vec<String>, ModuleError> {
        let mut left = Vec::new();
        if let Some(pid) = serving_at(&self.mount) {
            left.push(format!("process {pid} serves {}", self.mount.display()));
        }
        if is_mounted(&self.mount)? {
            left.push(format!("{} is mounted", self.mount.display()));
        }
        for device in [paths::device(), paths::device_full()] {
            if fs::symlink_metadata(&device).is_ok() {
                left.push(format!("{} is there", device.display()));
            }
        }
        for link in links_of(Path::new("/proc/self/fd")) {
            if link.starts_with(&self.mount) {
                left.push(format!("{} is open here", link.display()));
            }
        }
        Ok(left)
    }
}

impl Recipe {
    /// How the process that runs was started.
    fn of(pid: u32) -> Result<Self, ModuleError> {
        let at = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
        let read =
            |name: &str| fs::read(at(name)).map_err(system(format!("read {}", at(name).display())));
        let link = |name: &str| {
            fs::read_link(at(name)).map_err(system(format!("read {}", at(name).display())))
        };
        let program = link("exe")?;
        if !program.exists() {
            return Err(ModuleError::Replaced(program));
        }
        let environment = split_nul(&read("environ")?)
            .filter_map(|pair| {
                let equals = pair.as_bytes().iter().position(|byte| *byte == b'=')?;
                let (name, value) = pair.as_bytes().split_at(equals);
                Some((
                    OsStr::from_bytes(name).to_owned(),
                    OsStr::from_bytes(&value[1..]).to_owned(),
                ))
            })
            .collect();
        Ok(Self {
            program,
            arguments: split_nul(&read("cmdline")?).map(OsStr::to_owned).collect(),
            environment: Some(environment),
            folder: link("cwd")?,
            // A socket cannot be opened again; nor need it be.
            stderr: File::options().append(true).open(at("fd/2")).ok(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let mut arguments = self.arguments.iter();
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments);
        if let Some(environment) = &self.environment {
            command
                .env_clear()
                .envs(environment.iter().map(|(name, value)| (name, value)));
        }
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // SAFETY: setsid(2) is async-signal-safe and allocates nothing.
        unsafe {
            // It outlives this program and its terminal.
            command.pre_exec(|| setsid().map(drop).map_err(io::Error::from));
        }
        command
    }
}

fn split_nul(bytes: &[u8]) -> impl Iterator<Item = &OsStr> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(OsStr::from_bytes)
}

/// Wait for the line that says so.
fn wait_ready(child: &mut Child, program: &str) -> Result<(), ModuleError> {
    let Some(stdout) = child.stdout.take() else {
        return Ok(());
    };
    let limit = Timespec {
        tv_sec: LIMIT.as_secs() as i64,
        tv_nsec: 0,
    };
    let polled = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&limit));
    if polled.map_err(|errno| system(format!("wait for {program}"))(errno.into()))? == 0 {
        return Err(ModuleError::TimedOut {
            what: program.to_owned(),
            wanted: "get ready",
            seconds: LIMIT.as_secs(),
        });
    }
    let mut line = String::new();
    // Its one line is written at once.
    let read = BufReader::new(stdout).read_line(&mut line);
    read.map_err(system(format!("read what {program} says")))?;
    if line.trim_end() == "ready" {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // It has closed its output, so it is about to end.
        let _ = stderr.read_to_string(&mut said);
    }
    Err(ModuleError::Refused {
        tried: format!("start {program}"),
        said: match said.trim() {
            "" => format!("it said {:?} instead of ready", line.trim_end()),
            said => said.to_owned(),
        },
    })
}

/// Where the device's daemon mounts, or would.
fn mount() -> PathBuf {
    let mount = paths::device()
        .canonicalize()
        .ok()
        .and_then(|node| Some(node.parent()?.parent()?.to_path_buf()))
        .filter(|mount| mount.join("sysctl").is_dir());
    let mount = mount.unwrap_or_else(paths::mount);
    mount.canonicalize().unwrap_or(mount)
}

/// Beside this program, or on the path.
fn find_program() -> Result<PathBuf, ModuleError> {
    let own = std::env::current_exe().map_err(system("find this program"))?;
    let beside = own.with_file_name(PROGRAM);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(beside.clone())
        .chain(std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)))
        .find(|program| program.is_file())
        .ok_or_else(|| ModuleError::Missing {
            what: PROGRAM,
            looked: vec![beside, PathBuf::from("the folders of PATH")],
            advice: "put it there, or start it beforehand",
        })
}

/// The process that serves this machine's device.
pub(super) fn serving() -> Option<u32> {
    serving_at(&mount())
}

/// The process that serves `mount`: the one that holds both the kernel's FUSE
/// device and the folder that it has mounted on.
fn serving_at(mount: &Path) -> Option<u32> {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let own = namespace("self");
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| {
            let links = links_of(&PathBuf::from(format!("/proc/{pid}/fd")));
            links.iter().any(|link| link == Path::new("/dev/fuse"))
                && links.iter().any(|link| link == mount)
                && namespace(&pid.to_string()) == own
        })
}

/// Where the links of a folder lead; of one that is gone or closed, none.
fn links_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect()
}

fn is_mounted(mount: &Path) -> Result<bool, ModuleError> {
    let table =
        fs::read_to_string("/proc/self/mountinfo").map_err(system("read /proc/self/mountinfo"))?;
    // proc_pid_mountinfo(5): the fifth word, with blanks written as \040.
    let escaped = mount.to_string_lossy().replace(' ', "\\040");
    Ok(table
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(escaped.as_str())))
}

/// Its anonymous memory: what it has allocated and holds.
pub(super) fn memory_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let number: u64 = kilobytes.split_whitespace().next()?.parse().ok()?;
    Some(number << 10)
}
