//! Block group descriptors: from 32 or 64 bytes to checked places of a group's metadata.
//!
//! A [`GroupDesc`] has a right checksum (where the file system has them), its bitmaps and its
//! whole inode table are inside the file system and apart from each other and from the superblock
//! copy and descriptors. Free counts are hints and are not judged here. Layout: the kernel's
//! `ext4/group_descr.rst`.

mod store;
mod sum;

use std::mem;
use std::ops::Range;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::{crc16, crc32c};
use crate::features::Incompat;
use crate::superblock::wide;
use crate::{BlockNr, Corrupt, CorruptKind, Geometry, GroupNr, Place, Superblock};
use sum::running_sums;

/// Byte offset of the checksum in a descriptor.
const CHECKSUM_OFFSET: usize = 0x1e;

/// The first 32 bytes of a descriptor: all of it without the feature `64bit`.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawLow {
    block_bitmap: U32,
    inode_bitmap: U32,
    inode_table: U32,
    free_clusters: U16,
    free_inodes: U16,
    used_dirs: U16,
    flags: U16,
    exclude_bitmap: U32,
    block_bitmap_csum: U16,
    inode_bitmap_csum: U16,
    unused_inodes: U16,
    checksum: U16,
}

/// The next 32 bytes, present with the feature `64bit`: upper halves.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHigh {
    block_bitmap: U32,
    inode_bitmap: U32,
    inode_table: U32,
    free_clusters: U16,
    free_inodes: U16,
    used_dirs: U16,
    unused_inodes: U16,
    exclude_bitmap: U32,
    block_bitmap_csum: U16,
    inode_bitmap_csum: U16,
    reserved: U32,
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<RawLow>() == 0x20 && size_of::<RawHigh>() == 0x20);
    assert!(offset_of!(RawLow, flags) == 0x12);
    assert!(offset_of!(RawLow, checksum) == CHECKSUM_OFFSET);
    assert!(offset_of!(RawHigh, unused_inodes) == 0x32 - 0x20);
    assert!(offset_of!(RawHigh, inode_bitmap_csum) == 0x3a - 0x20);
};

/// The upper halves of a descriptor without any.
static NO_HIGH: RawHigh = RawHigh {
    block_bitmap: U32::ZERO,
    inode_bitmap: U32::ZERO,
    inode_table: U32::ZERO,
    free_clusters: U16::ZERO,
    free_inodes: U16::ZERO,
    used_dirs: U16::ZERO,
    unused_inodes: U16::ZERO,
    exclude_bitmap: U32::ZERO,
    block_bitmap_csum: U16::ZERO,
    inode_bitmap_csum: U16::ZERO,
    reserved: U32::ZERO,
};

/// The state flags of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct GroupFlags(u16);

impl GroupFlags {
    /// The inode bitmap and table were never written: all inodes are free.
    pub const INODE_UNINIT: Self = Self(1);
    /// The block bitmap was never written: only the group's own metadata is in use.
    pub const BLOCK_UNINIT: Self = Self(2);
    /// The inode table is zeroed.
    pub const INODE_ZEROED: Self = Self(4);

    /// The word as it is on disk, unknown bits included.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// A checked group descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupDesc {
    /// The block bitmap.
    pub block_bitmap: BlockNr,
    /// The inode bitmap.
    pub inode_bitmap: BlockNr,
    /// The first block of the inode table; the whole table is inside the file system.
    pub inode_table: BlockNr,
    /// Free clusters as recorded (a hint).
    pub free_clusters: u32,
    /// Free inodes as recorded (a hint).
    pub free_inodes: u32,
    /// Directories as recorded (a hint).
    pub used_dirs: u32,
    /// Inodes at the end of the table that were never used, at most all of the group; 0 where
    /// descriptors have no checksum.
    pub unused_inodes: u32,
    /// State flags.
    pub flags: GroupFlags,
    /// Checksum of the block bitmap; its low 16 bits in descriptors of 32 bytes.
    pub block_bitmap_csum: u32,
    /// Checksum of the inode bitmap; its low 16 bits in descriptors of 32 bytes.
    pub inode_bitmap_csum: u32,
    /// Checksum of the descriptor.
    pub checksum: u16,
}

