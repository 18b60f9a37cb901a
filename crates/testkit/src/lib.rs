//! Image builders, kernel oracles and the editor of hostile images, for `tests/` only.
//!
//! Nothing here shares code with the product's parser: an oracle must not share its bugs. Images
//! come from `mke2fs` and are filled through the kernel ([`profile`], [`image`], [`content`]); what
//! the kernel shows is written down as plain data ([`observe`], [`manifest`]); broken images are
//! made by [`hostile`], which has its own table of offsets and checksums, and logs by [`journal`].
//! What a machine cannot do is skipped with a reason ([`capability`]), never silently.

#![forbid(unsafe_code)]

pub mod aged;
pub mod capability;
pub mod content;
pub mod corpus;
pub mod damage;
pub mod dirty;
pub mod error;
pub mod hostile;
pub mod image;
pub mod ioctls;
pub mod journal;
pub mod manifest;
pub mod matrix;
pub mod mount;
pub mod observe;
pub mod oracle;
pub mod profile;
mod random;
mod tree_walk;
pub mod verdict;

pub use error::{Error, Result};
