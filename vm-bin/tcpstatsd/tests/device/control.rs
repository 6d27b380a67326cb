// SPDX-License-Identifier: BSD-2-Clause
//! ioctl(2) and the sysctl files.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::ioctl::{self, opcode};
use tcpstats::device::{Device, Version};
use tcpstats::filter::{FIELDS_ALL, FLAG_LOCAL_PORT, Filter};
use tcpstats::record::FieldGroup;
use tcpstats::sysctl::{Access, NAMES};

use crate::support::{Connections, with_daemon};

#[test]
fn the_version_says_protocol_size_and_about_how_many() {
    with_daemon(|daemon| {
        let fixture = Connections::new(20);
        let version = daemon.open().version().expect("a version");
        assert_eq!(
            version,
            Version {
                protocol_version: 1,
                record_size: 320,
                record_count_hint: u32::try_from(fixture.tuples().len()).expect("few"),
                flags: 0,
            }
        );
    });
}

#[test]
#[expect(unsafe_code, reason = "ioctls that no library function sends")]
fn unknown_commands_and_sizes_are_not_for_this_device() {
    with_daemon(|daemon| {
        let device = daemon.open();
        // SAFETY: each command's number encodes the size of what the pointer is for.
        let results = unsafe {
            [
                ioctl::ioctl(&device, ioctl::NoArg::<{ opcode::none(b'T', 4) }>::new()),
                ioctl::ioctl(&device, ioctl::NoArg::<{ opcode::none(b'U', 3) }>::new()),
                ioctl::ioctl(
                    &device,
                    ioctl::Getter::<{ opcode::read::<[u32; 3]>(b'T', 1) }, [u32; 3]>::new(),
                )
                .map(|_| ()),
                ioctl::ioctl(
                    &device,
                    ioctl::Setter::<{ opcode::write::<[u32; 30]>(b'T', 2) }, _>::new([0u32; 30]),
                ),
                ioctl::ioctl(
                    &device,
                    ioctl::Setter::<{ opcode::write::<[u32; 32]>(b'T', 2) }, _>::new([0u32; 32]),
                ),
            ]
        };
        assert_eq!(results, [Err(Errno::NOTTY); 5]);
        let value = Device::open(daemon.mount().join("sysctl/active_fds")).expect("it opens");
        assert_eq!(
            value.reset().expect_err("no device").errno(),
            Some(Errno::NOTTY)
        );
    });
}

#[test]
fn filters_from_outside_are_validated() {
    with_daemon(|daemon| {
        let fixture = Connections::new(1);
        let device = daemon.open();
        let good = Filter::default();
        let bad = [
            (Filter { version: 1, ..good }, Errno::OPNOTSUPP),
            (
                Filter {
                    flags: 0x80_0000,
                    ..good
                },
                Errno::INVAL,
            ),
            (
                Filter {
                    field_mask: 0x400,
                    ..good
                },
                Errno::INVAL,
            ),
            (Filter { pad0: 1, ..good }, Errno::INVAL),
            (
                Filter {
                    pad2: [0, 0, 1],
                    ..good
                },
                Errno::INVAL,
            ),
            (
                Filter {
                    spare: [0, 1, 0, 0],
                    ..good
                },
                Errno::INVAL,
            ),
            (Filter { format: 2, ..good }, Errno::INVAL),
            (
                Filter {
                    flags: FLAG_LOCAL_PORT,
                    ..good
                },
                Errno::INVAL,
            ),
            (
                Filter {
                    local_prefix_v6: 129,
                    ..good
                },
                Errno::INVAL,
            ),
        ];
        device
            .set_filter(&Filter::parse("exclude=listen").expect("a filter"))
            .expect("set");
        for (filter, errno) in bad {
            let refused = device.set_filter(&filter).expect_err("refused");
            assert_eq!(refused.errno(), Some(errno), "{filter:?}");
        }
        // The filter from before is still there.
        assert_eq!(
            device.collect().expect("records").len(),
            fixture.tuples().len() - 1
        );
    });
}

#[test]
fn the_full_device_fills_every_group_the_other_the_default_ones() {
    with_daemon(|daemon| {
        let fixture = Connections::new(1);
        let records = |name| {
            let device = Device::open(daemon.node(name)).expect("it opens");
            let records = device.collect().expect("records");
            assert_eq!(records.len(), fixture.tuples().len());
            records
                .into_iter()
                .find(|r| !r.is_listen())
                .expect("a connection")
        };
        let (some, all) = (records("tcpstats"), records("tcpstats-full"));
        assert!(some.snd_cwnd > 0 && some.rtt > 0 && some.rcv_buf_hiwat > 0);
        assert_eq!((some.options, some.rcvtime, some.cc), (0, 0, [0; 16]));
        assert_eq!((some.snd_cwnd, some.rtt), (all.snd_cwnd, all.rtt));
        assert_eq!(
            all.options & 0x07,
            0x07,
            "timestamps, sack and window scale on loopback"
        );
        assert!(!all.cc_name().is_empty());
        assert_ne!(Filter::default().field_mask, FIELDS_ALL);
    });
}