impl GroupDesc {
    /// Checks `bytes`, the [`Geometry::desc_size`] bytes of the descriptor of `group`.
    ///
    /// # Errors
    /// The first rule broken: the checksum, then places, counts and flags. Fewer bytes than a
    /// descriptor count as a wrong checksum.
    pub fn parse(bytes: &[u8], group: GroupNr, sb: &Superblock) -> Result<Self, Corrupt> {
        let desc = GroupParser::new(sb).parse(bytes, group);
        desc.map_err(|kind| Corrupt::new(kind, Place::group(group)))
    }

    /// The first block of the inode table of `group`, if the whole table is where it may be. This
    /// is all that reading inodes needs: they have checksums of their own, and stay readable
    /// where the rest of the descriptor is damaged.
    ///
    /// # Errors
    /// [`CorruptKind::GroupInodeTable`].
    pub fn inode_table(bytes: &[u8], group: GroupNr, sb: &Superblock) -> Result<BlockNr, Corrupt> {
        let wrong = Corrupt::new(CorruptKind::GroupInodeTable, Place::group(group));
        let (low, rest) = RawLow::ref_from_prefix(bytes).map_err(|_| wrong)?;
        let high = RawHigh::ref_from_prefix(rest).map_or(&NO_HIGH, |(high, _)| high);
        let start = wide(high.inode_table.get(), low.inode_table.get());
        let blocks = u64::from(sb.geometry().inode_table_blocks());
        let mut rule = PlaceRule::new(sb);
        rule.enter(group);
        rule.run(start, blocks).ok_or(wrong)
    }
}

/// Parses descriptors that lie side by side. It keeps what neighbours have in common, so a pass
/// over all groups is much cheaper than [`GroupDesc::parse`] for each.
#[derive(Debug)]
pub struct GroupParser<'a> {
    sb: &'a Superblock,
    table_blocks: u64,
    inodes_per_group: u32,
    csum: bool,
    rule: PlaceRule<'a>,
    /// Kept for its memory.
    sums: Vec<u16>,
}

impl<'a> GroupParser<'a> {
    /// A parser for descriptors of the file system of `sb`.
    #[must_use]
    pub fn new(sb: &'a Superblock) -> Self {
        let geometry = sb.geometry();
        Self {
            sb,
            table_blocks: geometry.inode_table_blocks().into(),
            inodes_per_group: geometry.inodes_per_group(),
            csum: sb.features().group_csum(),
            rule: PlaceRule::new(sb),
            sums: Vec::new(),
        }
    }

    /// Checks all whole descriptors in `bytes`, of which the first is that of the group with the
    /// number `first`, as [`GroupDesc::parse`] does. Descriptors behind the last group are skipped.
    #[inline]
    pub fn parse_all(
        &mut self,
        bytes: &[u8],
        first: u32,
        mut each: impl FnMut(Result<GroupDesc, Corrupt>),
    ) {
        let geometry = self.sb.geometry();
        // All checksums first: two small loops need fewer registers than a large one has.
        let sums = self.sums(bytes, first);
        let descs = bytes.chunks_exact(geometry.desc_size() as usize);
        for (n, (desc, sum)) in (first..geometry.group_count()).zip(descs.zip(&sums)) {
            let group = GroupNr::new(n);
            let desc = self.desc(desc, group, *sum);
            each(desc.map_err(|kind| Corrupt::new(kind, Place::group(group))));
        }
        self.sums = sums;
    }

    /// The checksums that the descriptors in `bytes` should carry, those of groups from `first` on;
    /// any numbers where descriptors carry none.
    fn sums(&mut self, bytes: &[u8], first: u32) -> Vec<u16> {
        let mut sums = mem::take(&mut self.sums);
        sums.clear();
        let geometry = self.sb.geometry();
        let (size, crc32c) = (geometry.desc_size() as usize, self.sb.features().metadata_csum());
        let words = bytes.as_chunks().0;
        let seed = self.sb.seed();
        match size {
            64 if crc32c => running_sums::<8>(words.as_chunks().0, first, seed, &mut sums),
            32 if crc32c => running_sums::<4>(words.as_chunks().0, first, seed, &mut sums),
            _ if !self.csum => sums.resize(bytes.len() / size, 0),
            _ => {
                let groups = (first..geometry.group_count()).map(GroupNr::new);
                let descs = bytes.chunks_exact(size).zip(groups);
                sums.extend(descs.map(|(desc, group)| descriptor_checksum(desc, group, self.sb)));
            }
        }
        sums
    }

