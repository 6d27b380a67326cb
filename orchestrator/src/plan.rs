// SPDX-License-Identifier: BSD-2-Clause
//! What a run is going to do: a pure function of the inventory and of what the
//! user asked for.

use std::collections::BTreeSet;

use miette::Diagnostic;
use protocol::target::UnknownTarget;
use protocol::{Category, Target};

use crate::event;
use crate::inventory::{Deploy, Inventory, Vm, check};

/// Every category.
const ALL: &str = "all";

/// Which VMs are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every one.
    All,
    /// Those of these names.
    Names(Vec<String>),
    /// Those that have all of these labels.
    Labels(Vec<(String, String)>),
}

/// What the environment and the command line say over the inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Instead of the inventory's targets.
    pub targets: Option<Vec<String>>,
    /// Category letters, for the targets that have categories.
    pub category: Option<String>,
    /// `[user@]host` instead of the only selected VM's.
    pub host: Option<String>,
    /// Instead of every selected VM's folder.
    pub dir: Option<String>,
    /// Instead of every selected VM's deploy mode.
    pub deploy: Option<Deploy>,
}

/// A run before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The VMs, in the inventory's order.
    pub vms: Vec<Vm>,
    /// What each runs, in this order.
    pub targets: Vec<event::PlannedTarget>,
}

impl Plan {
    /// As the run's first event tells it.
    #[must_use]
    pub fn to_event(&self) -> event::Plan {
        let vms = self.vms.iter().map(|vm| event::PlannedVm {
            name: vm.name.clone(),
            address: vm.address(),
            os: vm.os.clone(),
            arch: vm.arch.clone(),
            expected_failures: vm.expected_failures.clone(),
        });
        event::Plan {
            vms: vms.collect(),
            targets: self.targets.clone(),
        }
    }
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum PlanError {
    /// A VM that the inventory does not have.
    #[error("the inventory has no VM {name:?}")]
    #[diagnostic(help("it has: {known}"))]
    UnknownVm {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Labels that no VM has.
    #[error("no VM of the inventory has {wanted}")]
    #[diagnostic(help("labels stand in the inventory as `labels = {{ key = \"value\" }}`"))]
    NoLabel {
        /// What was asked for.
        wanted: String,
    },
    /// An inventory without VMs.
    #[error("the inventory has no VM")]
    #[diagnostic(help("add one as `[[vm]]` with `name` and `host`"))]
    Empty,
    /// One address for several VMs.
    #[error("FREEBSD_HOST names one host, but {count} VMs are selected: {names}")]
    #[diagnostic(help("select the one that it stands for, as in `orchestrator run {first}`"))]
    HostForSeveral {
        /// How many.
        count: usize,
        /// Which.
        names: String,
        /// One of them.
        first: String,
    },
    /// A target that there is not.
    #[error(transparent)]
    #[diagnostic(help(
        "one that only the programs of the VMs know is named in the inventory, as \
         `other_targets = [\"NAME\"]` of `[defaults]`"
    ))]
    UnknownTarget(#[from] UnknownTarget),
    /// A value of the environment or the command line.
    #[error("{origin} {value:?}: {reason}")]
    Value {
        /// Where it came from.
        origin: &'static str,
        /// What it is.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `--category` where nothing has categories.
    #[error("--category has no meaning for {targets}")]
    #[diagnostic(help("it selects among the tests of {}", categorised().join(" and ")))]
    NoCategories {
        /// The targets.
        targets: String,
    },
}

/// Apply `selection` and `overrides` to `inventory`.
///
/// # Errors
/// A selection without VMs, or a value that can't be meant.
pub fn plan(
    inventory: &Inventory,
    selection: &Selection,
    overrides: &Overrides,
) -> Result<Plan, PlanError> {
    let mut vms = select(&inventory.vms, selection)?;
    if let Some(host) = &overrides.host {
        redirect(&mut vms, host)?;
    }
    if let Some(dir) = &overrides.dir {
        check::remote_dir(dir).map_err(refused("FREEBSD_DIR", dir))?;
        vms.iter_mut().for_each(|vm| vm.dir.clone_from(dir));
    }
    if overrides.deploy.is_some() {
        vms.iter_mut().for_each(|vm| vm.deploy = overrides.deploy);
    }
    let targets = overrides.targets.as_ref().unwrap_or(&inventory.targets);
    Ok(Plan {
        vms,
        targets: plan_targets(
            targets,
            &inventory.other_targets,
            overrides.category.as_deref(),
        )?,
    })
}

fn refused<'a>(origin: &'static str, value: &'a str) -> impl FnOnce(String) -> PlanError + use<'a> {
    move |reason| PlanError::Value {
        origin,
        value: value.to_owned(),
        reason,
    }
}

fn select(vms: &[Vm], selection: &Selection) -> Result<Vec<Vm>, PlanError> {
    if vms.is_empty() {
        return Err(PlanError::Empty);
    }
    let chosen: Vec<Vm> = match selection {
        Selection::All => vms.to_vec(),
        Selection::Names(names) => {
            let known: BTreeSet<&str> = vms.iter().map(|vm| vm.name.as_str()).collect();
            if let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) {
                return Err(PlanError::UnknownVm {
                    name: name.clone(),
                    known: known.into_iter().collect::<Vec<_>>().join(", "),
                });
            }
            let wanted = |vm: &&Vm| names.contains(&vm.name);
            vms.iter().filter(wanted).cloned().collect()
        }
        Selection::Labels(labels) => {
            let wanted = |vm: &&Vm| labels.iter().all(|(k, v)| vm.labels.get(k) == Some(v));
            vms.iter().filter(wanted).cloned().collect()
        }
    };
    match selection {
        Selection::Labels(labels) if chosen.is_empty() => {
            let wanted: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            Err(PlanError::NoLabel {
                wanted: wanted.join(" and "),
            })
        }
        _ => Ok(chosen),
    }
}

