// SPDX-License-Identifier: BSD-2-Clause
//! TOML to [`Inventory`]. Every mistake is shown with its file, line and column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::{Diagnostic, LabeledSpan, NamedSource};
use toml::Spanned;

use super::raw::{RawInventory, RawVm, Settings};
use super::{Console, Inventory, Limits, Vm, check};
use crate::event::Stage;

/// Used where neither `[defaults]` nor the VM says so.
const DIR: &str = "/root/tcpstats-reader";
/// Used where `[defaults]` does not say so.
const TARGET: &str = "live_integration";

/// A mistake in an inventory, shown by miette with the lines around it.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Mistake {
    message: String,
    #[source_code]
    file: NamedSource<String>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
    #[help]
    help: Option<String>,
}

/// Read the inventory that `text` holds. `name` stands in messages; relative
/// paths in it are relative to `base`.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(name: &str, text: &str, base: &Path) -> Result<Inventory, Box<Mistake>> {
    let mut file = Source {
        name,
        text,
        base,
        other_targets: Vec::new(),
    };
    let raw: RawInventory = toml::from_str(text).map_err(|error| file.syntax(&error))?;
    file.other_targets = file.each(&raw.defaults.other_targets, check::target)?;
    let targets = match &raw.defaults.target {
        None => vec![TARGET.to_owned()],
        Some(list) => file.targets(list)?,
    };
    file.unique_names(&raw.vm)?;
    let vms = raw
        .vm
        .into_iter()
        .map(|vm| file.vm(vm.into_inner(), &raw.defaults))
        .collect::<Result<_, _>>()?;
    Ok(Inventory {
        targets,
        other_targets: file.other_targets,
        vms,
    })
}

/// The file that is being read.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    base: &'a Path,
    /// Those of the file itself, once they are read.
    other_targets: Vec<String>,
}