    /// Checks one descriptor.
    fn parse(&mut self, bytes: &[u8], group: GroupNr) -> Result<GroupDesc, CorruptKind> {
        let size = self.sb.geometry().desc_size() as usize;
        let bytes = bytes.get(..size).ok_or(CorruptKind::GroupChecksum)?;
        let sum = if self.csum { descriptor_checksum(bytes, group, self.sb) } else { 0 };
        self.desc(bytes, group, sum)
    }

    /// `bytes` as the descriptor of `group`, if its checksum is `checksum` where it has one.
    #[inline]
    fn desc(
        &mut self,
        bytes: &[u8],
        group: GroupNr,
        checksum: u16,
    ) -> Result<GroupDesc, CorruptKind> {
        let (low, rest) = RawLow::ref_from_prefix(bytes).map_err(|_| CorruptKind::GroupChecksum)?;
        let high = RawHigh::ref_from_prefix(rest).map_or(&NO_HIGH, |(high, _)| high);
        if self.csum && checksum != low.checksum.get() {
            return Err(CorruptKind::GroupChecksum);
        }
        self.rule.enter(group);
        let places = Places::parse(low, high, &mut self.rule, self.table_blocks)?;
        Ok(GroupDesc {
            block_bitmap: places.block_bitmap,
            inode_bitmap: places.inode_bitmap,
            inode_table: places.inode_table,
            free_clusters: wide16(high.free_clusters, low.free_clusters),
            free_inodes: wide16(high.free_inodes, low.free_inodes),
            used_dirs: wide16(high.used_dirs, low.used_dirs),
            unused_inodes: self.unused_inodes(low, high)?,
            flags: self.flags(low)?,
            block_bitmap_csum: wide16(high.block_bitmap_csum, low.block_bitmap_csum),
            inode_bitmap_csum: wide16(high.inode_bitmap_csum, low.inode_bitmap_csum),
            checksum: low.checksum.get(),
        })
    }

    #[inline]
    fn flags(&self, low: &RawLow) -> Result<GroupFlags, CorruptKind> {
        let flags = GroupFlags(low.flags.get());
        let uninit = GroupFlags::INODE_UNINIT.0 | GroupFlags::BLOCK_UNINIT.0;
        let wrong = flags.0 & uninit != 0 && !self.csum;
        if wrong { Err(CorruptKind::GroupFlags) } else { Ok(flags) }
    }

    #[inline]
    fn unused_inodes(&self, low: &RawLow, high: &RawHigh) -> Result<u32, CorruptKind> {
        if !self.csum {
            return Ok(0);
        }
        let unused = wide16(high.unused_inodes, low.unused_inodes);
        let wrong = unused > self.inodes_per_group;
        if wrong { Err(CorruptKind::GroupUnusedInodes) } else { Ok(unused) }
    }
}

