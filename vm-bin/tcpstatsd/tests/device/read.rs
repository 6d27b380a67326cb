// SPDX-License-Identifier: BSD-2-Clause
//! open(2), read(2) and their errors.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::process::Command;
use std::thread;

use rustix::io::Errno;
use tcpstats::device::Device;
use tcpstats::filter::Filter;
use tcpstats::record::Record;
use zerocopy::{FromBytes, FromZeros};

use crate::support::{Connections, Daemon, in_namespace, places, tuples, with_daemon};

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> Errno {
    Errno::from_io_error(&result.expect_err("it is refused")).expect("an errno")
}

#[test]
fn opening_for_write_is_not_permitted() {
    with_daemon(|daemon| {
        for name in ["tcpstats", "tcpstats-full"] {
            let node = daemon.node(name);
            assert_eq!(
                errno(OpenOptions::new().write(true).open(&node)),
                Errno::PERM
            );
            assert_eq!(
                errno(OpenOptions::new().read(true).write(true).open(&node)),
                Errno::PERM
            );
            assert_eq!(errno(fs::write(&node, "x")), Errno::PERM);
        }
        assert_eq!(daemon.number("opens_total"), 0);
    });
}

#[test]
fn open_descriptors_are_limited_and_counted() {
    with_daemon(|daemon| {
        daemon.set("max_open_fds", 3);
        let mut open: Vec<_> = (0..3).map(|_| daemon.open()).collect();
        assert_eq!(daemon.number("active_fds"), 3);
        for _ in 0..500 {
            let refused = Device::open(daemon.node("tcpstats")).expect_err("at the limit");
            assert_eq!(refused.errno(), Some(Errno::MFILE));
            // As soon as close(2) returned there is room for one, not for two.
            drop(open.pop());
            open.push(daemon.open());
        }
        assert_eq!(daemon.number("active_fds"), 3);
        drop(open);
        assert_eq!(daemon.number("active_fds"), 0);
        assert_eq!(daemon.number("opens_total"), 503);
    });
}

#[test]
fn a_copy_of_a_descriptor_keeps_it_open() {
    with_daemon(|daemon| {
        daemon.set("max_open_fds", 1);
        let file = File::open(daemon.node("tcpstats")).expect("it opens");
        let copy = file.try_clone().expect("a copy");
        drop(file);
        assert_eq!(errno(File::open(daemon.node("tcpstats"))), Errno::MFILE);
        drop(copy);
        File::open(daemon.node("tcpstats")).expect("now it opens");
    });
}

#[test]
fn the_device_cannot_be_sought() {
    with_daemon(|daemon| {
        let file = File::open(daemon.node("tcpstats")).expect("it opens");
        let start = rustix::fs::SeekFrom::Start(0);
        assert_eq!(rustix::fs::seek(&file, start), Err(Errno::SPIPE));
        assert_eq!(
            rustix::io::pread(&file, &mut [0u8; 320][..], 0),
            Err(Errno::SPIPE)
        );
    });
}

#[test]
fn a_buffer_smaller_than_a_record_loses_nothing() {
    with_daemon(|daemon| {
        let fixture = Connections::new(2);
        let device = daemon.open();
        let mut small = [0u8; 319];
        for size in [1, 100, 319] {
            let result = rustix::io::read(&device, &mut small[..size]);
            assert_eq!(result, Err(Errno::INVAL), "{size} bytes");
        }
        assert_eq!(rustix::io::read(&device, &mut small[..0]), Ok(0));
        assert_eq!(rustix::io::read(&device, &mut [0u8; 639][..]), Ok(320));
        // In the middle of a snapshot as well.
        assert_eq!(rustix::io::read(&device, &mut small), Err(Errno::INVAL));
        assert_eq!(
            device.collect().expect("the rest").len(),
            fixture.tuples().len() - 1
        );
        daemon.assert_counters_add_up();
    });
}

#[test]
fn a_host_without_sockets_is_read_to_the_end_at_once() {
    with_daemon(|daemon| {
        let device = daemon.open();
        assert_eq!(device.collect().expect("nothing").len(), 0);
        assert_eq!(device.version().expect("a version").record_count_hint, 0);
        let fixture = Connections::new(1);
        assert_eq!(device.collect().expect("still the end").len(), 0);
        device.reset().expect("reset");
        assert_eq!(
            device.collect().expect("records").len(),
            fixture.tuples().len()
        );
    });
}

#[test]
fn every_buffer_size_gives_each_socket_once() {
    with_daemon(|daemon| {
        let fixture = Connections::new(500);
        let expected = fixture.tuples();
        assert_eq!(expected.len(), 1001);
        let device = daemon.open();
        for bytes in [
            320,
            639,
            640,
            1000,
            4096,
            40_960,
            65_536,
            1 << 20,
            (1 << 20) + 96,
            4 << 20,
        ] {
            device.reset().expect("reset");
            let mut buffer = vec![0u8; bytes];
            let mut records = Vec::new();
            loop {
                let count = rustix::io::read(&device, &mut buffer[..]).expect("a read");
                assert_eq!(count % 320, 0);
                if count == 0 {
                    break;
                }
                records.extend(
                    buffer[..count]
                        .chunks(320)
                        .map(|r| Record::read_from_bytes(r).expect("320")),
                );
            }
            assert_eq!(tuples(&records), expected, "through {bytes} bytes");
            assert_eq!(
                rustix::io::read(&device, &mut buffer[..]),
                Ok(0),
                "the end stays"
            );
        }
        daemon.assert_counters_add_up();
        assert_eq!(daemon.number("sockets_visited"), 10 * 1001);
        assert_eq!(daemon.number("records_emitted"), 10 * 1001);
    });
}

