//! Fast commits: records after the log that say what changed since its last transaction.
//!
//! Little-endian, unlike the rest of a journal: a tag, a length, a value. A record never crosses a
//! block. [`FastCommitRecords`] walks one block; each step is at least 4 bytes and stays inside it.
//! Which records count (their transaction, their checksums) is for recovery to find out. Format:
//! the kernel's `ext4/journal.rst`, "Fast Commits".

use crate::checksum::crc32c;
use crate::le::{bytes_at, u16_at, u32_at};

/// Bytes of a tag and a length.
const HEADER: usize = 4;
/// Bytes of a tail that its checksum covers: the header and the transaction.
const TAIL_SUMMED: usize = HEADER + 4;
/// Bytes of the smallest inode that a record may hold.
const MIN_INODE: usize = 128;
/// The longest name.
const MAX_NAME: usize = 255;
/// Raw extent lengths above this are those of unwritten extents.
const MAX_WRITTEN: u16 = 0x8000;

/// What happens to a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NameChange {
    /// A new inode gets its first name.
    Create,
    /// An inode gets one more name.
    Link,
    /// A name is taken away.
    Unlink,
}

/// A record. All numbers are as they are on disk, unchecked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FastCommitRecord<'a> {
    /// `len` blocks of inode `ino` from `logical` on are at `start`.
    AddRange {
        /// The inode.
        ino: u32,
        /// First block in the file.
        logical: u32,
        /// Blocks, at most 32,768.
        len: u32,
        /// First block on the device.
        start: u64,
        /// Whether the blocks read as zeroes.
        unwritten: bool,
    },
    /// `len` blocks of inode `ino` from `logical` on are a hole.
    DelRange {
        /// The inode.
        ino: u32,
        /// First block in the file.
        logical: u32,
        /// Blocks.
        len: u32,
    },
    /// Directory `parent` gains or loses the name of `ino`.
    Name {
        /// Which of them.
        change: NameChange,
        /// The directory.
        parent: u32,
        /// The inode.
        ino: u32,
        /// The name, 1 to 255 bytes.
        name: &'a [u8],
    },
    /// Inode `ino` is as the bytes say: at least the first 128 of its slot, and no more than a
    /// block.
    Inode {
        /// The inode.
        ino: u32,
        /// The first bytes of its slot.
        bytes: &'a [u8],
    },
    /// Nothing.
    Pad,
    /// The end of a fast commit.
    Tail {
        /// The transaction that it belongs to.
        tid: u32,
        /// CRC32C of everything behind the last tail.
        checksum: u32,
    },
    /// The first record behind a full commit.
    Head {
        /// Features, of which none are known.
        features: u32,
        /// The transaction.
        tid: u32,
    },
}

impl<'a> FastCommitRecord<'a> {
    /// The record with tag `tag` and value `value`; `None` for an unknown tag, or a length that the
    /// tag does not have.
    #[must_use]
    pub fn parse(tag: u16, value: &'a [u8]) -> Option<Self> {
        let word = |at| u32_at(value, at);
        Some(match (tag, value.len()) {
            (1, 16) => return add_range(value),
            (2, 12) => Self::DelRange { ino: word(0)?, logical: word(4)?, len: word(8)? },
            (3, 9..) => return name(NameChange::Create, value),
            (4, 9..) => return name(NameChange::Link, value),
            (5, 9..) => return name(NameChange::Unlink, value),
            (6, len) if len >= 4 + MIN_INODE => {
                Self::Inode { ino: word(0)?, bytes: value.get(4..)? }
            }
            (7, _) => Self::Pad,
            (8, 8..) => Self::Tail { tid: word(0)?, checksum: word(4)? },
            (9, 8..) => Self::Head { features: word(0)?, tid: word(4)? },
            _ => return None,
        })
    }
}