/// The checksum that a descriptor of `group` should carry, over `bytes` without its checksum
/// field: the low half of CRC32C (feature `metadata_csum`), else CRC16.
#[must_use]
pub fn descriptor_checksum(bytes: &[u8], group: GroupNr, sb: &Superblock) -> u16 {
    let number = group.get().to_le_bytes();
    let before = bytes.get(..CHECKSUM_OFFSET).unwrap_or_default();
    let after = bytes.get(CHECKSUM_OFFSET + 2..).unwrap_or_default();
    if sb.features().metadata_csum() {
        let crc = crc32c(sb.seed().sum(&number), before);
        let crc = crc32c(crc32c(crc, &[0; 2]), after);
        return low_half(crc);
    }
    let crc = crc16(!0, &sb.raw().uuid);
    crc16(crc16(crc16(crc, &number), before), after)
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
const fn low_half(crc: u32) -> u16 {
    crc as u16
}

/// The three places of a group's metadata.
struct Places {
    block_bitmap: BlockNr,
    inode_bitmap: BlockNr,
    inode_table: BlockNr,
}

impl Places {
    #[inline]
    fn parse(
        low: &RawLow,
        high: &RawHigh,
        rule: &mut PlaceRule<'_>,
        table_blocks: u64,
    ) -> Result<Self, CorruptKind> {
        let places = Self {
            block_bitmap: rule
                .run(wide(high.block_bitmap.get(), low.block_bitmap.get()), 1)
                .ok_or(CorruptKind::GroupBlockBitmap)?,
            inode_bitmap: rule
                .run(wide(high.inode_bitmap.get(), low.inode_bitmap.get()), 1)
                .ok_or(CorruptKind::GroupInodeBitmap)?,
            inode_table: rule
                .run(wide(high.inode_table.get(), low.inode_table.get()), table_blocks)
                .ok_or(CorruptKind::GroupInodeTable)?,
        };
        let table = places.inode_table.get()..places.inode_table.get() + table_blocks;
        if places.block_bitmap == places.inode_bitmap {
            return Err(CorruptKind::GroupInodeBitmap);
        }
        let bitmaps = [places.block_bitmap, places.inode_bitmap];
        if bitmaps.iter().any(|bitmap| table.contains(&bitmap.get())) {
            return Err(CorruptKind::GroupInodeTable);
        }
        Ok(places)
    }
}

/// Where the metadata of a group may lie: anywhere with `flex_bg`, else in the group.
#[derive(Debug)]
struct PlaceRule<'a> {
    geometry: &'a Geometry,
    anywhere: bool,
    first: u64,
    end: u64,
    /// Blocks known to be within the bounds and free of superblock copies and descriptors. All
    /// metadata of a flex group lies in one such range as a rule, so most places need no more than
    /// a comparison with it; finding the range of another block divides.
    clear: Range<u64>,
}

/// The blocks of one group: a superblock copy and descriptors from `first`, other uses from
/// `free`.
struct Span {
    first: u64,
    free: u64,
    end: u64,
}

impl Span {
    fn holding(block: BlockNr, geometry: &Geometry) -> Self {
        let group = geometry.block_group(block);
        let first = geometry.group_first_block(group).get();
        let free = first + u64::from(geometry.base_meta_blocks(group));
        Self { first, free, end: first + u64::from(geometry.blocks_per_group()) }
    }
}

impl<'a> PlaceRule<'a> {
    fn new(sb: &'a Superblock) -> Self {
        let geometry = sb.geometry();
        Self {
            geometry,
            anywhere: sb.features().incompat(Incompat::FLEX_BG),
            first: geometry.first_data_block().into(),
            end: geometry.blocks_count(),
            clear: 0..0,
        }
    }

    /// From now on the rule is that of `group`.
    #[inline]
    fn enter(&mut self, group: GroupNr) {
        if !self.anywhere {
            self.first = self.geometry.group_first_block(group).get();
            self.end = self.first + u64::from(self.geometry.group_blocks(group));
            self.clear = 0..0;
        }
    }

    /// `start`, if the `len` blocks from it, at least one, are where the rule wants them and miss
    /// the superblock copies and descriptors.
    #[inline]
    fn run(&mut self, start: u64, len: u64) -> Option<BlockNr> {
        let Range { start: first, end } = self.clear;
        if start >= first && len <= end.saturating_sub(start) {
            return Some(BlockNr::new(start));
        }
        self.run_elsewhere(start, len)
    }

    /// As [`run`](Self::run), for a run that is not in the range known to be clear, which is from
    /// now on that of its first block. A run shorter than a group touches at most two of them; of a
    /// longer one only the ends are compared.
    #[cold]
    fn run_elsewhere(&mut self, start: u64, len: u64) -> Option<BlockNr> {
        let end = start.checked_add(len)?;
        if start < self.first || end > self.end {
            return None;
        }
        let block = self.geometry.block(start)?;
        let span = Span::holding(block, self.geometry);
        self.clear = span.free.max(self.first)..span.end.min(self.end);
        let clear = start >= span.free && (end <= span.end || self.starts_clear(end - 1));
        clear.then_some(block)
    }

    /// Whether the group that holds `block` has neither a superblock copy nor descriptors.
    fn starts_clear(&self, block: u64) -> bool {
        let span = self.geometry.block(block).map(|block| Span::holding(block, self.geometry));
        span.is_some_and(|span| span.free == span.first)
    }
}

fn wide16(hi: U16, lo: U16) -> u32 {
    u32::from(hi.get()) << 16 | u32::from(lo.get())
}

#[cfg(test)]
mod tests;
