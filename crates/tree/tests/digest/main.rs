//! The digest of whole trees: of the demo image, of images made by mke2fs, of damaged ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod damage;
mod definition;
mod images;
mod sensitivity;
