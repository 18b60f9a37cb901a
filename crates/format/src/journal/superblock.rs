//! The journal's superblock.

use std::ops::Range;

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{
    JOURNAL_SUPERBLOCK_SIZE, JournalBlockHeader, JournalBlockKind, JournalFeatures, RawHeader,
};
use crate::checksum::crc32c;
use crate::{BlockSize, Corrupt, CorruptKind, Place};

/// Offset of the checksum in it.
const CHECKSUM_OFFSET: usize = 0xfc;
/// Fast-commit blocks where the superblock leaves the number open.
const DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;
/// Blocks that a fast-commit area must leave to the log; where it does not, there is no area.
const MIN_LOG_BLOCKS: u32 = 1024;
/// The checksum type CRC32C.
const CRC32C: u8 = 4;

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawJournalSuperblock {
    header: RawHeader,
    block_size: U32,
    max_len: U32,
    first: U32,
    sequence: U32,
    start: U32,
    errno: U32,
    compat: U32,
    incompat: U32,
    ro_compat: U32,
    uuid: [u8; 16],
    user_count: U32,
    dyn_super: U32,
    max_transaction: U32,
    max_trans_data: U32,
    checksum_type: u8,
    padding: [u8; 3],
    fast_commit_blocks: U32,
    head: U32,
    reserved: [U32; 40],
    checksum: U32,
    users: [[u8; 16]; 48],
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<RawJournalSuperblock>() == JOURNAL_SUPERBLOCK_SIZE);
    assert!(offset_of!(RawJournalSuperblock, compat) == 0x24);
    assert!(offset_of!(RawJournalSuperblock, checksum_type) == 0x50);
    assert!(offset_of!(RawJournalSuperblock, fast_commit_blocks) == 0x54);
    assert!(offset_of!(RawJournalSuperblock, checksum) == CHECKSUM_OFFSET);
    assert!(offset_of!(RawJournalSuperblock, users) == 0x100);
};

/// A checked journal superblock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalSuperblock {
    /// 1 or 2.
    pub version: u8,
    /// Bytes of a journal block: the block size of the file system.
    pub block_size: BlockSize,
    /// Blocks of the journal, fast-commit area included. That the journal is as long is for the
    /// caller to check.
    pub max_len: u32,
    /// First block of the log, at least 1.
    pub first: u32,
    /// First transaction expected in the log.
    pub sequence: u32,
    /// Block at which the log starts, 0 if it is empty.
    pub start: u32,
    /// Error that the file system met, 0 for none.
    pub errno: i32,
    /// Features; none in version 1.
    pub features: JournalFeatures,
    /// UUID of the journal.
    pub uuid: [u8; 16],
    /// File systems that use the journal.
    pub user_count: u32,
    /// Where the next transaction goes in an empty log (a hint, unchecked).
    pub head: u32,
    /// Blocks at the end that are for fast commits; 0 without the feature.
    pub fast_commit_blocks: u32,
}

impl JournalSuperblock {
    /// Checks the first 1,024 bytes of a journal as the superblock of one for a file system with
    /// blocks of `block_size`. Unknown features are for the caller to refuse.
    ///
    /// # Errors
    /// [`CorruptKind::JournalSuperblock`], [`CorruptKind::JournalChecksum`].
    pub fn parse(bytes: &[u8], block_size: BlockSize, at: Place) -> Result<Self, Corrupt> {
        let malformed = || Corrupt::new(CorruptKind::JournalSuperblock, at);
        let (raw, _) = RawJournalSuperblock::ref_from_prefix(bytes).map_err(|_| malformed())?;
        let version = match JournalBlockHeader::parse(bytes).map(|header| header.kind) {
            Some(JournalBlockKind::SuperblockV1) => 1,
            Some(JournalBlockKind::SuperblockV2) => 2,
            _ => return Err(malformed()),
        };
        let journal = Self::decode(raw, version, block_size);
        if raw.block_size.get() != block_size.bytes() || !journal.features_agree() {
            return Err(malformed());
        }
        if journal.features.has_checksums() {
            if raw.checksum_type != CRC32C {
                return Err(malformed());
            }
            if journal_checksum(bytes) != raw.checksum.get() {
                return Err(Corrupt::new(CorruptKind::JournalChecksum, at));
            }
        }
        if journal.layout_fits() { Ok(journal) } else { Err(malformed()) }
    }