impl Source<'_> {
    fn mistake(&self, message: String, places: Vec<(Range<usize>, &str)>) -> Box<Mistake> {
        Box::new(Mistake {
            message,
            file: NamedSource::new(self.name, self.text.to_owned()),
            labels: places
                .into_iter()
                .map(|(span, label)| LabeledSpan::new_with_span(Some(label.to_owned()), span))
                .collect(),
            help: None,
        })
    }

    fn syntax(&self, error: &toml::de::Error) -> Box<Mistake> {
        let places = error.span().map(|span| (span, "here")).into_iter();
        self.mistake(error.message().to_owned(), places.collect())
    }

    fn checked<'v>(
        &self,
        value: &'v Spanned<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<&'v str, Box<Mistake>> {
        check(value.get_ref())
            .map_err(|reason| self.mistake(reason, vec![(value.span(), "this one")]))?;
        Ok(value.get_ref())
    }

    fn each<'v>(
        &self,
        values: impl IntoIterator<Item = &'v Spanned<String>>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Vec<String>, Box<Mistake>> {
        let values = values.into_iter();
        let checked = values.map(|value| self.checked(value, &check).map(str::to_owned));
        checked.collect()
    }

    fn targets(&self, list: &Spanned<String>) -> Result<Vec<String>, Box<Mistake>> {
        self.checked(list, |list| {
            list.split(',')
                .try_for_each(|target| check::known_target(target, &self.other_targets))
                .map_err(|error| error.to_string())
        })?;
        Ok(list.get_ref().split(',').map(str::to_owned).collect())
    }

    fn unique_names(&self, vms: &[Spanned<RawVm>]) -> Result<(), Box<Mistake>> {
        let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        for vm in vms {
            let name = &vm.get_ref().name;
            if let Some(first) = seen.insert(name.get_ref(), name.span()) {
                return Err(self.mistake(
                    format!("two VMs are named {:?}", name.get_ref()),
                    vec![(first, "the first"), (name.span(), "the second")],
                ));
            }
        }
        Ok(())
    }

    fn vm(&self, vm: RawVm, defaults: &Settings) -> Result<Vm, Box<Mistake>> {
        Ok(Vm {
            name: self.checked(&vm.name, check::vm_name)?.to_owned(),
            host: self.checked(&vm.host, check::host)?.to_owned(),
            port: self.port(vm.port.as_ref().or(defaults.port.as_ref()))?,
            user: self.text(vm.user.as_ref().or(defaults.user.as_ref()), check::user)?,
            identity: self.path(vm.identity.as_ref().or(defaults.identity.as_ref()))?,
            jump: self.text(vm.jump.as_ref().or(defaults.jump.as_ref()), check::jump)?,
            known_hosts: self.path(vm.known_hosts.as_ref().or(defaults.known_hosts.as_ref()))?,
            host_keys: vm.host_keys.or(defaults.host_keys).unwrap_or_default(),
            dir: self
                .text(vm.dir.as_ref().or(defaults.dir.as_ref()), check::remote_dir)?
                .unwrap_or_else(|| DIR.to_owned()),
            os: vm.os.or_else(|| defaults.os.clone()).unwrap_or_default(),
            arch: vm
                .arch
                .or_else(|| defaults.arch.clone())
                .unwrap_or_default(),
            labels: defaults
                .labels
                .clone()
                .into_iter()
                .chain(vm.labels)
                .collect(),
            env: self.env(&defaults.env, &vm.env)?,
            exporter: self.text(
                vm.exporter.as_ref().or(defaults.exporter.as_ref()),
                check::address,
            )?,
            scrape_interval: match vm
                .scrape_interval
                .as_ref()
                .or(defaults.scrape_interval.as_ref())
            {
                None => Limits::SCRAPE_INTERVAL,
                Some(interval) => self.duration(interval)?,
            },
            deploy: vm.deploy.or(defaults.deploy),
            expected_failures: self
                .each(
                    defaults
                        .expected_failures
                        .iter()
                        .chain(&vm.expected_failures),
                    |test| check::test(test, &self.other_targets),
                )?
                .into_iter()
                .collect(),
            console: vm.console.map(|it| self.console(it)).transpose()?,
            reset: vm
                .reset
                .as_ref()
                .map(|it| self.argv(it.get_ref(), it.span()))
                .transpose()?,
            limits: Limits {
                stages: self.stage_limits(&defaults.limits, &vm.limits)?,
                idle: match vm.idle_limit.as_ref().or(defaults.idle_limit.as_ref()) {
                    None => Limits::IDLE,
                    Some(limit) => self.duration(limit)?,
                },
            },
        })
    }

    fn port(&self, value: Option<&Spanned<i64>>) -> Result<Option<u16>, Box<Mistake>> {
        let read = |value: &Spanned<i64>| match u16::try_from(*value.get_ref()) {
            Ok(port @ 1..) => Ok(port),
            _ => Err(self.mistake(
                "a port is a number from 1 to 65535".into(),
                vec![(value.span(), "this one")],
            )),
        };
        value.map(read).transpose()
    }

    fn text(
        &self,
        value: Option<&Spanned<String>>,
        check: fn(&str) -> Result<(), String>,
    ) -> Result<Option<String>, Box<Mistake>> {
        value
            .map(|value| self.checked(value, check).map(str::to_owned))
            .transpose()
    }

    /// A leading `~` is left to ssh, which knows whose home is meant.
    fn path(&self, value: Option<&Spanned<String>>) -> Result<Option<PathBuf>, Box<Mistake>> {
        let path = self.text(value, check::local_file)?;
        Ok(path.map(|path| {
            if path.starts_with('~') {
                PathBuf::from(path)
            } else {
                self.base.join(path)
            }
        }))
    }

    fn console(&self, console: Spanned<Console>) -> Result<Console, Box<Mistake>> {
        let span = console.span();
        Ok(match console.into_inner() {
            Console::Command(argv) => Console::Command(self.argv(&argv, span)?),
            Console::Socket(path) => Console::Socket(self.base.join(path)),
            Console::File(path) => Console::File(self.base.join(path)),
        })
    }

    fn argv(&self, argv: &[String], span: Range<usize>) -> Result<Vec<String>, Box<Mistake>> {
        match argv.first() {
            Some(program) if !program.is_empty() => Ok(argv.to_vec()),
            _ => Err(self.mistake(
                "a command is a list of a program and its arguments".into(),
                vec![(span, "this one")],
            )),
        }
    }

    fn env(
        &self,
        defaults: &BTreeMap<Spanned<String>, Spanned<String>>,
        vm: &BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> Result<BTreeMap<String, String>, Box<Mistake>> {
        defaults
            .iter()
            .chain(vm)
            .map(|(name, value)| {
                let name = self.checked(name, check::variable)?;
                let value = self.checked(value, check::variable_value)?;
                Ok((name.to_owned(), value.to_owned()))
            })
            .collect()
    }

    fn stage_limits(
        &self,
        defaults: &BTreeMap<Stage, Spanned<String>>,
        vm: &BTreeMap<Stage, Spanned<String>>,
    ) -> Result<BTreeMap<Stage, Duration>, Box<Mistake>> {
        defaults
            .iter()
            .chain(vm)
            .map(|(stage, limit)| Ok((*stage, self.duration(limit)?)))
            .collect()
    }

    fn duration(&self, value: &Spanned<String>) -> Result<Duration, Box<Mistake>> {
        let refused = |reason: String| {
            let mut mistake = self.mistake(reason, vec![(value.span(), "this one")]);
            mistake.help = Some("durations look like `90s`, `5m` or `1h 30m`".into());
            mistake
        };
        let duration = humantime::parse_duration(value.get_ref())
            .map_err(|error| refused(format!("no duration: {error}")))?;
        if duration.is_zero() {
            return Err(refused("a limit of nothing would end everything".into()));
        }
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use miette::{GraphicalReportHandler, GraphicalTheme};

    use super::super::{Deploy, HostKeys};
    use super::*;

    fn read(text: &str) -> Result<Inventory, Box<Mistake>> {
        parse("vms.toml", text, Path::new("/etc/lab"))
    }

    fn shown(text: &str) -> String {
        let mut out = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(80)
            .render_report(&mut out, read(text).unwrap_err().as_ref())
            .unwrap();
        out
    }

    #[test]
    fn a_vm_overrides_the_defaults_key_by_key() {
        let inventory = read(
            r#"
            [defaults]
            target = "unit,live_integration"
            user = "root"
            port = 2222
            identity = "key"
            known_hosts = "~/known"
            labels = { rack = "left", os = "bsd" }
            env = { A = "1", B = "it's \"two\"" }
            idle_limit = "20s"
            [defaults.limits]
            connect = "3s"
            test = "1m"

            [[vm]]
            name = "a"
            host = "10.0.0.5"

            [[vm]]
            name = "b"
            host = "fd00::1"
            port = 22
            user = "me"
            host_keys = "accept-new"
            deploy = "none"
            dir = "/home/me/t"
            labels = { rack = "right" }
            env = { B = "3" }
            limits = { test = "2m" }
            "#,
        )
        .unwrap();
        assert_eq!(inventory.targets, ["unit", "live_integration"]);
        let [a, b] = &inventory.vms[..] else {
            panic!("not two VMs: {inventory:?}");
        };
        assert_eq!(a.address(), "root@10.0.0.5:2222");
        assert_eq!(a.identity.as_deref(), Some(Path::new("/etc/lab/key")));
        assert_eq!(a.known_hosts.as_deref(), Some(Path::new("~/known")));
        assert_eq!(a.env["B"], "it's \"two\"");
        assert_eq!(a.limits.stage(Stage::Connect), Duration::from_secs(3));
        assert_eq!(a.limits.stage(Stage::Test), Duration::from_secs(60));
        assert_eq!(a.limits.stage(Stage::Deploy), Duration::from_secs(600));
        assert_eq!(a.limits.idle, Duration::from_secs(20));
        assert_eq!(b.address(), "me@[fd00::1]:22");
        assert_eq!(b.host_keys, HostKeys::AcceptNew);
        assert_eq!(b.deploy, Some(Deploy::None));
        assert_eq!(
            (b.labels["rack"].as_str(), b.labels["os"].as_str()),
            ("right", "bsd")
        );
        assert_eq!((b.env["A"].as_str(), b.env["B"].as_str()), ("1", "3"));
        assert_eq!(b.limits.stage(Stage::Test), Duration::from_secs(120));
        assert_eq!(b.limits.stage(Stage::Connect), Duration::from_secs(3));
    }

    #[test]
    fn mistakes_are_shown_with_their_line() {
        let vm = "[[vm]]\nname = \"a\"\nhost = \"h\"\n";
        insta::assert_snapshot!("unknown_key", shown(&format!("{vm}hosst = \"h\"\n")));
        insta::assert_snapshot!(
            "unknown_stage",
            shown(&format!("{vm}limits = {{ tset = \"1s\" }}\n"))
        );
        insta::assert_snapshot!("syntax", shown(&format!("{vm}port = \n")));
        insta::assert_snapshot!(
            "wrong_type",
            shown(&format!("{vm}labels = {{ rack = 1 }}\n"))
        );
        insta::assert_snapshot!(
            "unknown_target",
            shown(&format!("[defaults]\ntarget = \"unit,live_dost\"\n{vm}"))
        );
        for port in ["0", "-1", "70000"] {
            let shown = shown(&format!("{vm}port = {port}\n"));
            assert!(shown.contains("from 1 to 65535"), "{shown}");
            assert!(shown.contains("vms.toml:4:8"), "{shown}");
        }
        insta::assert_snapshot!(
            "single_brackets",
            shown("[vm]\nname = \"a\"\nhost = \"h\"\n")
        );
        insta::assert_snapshot!("duplicate_name", shown(&format!("{vm}\n{vm}")));
        insta::assert_snapshot!(
            "bad_host",
            shown("[[vm]]\nname = \"a\"\nhost = \"root@h\"\n")
        );
        insta::assert_snapshot!("missing_host", shown("[[vm]]\nname = \"a\"\n"));
        insta::assert_snapshot!(
            "bad_duration",
            shown(&format!("{vm}idle_limit = \"5 parsecs\"\n"))
        );
        insta::assert_snapshot!(
            "bad_host_keys",
            shown(&format!("{vm}host_keys = \"off\"\n"))
        );
        insta::assert_snapshot!(
            "bad_variable",
            shown(&format!("{vm}env = {{ \"A;B\" = \"1\" }}\n"))
        );
        insta::assert_snapshot!(
            "bad_default",
            shown(&format!("[defaults]\ndir = \"here\"\n{vm}"))
        );
    }
}
