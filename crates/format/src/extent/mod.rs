//! Extent trees, one node at a time: the inode's 60 bytes, or a block.
//!
//! [`ExtentNode::parse`] checks everything that a node and the rule of its parent can tell;
//! [`ExtentNode::view`] is for bytes that passed before. Going down a tree, [`NodeRule::descend`]
//! gives the rule of the child: its depth falls by one and its range shrinks, so that a cycle ends
//! as a broken rule. Format: the kernel's `ext4/ifork.rst`.

mod edit;
mod raw;

use zerocopy::FromBytes;

pub use edit::{NodeBuf, NodeEntry, set_extent_checksum};
use raw::{RawExtent, RawHeader};

use crate::{BlockNr, Corrupt, CorruptKind, Geometry, InodeSeed, LogicalBlock, Place};

/// The magic number at the start of each node.
pub const EXTENT_MAGIC: u16 = 0xf30a;
/// The most levels of index nodes above the leaves.
pub const MAX_DEPTH: u16 = 5;
/// The most blocks of a written extent; of an unwritten one it is one less.
pub const MAX_WRITTEN_LEN: u32 = 0x8000;

const HEADER_SIZE: usize = 12;
const ENTRY_SIZE: usize = 12;
const TAIL_SIZE: usize = 4;

/// A run of blocks of a file: `len` (1 to 32,768) blocks from `start` hold those from `logical`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// First block in the file.
    pub logical: LogicalBlock,
    /// Blocks.
    pub len: u32,
    /// First block on the device; the whole run is inside the file system.
    pub start: BlockNr,
    /// Allocated but never written: reads as zeros.
    pub unwritten: bool,
}

impl Extent {
    /// The logical block behind the last one.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.logical.get() as u64 + self.len as u64
    }
}

/// An entry of an index node: `child` maps the file from `logical` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtentIndex {
    /// First logical block of the child.
    pub logical: LogicalBlock,
    /// The block of the child.
    pub child: BlockNr,
}

/// What a node has to be, by its place in the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRule {
    depth: Option<u16>,
    start: LogicalBlock,
    end: u32,
    checksummed: bool,
}

impl NodeRule {
    /// The rule of a root, in an inode: any depth, all logical blocks. `checksummed` says whether
    /// the blocks below end in a checksum (feature `metadata_csum`).
    #[must_use]
    pub const fn root(checksummed: bool) -> Self {
        let end = LogicalBlock::MAX.get() + 1;
        Self { depth: None, start: LogicalBlock::ZERO, end, checksummed }
    }

    /// The rule of the child that entry `index` of `node` points at, if `node` is an index node
    /// under this rule and has such an entry.
    #[must_use]
    pub fn descend(&self, node: &ExtentNode<'_>, index: usize) -> Option<Self> {
        let depth = node.depth().checked_sub(1)?;
        let start = node.index(index)?.logical;
        let end = node.index(index + 1).map_or(self.end, |next| next.logical.get());
        Some(Self { depth: Some(depth), start, end, checksummed: self.checksummed })
    }

    /// The depth wanted; `None` at the root.
    #[must_use]
    pub const fn depth(&self) -> Option<u16> {
        self.depth
    }

    /// The logical blocks that the node may map, as first and behind the last.
    #[must_use]
    pub const fn range(&self) -> std::ops::Range<u32> {
        self.start.get()..self.end
    }

    const fn is_root(&self) -> bool {
        self.depth.is_none()
    }

    /// Entries that fit `len` bytes.
    fn capacity(&self, len: usize) -> usize {
        let tail = if self.checksummed && !self.is_root() { TAIL_SIZE } else { 0 };
        len.saturating_sub(HEADER_SIZE + tail) / ENTRY_SIZE
    }
}

/// A node of an extent tree, over borrowed bytes.
#[derive(Clone, Copy)]
pub struct ExtentNode<'a> {
    header: &'a RawHeader,
    entries: &'a [RawExtent],
    geometry: &'a Geometry,
}

