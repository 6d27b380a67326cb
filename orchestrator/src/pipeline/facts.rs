// SPDX-License-Identifier: BSD-2-Clause
//! Stage `facts`: what the machine is.

use super::connect::{Machine, System};
use super::{Failure, Pipeline};
use crate::event::{Body, Facts, Platform};
use crate::history::Fingerprint;
use crate::ssh::RemoteError;

/// The lines in which Linux says what hardware it has. A processor of arm64 has
/// numbers instead of a name.
const LINUX_HARDWARE: [&str; 5] = [
    "sed",
    "-n",
    "/^processor/p; /^model name/p; /^CPU implementer/p; /^CPU part/p; /^MemTotal/p",
    "/proc/cpuinfo",
    "/proc/meminfo",
];
/// What FreeBSD says, a line each.
const FREEBSD_PLATFORM: [&str; 6] = [
    "sysctl",
    "-n",
    "hw.ncpu",
    "hw.physmem",
    "kern.ident",
    "hw.model",
];

impl Pipeline {
    pub(super) async fn facts(&self, machine: &Machine) -> Result<Facts, Failure> {
        let facts = learn(machine).await?;
        {
            let mut progress = self.progress();
            progress.boot_id = Some(facts.boot_id.clone());
            progress.fingerprint = Fingerprint::of(&facts, None).id();
        }
        self.record(Body::Facts {
            vm: self.vm.name.clone(),
            facts: facts.clone(),
        })
        .await;
        Ok(facts)
    }
}

/// Ask the machine what it is.
pub(crate) async fn learn(machine: &Machine) -> Result<Facts, Failure> {
    let uname = machine.connection.succeed(&["uname", "-snrm"]).await?;
    let boot_id: &[&str] = match machine.system {
        System::Linux => &["cat", "/proc/sys/kernel/random/boot_id"],
        System::FreeBsd => &["sysctl", "-n", "kern.boot_id"],
    };
    let boot_id = machine.connection.succeed(boot_id).await?;
    let facts = parse(&uname, boot_id.trim()).ok_or_else(|| {
        Failure::infrastructure(
            format!("this is no uname: {:?}", uname.trim()),
            "uname -snrm",
            "remove what the shell's start-up files print there",
        )
    })?;
    Ok(Facts {
        platform: Some(platform(machine).await?),
        ..facts
    })
}

/// What a machine does not say keeps it from no run.
async fn platform(machine: &Machine) -> Result<Platform, RemoteError> {
    let connection = &machine.connection;
    Ok(match machine.system {
        System::Linux => {
            let (hardware, kernel) = tokio::try_join!(
                connection.run(&LINUX_HARDWARE),
                connection.run(&["uname", "-v"])
            )?;
            linux_platform(&hardware.stdout, kernel.stdout.trim())
        }
        System::FreeBsd => freebsd_platform(&connection.run(&FREEBSD_PLATFORM).await?.stdout),
    })
}

fn linux_platform(hardware: &str, kernel: &str) -> Platform {
    let lines = || {
        let pairs = hardware.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(key, value)| (key.trim(), value.trim()))
    };
    let first = |wanted: &str| {
        let (_, value) = lines().find(|(key, _)| *key == wanted)?;
        Some(value.to_owned())
    };
    let numbered = || {
        let implementer = first("CPU implementer")?;
        let part = first("CPU part")?;
        Some(format!("implementer {implementer} part {part}"))
    };
    let memory_kb = first("MemTotal").and_then(|value| value.strip_suffix(" kB")?.parse().ok());
    Platform {
        cpu_model: first("model name").or_else(numbered).unwrap_or_default(),
        cpus: lines().filter(|(key, _)| *key == "processor").count() as u32,
        memory_bytes: memory_kb.map_or(0, |kb: u64| kb.saturating_mul(1024)),
        kernel: kernel.to_owned(),
    }
}

fn freebsd_platform(said: &str) -> Platform {
    let mut lines = said.lines().map(str::trim);
    let mut next = || lines.next().unwrap_or_default();
    Platform {
        cpus: next().parse().unwrap_or(0),
        memory_bytes: next().parse().unwrap_or(0),
        kernel: next().to_owned(),
        cpu_model: next().to_owned(),
    }
}

/// uname(1) prints what `-snrm` asks for in this order on every system: name,
/// host, release, machine.
fn parse(uname: &str, boot_id: &str) -> Option<Facts> {
    let words: Vec<&str> = uname.split_whitespace().collect();
    let [os, hostname, os_release, machine] = words[..] else {
        return None;
    };
    let arch = match machine {
        "x86_64" | "amd64" => "amd64",
        "aarch64" | "arm64" => "arm64",
        other => other,
    };
    Some(Facts {
        os: os.to_owned(),
        os_release: os_release.to_owned(),
        arch: arch.to_owned(),
        hostname: hostname.to_owned(),
        boot_id: boot_id.to_owned(),
        platform: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_systems_are_read() {
        let linux = parse("Linux lab1 6.1.0-18-amd64 x86_64\n", "b").unwrap();
        assert_eq!((linux.os.as_str(), linux.arch.as_str()), ("Linux", "amd64"));
        assert_eq!(linux.os_release, "6.1.0-18-amd64");
        assert_eq!(linux.hostname, "lab1");
        let freebsd = parse("FreeBSD vm 14.3-RELEASE arm64\n", "b").unwrap();
        assert_eq!(freebsd.os_release, "14.3-RELEASE");
        assert_eq!(freebsd.arch, "arm64");
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse("", "b"), None);
        assert_eq!(parse("Welcome!\nLinux lab1 6.1 x86_64\n", "b"), None);
    }

    #[test]
    fn the_platform_of_both_systems_is_read() {
        let intel = "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) CPU @ 2.20GHz\n\
                     processor\t: 1\nmodel name\t: Intel(R) Xeon(R) CPU @ 2.20GHz\n\
                     MemTotal:       24689784 kB\n";
        let kernel = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)";
        let linux = Platform {
            cpu_model: "Intel(R) Xeon(R) CPU @ 2.20GHz".into(),
            cpus: 2,
            memory_bytes: 24_689_784 * 1024,
            kernel: kernel.into(),
        };
        assert_eq!(linux_platform(intel, kernel), linux);
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        let arm = linux_platform(arm, "");
        assert_eq!(arm.cpu_model, "implementer 0x41 part 0xd0c");
        let freebsd = Platform {
            cpu_model: "AMD EPYC 7763 64-Core Processor".into(),
            cpus: 4,
            memory_bytes: 8_551_383_040,
            kernel: "GENERIC".into(),
        };
        let said = "4\n8551383040\nGENERIC\nAMD EPYC 7763 64-Core Processor\n";
        assert_eq!(freebsd_platform(said), freebsd);
    }

    #[test]
    fn a_machine_that_does_not_say_what_it_is_has_an_empty_platform() {
        assert_eq!(linux_platform("", ""), Platform::default());
        assert_eq!(freebsd_platform(""), Platform::default());
        assert_eq!(linux_platform("MemTotal: lots\n", "").memory_bytes, 0);
    }
}
