//! Indirect block maps, as ext2 and ext3 files have them: 12 direct blocks, then trees of one, two
//! and three levels of blocks full of 32-bit block numbers (kernel documentation,
//! `ext4/ifork.rst`, "Direct/Indirect Block Addressing").

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use crate::{BlockNr, BlockSize, Corrupt, CorruptKind, Geometry, Place};

/// Blocks that the inode maps by itself.
pub const DIRECT_BLOCKS: u32 = 12;

/// A block of block numbers, or the 60 bytes of an inode's own 15: a view, nothing checked.
#[derive(Clone, Copy, Debug)]
pub struct IndirectMap<'a> {
    entries: &'a [U32],
}

impl<'a> IndirectMap<'a> {
    /// The numbers in `bytes`; a rest shorter than a number is left out.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let whole = bytes.get(..bytes.len() & !3).unwrap_or_default();
        Self { entries: <[U32]>::ref_from_bytes(whole).unwrap_or_default() }
    }

    /// How many numbers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number `index` as it is on disk, 0 for a hole; `None` past the end.
    #[must_use]
    pub fn entry(&self, index: u32) -> Option<u32> {
        self.entries.get(index as usize).map(|entry| entry.get())
    }

    /// All numbers in order, 0 for a hole.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.entries.iter().map(|entry| entry.get())
    }

    /// Number `index` as a block that a map may point at; `Ok(None)` for a hole.
    ///
    /// # Errors
    /// [`CorruptKind::IndirectRange`] for a block outside the file system, or no such number.
    pub fn block(
        &self,
        index: u32,
        geometry: &Geometry,
        at: Place,
    ) -> Result<Option<BlockNr>, Corrupt> {
        let entry = self.entry(index);
        if entry == Some(0) {
            return Ok(None);
        }
        entry
            .and_then(|entry| geometry.run(entry.into(), 1))
            .map(Some)
            .ok_or_else(|| Corrupt::new(CorruptKind::IndirectRange, at.offset(index as usize * 4)))
    }

    /// The way to logical block `logical`, where blocks hold `addr_per_block` numbers; `None` past
    /// the last block that three levels reach.
    #[must_use]
    pub fn path(logical: u32, addr_per_block: u32) -> Option<Path> {
        let n = u64::from(addr_per_block);
        let mut rest = u64::from(logical);
        let mut span = u64::from(DIRECT_BLOCKS);
        for level in 0_u8..=3 {
            if rest < span {
                return Some(Path::within(level, rest, n));
            }
            rest -= span;
            span = if level == 0 { n } else { span * n };
        }
        None
    }

    /// The largest size in bytes of a file mapped so: three levels, or 2^32 blocks.
    #[must_use]
    pub fn max_size(block_size: BlockSize) -> u64 {
        let n = block_size.bytes64() / 4;
        let blocks = u64::from(DIRECT_BLOCKS) + n + n * n + n * n * n;
        blocks.min(1 << 32) << block_size.bits()
    }
}

/// Puts `entries` into the numbers of `bytes`, from the first on; a rest of either is left.
pub fn set_entries(bytes: &mut [u8], entries: &[u32]) {
    for (slot, entry) in bytes.chunks_exact_mut(4).zip(entries) {
        slot.copy_from_slice(&entry.to_le_bytes());
    }
}

/// The way through an indirect map to one logical block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    level: u8,
    offsets: [u32; 4],
}

impl Path {
    /// `rest` blocks into the tree of `level` levels, with `n` numbers in a block.
    fn within(level: u8, mut rest: u64, n: u64) -> Self {
        let mut offsets = [0; 4];
        let below = offsets.get_mut(1..=usize::from(level)).unwrap_or_default();
        for offset in below.iter_mut().rev() {
            *offset = u32::try_from(rest % n).unwrap_or(0);
            rest /= n;
        }
        let slot = if level == 0 { rest } else { u64::from(DIRECT_BLOCKS - 1) + u64::from(level) };
        offsets[0] = u32::try_from(slot).unwrap_or(0);
        Self { level, offsets }
    }

    /// How many indirect blocks are on the way: 0 to 3.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The index in the inode's 15 numbers, then the index in each indirect block: `level + 1` of
    /// them.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        self.offsets.get(..=usize::from(self.level)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_at_the_edges_of_each_level() {
        let n = 256_u32;
        let (two, three) = (12 + n, 12 + n + n * n);
        let cases: &[(u32, &[u32])] = &[
            (0, &[0]),
            (11, &[11]),
            (12, &[12, 0]),
            (two - 1, &[12, 255]),
            (two, &[13, 0, 0]),
            (two + 257, &[13, 1, 1]),
            (three - 1, &[13, 255, 255]),
            (three, &[14, 0, 0, 0]),
            (three + n * n * n - 1, &[14, 255, 255, 255]),
        ];
        for (logical, offsets) in cases {
            let path = IndirectMap::path(*logical, n).unwrap();
            assert_eq!(path.offsets(), *offsets, "{logical}");
            assert_eq!(usize::from(path.level()) + 1, offsets.len(), "{logical}");
        }
        assert_eq!(IndirectMap::path(three + n * n * n, n), None);
        assert!(IndirectMap::path(u32::MAX, 16384).is_some());
    }

    #[test]
    fn max_size_is_just_behind_the_last_path() {
        let size = BlockSize::from_bytes(1024).unwrap();
        let last = u32::try_from(IndirectMap::max_size(size) / 1024 - 1).unwrap();
        assert!(IndirectMap::path(last, 256).is_some());
        assert!(IndirectMap::path(last + 1, 256).is_none());
        let large = BlockSize::from_bytes(65536).unwrap();
        assert_eq!(IndirectMap::max_size(large), 1 << 48);
    }

    #[test]
    fn no_block_size_makes_no_path() {
        assert_eq!(IndirectMap::path(12, 0), None);
    }

    #[test]
    fn entries_are_read_as_they_were_set() {
        let mut bytes = [0xee; 14];
        set_entries(&mut bytes, &[7, u32::MAX, 0, 9]);
        assert_eq!(IndirectMap::new(&bytes).entries().collect::<Vec<_>>(), [7, u32::MAX, 0]);
        assert_eq!(bytes[12..], [0xee; 2]);
        set_entries(&mut bytes, &[8]);
        assert_eq!(IndirectMap::new(&bytes).entries().collect::<Vec<_>>(), [8, u32::MAX, 0]);
    }

    #[test]
    fn entries_are_checked_against_the_file_system() {
        let superblock = crate::testing::small();
        let geometry = superblock.geometry();
        let bytes = [7, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 9];
        let map = IndirectMap::new(&bytes);
        assert_eq!(map.len(), 3);
        assert_eq!(map.block(0, geometry, Place::default()).unwrap(), geometry.block(7));
        assert_eq!(map.block(1, geometry, Place::default()), Ok(None));
        for index in [2, 3] {
            let error = map.block(index, geometry, Place::default()).unwrap_err();
            assert_eq!(error.kind, CorruptKind::IndirectRange);
            assert_eq!(error.at.offset, Some(u64::from(index) * 4));
        }
    }
}
