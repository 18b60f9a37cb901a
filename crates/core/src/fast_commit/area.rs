//! The fast-commit area: which records count.
//!
//! An area that starts with anything but a head holds nothing: it was never used, or its first
//! block was torn. What is read is bounded by the area, of which the log has verified that it is
//! there; reading ends at the first block that is not of the commit looked for, and what is kept
//! is bounded by itself.

use extant_format::journal::{FastCommitRecord, FastCommitRecords, NameChange, PlacedRecord};
use extant_format::{Corrupt, CorruptKind, Place};
use extant_jbd2::{Log, LogReader};

use crate::{Error, Result};

/// Bytes of records to keep: far more than the areas that mke2fs makes.
const MAX_BYTES: usize = 256 << 20;
/// Bytes that a record takes besides its name or inode.
const RECORD_BYTES: usize = 64;

/// A record that is to be replayed. Numbers are unchecked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record {
    AddRange { ino: u32, logical: u32, len: u32, start: u64, unwritten: bool },
    DelRange { ino: u32, logical: u32, len: u32 },
    Name { change: NameChange, parent: u32, ino: u32, name: Box<[u8]> },
    Inode { ino: u32, bytes: Box<[u8]> },
}

impl Record {
    /// The record if it says something about the file system.
    fn of(record: &FastCommitRecord<'_>) -> Option<Self> {
        Some(match *record {
            FastCommitRecord::AddRange { ino, logical, len, start, unwritten } => {
                Self::AddRange { ino, logical, len, start, unwritten }
            }
            FastCommitRecord::DelRange { ino, logical, len } => {
                Self::DelRange { ino, logical, len }
            }
            FastCommitRecord::Name { change, parent, ino, name } => {
                Self::Name { change, parent, ino, name: name.into() }
            }
            FastCommitRecord::Inode { ino, bytes } => Self::Inode { ino, bytes: bytes.into() },
            _ => return None,
        })
    }

    /// Whether it changes one of the inodes `numbers` or its map.
    pub(super) fn changes_one_of(&self, numbers: &[u32]) -> bool {
        match self {
            Self::AddRange { ino, .. } | Self::DelRange { ino, .. } | Self::Inode { ino, .. } => {
                numbers.contains(ino)
            }
            Self::Name { .. } => false,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Name { name: more, .. } | Self::Inode { bytes: more, .. } => {
                RECORD_BYTES + more.len()
            }
            _ => RECORD_BYTES,
        }
    }
}

/// The commits that count, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FastCommits {
    pub(super) commits: Vec<Vec<Record>>,
}

impl FastCommits {
    /// Whether there is nothing to replay.
    pub(crate) fn is_empty(&self) -> bool {
        self.commits.iter().all(Vec::is_empty)
    }
}

/// A record of the area with its place.
#[derive(Clone, Copy, Debug)]
pub struct AreaRecord<'a> {
    /// The block of the journal.
    pub block: u32,
    /// The record, and its place in the block.
    pub placed: PlacedRecord<'a>,
    /// Whether it is the first of a commit.
    pub is_first: bool,
    /// The checksum of the commit up to and with this record: what a tail should carry.
    pub sum: u32,
}

impl AreaRecord<'_> {
    /// For a tail, whether its checksum is right.
    #[must_use]
    pub fn tail_matches(&self) -> Option<bool> {
        match self.placed.record {
            FastCommitRecord::Tail { checksum, .. } => Some(checksum == self.sum),
            _ => None,
        }
    }
}

/// Calls `visit` for each record of the area of `log` in order, those of older commits that were
/// not overwritten included, until it says `false`, the area ends, or there is something that is
/// no record: the place of that is returned.
///
/// # Errors
/// Those of reading the log.
pub fn walk_area(
    log: &Log,
    mut visit: impl FnMut(&AreaRecord<'_>) -> bool,
) -> Result<Option<Place>> {
    let mut reader = LogReader::new(log);
    let mut sum = 0;
    let mut is_first = true;
    for block in log.superblock().fast_commit_area() {
        let mut records = FastCommitRecords::new(reader.block(block)?);
        let mut end = 0;
        for placed in records.by_ref() {
            sum = placed.add_to(sum);
            end = placed.offset + placed.summed.len();
            if !visit(&AreaRecord { block, placed, is_first, sum }) {
                return Ok(None);
            }
            is_first = matches!(placed.record, FastCommitRecord::Tail { .. });
            if is_first {
                sum = 0;
            }
        }
        if records.is_malformed() {
            return Ok(Some(Place::structure("journal").block(block.into()).offset(end)));
        }
    }
    Ok(None)
}

/// The fast commits of `log` that belong to transaction `tid`, the one that would come next.
///
/// # Errors
/// [`Error::Unsupported`] for a commit with features; [`CorruptKind::JournalFastCommit`] for more
/// records than fit in memory; those of reading the log.
pub(crate) fn read(log: &Log, tid: u32) -> Result<FastCommits> {
    let mut reading = Reading { tid, ..Reading::default() };
    walk_area(log, |record| reading.take(record))?;
    if reading.too_many {
        let at =
            Place::structure("journal").block(log.superblock().fast_commit_area().start.into());
        return Err(Error::corrupt(CorruptKind::JournalFastCommit, at));
    }
    reading.finish()
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    tid: u32,
    commits: Vec<Vec<Record>>,
    /// Records of the commit that is being read.
    open: Vec<Record>,
    /// Whether there was a head.
    headed: bool,
    /// Features of the head of the open commit; of the last one that counts once it is closed.
    features: u32,
    unsupported: u32,
    bytes: usize,
    too_many: bool,
}

impl Reading {
    /// Takes up a record; false if the area ends here.
    fn take(&mut self, record: &AreaRecord<'_>) -> bool {
        match record.placed.record {
            FastCommitRecord::Head { features, tid } => {
                (self.headed, self.features) = (true, features);
                record.is_first && tid == self.tid
            }
            _ if !self.headed => false,
            FastCommitRecord::Tail { tid, .. } => {
                tid == self.tid && record.tail_matches() == Some(true) && self.close()
            }
            ref other => self.keep(other),
        }
    }

    fn keep(&mut self, record: &FastCommitRecord<'_>) -> bool {
        let Some(record) = Record::of(record) else { return true };
        self.bytes = self.bytes.saturating_add(record.bytes());
        self.too_many = self.bytes > MAX_BYTES;
        self.open.push(record);
        !self.too_many
    }

    /// A commit counts.
    fn close(&mut self) -> bool {
        self.unsupported |= self.features;
        self.commits.push(std::mem::take(&mut self.open));
        true
    }

    fn finish(self) -> Result<FastCommits> {
        if self.unsupported == 0 {
            return Ok(FastCommits { commits: self.commits });
        }
        let bits = (0..32).filter(|bit| self.unsupported & (1 << bit) != 0);
        let features = bits.map(|bit| format!("fast_commit FEATURE_F{bit}")).collect();
        Err(Error::Unsupported { features })
    }
}

/// The error of a record about `ino` that cannot be replayed.
pub(super) fn bad(ino: u32) -> Corrupt {
    let at = Place { inode: Some(ino), ..Place::structure("fast commit") };
    Corrupt::new(CorruptKind::JournalFastCommit, at)
}