#[test]
fn a_snapshot_is_fixed_by_its_first_read() {
    with_daemon(|daemon| {
        let fixture = Connections::new(5);
        let device = daemon.open();
        let mut one = [Record::new_zeroed()];
        assert_eq!(device.read(&mut one).expect("the first"), 1);
        let later = Connections::new(5);
        let mut records = device.collect().expect("the rest");
        records.push(one[0]);
        assert_eq!(
            tuples(&records),
            fixture.tuples(),
            "later sockets are not in it"
        );
        device.reset().expect("reset");
        let all: BTreeSet<_> = fixture.tuples().union(&later.tuples()).copied().collect();
        assert_eq!(tuples(&device.collect().expect("all")), all);
        // Setting a filter starts a new snapshot as well, in the middle of one.
        device.reset().expect("reset");
        assert_eq!(device.read(&mut one).expect("one"), 1);
        device.set_filter(&Filter::default()).expect("a filter");
        assert_eq!(tuples(&device.collect().expect("all")), all);
    });
}

#[test]
fn skipped_sockets_are_counted_by_their_reason() {
    with_daemon(|daemon| {
        let fixture = Connections::new(10);
        let port = fixture.listener.local_addr().expect("its address").port();
        let device = daemon.open();
        let read = |filter: String| {
            device
                .set_filter(&Filter::parse(&filter).expect("a filter"))
                .expect("set");
            let count = device.collect().expect("records").len();
            daemon.assert_counters_add_up();
            count
        };
        assert_eq!(read(format!("local_port={port} exclude=listen")), 10);
        assert_eq!(read("ipv6_only".to_owned()), 0);
        assert_eq!(read("local_addr=127.0.0.2".to_owned()), 0);
        let skipped = ["ipver", "state", "port", "addr", "gencnt", "cred"]
            .map(|reason| daemon.number(&format!("sockets_skipped_{reason}")));
        assert_eq!(skipped, [21, 1, 10, 21, 0, 0]);
        assert_eq!(daemon.number("sockets_visited"), 3 * 21);
    });
}

#[test]
fn a_new_snapshot_too_soon_is_busy_and_stays_wanted() {
    with_daemon(|daemon| {
        let fixture = Connections::new(3);
        let device = daemon.open();
        let other = daemon.open();
        daemon.set("min_read_interval_ms", 3_600_000);
        let mut two = [Record::new_zeroed(); 2];
        assert_eq!(device.read(&mut two).expect("the first snapshot"), 2);
        // What continues is never throttled, nor is another descriptor.
        assert_eq!(
            device.collect().expect("the rest").len(),
            fixture.tuples().len() - 2
        );
        assert_eq!(
            other.collect().expect("its first").len(),
            fixture.tuples().len()
        );
        device.reset().expect("reset");
        for _ in 0..2 {
            assert_eq!(
                device.read(&mut two).expect_err("too soon").errno(),
                Some(Errno::BUSY)
            );
        }
        daemon.set("min_read_interval_ms", 0);
        assert_eq!(device.collect().expect("now").len(), fixture.tuples().len());
        daemon.assert_counters_add_up();
    });
}

#[test]
fn no_readers_allowed_is_busy() {
    with_daemon(|daemon| {
        let fixture = Connections::new(1);
        let device = daemon.open();
        let mut one = [Record::new_zeroed()];
        daemon.set("max_concurrent_readers", 0);
        assert_eq!(
            device.read(&mut one).expect_err("none may").errno(),
            Some(Errno::BUSY)
        );
        assert_eq!(daemon.number("reads_total"), 0);
        daemon.set("max_concurrent_readers", 1);
        assert_eq!(
            device.collect().expect("one may").len(),
            fixture.tuples().len()
        );
    });
}

#[test]
fn two_threads_on_one_descriptor_share_its_snapshot() {
    with_daemon(|daemon| {
        let fixture = Connections::new(2000);
        let device = daemon.open();
        let collect = || {
            let mut records = Vec::new();
            let mut buffer = vec![Record::new_zeroed(); 7];
            loop {
                match device.read(&mut buffer).expect("a read") {
                    0 => return records,
                    count => records.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let records = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(collect)).collect();
            threads
                .into_iter()
                .flat_map(|t| t.join().expect("no panic"))
                .collect::<Vec<_>>()
        });
        assert_eq!(tuples(&records), fixture.tuples());
        daemon.assert_counters_add_up();
    });
}

#[test]
fn the_group_reads_and_others_do_not() {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    in_namespace(|| {
        let places = places();
        let mut command = places.command();
        command.args(["--group", "65533"]);
        let daemon = Daemon::start_as(places, command);
        let read_as = |gid| {
            Command::new("dd")
                .arg(format!("if={}", daemon.node("tcpstats").display()))
                .args(["of=/dev/null", "bs=320", "count=1"])
                .env("LC_ALL", "C")
                .uid(NOBODY)
                .gid(gid)
                .output()
                .expect("dd of coreutils")
        };
        assert!(read_as(65533).status.success());
        let refused = read_as(NOBODY);
        assert!(!refused.status.success());
        let message = String::from_utf8_lossy(&refused.stderr);
        assert!(message.contains("Permission denied"), "{message}");
        assert_eq!(daemon.number("opens_total"), 1);
    });
}
