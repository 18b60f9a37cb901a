//! The built program, from its command line to its exit code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod demo;
mod dirty;
mod disks;
mod dump;
mod escapes;
mod failures;
mod fast_commits;
mod fsck;
mod fsck_corpora;
mod journal;
mod json;
mod pages;
mod recover;
mod support;
