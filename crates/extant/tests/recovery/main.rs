//! The judge of recovery: dirty images made by the kernel, seen through the library and recovered
//! by it, against the kernel, e2fsck, and lists of what was acknowledged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod acknowledged;
mod fast_commit;
mod kernel;
mod online;
mod orphans;
mod repeated;
mod view;
// The same eyes as those of the comparison with clean images, which uses more of them.
#[allow(dead_code)]
#[path = "../kernel/walker.rs"]
mod walker;