    fn decode(raw: &RawJournalSuperblock, version: u8, block_size: BlockSize) -> Self {
        let features = JournalFeatures {
            compat: raw.compat.get(),
            incompat: raw.incompat.get(),
            ro_compat: raw.ro_compat.get(),
        };
        let features = if version == 1 { JournalFeatures::default() } else { features };
        let fast_commit_blocks = match raw.fast_commit_blocks.get() {
            _ if !features.incompat(JournalFeatures::FAST_COMMIT) => 0,
            0 => DEFAULT_FAST_COMMIT_BLOCKS,
            blocks => blocks,
        };
        let left = raw.max_len.get().saturating_sub(fast_commit_blocks);
        let fast_commit_blocks = if left < MIN_LOG_BLOCKS { 0 } else { fast_commit_blocks };
        let v2 = version == 2;
        Self {
            version,
            block_size,
            max_len: raw.max_len.get(),
            first: raw.first.get(),
            sequence: raw.sequence.get(),
            start: raw.start.get(),
            errno: raw.errno.get().cast_signed(),
            features,
            uuid: if v2 { raw.uuid } else { [0; 16] },
            user_count: if v2 { raw.user_count.get() } else { 1 },
            head: if v2 { raw.head.get() } else { 0 },
            fast_commit_blocks,
        }
    }

    /// Of the three kinds of checksums a journal has one at most.
    fn features_agree(&self) -> bool {
        let kinds = [
            self.features.compat & JournalFeatures::CHECKSUM != 0,
            self.features.incompat(JournalFeatures::CSUM_V2),
            self.features.incompat(JournalFeatures::CSUM_V3),
        ];
        kinds.iter().filter(|set| **set).count() <= 1
    }

    fn layout_fits(&self) -> bool {
        let end = self.log_end();
        (1..end).contains(&self.first)
            && (self.start == 0 || (self.first..end).contains(&self.start))
    }

    /// Rewrites the start of the log, the next transaction and the error in `bytes`, a journal's
    /// superblock, and its checksum where there is one. All else stays.
    pub fn write_state(&self, bytes: &mut [u8]) {
        if let Ok((raw, _)) = RawJournalSuperblock::mut_from_prefix(bytes) {
            raw.sequence.set(self.sequence);
            raw.start.set(self.start);
            raw.errno.set(self.errno.cast_unsigned());
        }
        if self.features.has_checksums() {
            let sum = journal_checksum(bytes);
            if let Some(field) = bytes.get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 4) {
                field.copy_from_slice(&sum.to_be_bytes());
            }
        }
    }

    /// The block behind the log.
    #[must_use]
    pub const fn log_end(&self) -> u32 {
        self.max_len.saturating_sub(self.fast_commit_blocks)
    }

    /// The blocks of the fast-commit area: the block behind the log belongs to neither. Empty
    /// where there is no area.
    #[must_use]
    pub const fn fast_commit_area(&self) -> Range<u32> {
        match self.fast_commit_blocks {
            0 => self.max_len..self.max_len,
            _ => self.log_end() + 1..self.max_len,
        }
    }

    /// Whether the log holds nothing to replay.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == 0
    }
}