fn add_range(value: &[u8]) -> Option<FastCommitRecord<'_>> {
    let (raw, high) = (u16_at(value, 8)?, u16_at(value, 10)?);
    let unwritten = raw > MAX_WRITTEN;
    let len = if unwritten { raw - MAX_WRITTEN } else { raw };
    Some(FastCommitRecord::AddRange {
        ino: u32_at(value, 0)?,
        logical: u32_at(value, 4)?,
        len: len.into(),
        start: u64::from(high) << 32 | u64::from(u32_at(value, 12)?),
        unwritten,
    })
}

fn name(change: NameChange, value: &[u8]) -> Option<FastCommitRecord<'_>> {
    let name = value.get(8..).filter(|name| name.len() <= MAX_NAME)?;
    let (parent, ino) = (u32_at(value, 0)?, u32_at(value, 4)?);
    Some(FastCommitRecord::Name { change, parent, ino, name })
}

/// The records of one block. Ends with a tail, with the block, or as [`None`] where the bytes are
/// no record: [`is_malformed`](Self::is_malformed) tells which.
#[derive(Clone, Debug)]
pub struct FastCommitRecords<'a> {
    block: &'a [u8],
    offset: usize,
    ended: bool,
    malformed: bool,
}

/// A record with its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlacedRecord<'a> {
    /// Offset of its tag in the block.
    pub offset: usize,
    /// The record.
    pub record: FastCommitRecord<'a>,
    /// What of it the checksum covers: all, but of a tail the checksum and what follows it.
    pub summed: &'a [u8],
}

impl PlacedRecord<'_> {
    /// Continues the checksum of a fast commit, 0 at its start, over this record.
    #[must_use]
    pub fn add_to(&self, sum: u32) -> u32 {
        crc32c(sum, self.summed)
    }
}

impl<'a> FastCommitRecords<'a> {
    /// The records of `block`, a block of the area.
    #[must_use]
    pub const fn new(block: &'a [u8]) -> Self {
        Self { block, offset: 0, ended: false, malformed: false }
    }

    /// Whether the walk ended at something that is no record.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        self.malformed
    }

    fn record(&self) -> Option<(PlacedRecord<'a>, usize)> {
        let rest = self.block.get(self.offset..)?;
        let len = usize::from(u16_at(rest, 2)?);
        let value = bytes_at(rest, HEADER, len)?;
        let record = FastCommitRecord::parse(u16_at(rest, 0)?, value)?;
        let summed = match record {
            FastCommitRecord::Tail { .. } => TAIL_SUMMED,
            _ => HEADER + len,
        };
        let placed = PlacedRecord { offset: self.offset, record, summed: rest.get(..summed)? };
        Some((placed, self.offset + HEADER + len))
    }
}

impl<'a> Iterator for FastCommitRecords<'a> {
    type Item = PlacedRecord<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Up to three bytes at the end may be too few for a record, and then mean nothing.
        if self.ended || self.offset + HEADER > self.block.len() {
            return None;
        }
        let Some((placed, next)) = self.record() else {
            (self.ended, self.malformed) = (true, true);
            return None;
        };
        self.offset = next;
        self.ended = matches!(placed.record, FastCommitRecord::Tail { .. });
        Some(placed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        [&tag.to_le_bytes(), &len.to_le_bytes(), value].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn one(tag: u16, value: &[u8]) -> Option<FastCommitRecord<'_>> {
        FastCommitRecord::parse(tag, value)
    }

