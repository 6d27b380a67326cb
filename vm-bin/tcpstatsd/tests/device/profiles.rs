// SPDX-License-Identifier: BSD-2-Clause
//! Named profiles: their files, and descriptors that are open on them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::io::Errno;
use tcpstats::device::Device;
use tcpstats::sysctl::Profile;

use crate::support::{Connections, Daemon, tuples, with_daemon};

fn names(daemon: &Daemon, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(daemon.mount().join(folder))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    names
}

fn refusal(daemon: &Daemon, command: &str) -> (i32, String) {
    let error = daemon
        .sysctl()
        .set("profile_set", command)
        .expect_err("refused");
    let last_error = daemon.sysctl().get("last_error").expect("a text");
    (error.raw_os_error().expect("an errno"), last_error)
}

#[test]
fn a_profile_is_made_read_changed_and_deleted() {
    with_daemon(|daemon| {
        let fixture = Connections::new(4);
        let port = fixture.listener.local_addr().expect("its address").port();
        let sysctl = daemon.sysctl();
        sysctl
            .profile_set("web", &format!("local_port={port} exclude=listen"))
            .expect("made");
        assert_eq!(names(daemon, "dev/tcpstats.d"), ["web"]);
        assert_eq!(names(daemon, "sysctl/profiles"), ["web"]);
        let node = daemon.node("tcpstats.d/web");
        let stat = fs::metadata(&node).expect("it is there");
        assert_eq!(
            (stat.mode() & 0o7777, stat.uid(), stat.gid()),
            (0o440, 0, 0)
        );
        let file = fs::metadata(daemon.mount().join("sysctl/profiles/web")).expect("there");
        assert_eq!(file.mode() & 0o7777, 0o644);

        let records = Device::open(&node)
            .expect("it opens")
            .collect()
            .expect("records");
        assert_eq!(records.len(), 4);
        assert!(
            records
                .iter()
                .all(|r| r.local_port == port && !r.is_listen())
        );

        sysctl
            .set("profiles.web", &format!("remote_port={port} format=full"))
            .expect("changed");
        let text = format!("remote_port={port} format=full");
        assert_eq!(sysctl.get("profiles.web").expect("its filter"), text);
        let listed = Profile {
            name: "web".to_owned(),
            filter: text,
        };
        assert_eq!(sysctl.profile_list().expect("a list"), [listed]);
        let records = Device::open(&node)
            .expect("it opens")
            .collect()
            .expect("records");
        assert_eq!(records.len(), 4);
        assert!(
            records
                .iter()
                .all(|r| r.remote_port == port && r.options != 0)
        );

        sysctl.set("profiles.web", "").expect("deleted");
        assert!(names(daemon, "dev/tcpstats.d").is_empty());
        assert!(names(daemon, "sysctl/profiles").is_empty());
        assert_eq!(
            Device::open(&node).expect_err("gone").errno(),
            Some(Errno::NOENT)
        );
        assert_eq!(sysctl.profile_list().expect("a list"), []);
    });
}

#[test]
fn descriptors_live_on_whatever_becomes_of_the_profile() {
    with_daemon(|daemon| {
        let fixture = Connections::new(3);
        let sysctl = daemon.sysctl();
        sysctl.profile_set("p", "exclude=listen").expect("made");
        let node = daemon.node("tcpstats.d/p");
        let device = Device::open(&node).expect("it opens");
        let value = File::open(daemon.mount().join("sysctl/profiles/p")).expect("it opens");
        sysctl
            .profile_set("p", "include_state=listen")
            .expect("changed");
        assert_eq!(device.collect().expect("by the old filter").len(), 6);
        sysctl.profile_delete("p").expect("deleted");
        device.reset().expect("reset");
        assert_eq!(device.collect().expect("by the old filter").len(), 6);
        let mut text = [0u8; 8];
        assert_eq!(rustix::io::read(&value, &mut text), Err(Errno::NOENT));
        // Its successor is another one.
        sysctl.profile_set("p", "ipv6_only").expect("made again");
        assert_eq!(rustix::io::read(&value, &mut text), Err(Errno::NOENT));
        device.reset().expect("reset");
        assert_eq!(tuples(&device.collect().expect("records")).len(), 6);
        assert_eq!(
            rustix::fs::fstat(&device)
                .expect("of the open one")
                .st_nlink,
            0
        );
        let successor = Device::open(&node).expect("it opens");
        assert_eq!(successor.collect().expect("by the new filter").len(), 0);
        drop(fixture);
    });
}

#[test]
fn a_shell_can_write_them() {
    with_daemon(|daemon| {
        let shell = |script: &str| {
            let status = Command::new("sh")
                .args(["-c", script])
                .current_dir(daemon.mount().join("sysctl"))
                .status();
            assert!(status.expect("sh").success(), "{script}");
        };
        shell("echo 'a local_port=1' > profile_set && echo 'b  ipv4_only' > profile_set");
        shell("test \"$(cat profile_set)\" = \"$(printf 'a local_port=1\\nb ipv4_only')\"");
        shell("echo local_port=2 > profiles/a && test \"$(cat profiles/a)\" = local_port=2");
        shell("echo > profiles/a && echo b > profile_set && test -z \"$(ls profiles)\"");
    });
}

#[test]
fn refusals_say_why_and_change_nothing() {
    with_daemon(|daemon| {
        let (inval, noent) = (Errno::INVAL.raw_os_error(), Errno::NOENT.raw_os_error());
        daemon
            .sysctl()
            .profile_set("kept", "ipv4_only")
            .expect("made");
        for (command, errno, said) in [
            ("kept local_port=0", inval, "0"),
            ("Upper ipv4_only", inval, "name"),
            ("a/b ipv4_only", inval, "name"),
            ("", inval, "name"),
            ("nothing", noent, "profile"),
            ("kept ipv4_only ipv6_only", inval, "ipv"),
        ] {
            let (is, last_error) = refusal(daemon, command);
            assert_eq!(is, errno, "{command:?}: {last_error}");
            assert!(last_error.contains(said), "{command:?}: {last_error}");
        }
        let name = "n".repeat(32);
        assert_eq!(refusal(daemon, &format!("{name} ipv4_only")).0, inval);
        let long = format!("kept local_port={}", "1".repeat(512));
        assert_eq!(refusal(daemon, &long).0, Errno::NAMETOOLONG.raw_os_error());
        let direct = daemon
            .sysctl()
            .set("profiles.kept", "local_port=")
            .expect_err("refused");
        assert_eq!(direct.raw_os_error(), Some(inval));
        assert_eq!(
            daemon.sysctl().get("profiles.kept").expect("still"),
            "ipv4_only"
        );
        assert_eq!(names(daemon, "sysctl/profiles"), ["kept"]);
    });
}

#[test]
fn there_is_room_for_sixteen() {
    with_daemon(|daemon| {
        let sysctl = daemon.sysctl();
        for index in 0..16 {
            sysctl.profile_set(&format!("p{index}"), "").expect("made");
        }
        assert_eq!(names(daemon, "dev/tcpstats.d").len(), 16);
        assert_eq!(
            refusal(daemon, "p16 ipv4_only").0,
            Errno::NOSPC.raw_os_error()
        );
        sysctl
            .profile_set("p15", "ipv4_only")
            .expect("changing one is no new one");
        sysctl.profile_delete("p3").expect("deleted");
        sysctl
            .profile_set("p16", "ipv4_only")
            .expect("there is room");
        assert_eq!(sysctl.profile_list().expect("a list").len(), 16);
    });
}