impl<'a> ExtentNode<'a> {
    /// Checks `bytes`, the 60 of an inode or a whole block, as a node under `rule`. `at` is the
    /// node's place; entries are reported by their offset in it.
    ///
    /// As the kernel and e2fsck(8) do, the first entry of a node below the root must start where
    /// its parent's entry says (`ExtentIndexStart`); a leaf below the root may be empty.
    ///
    /// # Errors
    /// One of the kinds `Extent*`; checksums are not looked at here.
    pub fn parse(
        bytes: &'a [u8],
        rule: &NodeRule,
        geometry: &'a Geometry,
        at: Place,
    ) -> Result<Self, Corrupt> {
        let node = Self::split(bytes, geometry)
            .ok_or_else(|| Corrupt::new(CorruptKind::ExtentMagic, at))?;
        node.check_header(rule, bytes.len()).map_err(|kind| Corrupt::new(kind, at))?;
        let checked = if node.is_leaf() { node.check_leaf(rule) } else { node.check_index(rule) };
        checked.map_err(|(kind, entry)| {
            Corrupt::new(kind, at.offset(HEADER_SIZE + entry * ENTRY_SIZE))
        })?;
        Ok(node)
    }

    /// A node in bytes that [`parse`](Self::parse) has accepted. Nothing is checked again; other
    /// bytes give entries without meaning, or none.
    #[must_use]
    pub fn view(bytes: &'a [u8], geometry: &'a Geometry) -> Self {
        static EMPTY: RawHeader = RawHeader {
            magic: zerocopy::little_endian::U16::ZERO,
            entries: zerocopy::little_endian::U16::ZERO,
            max: zerocopy::little_endian::U16::ZERO,
            depth: zerocopy::little_endian::U16::ZERO,
            generation: zerocopy::little_endian::U32::ZERO,
        };
        Self::split(bytes, geometry).unwrap_or(Self { header: &EMPTY, entries: &[], geometry })
    }

    /// The header and those entries of the count in it that are inside `bytes`.
    fn split(bytes: &'a [u8], geometry: &'a Geometry) -> Option<Self> {
        let (header, rest) = RawHeader::ref_from_prefix(bytes).ok()?;
        let count = usize::from(header.entries.get()).min(rest.len() / ENTRY_SIZE);
        let (entries, _) = <[RawExtent]>::ref_from_prefix_with_elems(rest, count).ok()?;
        Some(Self { header, entries, geometry })
    }

    fn check_header(&self, rule: &NodeRule, len: usize) -> Result<(), CorruptKind> {
        let (max, entries) = (self.header.max.get(), self.header.entries.get());
        if self.header.magic.get() != EXTENT_MAGIC {
            return Err(CorruptKind::ExtentMagic);
        }
        let depth = self.depth();
        if depth > MAX_DEPTH || rule.depth.is_some_and(|wanted| wanted != depth) {
            return Err(CorruptKind::ExtentDepth);
        }
        if max == 0 || usize::from(max) > rule.capacity(len) {
            return Err(CorruptKind::ExtentMaxEntries);
        }
        if entries > max || (entries == 0 && !self.is_leaf()) {
            return Err(CorruptKind::ExtentEntries);
        }
        Ok(())
    }

    /// Checks the entries of a leaf; an error names the entry.
    fn check_leaf(&self, rule: &NodeRule) -> Result<(), (CorruptKind, usize)> {
        self.check_first(rule)?;
        let mut free_from = u64::from(rule.start.get());
        for (i, raw) in self.entries.iter().enumerate() {
            let (len, _) = raw.length();
            let logical = u64::from(raw.logical.get());
            let end = logical + u64::from(len);
            if len == 0 {
                return Err((CorruptKind::ExtentLength, i));
            }
            if logical < free_from {
                return Err((CorruptKind::ExtentOrder, i));
            }
            if end > u64::from(rule.end) {
                return Err((CorruptKind::ExtentLogicalRange, i));
            }
            if self.geometry.run(raw.start(), len.into()).is_none() {
                return Err((CorruptKind::ExtentPhysicalRange, i));
            }
            free_from = end;
        }
        Ok(())
    }

