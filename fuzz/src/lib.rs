//! What the fuzz targets share: seed images, edits that know where structures are, and meters.
//!
//! An input of the image targets is not an image but a [`Program`](program::Program): a seed, and
//! edits of its fields. So an input is small, survives checksums (a fixer runs in half of them),
//! and can be printed as a recipe. Every execution is [metered](meter): bytes and requests of the
//! device, bytes of the heap, and the stack. A breach is a panic, which libFuzzer keeps as a find.
#![forbid(unsafe_code)]

pub mod device;
pub mod fast_commit;
mod fsck;
pub mod image;
pub mod layout;
pub mod meter;
pub mod parse;
pub mod program;
mod recovery;
pub mod seeds;
#[cfg(test)]
mod tests;
#[path = "../../crates/extant/tests/hostile/walk.rs"]
mod walk;
