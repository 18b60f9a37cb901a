//! Descriptor blocks: tags that say where the copies that follow belong.

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{JOURNAL_HEADER_SIZE, JournalFeatures};

/// Bytes of the UUID behind a tag that does not say it is the same as before.
const UUID_SIZE: usize = 16;
/// Bytes of the checksum at the end of a block.
const TAIL_SIZE: usize = 4;

/// The flags of a tag. Other bits mean nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TagFlags(u16);

impl TagFlags {
    /// The copy starts with the journal's magic number, of which the log holds zeroes.
    pub const ESCAPED: Self = Self(0x1);
    /// No UUID follows: it is that of the tag before.
    pub const SAME_UUID: Self = Self(0x2);
    /// The block is deleted by this transaction (never written by Linux).
    pub const DELETED: Self = Self(0x4);
    /// The last tag of the descriptor.
    pub const LAST: Self = Self(0x8);

    /// The flags with these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One tag: a copy in the log, and the block of the file system that it is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalTag {
    /// The home block, unchecked.
    pub home: u64,
    /// The flags.
    pub flags: TagFlags,
    /// The stored checksum of the copy: 32 bits (version 3), the low 16 (version 2), else 0.
    pub checksum: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawTag {
    block: U32,
    checksum: U16,
    flags: U16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawTag3 {
    block: U32,
    flags: U32,
    block_high: U32,
    checksum: U32,
}

/// How the tags of a journal look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagLayout {
    version3: bool,
    version2: bool,
    wide: bool,
}

impl TagLayout {
    /// The layout that `features` give.
    #[must_use]
    pub const fn new(features: &JournalFeatures) -> Self {
        Self {
            version3: features.incompat(JournalFeatures::CSUM_V3),
            version2: features.incompat(JournalFeatures::CSUM_V2),
            wide: features.incompat(JournalFeatures::BIT64),
        }
    }

    /// Bytes of a tag, a UUID not counted. Version 2 of the checksums made tags two bytes longer
    /// without using them.
    #[must_use]
    pub const fn tag_size(self) -> usize {
        if self.version3 {
            return size_of::<RawTag3>();
        }
        let narrow = size_of::<RawTag>() + if self.version2 { 2 } else { 0 };
        narrow + if self.wide { 4 } else { 0 }
    }

    const fn has_tail(self) -> bool {
        self.version3 || self.version2
    }

    /// Bytes of a block of `len` bytes that hold header and tags, or revoked blocks.
    #[must_use]
    pub const fn body_end(self, len: usize) -> usize {
        if self.has_tail() { len.saturating_sub(TAIL_SIZE) } else { len }
    }

    /// Bytes of a block number in a revoke block.
    #[must_use]
    pub const fn revoke_size(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// Whether the stored checksum `tag` is that of a copy whose right sum is `sum`; always true
    /// where tags have none.
    #[must_use]
    pub const fn checksum_matches(self, tag: &JournalTag, sum: u32) -> bool {
        if self.version3 {
            tag.checksum == sum
        } else {
            !self.version2 || tag.checksum == sum & 0xffff
        }
    }

    /// Whether tags have checksums.
    #[must_use]
    pub const fn has_checksums(self) -> bool {
        self.has_tail()
    }

    fn read(self, bytes: &[u8]) -> Option<JournalTag> {
        if self.version3 {
            let (raw, _) = RawTag3::ref_from_prefix(bytes).ok()?;
            let high = if self.wide { raw.block_high.get() } else { 0 };
            let flags = TagFlags((raw.flags.get() & 0xffff) as u16);
            let home = u64::from(high) << 32 | u64::from(raw.block.get());
            return Some(JournalTag { home, flags, checksum: raw.checksum.get() });
        }
        let (raw, rest) = RawTag::ref_from_prefix(bytes).ok()?;
        let high = match U32::ref_from_prefix(rest) {
            Ok((high, _)) if self.wide => high.get(),
            _ => 0,
        };
        let checksum = if self.version2 { raw.checksum.get().into() } else { 0 };
        let home = u64::from(high) << 32 | u64::from(raw.block.get());
        Some(JournalTag { home, flags: TagFlags(raw.flags.get()), checksum })
    }

    /// Writes `tag` at the start of `bytes`; nothing if it does not fit there.
    pub fn write(self, tag: &JournalTag, bytes: &mut [u8]) {
        let (low, high) = ((tag.home & 0xffff_ffff) as u32, (tag.home >> 32) as u32);
        if self.version3 {
            let raw = RawTag3 {
                block: low.into(),
                flags: u32::from(tag.flags.0).into(),
                block_high: high.into(),
                checksum: tag.checksum.into(),
            };
            let _ = raw.write_to_prefix(bytes);
            return;
        }
        let checksum = if self.version2 { (tag.checksum & 0xffff) as u16 } else { 0 };
        let raw =
            RawTag { block: low.into(), checksum: checksum.into(), flags: tag.flags.0.into() };
        let fits = raw.write_to_prefix(bytes).is_ok();
        if self.wide && fits {
            let rest = bytes.get_mut(size_of::<RawTag>()..).unwrap_or_default();
            let _ = U32::new(high).write_to_prefix(rest);
        }
    }
}

/// The tags of a descriptor block, in the order of their copies. Ends with the tag that says it
/// is the last, or where no whole tag fits.
#[derive(Clone, Debug)]
pub struct DescriptorTags<'a> {
    rest: &'a [u8],
    layout: TagLayout,
}

impl<'a> DescriptorTags<'a> {
    /// The tags of `block`, a whole descriptor block with its header.
    #[must_use]
    pub fn new(block: &'a [u8], layout: TagLayout) -> Self {
        let end = layout.body_end(block.len());
        Self { rest: block.get(JOURNAL_HEADER_SIZE..end).unwrap_or_default(), layout }
    }
}

impl Iterator for DescriptorTags<'_> {
    type Item = JournalTag;

    fn next(&mut self) -> Option<JournalTag> {
        let size = self.layout.tag_size();
        let tag = self.layout.read(self.rest.get(..size)?)?;
        let skip = if tag.flags.contains(TagFlags::SAME_UUID) { 0 } else { UUID_SIZE };
        self.rest = match tag.flags.contains(TagFlags::LAST) {
            true => &[],
            false => self.rest.get(size + skip..).unwrap_or_default(),
        };
        Some(tag)
    }
}