#[test]
fn only_the_selected_groups_are_asked_of_the_kernel_and_filled() {
    with_daemon(|daemon| {
        let _fixture = Connections::new(1);
        let device = daemon.open();
        for group in FieldGroup::ALL {
            let text = format!("exclude=listen fields={}", group.name());
            device
                .set_filter(&Filter::parse(&text).expect("a filter"))
                .expect("set");
            let record = device.collect().expect("records")[0];
            let filled = [
                (FieldGroup::State, record.state != 0),
                (
                    FieldGroup::Congestion,
                    record.snd_cwnd != 0 || record.maxseg != 0,
                ),
                (FieldGroup::Rtt, record.rtt != 0 || record.rto != 0),
                (FieldGroup::Sequences, record.options != 0),
                (
                    FieldGroup::Buffers,
                    record.snd_buf_hiwat != 0 || record.rcv_buf_hiwat != 0,
                ),
                (FieldGroup::Names, record.cc != [0; 16]),
            ];
            for (other, is_filled) in filled {
                assert_eq!(is_filled, other == group, "{} with {text}", other.name());
            }
            assert_eq!((record.version, record.len, record.af), (1, 320, 2));
            assert_ne!(record.local_port, 0);
        }
    });
}

#[test]
fn every_name_is_there_with_its_mode_and_default() {
    with_daemon(|daemon| {
        let folder = daemon.mount().join("sysctl");
        let mut there: Vec<_> = fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        there.sort();
        let mut expected: Vec<_> = NAMES.iter().map(|name| name.name.to_owned()).collect();
        expected.push("profiles".to_owned());
        expected.sort();
        assert_eq!(there, expected);
        for name in NAMES {
            let path = folder.join(name.name);
            let (mode, value) = match name.access {
                Access::Limit { default } => (0o644, default.to_string()),
                Access::Command => (0o644, String::new()),
                Access::Number => (0o444, "0".to_owned()),
                Access::Text => (0o444, String::new()),
            };
            let stat = fs::metadata(&path).expect("it is there");
            assert_eq!(
                (stat.mode() & 0o7777, stat.uid(), stat.gid()),
                (mode, 0, 0),
                "{path:?}"
            );
            assert_eq!(
                fs::read_to_string(&path).expect("a value"),
                value + "\n",
                "{path:?}"
            );
        }
    });
}

#[test]
fn limits_are_set_by_any_way_of_writing() {
    with_daemon(|daemon| {
        let path = daemon.mount().join("sysctl/max_read_duration_ms");
        let value = || fs::read_to_string(&path).expect("a value");
        fs::write(&path, "1").expect("open, truncate, write");
        assert_eq!(value(), "1\n");
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("without truncating");
        file.write_all(b"22\n").expect("a write");
        file.write_all(b"333\n")
            .expect("a second one is a second value");
        assert_eq!(value(), "333\n");
        OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("appending")
            .write_all(b"4")
            .expect("set");
        assert_eq!(value(), "4\n");
        let shell = format!("echo 55 > {0} && : > {0}", path.display());
        assert!(
            Command::new("sh")
                .args(["-c", &shell])
                .status()
                .expect("sh")
                .success()
        );
        assert_eq!(value(), "55\n", "truncating alone sets nothing");
        let truncate = Command::new("truncate")
            .args(["-s", "0"])
            .arg(&path)
            .status();
        assert!(
            truncate.expect("truncate of coreutils").success(),
            "truncate(2) is taken, too"
        );
        assert_eq!(value(), "55\n");
        for bad in [
            "",
            "\n",
            "abc",
            "-1",
            "+1",
            "1 ",
            "1\n\n",
            "4294967296",
            "\u{e9}",
        ] {
            let result = daemon.sysctl().set("max_read_duration_ms", bad);
            let errno = result.expect_err("refused").raw_os_error();
            assert_eq!(errno, Some(Errno::INVAL.raw_os_error()), "{bad:?}");
        }
        assert_eq!(value(), "55\n");
    });
}

#[test]
fn read_only_names_cannot_be_written() {
    with_daemon(|daemon| {
        for name in NAMES {
            if matches!(name.access, Access::Number | Access::Text) {
                // By open(2) already, as root and all.
                let path = daemon.mount().join("sysctl").join(name.name);
                let opened = OpenOptions::new().write(true).open(path);
                let error = opened.expect_err("refused");
                assert_eq!(
                    Errno::from_io_error(&error),
                    Some(Errno::PERM),
                    "{}",
                    name.name
                );
                let result = daemon.sysctl().set(name.name, "1");
                let errno = result.expect_err("refused").raw_os_error();
                assert_eq!(errno, Some(Errno::PERM.raw_os_error()), "{}", name.name);
            }
        }
    });
}

#[test]
fn an_open_value_is_read_whole_and_anew_from_its_start() {
    with_daemon(|daemon| {
        let mut file = File::open(daemon.mount().join("sysctl/max_open_fds")).expect("it opens");
        let mut byte = [0u8; 1];
        file.read_exact(&mut byte).expect("its first byte");
        daemon.set("max_open_fds", 77_777);
        let mut rest = String::new();
        file.read_to_string(&mut rest).expect("the rest");
        assert_eq!(
            (byte[0], rest.as_str()),
            (b'1', "6\n"),
            "of the value that was begun"
        );
        file.rewind().expect("sought");
        rest.clear();
        file.read_to_string(&mut rest).expect("again");
        assert_eq!(rest, "77777\n");
    });
}
