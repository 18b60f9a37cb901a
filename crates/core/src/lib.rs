//! The metadata algorithms of ext2/3/4 over the buffer cache: groups, inodes, block maps,
//! directories, extended attributes, inline data. Reading only so far.
//!
//! Everything starts from a [`Volume`]: a verified superblock and geometry on a device. No
//! function here touches file data, except where the format keeps metadata in files (verity
//! trees, attribute values in inodes, symlink targets). Every access re-derives its bounds from
//! the [`Geometry`](extant_format::Geometry), so an image that changes underneath, or lies, gives
//! errors for the object it concerns and nothing else.
#![forbid(unsafe_code)]

pub(crate) mod changes;
mod check;
pub mod dir;
mod error;
pub mod fast_commit;
mod groups;
mod inline;
mod inodes;
pub mod map;
mod mmp;
mod open;
mod orphans;
mod recovery;
mod special;
mod statfs;
mod symlink;
pub mod verity;
mod volume;
mod xattr;
mod zones;

pub use error::Error;
pub use inodes::InodeUse;
pub use map::{BlockMap, MapKind};
pub use open::{OpenOptions, SuperblockCopy};
pub use recovery::{RecoverOptions, RecoveredView, RecoveryReport, recover, recovered_view};
pub use statfs::Statfs;
pub use volume::Volume;
pub use xattr::Xattr;
pub use zones::SystemZones;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
