// SPDX-License-Identifier: BSD-2-Clause
//! The device page as a file system: which file answers what.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use tcpstats::device::{RESET_COMMAND, SET_FILTER_COMMAND, VERSION_COMMAND, Version};
use tcpstats::filter::Filter;
use tcpstats::record::{PROTOCOL_VERSION, Record};
use zerocopy::{FromBytes, IntoBytes};

use crate::closing::Closing;
use crate::descriptor::Descriptor;
use crate::fuse::{Attr, Filesystem, Opened, Request};
use crate::registry::Registry;
use crate::sockets;
use crate::tree::Node;

/// What an open file is.
#[derive(Debug)]
enum File {
    Device(Box<Descriptor>),
    Value {
        node: Node,
        /// What a reader is in the middle of, made when it begins at offset 0.
        text: Mutex<String>,
    },
}

/// The served file system.
pub(crate) struct Server<R> {
    registry: Registry,
    files: Mutex<HashMap<u64, Arc<File>>>,
    next_handle: AtomicU64,
    closing: Closing,
    /// Group of the device nodes.
    gid: u32,
    started: i64,
    on_ready: R,
}

impl<R: Fn() + Sync> Server<R> {
    /// `on_ready` is called when requests are served.
    pub(crate) fn new(gid: u32, on_ready: R) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            registry: Registry::default(),
            files: Mutex::default(),
            next_handle: AtomicU64::new(1),
            closing: Closing::default(),
            gid,
            started: i64::try_from(now.as_secs()).unwrap_or(0),
            on_ready,
        }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<u64, Arc<File>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file, which is in use.
    fn file(&self, handle: u64) -> Result<Arc<File>, Errno> {
        self.closing.settled(handle);
        self.files().get(&handle).cloned().ok_or(Errno::BADF)
    }

    fn insert(&self, file: File) -> u64 {
        let handle = self.next_handle.fetch_add(1, Ordering::Relaxed);
        self.files().insert(handle, Arc::new(file));
        handle
    }

    fn attr(&self, node: Node) -> Attr {
        let exists = match node {
            Node::ProfileDevice(id) | Node::ProfileFilter(id) => self.registry.profile_exists(id),
            _ => true,
        };
        Attr {
            ino: node.ino(),
            mode: node.mode(),
            nlink: match (exists, node.is_folder()) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 2,
            },
            uid: 0,
            gid: if node.is_device() { self.gid } else { 0 },
            time: self.started,
        }
    }

    /// Everything in a folder.
    fn children(&self, folder: Node) -> Result<Vec<(String, Node)>, Errno> {
        let fixed = folder.fixed_children().ok_or(Errno::NOTDIR)?;
        let profile: Option<fn(u32) -> Node> = match folder {
            Node::ProfileDevices => Some(Node::ProfileDevice),
            Node::ProfileFilters => Some(Node::ProfileFilter),
            _ => None,
        };
        let mut children: Vec<_> = fixed
            .into_iter()
            .map(|(name, node)| (name.to_owned(), node))
            .collect();
        if let Some(profile) = profile {
            let ids = self.registry.profile_ids();
            children.extend(ids.into_iter().map(|(name, id)| (name, profile(id))));
        }
        Ok(children)
    }

    fn open_device(&self, node: Node, flags: c_int) -> Result<Opened, Errno> {
        if flags & libc::O_ACCMODE != libc::O_RDONLY {
            return Err(Errno::PERM);
        }
        let filter = self.registry.filter_of(node).ok_or(Errno::NOENT)?;
        self.registry.open().or_else(|_| {
            self.closing.wait();
            self.registry.open()
        })?;
        let handle = self.insert(File::Device(Box::new(Descriptor::new(&filter))));
        Ok(Opened {
            handle,
            nonseekable: true,
        })
    }

    fn open_value(&self, node: Node, flags: c_int) -> Result<Opened, Errno> {
        if flags & libc::O_ACCMODE != libc::O_RDONLY && !node.is_writable() {
            return Err(Errno::PERM);
        }
        if self.registry.value(node).is_none() {
            return Err(Errno::NOENT);
        }
        let handle = self.insert(File::Value {
            node,
            text: Mutex::default(),
        });
        Ok(Opened {
            handle,
            nonseekable: false,
        })
    }

    fn read_device(
        &self,
        descriptor: &Descriptor,
        request: &Request,
        buf: &mut [u8],
    ) -> Result<usize, Errno> {
        let limits = self.registry.read()?;
        let (stats, result) = descriptor.read(request, &limits, buf);
        self.registry.read_done(stats.as_ref());
        result
    }

    fn read_value(
        &self,
        node: Node,
        text: &Mutex<String>,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Errno> {
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == 0 {
            if node.counts_descriptors() {
                self.closing.wait();
            }
            *text = self.registry.value(node).ok_or(Errno::NOENT)? + "\n";
        }
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| text.as_bytes().get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl<R: Fn() + Sync> Filesystem for Server<R> {
    fn ready(&self) {
        (self.on_ready)();
    }

    fn lookup(&self, parent: u64, name: &str) -> Result<Attr, Errno> {
        let parent = Node::from_ino(parent).ok_or(Errno::NOENT)?;
        let child = self
            .children(parent)?
            .into_iter()
            .find_map(|(known, node)| (known == name).then_some(node))
            .ok_or(Errno::NOENT)?;
        Ok(self.attr(child))
    }

    fn getattr(&self, ino: u64) -> Result<Attr, Errno> {
        Node::from_ino(ino)
            .map(|node| self.attr(node))
            .ok_or(Errno::NOENT)
    }

    fn truncate(&self, ino: u64) -> Result<Attr, Errno> {
        let node = Node::from_ino(ino).ok_or(Errno::NOENT)?;
        if !node.is_writable() {
            return Err(Errno::PERM);
        }
        Ok(self.attr(node))
    }

    fn entry(&self, ino: u64, index: u64) -> Result<Option<(String, Attr)>, Errno> {
        let folder = Node::from_ino(ino).ok_or(Errno::NOENT)?;
        // No folder leads back up: ".." of the root is the kernel's, and of the others is not
        // looked at, as the kernel resolves it by itself.
        let dots = [".", ".."].map(|name| (name.to_owned(), folder));
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let entry = dots.into_iter().chain(self.children(folder)?).nth(index);
        Ok(entry.map(|(name, node)| (name, self.attr(node))))
    }

    fn open(&self, ino: u64, flags: c_int) -> Result<Opened, Errno> {
        let node = Node::from_ino(ino).ok_or(Errno::NOENT)?;
        if node.is_device() {
            self.open_device(node, flags)
        } else {
            self.open_value(node, flags)
        }
    }

    fn flush(&self, handle: u64) {
        if matches!(self.file(handle).as_deref(), Ok(File::Device(_))) {
            self.closing.flushed(handle);
        }
    }

    fn release(&self, handle: u64) {
        let file = self.files().remove(&handle);
        if file.is_some_and(|file| matches!(*file, File::Device(_))) {
            self.registry.close();
            self.closing.settled(handle);
        }
    }

    fn read(
        &self,
        request: &Request,
        handle: u64,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Errno> {
        match &*self.file(handle)? {
            File::Device(descriptor) => self.read_device(descriptor, request, buf),
            File::Value { node, text } => self.read_value(*node, text, offset, buf),
        }
    }

    fn write(&self, handle: u64, data: &[u8]) -> Result<(), Errno> {
        let file = self.file(handle)?;
        let File::Value { node, .. } = &*file else {
            return Err(Errno::PERM);
        };
        let text = std::str::from_utf8(data).map_err(|_| Errno::INVAL)?;
        self.registry
            .set(*node, text.strip_suffix('\n').unwrap_or(text))
    }

    fn ioctl(
        &self,
        request: &Request,
        handle: u64,
        command: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), Errno> {
        let file = self.file(handle)?;
        let File::Device(descriptor) = &*file else {
            return Err(Errno::NOTTY);
        };
        if command == VERSION_COMMAND {
            let version = Version {
                protocol_version: PROTOCOL_VERSION,
                record_size: size_of::<Record>() as u32,
                record_count_hint: sockets::count_hint(),
                flags: 0,
            };
            version.write_to(output).map_err(|_| Errno::NOTTY)
        } else if command == SET_FILTER_COMMAND {
            let filter = Filter::read_from_bytes(input).map_err(|_| Errno::NOTTY)?;
            descriptor.set_filter(request, &filter)
        } else if command == RESET_COMMAND {
            descriptor.reset(request)
        } else {
            Err(Errno::NOTTY)
        }
    }
}