    #[test]
    fn every_record_is_read() {
        use FastCommitRecord::*;
        let range = [words(&[12, 7]), vec![3, 0, 1, 0], words(&[9])].concat();
        let start = 1 << 32 | 9;
        let add = |len, unwritten| AddRange { ino: 12, logical: 7, len, start, unwritten };
        assert_eq!(one(1, &range), Some(add(3, false)));
        let mut range = range;
        range[9] = 0x80;
        assert_eq!(one(1, &range), Some(add(3, true)));
        range[8] = 0;
        assert_eq!(one(1, &range), Some(add(0x8000, false)), "the longest written one");
        let value = words(&[12, 7, u32::MAX]);
        assert_eq!(one(2, &value), Some(DelRange { ino: 12, logical: 7, len: u32::MAX }));
        let value = [words(&[2, 12]), b"a".to_vec()].concat();
        for (tag, change) in
            [(3, NameChange::Create), (4, NameChange::Link), (5, NameChange::Unlink)]
        {
            let name = Name { change, parent: 2, ino: 12, name: b"a" };
            assert_eq!(one(tag, &value), Some(name));
        }
        let value = [words(&[12]), vec![1; 128]].concat();
        assert_eq!(one(6, &value), Some(Inode { ino: 12, bytes: &[1; 128] }));
        assert_eq!(one(7, &[]), Some(Pad));
        assert_eq!(one(8, &words(&[4, 5, 6])), Some(Tail { tid: 4, checksum: 5 }));
        assert_eq!(one(9, &words(&[4, 5])), Some(Head { features: 4, tid: 5 }));
    }

    #[test]
    fn wrong_lengths_and_unknown_tags_are_no_records() {
        for (tag, len) in [(1, 15), (1, 17), (2, 11), (2, 13), (6, 131), (8, 7), (9, 7)] {
            assert_eq!(one(tag, &vec![0; len]), None, "tag {tag}, {len} bytes");
        }
        for tag in 3..=5 {
            assert_eq!(one(tag, &[0; 8]), None, "no name");
            assert!(one(tag, &[0; 8 + 255]).is_some() && one(tag, &[0; 8 + 256]).is_none());
        }
        for tag in [0, 10, 0xffff] {
            assert_eq!(one(tag, &[0; 16]), None);
        }
    }

    #[test]
    fn a_block_ends_with_its_tail_or_its_bytes() {
        let head = tlv(9, &words(&[0, 5]));
        let block = [head.clone(), tlv(8, &words(&[5, 9, 0])), vec![0xff; 20]].concat();
        let mut records = FastCommitRecords::new(&block);
        assert_eq!(records.by_ref().count(), 2, "what follows a tail is not looked at");
        assert!(!records.is_malformed());
        let mut block = [head, vec![0xff; 3]].concat();
        let mut records = FastCommitRecords::new(&block);
        assert_eq!(records.by_ref().count(), 1);
        assert!(!records.is_malformed(), "three bytes are no record");
        block.push(0xff);
        let mut records = FastCommitRecords::new(&block);
        assert_eq!((records.by_ref().count(), records.next()), (1, None));
        assert!(records.is_malformed());
    }

    #[test]
    fn a_length_past_the_block_is_no_record() {
        let mut block = tlv(7, &[0; 12]);
        assert_eq!(FastCommitRecords::new(&block).count(), 1);
        block[2] = 13;
        let mut records = FastCommitRecords::new(&block);
        assert_eq!(records.next(), None);
        assert!(records.is_malformed());
    }

    #[test]
    fn the_sum_of_a_commit_is_that_of_a_kernel_made_one() {
        // Made by Linux: the unlink of "gone", inode 14, in the root by transaction 4.
        let unlink = tlv(5, &[words(&[2, 14]), b"gone".to_vec()].concat());
        let block = [unlink, tlv(8, &[words(&[4, 0x9ddf_d36c]), vec![0; 4068]].concat())].concat();
        let (mut sum, mut stored) = (0, None);
        for placed in FastCommitRecords::new(&block) {
            sum = placed.add_to(sum);
            if let FastCommitRecord::Tail { checksum, .. } = placed.record {
                stored = Some(checksum);
            }
        }
        assert_eq!(Some(sum), stored);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_bytes_end_and_stay_in_the_block(
            bytes in proptest::collection::vec(prop_oneof![0_u8..10, any::<u8>()], 0..300),
        ) {
            let mut records = FastCommitRecords::new(&bytes);
            let mut end = 0;
            for placed in records.by_ref() {
                prop_assert!(placed.offset == 0 || placed.offset >= end);
                end = placed.offset + placed.summed.len();
                prop_assert!(end <= bytes.len());
            }
            let whole = end + HEADER > bytes.len();
            prop_assert!(records.is_malformed() || whole || records.ended);
        }
    }
}
