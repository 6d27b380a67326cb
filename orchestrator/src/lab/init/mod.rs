// SPDX-License-Identifier: BSD-2-Clause
//! The first process of a host: makes the host out of the namespaces it was
//! started in, starts its services and stays as its process 1.

mod root;
mod services;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getpid, getrlimit, setrlimit, setsid};

use super::error::{LabError, Tried};
use super::host::HostSpec;
use super::network;
use super::signals::Ending;

/// Settings of the host's own network namespace.
const SETTINGS: [(&str, &str); 4] = [
    // Tests open tens of thousands of connections between two addresses.
    ("net/ipv4/ip_local_port_range", "16384 65535"),
    ("net/core/somaxconn", "65535"),
    ("net/ipv4/tcp_max_syn_backlog", "65535"),
    // Tests give addresses of fd00::/8 to the loopback, whatever the machine's
    // own network is set to.
    ("net/ipv6/conf/all/disable_ipv6", "0"),
];

/// Be a host until asked to end.
///
/// # Errors
/// It could not be made, or was not kept by the one who started it.
pub(super) async fn run() -> Result<(), LabError> {
    if getpid().as_raw_pid() != 1 {
        return Err(LabError::Refused {
            what: "this is the first process of a lab host, which only `lab up` starts".to_owned(),
            advice: "run `orchestrator lab up`".to_owned(),
        });
    }
    let ending = Ending::new()?;
    setsid().tried(|| "leave the terminal".to_owned())?;
    let spec = read_spec()?;
    rustix::system::sethostname(spec.name.as_bytes())
        .tried(|| format!("set the host name {}", spec.name))?;
    network::configure_host(spec.address)?;
    for (name, value) in SETTINGS {
        let path = Path::new("/proc/sys").join(name);
        fs::write(&path, value).tried(|| format!("write {value} to {}", path.display()))?;
    }
    raise_descriptor_limit()?;
    let sshd_log = create_log(&spec, "sshd.log")?;
    let tcpstatsd_log = create_log(&spec, "tcpstatsd.log")?;
    root::enter(&spec)?;
    services::serve(&spec.sshd, sshd_log, tcpstatsd_log, ending).await
}

fn read_spec() -> Result<HostSpec, LabError> {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .tried(|| "read what host to be".to_owned())?;
    serde_json::from_str(&line).map_err(|error| LabError::Malformed {
        what: "what host to be".to_owned(),
        problem: error.to_string(),
    })
}

/// As many descriptors a process as the kernel allows, or where this process
/// may not raise its hard limit (it lacks CAP_SYS_RESOURCE), as many as that:
/// the services and every SSH session inherit it.
fn raise_descriptor_limit() -> Result<(), LabError> {
    let most = "/proc/sys/fs/nr_open";
    let text = fs::read_to_string(most).tried(|| format!("read {most}"))?;
    let both = |limit| Rlimit {
        current: limit,
        maximum: limit,
    };
    match setrlimit(Resource::Nofile, both(text.trim().parse().ok())) {
        Err(Errno::PERM) => {
            let hard = getrlimit(Resource::Nofile).maximum;
            setrlimit(Resource::Nofile, both(hard))
        }
        other => other,
    }
    .tried(|| "raise the limit of open files".to_owned())
}

fn create_log(spec: &HostSpec, name: &str) -> Result<File, LabError> {
    let path = spec.dir.join(name);
    File::create(&path).tried(|| format!("write {}", path.display()))
}
