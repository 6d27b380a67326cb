// SPDX-License-Identifier: BSD-2-Clause
//! What serves the device: the kernel module on FreeBSD, tcpstatsd on Linux. It
//! is loaded and unloaded here, and put back as it was found: served by the
//! same module or daemon, with the same limits and profiles, or not at all.

mod daemon;
mod kernel;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tcpstats::sysctl::{ACTIVE_FDS, Profile, Sysctl, SysctlError};

use self::daemon::Daemon;
use self::kernel::Kernel;
use super::restore::{Guard, Restorer};

/// What serves the device could not be driven.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModuleError {
    /// Somebody reads the device, who would lose it.
    #[error(
        "{count} descriptors of the device are open: end their programs, they would lose the device"
    )]
    InUse { count: u64 },
    /// There is nothing to load.
    #[error("failed to find {what}, looked for {}: {advice}", list(looked))]
    Missing {
        what: &'static str,
        looked: Vec<PathBuf>,
        advice: &'static str,
    },
    /// The program that serves the device was removed or replaced.
    #[error("{} serves the device and was removed or replaced: start the new one first", .0.display())]
    Replaced(PathBuf),
    /// Something did not come about in time.
    #[error("{what} did not {wanted} within {seconds} s")]
    TimedOut {
        what: String,
        wanted: &'static str,
        seconds: u64,
    },
    /// A program did not do what it is for.
    #[error("failed to {tried}: {said}")]
    Refused { tried: String, said: String },
    /// The system refused.
    #[error("failed to {tried}: {source}")]
    System {
        tried: String,
        #[source]
        source: io::Error,
    },
    /// Limits or profiles cannot be read or set.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(" and ")
}

/// Wraps the error of the step that is described by `tried`.
fn system(tried: impl Into<String>) -> impl FnOnce(io::Error) -> ModuleError {
    let tried = tried.into();
    move |source| ModuleError::System { tried, source }
}

/// What serves the device on this system.
enum Server {
    Daemon(Daemon),
    Kernel(Kernel),
}

impl Server {
    fn find(kmod_src: &Path) -> Result<Self, ModuleError> {
        if cfg!(target_os = "freebsd") {
            Kernel::find(kmod_src).map(Self::Kernel)
        } else {
            Daemon::find().map(Self::Daemon)
        }
    }

    fn is_loaded(&mut self) -> Result<bool, ModuleError> {
        match self {
            Self::Daemon(daemon) => Ok(daemon.is_running()),
            Self::Kernel(kernel) => kernel.is_loaded(),
        }
    }

    fn load(&mut self) -> Result<(), ModuleError> {
        match self {
            Self::Daemon(daemon) => daemon.start(),
            Self::Kernel(kernel) => kernel.load(),
        }
    }

    /// Load what was there at first.
    fn reinstate(&mut self) -> Result<(), ModuleError> {
        match self {
            Self::Daemon(daemon) => daemon.start_as_before(),
            Self::Kernel(kernel) => kernel.load_as_before(),
        }
    }

    fn unload(&mut self) -> Result<(), ModuleError> {
        match self {
            Self::Daemon(daemon) => daemon.stop(),
            Self::Kernel(kernel) => kernel.unload(),
        }
    }

    fn remains(&mut self) -> Result<Vec<String>, ModuleError> {
        match self {
            Self::Daemon(daemon) => daemon.remains(),
            Self::Kernel(kernel) => kernel.remains(),
        }
    }
}

/// What is set by sysctl and lost with the module.
struct Settings {
    limits: BTreeMap<String, u64>,
    profiles: Vec<Profile>,
}

impl Settings {
    fn read() -> Result<Self, ModuleError> {
        let sysctl = Sysctl::new();
        Ok(Self {
            limits: sysctl.limits()?,
            profiles: sysctl.profile_list()?,
        })
    }

    fn write(&self) -> Result<(), ModuleError> {
        let sysctl = Sysctl::new();
        for (name, value) in &self.limits {
            sysctl.set(name, &value.to_string())?;
        }
        self.write_profiles()
    }

    /// Those that are not there as they were.
    fn write_profiles(&self) -> Result<(), ModuleError> {
        let sysctl = Sysctl::new();
        let now = sysctl.profile_list()?;
        for profile in self.profiles.iter().filter(|mine| !now.contains(mine)) {
            sysctl.profile_set(&profile.name, &profile.filter)?;
        }
        Ok(())
    }
}

/// What is in the hands of a test.
struct Held {
    server: Server,
    /// Whether it was loaded or unloaded since.
    is_touched: bool,
}

