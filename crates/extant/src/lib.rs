//! ext2, ext3 and ext4 in memory-safe Rust, in userspace.
//!
//! Opens an image file, a block device or anything that implements [`BlockDevice`], and reads what
//! is in it without a mount and without privileges. Images are not trusted: damage is an
//! [`Error`] with a [place](Error::place), never a panic.
//!
//! # A tour
//!
//! ```
//! use extant::{Filesystem, Follow, IoFlags, OpenOptions};
//!
//! // The demo image; `Filesystem::open_path` opens a file.
//! let fs = Filesystem::open(extant::demo::device(), &OpenOptions::default())?;
//!
//! // A directory: names are bytes.
//! let root = fs.root(IoFlags::NONE)?;
//! for entry in root.entries(IoFlags::NONE) {
//!     let entry = entry?;
//!     println!("{} {}", entry.ino.get(), entry.name.escape_ascii());
//! }
//!
//! // A file: reads are positioned, so that threads can share it.
//! let readme = fs.open_file(b"/README.txt", IoFlags::NONE)?;
//! let mut text = vec![0; 20];
//! let n = readme.read_at(&mut text, 0, IoFlags::NONE)?;
//! assert!(text[..n].starts_with(b"Welcome"));
//!
//! // Attributes, without opening anything.
//! let stat = fs.stat(b"/README.txt", Follow::No, IoFlags::NONE)?;
//! assert_eq!(stat.size, readme.size());
//!
//! // What is not there is an error with a number that system calls would give.
//! let error = fs.open_file(b"/nowhere", IoFlags::NONE).unwrap_err();
//! assert_eq!(error.errno().name(), "ENOENT");
//! # Ok::<(), extant::Error>(())
//! ```
//!
//! # Maps, attributes, threads
//!
//! ```
//! use extant::{Filesystem, Follow, IoFlags, Mapping, OpenOptions};
//!
//! const WAIT: IoFlags = IoFlags::NONE;
//! let fs = Filesystem::open(extant::demo::device(), &OpenOptions::default())?;
//!
//! // The mapping of a byte is the largest extent around it. Holes cost no reading.
//! let sparse = fs.open_file(b"/sparse/holes.bin", WAIT)?;
//! let (mut offset, mut data) = (0, 0);
//! while offset < sparse.size() {
//!     let map = sparse.map(offset, WAIT)?;
//!     if matches!(map.mapping, Mapping::Mapped { .. }) {
//!         data += map.end().min(sparse.size()) - offset;
//!     }
//!     offset = map.end();
//! }
//! assert!(data > 0 && data < sparse.size());
//! let first_hole = sparse.seek_hole(0, WAIT)?;
//! assert!(first_hole.is_some_and(|hole| hole < sparse.size()));
//!
//! // Extended attributes have their full names, and the values that system calls would give.
//! let node = fs.resolve(b"/attributes/acl", Follow::Yes, WAIT)?;
//! assert!(node.xattr(b"system.posix_acl_access", WAIT)?.len() > 4);
//! assert!(node.xattrs(WAIT)?.iter().any(|xattr| xattr.name.starts_with(b"system.")));
//! let link = fs.resolve(b"/links/fast", Follow::No, WAIT)?;
//! assert_eq!(link.read_link(WAIT)?, b"../README.txt");
//!
//! // A clone is the same open file system, with the same caches.
//! let reader = std::thread::spawn({
//!     let fs = fs.clone();
//!     move || fs.stat(b"/links/hard-1", Follow::Yes, WAIT)
//! });
//! let there = reader.join().expect("no panic")?;
//! assert_eq!(there.ino, fs.stat(b"/links/hard-2", Follow::Yes, WAIT)?.ino);
//! # Ok::<(), extant::Error>(())
//! ```
//!
//! # Parts
//!
//! * [`Filesystem`], [`Node`], [`File`], [`Dir`]: the open file system and its handles.
//! * [`device`]: where the bytes come from: files, memory, windows and partitions.
//! * [`demo`]: a small image inside the library.
//! * [`raw`]: the metadata layer and the on-disk format, for tools that show them.
#![forbid(unsafe_code)]

pub mod demo;
pub mod device;
pub mod raw;

pub use extant_vfs::*;
