//! Whole trees of an image: a parallel walk, the digest of a tree and its manifest.
//!
//! [`walk`](walk()) visits everything below a node on several threads; [`digest`](digest()) names
//! the content of a tree by one string, as `docs/digest.md` defines it; [`manifest`] also writes
//! the lines behind that string. A damaged object does not end them: errors are collected with
//! their paths. Memory is bounded by a few hundred bytes for each name, whatever the files hold.
//!
//! ```
//! use extant::{Filesystem, OpenOptions};
//! use extant_tree::{DigestOptions, Hash, digest};
//!
//! let fs = Filesystem::open(extant::demo::device(), &OpenOptions::default())?;
//! let options = DigestOptions { hash: Hash::Xxh3, ..DigestOptions::default() };
//! let digest = digest(&fs, b"/", &options)?;
//! assert!(digest.complete && digest.errors.is_empty());
//! assert!(digest.string.starts_with("extant1-xxh3:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod content;
mod digest;
mod error;
mod fields;
mod hash;
mod jobs;
mod line;
mod lines;
mod pool;
mod text;
pub mod walk;

pub use digest::{Digest, DigestOptions, Progress, digest, manifest};
pub use error::Error;
pub use fields::{Field, Fields};
pub use hash::Hash;
pub use walk::walk;