    /// Checks the entries of an index node; an error names the entry.
    fn check_index(&self, rule: &NodeRule) -> Result<(), (CorruptKind, usize)> {
        self.check_first(rule)?;
        let mut free_from = u64::from(rule.start.get());
        for (i, raw) in self.entries.iter().map(RawExtent::as_index).enumerate() {
            let logical = raw.logical.get();
            if u64::from(logical) < free_from {
                return Err((CorruptKind::ExtentOrder, i));
            }
            if logical >= rule.end {
                return Err((CorruptKind::ExtentLogicalRange, i));
            }
            if self.geometry.run(raw.child(), 1).is_none() {
                return Err((CorruptKind::ExtentIndexBlock, i));
            }
            free_from = u64::from(logical) + 1;
        }
        Ok(())
    }

    fn check_first(&self, rule: &NodeRule) -> Result<(), (CorruptKind, usize)> {
        let first = self.entries.first();
        let agrees = first.is_none_or(|first| first.logical.get() == rule.start.get());
        if agrees || rule.is_root() { Ok(()) } else { Err((CorruptKind::ExtentIndexStart, 0)) }
    }

    /// Levels below this node: 0 for a leaf.
    #[must_use]
    pub fn depth(&self) -> u16 {
        self.header.depth.get()
    }

    /// Whether the entries are extents; if not they are indexes.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.depth() == 0
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries there may be.
    #[must_use]
    pub fn max_entries(&self) -> u16 {
        self.header.max.get()
    }

    /// Extent `i` of a leaf.
    #[must_use]
    pub fn extent(&self, i: usize) -> Option<Extent> {
        let raw = self.entries.get(i).filter(|_| self.is_leaf())?;
        let (len, unwritten) = raw.length();
        let start = self.geometry.run(raw.start(), len.into())?;
        Some(Extent { logical: LogicalBlock::new(raw.logical.get()), len, start, unwritten })
    }

    /// Entry `i` of an index node.
    #[must_use]
    pub fn index(&self, i: usize) -> Option<ExtentIndex> {
        let raw = self.entries.get(i).filter(|_| !self.is_leaf())?.as_index();
        let child = self.geometry.run(raw.child(), 1)?;
        Some(ExtentIndex { logical: LogicalBlock::new(raw.logical.get()), child })
    }

    /// The last entry that starts at or before `wanted`: the extent that holds it if any does, or
    /// the child to go down to.
    #[must_use]
    pub fn find(&self, wanted: LogicalBlock) -> Option<usize> {
        self.entries.partition_point(|entry| entry.logical.get() <= wanted.get()).checked_sub(1)
    }
}

/// Checks the checksum at the end of a block of an extent tree: behind the room for all entries,
/// over all bytes before it. To be called where the feature `metadata_csum` is set.
///
/// # Errors
/// [`CorruptKind::ExtentMaxEntries`] if there is no room for it, else
/// [`CorruptKind::ExtentChecksum`].
pub fn verify_extent_checksum(block: &[u8], seed: InodeSeed, at: Place) -> Result<(), Corrupt> {
    let no_room = || Corrupt::new(CorruptKind::ExtentMaxEntries, at);
    let tail = checksum_offset(block).ok_or_else(no_room)?;
    let (covered, rest) = block.split_at_checked(tail).ok_or_else(no_room)?;
    let stored = rest.first_chunk().ok_or_else(no_room)?;
    if u32::from_le_bytes(*stored) == seed.sum(covered) {
        return Ok(());
    }
    Err(Corrupt::new(CorruptKind::ExtentChecksum, at))
}

/// Where the checksum of a block lies: behind the room for all entries. `None` if that is outside.
fn checksum_offset(block: &[u8]) -> Option<usize> {
    let (header, _) = RawHeader::ref_from_prefix(block).ok()?;
    let tail = HEADER_SIZE + usize::from(header.max.get()) * ENTRY_SIZE;
    (tail <= block.len()).then_some(tail)
}

#[cfg(test)]
mod tests;
