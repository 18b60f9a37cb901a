//! Fast commits: what changed since the last transaction of the log, as records, and applying it.
//!
//! `read` takes from the area behind the log the commits that count: those of the transaction
//! that would come next, each ended by a tail with a right checksum, up to the first that is not
//! so. `replay` verifies all records before the first change, then applies commit after commit.
//!
//! A commit is a picture of one moment, so the order of its records counts only where two are about
//! the same name or range. An inode record is what the inode was then, links included; names
//! change links only where there is none. What the records say is reached from any state between,
//! so that replay may be repeated, also after another recovery was interrupted (C13).

mod area;
mod finish;
mod inodes;
mod names;
mod ranges;
mod replay;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use area::read;
pub use area::{AreaRecord, walk_area};
pub(crate) use replay::replay;
