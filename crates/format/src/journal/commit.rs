//! Commit blocks: the end of a transaction, its time and its checksum.

use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{JOURNAL_MAGIC, JournalSeed, RawHeader};
use crate::Timestamp;

/// Bytes of a commit block that mean something.
pub const COMMIT_HEADER_SIZE: usize = 60;
/// Where the checksum is.
const SUM_OFFSET: usize = 16;
/// The checksum type CRC32 (version 1).
const CRC32: u8 = 1;
/// Bytes of such a checksum.
const CRC32_SIZE: u8 = 4;

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawCommit {
    header: RawHeader,
    checksum_type: u8,
    checksum_size: u8,
    padding: [u8; 2],
    sums: [U32; 8],
    seconds: U64,
    nanoseconds: U32,
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<RawCommit>() == COMMIT_HEADER_SIZE);
    assert!(offset_of!(RawCommit, sums) == SUM_OFFSET);
    assert!(offset_of!(RawCommit, seconds) == 0x30);
};

/// What a commit block says of its transaction's sum (version 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitSum {
    /// There is none.
    None,
    /// CRC32 over descriptors and copies.
    Crc32(u32),
    /// A type that nothing writes.
    Unknown,
}

/// A commit block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommitBlock {
    /// The transaction.
    pub sequence: u32,
    /// When it was committed, as a number that may be anything.
    pub seconds: u64,
    /// And the nanoseconds.
    pub nanoseconds: u32,
    /// The sum over the transaction, where the journal has that feature.
    pub sum: CommitSum,
}

impl CommitBlock {
    /// Reads `block`, whose header is that of a commit; `None` if it is too short.
    #[must_use]
    pub fn parse(block: &[u8]) -> Option<Self> {
        let (raw, _) = RawCommit::ref_from_prefix(block).ok()?;
        let [first, ..] = &raw.sums;
        let sum = match (raw.checksum_type, raw.checksum_size, first.get()) {
            (0, 0, 0) => CommitSum::None,
            (CRC32, CRC32_SIZE, sum) => CommitSum::Crc32(sum),
            _ => CommitSum::Unknown,
        };
        let seconds = raw.seconds.get();
        let nanoseconds = raw.nanoseconds.get();
        Some(Self { sequence: raw.header.sequence.get(), seconds, nanoseconds, sum })
    }

    /// The time, if it is one.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        let secs = i64::try_from(self.seconds).ok()?;
        Some(Timestamp { secs, nanos: self.nanoseconds })
    }

    /// Whether the block's own checksum (versions 2 and 3) is right.
    #[must_use]
    pub fn checksum_matches(block: &[u8], seed: JournalSeed) -> bool {
        let stored = block.get(SUM_OFFSET..).and_then(|rest| U32::ref_from_prefix(rest).ok());
        stored.is_some_and(|(sum, _)| sum.get() == seed.block_sum(block, SUM_OFFSET))
    }

    /// Writes this commit to `block`, a block of zeroes. With `seed` it gets its own checksum
    /// (versions 2 and 3).
    pub fn write(&self, block: &mut [u8], seed: Option<JournalSeed>) {
        let (checksum_type, checksum_size, sum) = match self.sum {
            CommitSum::Crc32(sum) => (CRC32, CRC32_SIZE, sum),
            _ => (0, 0, 0),
        };
        let mut sums = [U32::ZERO; 8];
        if let Some(first) = sums.first_mut() {
            first.set(sum);
        }
        let header = RawHeader {
            magic: JOURNAL_MAGIC.into(),
            kind: 2.into(),
            sequence: self.sequence.into(),
        };
        let (seconds, nanoseconds) = (self.seconds.into(), self.nanoseconds.into());
        let padding = [0; 2];
        let raw =
            RawCommit { header, checksum_type, checksum_size, padding, sums, seconds, nanoseconds };
        let _ = raw.write_to_prefix(block);
        if let Some(seed) = seed {
            let sum = seed.block_sum(block, SUM_OFFSET);
            if let Some(field) = block.get_mut(SUM_OFFSET..) {
                let _ = U32::new(sum).write_to_prefix(field);
            }
        }
    }
}
