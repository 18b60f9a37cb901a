//! The ext2/3/4 on-disk format: raw bytes in, checked values out.
//!
//! This crate does no I/O and takes no locks. Each structure has a `parse` that gives a verified
//! value or a [`Corrupt`] with a named [`CorruptKind`] and its [`Place`]. Numbers with a unit are
//! types ([`BlockNr`], [`LogicalBlock`], [`GroupNr`], [`InodeNr`]) which are made from disk values
//! only by a validated [`Geometry`].
//!
//! Formats, offsets and constants: the kernel's `Documentation/filesystems/ext4`.
#![forbid(unsafe_code)]

pub mod acl;
pub mod bitmap;
pub mod casefold;
pub mod checksum;
mod corrupt;
pub mod dir;
pub mod dir_hash;
pub mod extent;
pub mod features;
mod file_type;
pub mod fscrypt;
pub mod geometry;
pub mod group;
pub mod indirect;
pub mod inline_data;
pub mod inode;
pub mod journal;
mod le;
pub mod mmp;
pub mod orphan_file;
mod place;
pub mod quota;
pub mod superblock;
pub mod symlink;
#[cfg(test)]
mod testing;
mod time;
mod units;
pub mod verity;
pub mod xattr;

pub use checksum::{ChecksumSeed, InodeSeed};
pub use corrupt::{Corrupt, CorruptKind};
pub use dir_hash::{DirHash, HashVersion};
pub use extent::{Extent, ExtentIndex, ExtentNode, NodeRule};
pub use features::{Compat, FeatureSet, Incompat, RoCompat};
pub use file_type::FileType;
pub use geometry::Geometry;
pub use group::{GroupDesc, GroupFlags, GroupParser};
pub use indirect::IndirectMap;
pub use inode::{Inode, InodeFlags};
pub use journal::JournalSuperblock;
pub use mmp::Mmp;
pub use orphan_file::OrphanFileBlock;
pub use place::Place;
pub use quota::{QuotaHeader, QuotaKind};
pub use superblock::Superblock;
pub use time::Timestamp;
pub use units::{BlockNr, BlockSize, GroupNr, InodeNr, LogicalBlock, to_usize};
