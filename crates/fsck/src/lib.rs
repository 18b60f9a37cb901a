//! The checker: finds what is wrong with an ext2, ext3 or ext4 image, and changes nothing.
//!
//! [`check`] is one call: a device in, a [`Report`] out, no global state, any number at once. It
//! shares the parsers of `extant-format` and the log of `extant-jbd2` with the file system, and no
//! algorithm: maps, directories, attributes and bitmaps are walked by code of its own, so that a
//! bug of the file system is not a bug of its judge.
//!
//! # Phases
//! [`Phase`] lists them. The phase of inodes claims clusters in shared bitmaps and hands on which
//! inodes are in use; the others compare. Where a structure is too damaged to say what is below it,
//! later phases leave out what follows from that only: a problem is told where it is.
//!
//! # Bounds
//! Memory is a bit for each cluster and two bytes for each inode of the groups that are in use, a
//! few bytes for each directory, attribute block and value inode, and [`MAX_PROBLEMS`] problems.
//! Time is bounded by what the image holds: a block of a map is entered once, a block of a
//! directory read once for each directory that maps it alone.
#![forbid(unsafe_code)]

mod attributes;
mod census;
mod cluster_map;
mod copies;
mod directories;
mod encryption;
mod error;
mod groups;
mod image;
mod inline;
mod inode_states;
mod inodes;
mod journal;
mod map;
mod mmp;
mod open;
mod options;
mod orphans;
mod own;
mod problem;
mod quota;
mod references;
mod report;
mod resize;
mod run;
mod shared;
mod superblock;
mod symlink;
mod threads;
mod verity;
mod zones;

pub use error::CheckError;
pub use options::{CheckOptions, Progress};
pub use problem::{Phase, Problem, ProblemKind, Severity};
pub use report::{MAX_PROBLEMS, Report, Summary};
pub use run::check;
