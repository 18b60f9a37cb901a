//! The ext2/3/4 on-disk format: raw bytes in, checked values out.
//!
//! This crate does no I/O and takes no locks. Each structure has a `parse` that gives a verified
//! value or a [`Corrupt`] with a named [`CorruptKind`] and its [`Place`]. Numbers with a unit are
//! types ([`BlockNr`], [`LogicalBlock`], [`GroupNr`], [`InodeNr`]) which are made from disk values
//! only by a validated [`Geometry`].
//!
//! Formats, offsets and constants: the kernel's `Documentation/filesystems/ext4`.
#![forbid(unsafe_code)]

pub mod checksum;
mod corrupt;
pub mod features;
pub mod geometry;
mod place;
pub mod superblock;
mod units;

pub use checksum::{ChecksumSeed, InodeSeed};
pub use corrupt::{Corrupt, CorruptKind};
pub use features::{Compat, FeatureSet, Incompat, RoCompat};
pub use geometry::Geometry;
pub use place::Place;
pub use superblock::Superblock;
pub use units::{BlockNr, BlockSize, GroupNr, InodeNr, LogicalBlock, to_usize};
