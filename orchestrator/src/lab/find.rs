// SPDX-License-Identifier: BSD-2-Clause
//! Which lab is meant where nobody names one.

use std::fs;
use std::io;
use std::path::Path;

use super::error::{LabError, Tried};
use super::name::LabName;

/// The lab that has its files in `run` where there is one only, or the one of
/// the default name.
///
/// # Errors
/// There are several, none of which has the default name.
pub(super) fn the_only(run: &Path) -> Result<LabName, LabError> {
    let names = names(run).tried(|| format!("look for labs in {}", run.display()))?;
    match &names[..] {
        [] => Ok(LabName::default()),
        [only] => Ok(only.clone()),
        several if several.contains(&LabName::default()) => Ok(LabName::default()),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(LabError::Refused {
                what: format!("there are several labs: {}", names.join(", ")),
                advice: "say which one with --name".to_owned(),
            })
        }
    }
}

/// The labs that have a folder in `run` by its default name, in order.
fn names(run: &Path) -> io::Result<Vec<LabName>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(run)? {
        let folder = entry?.file_name();
        let name = folder.to_str().and_then(LabName::of_folder);
        names.extend(name);
    }
    names.sort_unstable_by_key(ToString::to_string);
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_alone_is_meant() {
        let run = tempfile::tempdir().unwrap();
        let found = |more: &[&str]| {
            for folder in more {
                fs::create_dir(run.path().join(folder)).unwrap();
            }
            the_only(run.path()).map(|name| name.to_string())
        };
        let none = found(&["tcpstats", "tcpstats-", "tcpstats-lab1", "other"]);
        assert_eq!(none.unwrap(), "lab");
        assert_eq!(found(&["tcpstats-foo"]).unwrap(), "foo");
        assert_eq!(
            found(&["tcpstats-bar"]).unwrap_err().to_string(),
            "there are several labs: bar, foo; say which one with --name"
        );
        assert_eq!(found(&["tcpstats-lab"]).unwrap(), "lab");
    }
}