/// The checksum that a journal superblock should carry: CRC32C of its 1,024 bytes with the field
/// itself as zero.
#[must_use]
pub fn journal_checksum(bytes: &[u8]) -> u32 {
    let part = |range| bytes.get(range).unwrap_or_default();
    let crc = crc32c(crc32c(!0, part(0..CHECKSUM_OFFSET)), &[0; 4]);
    crc32c(crc, part(CHECKSUM_OFFSET + 4..JOURNAL_SUPERBLOCK_SIZE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::JOURNAL_MAGIC;
    use super::*;

    fn valid(incompat: u32) -> RawJournalSuperblock {
        let mut raw = RawJournalSuperblock::read_from_bytes(&[0; 1024]).unwrap();
        raw.header.magic.set(JOURNAL_MAGIC);
        raw.header.kind.set(4);
        raw.block_size.set(1024);
        raw.max_len.set(2048);
        raw.first.set(1);
        raw.incompat.set(incompat);
        raw.checksum_type = 4;
        raw
    }

    fn parse(mut raw: RawJournalSuperblock) -> Result<JournalSuperblock, CorruptKind> {
        let sum = journal_checksum(raw.as_bytes());
        raw.checksum.set(sum);
        parse_as_is(&raw)
    }

    fn parse_as_is(raw: &RawJournalSuperblock) -> Result<JournalSuperblock, CorruptKind> {
        let size = BlockSize::from_bytes(1024).unwrap();
        JournalSuperblock::parse(raw.as_bytes(), size, Place::default()).map_err(|c| c.kind)
    }

    fn malformed(change: impl FnOnce(&mut RawJournalSuperblock)) {
        let mut raw = valid(JournalFeatures::CSUM_V3 | JournalFeatures::FAST_COMMIT);
        change(&mut raw);
        assert_eq!(parse(raw), Err(CorruptKind::JournalSuperblock));
    }

    #[test]
    fn both_versions_are_read() {
        let mut raw = valid(JournalFeatures::REVOKE | JournalFeatures::FAST_COMMIT);
        raw.start.set(1791);
        let journal = parse(raw.clone()).unwrap();
        assert_eq!((journal.version, journal.is_empty()), (2, false));
        assert_eq!((journal.fast_commit_blocks, journal.log_end()), (256, 1792));
        assert_eq!(journal.fast_commit_area(), 1793..2048);
        raw.header.kind.set(3);
        let journal = parse(raw).unwrap();
        assert_eq!((journal.version, journal.features), (1, JournalFeatures::default()));
        assert_eq!(journal.log_end(), 2048);
        assert!(journal.fast_commit_area().is_empty());
    }

    #[test]
    fn a_fast_commit_area_leaves_room_for_the_log() {
        let area = |max_len: u32, blocks: u32| {
            let mut raw = valid(JournalFeatures::FAST_COMMIT);
            raw.max_len.set(max_len);
            raw.fast_commit_blocks.set(blocks);
            parse(raw).unwrap().fast_commit_area()
        };
        assert_eq!(area(1034, 10), 1025..1034, "one block less than the number says");
        assert!(area(1034, 11).is_empty());
        assert!(area(2048, u32::MAX).is_empty());
    }

    #[test]
    fn malformed_superblocks_are_refused() {
        malformed(|r| r.header.magic.set(0));
        malformed(|r| r.header.kind.set(2));
        malformed(|r| r.block_size.set(4096));
        malformed(|r| r.max_len.set(0));
        malformed(|r| r.first.set(0));
        malformed(|r| r.first.set(1792));
        malformed(|r| r.start.set(1792));
        malformed(|r| {
            r.first.set(9);
            r.start.set(8);
        });
        malformed(|r| r.checksum_type = 1);
        malformed(|r| r.incompat.set(JournalFeatures::CSUM_V2 | JournalFeatures::CSUM_V3));
        malformed(|r| r.compat.set(JournalFeatures::CHECKSUM));
        let size = BlockSize::from_bytes(1024).unwrap();
        let short = &valid(0).as_bytes()[..1023].to_vec();
        assert!(JournalSuperblock::parse(short, size, Place::default()).is_err());
    }

    #[test]
    fn a_wrong_checksum_is_refused_where_there_is_one() {
        let mut raw = valid(JournalFeatures::CSUM_V3);
        raw.checksum.set(journal_checksum(raw.as_bytes()) ^ 1);
        assert_eq!(parse_as_is(&raw), Err(CorruptKind::JournalChecksum));
        assert!(parse_as_is(&valid(0)).is_ok(), "no checksum, none compared");
    }

    #[test]
    fn a_state_is_written_with_its_checksum() {
        let mut raw = valid(JournalFeatures::CSUM_V3);
        raw.users[0] = [9; 16];
        let mut journal = parse(raw.clone()).unwrap();
        (journal.start, journal.sequence, journal.errno) = (7, 99, -5);
        journal.write_state(raw.as_mut_bytes());
        assert_eq!(parse_as_is(&raw), Ok(journal));
    }

    #[test]
    fn features_have_names() {
        let features = JournalFeatures { compat: 1, incompat: 0x52, ro_compat: 1 };
        let names = ["journal_checksum", "journal_64bit", "journal_checksum_v3"];
        assert_eq!(features.names()[..3], names);
        assert_eq!(features.unknown(), ["FEATURE_I6", "FEATURE_R0"]);
    }

    #[test]
    fn headers_need_the_magic_and_a_known_kind() {
        let header = |magic: u32, kind: u32| {
            let words = [magic, kind, 77].map(u32::to_be_bytes).concat();
            JournalBlockHeader::parse(&words)
        };
        for kind in 1..=5 {
            assert_eq!(header(JOURNAL_MAGIC, kind).map(|h| h.sequence), Some(77));
        }
        assert_eq!(header(JOURNAL_MAGIC, 6), None);
        assert_eq!(header(0, 1), None);
        assert_eq!(JournalBlockHeader::parse(&[0; 11]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 1024)) {
            let mut raw = RawJournalSuperblock::read_from_bytes(&bytes).unwrap();
            raw.header = valid(0).header;
            raw.block_size.set(1024);
            if let Ok(journal) = parse(raw) {
                prop_assert!(journal.first < journal.log_end());
            }
        }
    }
}