fn redirect(vms: &mut [Vm], to: &str) -> Result<(), PlanError> {
    let [vm] = vms else {
        let names: Vec<&str> = vms.iter().map(|vm| vm.name.as_str()).collect();
        return Err(PlanError::HostForSeveral {
            count: names.len(),
            names: names.join(", "),
            first: names.first().copied().unwrap_or_default().to_owned(),
        });
    };
    let (user, host) = match to.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, to),
    };
    if let Some(user) = user {
        check::user(user).map_err(refused("FREEBSD_HOST", to))?;
        vm.user = Some(user.to_owned());
    }
    check::host(host).map_err(refused("FREEBSD_HOST", to))?;
    host.clone_into(&mut vm.host);
    Ok(())
}

fn plan_targets(
    targets: &[String],
    others: &[String],
    category: Option<&str>,
) -> Result<Vec<event::PlannedTarget>, PlanError> {
    let category = category.map(normalise).transpose()?;
    let mut planned: Vec<event::PlannedTarget> = Vec::new();
    for target in targets {
        check::known_target(target, others)?;
        if planned.iter().any(|other| other.target == *target) {
            return Err(refused("target", target)("it is named twice".into()));
        }
        planned.push(event::PlannedTarget {
            target: target.clone(),
            category: match &category {
                Some(category) if has_categories(target) => category.clone(),
                _ => ALL.to_owned(),
            },
        });
    }
    if category.is_some() && !targets.iter().any(|target| has_categories(target)) {
        return Err(PlanError::NoCategories {
            targets: targets.join(", "),
        });
    }
    Ok(planned)
}

fn has_categories(target: &str) -> bool {
    target.parse().is_ok_and(Target::has_categories)
}

/// The targets that take `--category`.
fn categorised() -> Vec<&'static str> {
    let all = Target::ALL
        .into_iter()
        .filter(|target| target.has_categories());
    all.map(Target::name).collect()
}

