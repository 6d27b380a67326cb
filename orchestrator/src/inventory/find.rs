// SPDX-License-Identifier: BSD-2-Clause
//! Where the inventory comes from: a named file, one at an agreed place, or
//! the built-in one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use miette::Diagnostic;

use super::Inventory;
use super::parse::{Mistake, parse};

/// What is used where no file is found.
const BUILTIN: &str = include_str!("builtin.toml");

/// Why there is no inventory.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FindError {
    /// The file is not readable.
    #[error("the inventory {} could not be read: {reason}", path.display())]
    #[diagnostic(help("name another with --inventory, or in TCPSTATS_INVENTORY"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Mistake(#[from] Box<Mistake>),
}

/// The inventory in `named` (from `--inventory` or `TCPSTATS_INVENTORY`), else
/// in `./vms.toml`, else in `tcpstats/vms.toml` of the user's configuration
/// folder, else the built-in one.
///
/// # Errors
/// A file that is there, or was named, and is unreadable or wrong.
pub fn load(named: Option<&Path>) -> Result<Inventory, FindError> {
    let path = match named {
        Some(path) => Some(path.to_owned()),
        None => agreed_places().into_iter().find(|path| path.exists()),
    };
    match path {
        Some(path) => load_file(&path),
        None => Ok(builtin()?),
    }
}

fn agreed_places() -> Vec<PathBuf> {
    let in_config = etcetera::choose_base_strategy()
        .ok()
        .map(|user| user.config_dir().join("tcpstats/vms.toml"));
    std::iter::once(PathBuf::from("vms.toml"))
        .chain(in_config)
        .collect()
}

fn load_file(path: &Path) -> Result<Inventory, FindError> {
    let unreadable = |reason| FindError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let whole = std::path::absolute(path).map_err(unreadable)?;
    let base = whole.parent().unwrap_or(Path::new("/"));
    Ok(parse(&path.display().to_string(), &text, base)?)
}

fn builtin() -> Result<Inventory, Box<Mistake>> {
    parse("built-in inventory", BUILTIN, Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stage;
    use crate::inventory::{HostKeys, Limits};

    #[test]
    fn the_builtin_inventory_is_the_status_pages() {
        let inventory = builtin().unwrap();
        assert_eq!(inventory.targets, ["live_integration"]);
        let vms: Vec<(&str, String, &str)> = inventory
            .vms
            .iter()
            .map(|vm| (vm.name.as_str(), vm.address(), vm.os.as_str()))
            .collect();
        assert_eq!(
            vms,
            [
                ("freebsd150", "root@192.168.122.41".into(), "FreeBSD 15.0"),
                ("freebsd144", "root@192.168.122.85".into(), "FreeBSD 14.4"),
                ("freebsd143", "root@192.168.122.27".into(), "FreeBSD 14.3"),
            ]
        );
        for vm in &inventory.vms {
            assert_eq!(vm.dir, "/root/tcpstats-reader");
            assert_eq!(vm.host_keys, HostKeys::Strict);
            assert_eq!(vm.deploy, None);
        }
    }

    #[test]
    fn the_builtin_limits_are_the_ones_without_an_inventory() {
        for vm in builtin().unwrap().vms {
            for stage in Stage::ALL {
                assert_eq!(vm.limits.stage(stage), Limits::default().stage(stage));
            }
            assert_eq!(vm.limits.idle, Limits::IDLE);
        }
    }

    #[test]
    fn a_named_file_that_is_missing_is_named() {
        let error = load(Some(Path::new("/nowhere/vms.toml"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the inventory /nowhere/vms.toml could not be read: No such file or directory (os error 2)"
        );
    }
}
