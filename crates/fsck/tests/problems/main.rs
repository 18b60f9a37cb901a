//! A test for each row of the table of problems: a fresh image with one defect gives exactly that
//! row, and e2fsck agrees on whether the file system has errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attributes;
mod bombs;
mod connectivity;
mod descriptors;
mod directories;
mod encrypted_dirs;
mod encryption;
mod entries;
mod groups;
mod htree;
mod inline;
mod inodes;
mod journal;
mod maps;
mod mmp;
mod orphans;
mod quota;
mod references;
mod resize;
mod shared;
mod superblock;
mod support;
mod symlinks;
mod table;
mod threads;
mod values;