/// The device's life, in the hands of a test. It is as it was found when this
/// is dropped.
pub(crate) struct Module {
    server: Arc<Mutex<Held>>,
    _guard: Guard,
}

impl Module {
    /// Take hold of what serves the device, or of what could.
    ///
    /// # Errors
    /// There is nothing to load, or somebody reads the device.
    pub(crate) fn take(kmod_src: &Path, restorer: &Restorer) -> Result<Self, ModuleError> {
        let mut server = Server::find(kmod_src)?;
        let before = if server.is_loaded()? {
            match Sysctl::new().get_u64(ACTIVE_FDS)? {
                0 => Some(Settings::read()?),
                count => return Err(ModuleError::InUse { count }),
            }
        } else {
            None
        };
        let server = Arc::new(Mutex::new(Held {
            server,
            is_touched: false,
        }));
        let shared = Arc::clone(&server);
        let guard = restorer.guard(move || {
            put_back(&mut lock(&shared), before.as_ref())
                .map_err(|error| format!("the device is not served as it was: {error}"))
        });
        Ok(Self {
            server,
            _guard: guard,
        })
    }

    pub(crate) fn is_loaded(&self) -> Result<bool, ModuleError> {
        lock(&self.server).server.is_loaded()
    }

    /// Load it and wait until it serves.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) fn load(&self) -> Result<(), ModuleError> {
        let mut held = lock(&self.server);
        held.is_touched = true;
        held.server.load()
    }

    /// Unload it and wait until it is gone.
    ///
    /// # Errors
    /// It stays.
    pub(crate) fn unload(&self) -> Result<(), ModuleError> {
        let mut held = lock(&self.server);
        held.is_touched = true;
        held.server.unload()
    }

    /// What is left of it while it is not loaded: a line for each thing.
    ///
    /// # Errors
    /// The system cannot be asked.
    pub(crate) fn remains(&self) -> Result<Vec<String>, ModuleError> {
        lock(&self.server).server.remains()
    }
}

/// What served the device before a run, for whoever is left when the run was
/// killed.
pub(crate) struct Served {
    server: Mutex<Server>,
    settings: Settings,
}

impl Served {
    /// `None` where nothing serves the device, or where it cannot be told what.
    pub(crate) fn look() -> Option<Self> {
        let server = if cfg!(target_os = "freebsd") {
            Server::Kernel(Kernel::loaded()?)
        } else {
            Server::Daemon(Daemon::running()?)
        };
        Some(Self {
            server: Mutex::new(server),
            settings: Settings::read().ok()?,
        })
    }

    /// Have the device served as it was, if nothing serves it. Tells what was
    /// done, or could not be.
    pub(crate) fn put_back(&self) -> Option<String> {
        match self.reinstate() {
            Ok(false) => None,
            Ok(true) => Some("the device is served again".to_owned()),
            Err(error) => Some(format!("the device is not served as it was: {error}")),
        }
    }

    /// Whether it was gone.
    fn reinstate(&self) -> Result<bool, ModuleError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if server.is_loaded()? {
            // One that the run has loaded lacks them. Limits are looked after by
            // whoever calls this.
            self.settings.write_profiles()?;
            return Ok(false);
        }
        server.reinstate()?;
        self.settings.write()?;
        Ok(true)
    }
}

/// A panic elsewhere must not keep the device from being put back.
fn lock(server: &Mutex<Held>) -> MutexGuard<'_, Held> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put_back(held: &mut Held, before: Option<&Settings>) -> Result<(), ModuleError> {
    let Held { server, is_touched } = held;
    if !*is_touched {
        return Ok(());
    }
    if server.is_loaded()? {
        server.unload()?;
    }
    let Some(settings) = before else {
        return Ok(());
    };
    server.reinstate()?;
    settings.write()
}

/// Bytes of memory that the device holds beyond its code: the module's own
/// kernel memory, or the anonymous memory of the daemon. `None` where no daemon
/// of this machine can be found.
///
/// # Errors
/// The system cannot be asked.
pub(crate) fn memory_bytes() -> Result<Option<u64>, ModuleError> {
    if cfg!(target_os = "freebsd") {
        kernel::memory_bytes().map(Some)
    } else {
        Ok(daemon::serving().and_then(daemon::memory_bytes))
    }
}

/// The process that serves the device; `None` where the kernel does, or where
/// it cannot be found.
pub(crate) fn serving_process() -> Option<u32> {
    if cfg!(target_os = "freebsd") {
        None
    } else {
        daemon::serving()
    }
}
