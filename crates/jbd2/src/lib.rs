//! The metadata buffer cache, and the journal: where it lies, recovery, and single transactions.
//! (Running transactions come with writing.)
//!
//! Every metadata block of a file system is read through [`BufferCache`]. A [`Buffer`] is a lock
//! around an `Arc<Block>`: readers clone the `Arc` and keep a stable content for as long as they
//! need it; a journal handle will replace it copy-on-write. This crate knows nothing of ext4: what
//! a block must look like is a check that the caller passes to [`BufferCache::read_checked`], and
//! which blocks a transaction may write is one passed to [`Recovery::scan`].
#![forbid(unsafe_code)]

mod cache;
mod error;
mod log;
mod recovery;
mod transaction;
mod unaligned;

pub use cache::{Block, Buffer, BufferCache, BufferError, CheckToken};
pub use error::JournalError;
pub use log::{Log, LogPlace, LogReader, LogRun};
pub use recovery::{Recovery, RecoveryCounts, ReplayDevice};
pub use transaction::{ChangedBlock, TransactionWriter};
pub use unaligned::write_unaligned;