/// `b,A` to `A,B`.
fn normalise(category: &str) -> Result<String, PlanError> {
    if category.eq_ignore_ascii_case(ALL) {
        return Ok(ALL.to_owned());
    }
    let letters: Result<BTreeSet<Category>, _> = category.split(',').map(str::parse).collect();
    let letters = letters.map_err(|error| refused("--category", category)(error.to_string()))?;
    let letters: Vec<String> = letters.iter().map(ToString::to_string).collect();
    Ok(letters.join(","))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::inventory::parse;

    fn inventory() -> Inventory {
        let text = r#"
            [[vm]]
            name = "a"
            host = "10.0.0.1"
            labels = { rack = "left", os = "bsd" }
            [[vm]]
            name = "b"
            host = "10.0.0.2"
            labels = { rack = "left" }
            [[vm]]
            name = "c"
            host = "10.0.0.3"
        "#;
        parse("vms.toml", text, Path::new("/")).unwrap()
    }

    fn names(selection: &Selection) -> Result<Vec<String>, PlanError> {
        let planned = plan(&inventory(), selection, &Overrides::default())?;
        Ok(planned.vms.into_iter().map(|vm| vm.name).collect())
    }

    fn label(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    fn only(name: &str) -> Selection {
        Selection::Names(vec![name.to_owned()])
    }

    #[test]
    fn vms_are_selected_in_the_inventorys_order() {
        assert_eq!(names(&Selection::All).unwrap(), ["a", "b", "c"]);
        let some = Selection::Names(vec!["c".into(), "a".into()]);
        assert_eq!(names(&some).unwrap(), ["a", "c"]);
        let left = Selection::Labels(vec![label("rack", "left")]);
        assert_eq!(names(&left).unwrap(), ["a", "b"]);
        let both = Selection::Labels(vec![label("rack", "left"), label("os", "bsd")]);
        assert_eq!(names(&both).unwrap(), ["a"]);
    }

    #[test]
    fn an_empty_selection_is_an_error() {
        assert_eq!(
            names(&only("d")).unwrap_err(),
            PlanError::UnknownVm {
                name: "d".into(),
                known: "a, b, c".into()
            }
        );
        let none = Selection::Labels(vec![label("rack", "right")]);
        assert_eq!(
            names(&none).unwrap_err().to_string(),
            "no VM of the inventory has rack=right"
        );
    }

    #[test]
    fn one_vm_can_be_redirected_and_several_can_not() {
        let overrides = Overrides {
            host: Some("me@10.9.9.9".into()),
            dir: Some("/home/me/t".into()),
            ..Overrides::default()
        };
        let planned = plan(&inventory(), &only("b"), &overrides).unwrap();
        assert_eq!(planned.vms[0].address(), "me@10.9.9.9");
        assert_eq!(planned.vms[0].dir, "/home/me/t");
        assert_eq!(
            plan(&inventory(), &Selection::All, &overrides)
                .unwrap_err()
                .to_string(),
            "FREEBSD_HOST names one host, but 3 VMs are selected: a, b, c"
        );
    }

    #[test]
    fn an_address_can_not_become_an_option_of_ssh() {
        let overrides = Overrides {
            host: Some("-oProxyCommand=x".into()),
            ..Overrides::default()
        };
        assert_eq!(
            plan(&inventory(), &only("a"), &overrides)
                .unwrap_err()
                .to_string(),
            "FREEBSD_HOST \"-oProxyCommand=x\": the host begins with `-`"
        );
    }

    fn targets(targets: &[&str], category: Option<&str>) -> Result<Vec<String>, String> {
        let overrides = Overrides {
            targets: Some(targets.iter().map(|&t| t.to_owned()).collect()),
            category: category.map(str::to_owned),
            ..Overrides::default()
        };
        let planned = plan(&inventory(), &Selection::All, &overrides).map_err(|e| e.to_string())?;
        let shown = planned.targets.iter();
        Ok(shown
            .map(|t| format!("{} {}", t.target, t.category))
            .collect())
    }

    #[test]
    fn categories_go_to_the_targets_that_have_them() {
        assert_eq!(
            targets(&["unit", "live_integration"], Some("d,A,b")).unwrap(),
            ["unit all", "live_integration A,B,D"]
        );
        assert_eq!(
            targets(&["live_all"], Some("ALL")).unwrap(),
            ["live_all all"]
        );
        assert_eq!(
            targets(&["unit"], Some("A")).unwrap_err(),
            "--category has no meaning for unit"
        );
        assert_eq!(
            targets(&["live_all"], Some("A,,B")).unwrap_err(),
            "--category \"A,,B\": unknown category '', there are A to I, several as A,B,D, and all"
        );
        assert_eq!(
            targets(&["live_all"], Some("A,Z")).unwrap_err(),
            "--category \"A,Z\": unknown category 'Z', there are A to I, several as A,B,D, and all"
        );
        assert_eq!(
            targets(&["unit", "unit"], None).unwrap_err(),
            "target \"unit\": it is named twice"
        );
    }

    #[test]
    fn a_target_is_one_that_there_is_or_that_the_inventory_names() {
        let error = targets(&["unit", "live_intgration"], None).unwrap_err();
        let begin = "unknown target 'live_intgration', did you mean live_integration? there are: \
                     unit, memcheck, ";
        assert!(error.starts_with(begin), "{error}");

        let mut inventory = inventory();
        inventory.other_targets = vec!["theirs".into()];
        let theirs = Overrides {
            targets: Some(vec!["theirs".into()]),
            ..Overrides::default()
        };
        let planned = plan(&inventory, &Selection::All, &theirs).unwrap();
        assert_eq!(planned.targets[0].target, "theirs");
    }
}
