//! An open file system: the public library, which the crate `extant` re-exports.
//!
//! [`Filesystem`] is a cheap clone, `Send + Sync` and `'static`; [`Node`], [`File`] and [`Dir`]
//! are owned handles that keep it alive, usable from many threads at once. Names and paths are
//! bytes. Every operation that may wait takes [`IoFlags`]; under `NOWAIT` what is not in memory is
//! [`Error::WouldBlock`]. The library trusts its caller: it checks the image, not permissions.
//!
//! Locks: shards of the name cache (rank `NameShard`) and of the inode cache (`InodeShard`), one
//! at a time, never held while anything is read.
#![forbid(unsafe_code)]

mod dir;
mod error;
mod file;
mod filesystem;
mod inode_cache;
mod name_cache;
mod node;
mod options;
mod path;
mod recover;
mod stat;

pub use dir::{Dir, DirEntries, DirEntry};
pub use error::{Errno, Error};
pub use extant_block::{BlockDevice, IoFlags};
pub use extant_core::{Statfs, Xattr};
pub use extant_format::{Corrupt, CorruptKind, FileType, InodeNr, Place, Timestamp};
pub use extant_iomap::{Iomap, Mapping};
pub use file::File;
pub use filesystem::Filesystem;
pub use node::Node;
pub use options::{OpenOptions, SuperblockCopy};
pub use path::Follow;
pub use recover::{RecoverOptions, RecoveredView, RecoveryReport, recover, recovered_view};
pub use stat::Stat;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
