//! The metadata buffer cache, and (with writing) the journal over it.
//!
//! Every metadata block of a file system is read through [`BufferCache`]. A [`Buffer`] is a lock
//! around an `Arc<Block>`: readers clone the `Arc` and keep a stable content for as long as they
//! need it; a journal handle will replace it copy-on-write. This crate knows nothing of ext4: what
//! a block must look like is a check that the caller passes to [`BufferCache::read_checked`].
#![forbid(unsafe_code)]

mod cache;

pub use cache::{Block, Buffer, BufferCache, BufferError, CheckToken};
