//! Changing nodes of extent trees: a node taken apart, and put back into its bytes.
//!
//! Entries move between nodes as they lie on disk, so bytes without a known meaning move along.
//! A [`NodeBuf`] is as long as its entries and knows how many may be there; whether they are in
//! order is the caller's to keep, and the next [`ExtentNode::parse`] checks it.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::raw::{RawExtent, RawHeader, RawIndex};
use super::{
    ENTRY_SIZE, EXTENT_MAGIC, Extent, ExtentIndex, ExtentNode, HEADER_SIZE, MAX_WRITTEN_LEN,
    NodeRule, TAIL_SIZE,
};
use crate::{Geometry, InodeSeed, LogicalBlock};

impl Extent {
    /// The most blocks of one extent of this state.
    #[must_use]
    pub const fn max_len(unwritten: bool) -> u32 {
        if unwritten { MAX_WRITTEN_LEN - 1 } else { MAX_WRITTEN_LEN }
    }
}

/// An entry of a node, extent or index, as it lies on disk.
#[derive(Clone, Copy)]
pub struct NodeEntry(RawExtent);

impl NodeEntry {
    /// The entry of a leaf for `extent`; `None` for a length that the format has not.
    #[must_use]
    pub fn extent(extent: &Extent) -> Option<Self> {
        if extent.len == 0 || extent.len > Extent::max_len(extent.unwritten) {
            return None;
        }
        let len = extent.len + if extent.unwritten { MAX_WRITTEN_LEN } else { 0 };
        let (hi, lo) = halves(extent.start.get())?;
        Some(Self(RawExtent {
            logical: U32::new(extent.logical.get()),
            len: U16::new(u16::try_from(len).ok()?),
            start_hi: hi,
            start_lo: lo,
        }))
    }

    /// The entry of an index node for `index`; `None` for a block beyond 48 bits.
    #[must_use]
    pub fn index(index: &ExtentIndex) -> Option<Self> {
        let (child_hi, child_lo) = halves(index.child.get())?;
        let logical = U32::new(index.logical.get());
        let raw = RawIndex { logical, child_lo, child_hi, unused: U16::ZERO };
        Some(Self(zerocopy::transmute!(raw)))
    }

    /// Where the entry starts in the file.
    #[must_use]
    pub const fn logical(&self) -> LogicalBlock {
        LogicalBlock::new(self.0.logical.get())
    }

    /// Lets the entry start at `logical`.
    pub const fn set_logical(&mut self, logical: LogicalBlock) {
        self.0.logical = U32::new(logical.get());
    }

    /// The entry as one of a leaf; `None` if it leads out of the file system.
    #[must_use]
    pub fn as_extent(&self, geometry: &Geometry) -> Option<Extent> {
        let (len, unwritten) = self.0.length();
        let start = geometry.run(self.0.start(), len.into())?;
        Some(Extent { logical: self.logical(), len, start, unwritten })
    }

    /// The entry as one of an index node; `None` if it leads out of the file system.
    #[must_use]
    pub fn as_index(&self, geometry: &Geometry) -> Option<ExtentIndex> {
        let child = geometry.run(self.0.as_index().child(), 1)?;
        Some(ExtentIndex { logical: self.logical(), child })
    }
}

impl std::fmt::Debug for NodeEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeEntry({}, {:02x?})", self.logical(), self.0.as_bytes())
    }
}

/// The upper 16 and lower 32 bits of a block number.
fn halves(block: u64) -> Option<(U16, U32)> {
    let hi = u16::try_from(block >> 32).ok()?;
    let lo = u32::try_from(block & u64::from(u32::MAX)).ok()?;
    Some((U16::new(hi), U32::new(lo)))
}

/// A node in memory, to be changed.
#[derive(Clone, Debug)]
pub struct NodeBuf {
    /// Levels below the node: 0 for a leaf.
    pub depth: u16,
    /// The entries, in order.
    pub entries: Vec<NodeEntry>,
    max: u16,
    generation: u32,
}

impl NodeBuf {
    /// An empty node for a block of `block_len` bytes, which ends in a checksum if `checksummed`.
    #[must_use]
    pub fn for_block(depth: u16, block_len: usize, checksummed: bool) -> Self {
        let tail = if checksummed { TAIL_SIZE } else { 0 };
        let room = block_len.saturating_sub(HEADER_SIZE + tail) / ENTRY_SIZE;
        let max = u16::try_from(room).unwrap_or(u16::MAX);
        Self { depth, entries: Vec::new(), max, generation: 0 }
    }

    /// How many entries there may be.
    #[must_use]
    pub fn max_entries(&self) -> usize {
        self.max.into()
    }

    /// Whether no entry can be added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.max_entries()
    }

    /// Where the first entry starts; `None` for an empty node.
    #[must_use]
    pub fn first(&self) -> Option<LogicalBlock> {
        self.entries.first().map(NodeEntry::logical)
    }

    /// How many entries start at or before `wanted`: those before the place where an entry that
    /// starts right behind `wanted` would go.
    #[must_use]
    pub fn count_to(&self, wanted: LogicalBlock) -> usize {
        self.entries.partition_point(|entry| entry.logical() <= wanted)
    }

    /// The rule of the child that entry `index` points at, as [`NodeRule::descend`] has it, where
    /// `rule` is that of this node.
    #[must_use]
    pub fn child_rule(&self, rule: &NodeRule, index: usize) -> Option<NodeRule> {
        let depth = Some(self.depth.checked_sub(1)?);
        let start = self.entries.get(index)?.logical();
        let end = self.entries.get(index + 1).map_or(rule.end, |next| next.logical().get());
        Some(NodeRule { depth, start, end, checksummed: rule.checksummed })
    }

    /// Puts the node into `bytes`, the 60 of an inode or a whole block; what lies behind the
    /// entries stays as it is. False, and nothing is written, if there is no room.
    #[must_use]
    pub fn write(&self, bytes: &mut [u8]) -> bool {
        let len = HEADER_SIZE + self.entries.len() * ENTRY_SIZE;
        let count = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        let Some(bytes) = bytes.get_mut(..len).filter(|_| count <= self.max) else {
            return false;
        };
        let header = RawHeader {
            magic: U16::new(EXTENT_MAGIC),
            entries: U16::new(count),
            max: U16::new(self.max),
            depth: U16::new(self.depth),
            generation: U32::new(self.generation),
        };
        let (head, rest) = bytes.split_at_mut(HEADER_SIZE);
        head.copy_from_slice(header.as_bytes());
        for (slot, entry) in rest.chunks_exact_mut(ENTRY_SIZE).zip(&self.entries) {
            slot.copy_from_slice(entry.0.as_bytes());
        }
        true
    }
}

impl From<&ExtentNode<'_>> for NodeBuf {
    /// Takes a node apart.
    fn from(node: &ExtentNode<'_>) -> Self {
        Self {
            depth: node.depth(),
            entries: node.entries.iter().copied().map(NodeEntry).collect(),
            max: node.max_entries(),
            generation: node.header.generation.get(),
        }
    }
}

/// Makes the checksum of a block of an extent tree right: behind the room for all entries. To be
/// called where the feature `metadata_csum` is set. False if there is no room for it.
#[must_use]
pub fn set_extent_checksum(block: &mut [u8], seed: InodeSeed) -> bool {
    let Some(tail) = super::checksum_offset(block) else { return false };
    let (covered, rest) = block.split_at_mut(tail);
    let sum = seed.sum(covered);
    match rest.first_chunk_mut::<TAIL_SIZE>() {
        Some(stored) => *stored = sum.to_le_bytes(),
        None => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::{NodeRule, verify_extent_checksum};
    use crate::{InodeNr, Place, testing};

    fn extents(geometry: &Geometry) -> Vec<Extent> {
        let extent = |logical, len, start, unwritten| Extent {
            logical: LogicalBlock::new(logical),
            len,
            start: geometry.block(start).unwrap(),
            unwritten,
        };
        vec![extent(3, 5, 100, false), extent(8, 3, 200, true), extent(900, 1, 8191, false)]
    }

    #[test]
    fn a_node_put_into_bytes_parses_as_what_it_was() {
        let superblock = testing::small();
        let geometry = superblock.geometry();
        let mut node = NodeBuf::for_block(0, 1024, true);
        assert_eq!(node.max_entries(), 84);
        let extents = extents(geometry);
        node.entries = extents.iter().map(|e| NodeEntry::extent(e).unwrap()).collect();
        assert_eq!(node.count_to(LogicalBlock::new(8)), 2);
        let mut bytes = vec![0xee; 1024];
        assert!(node.write(&mut bytes));
        assert_eq!(bytes[48..], [0xee; 976], "bytes behind the entries");
        let seed = superblock.seed().for_inode(InodeNr::ROOT, 7);
        assert!(set_extent_checksum(&mut bytes, seed));
        assert_eq!(verify_extent_checksum(&bytes, seed, Place::default()), Ok(()));
        let rule = NodeRule::root(false);
        let parsed = ExtentNode::parse(&bytes, &rule, geometry, Place::default()).unwrap();
        let again: Vec<_> = (0..3).map(|i| parsed.extent(i).unwrap()).collect();
        assert_eq!(again, extents);
        let mut copy = vec![0xee; 1024];
        assert!(NodeBuf::from(&parsed).write(&mut copy));
        assert_eq!(copy[..48], bytes[..48]);
    }

    #[test]
    fn index_entries_keep_all_48_bits() {
        let superblock = testing::small();
        let geometry = superblock.geometry();
        let child = geometry.block(4711).unwrap();
        let index = ExtentIndex { logical: LogicalBlock::MAX, child };
        let entry = NodeEntry::index(&index).unwrap();
        assert_eq!(entry.as_index(geometry), Some(index));
        let mut node = NodeBuf::for_block(1, 1024, true);
        node.entries = vec![entry];
        let mut bytes = [0; 1024];
        assert!(node.write(&mut bytes));
        let (rule, view) = (NodeRule::root(true), ExtentNode::view(&bytes, geometry));
        let child = node.child_rule(&rule, 0).unwrap();
        assert_eq!(Some(child), rule.descend(&view, 0));
        assert_eq!(node.child_rule(&rule, 1), None);
        assert_eq!(halves(0x1234_5678_9abc).map(|(hi, lo)| (hi.get(), lo.get())), {
            Some((0x1234, 0x5678_9abc))
        });
        assert!(halves(1 << 48).is_none());
    }

    #[test]
    fn lengths_that_the_format_has_not_make_no_entry() {
        let superblock = testing::small();
        let mut extent = extents(superblock.geometry())[0];
        let possible = [(0x8000, false, true), (0x7fff, true, true), (1, true, true)];
        let not = [(0, false, false), (0x8001, false, false), (0x8000, true, false)];
        for (len, unwritten, fits) in possible.into_iter().chain(not) {
            (extent.len, extent.unwritten) = (len, unwritten);
            let entry = NodeEntry::extent(&extent);
            assert_eq!(entry.is_some(), fits, "{len} {unwritten}");
            assert!(entry.is_none_or(|entry| entry.0.length() == (len, unwritten)));
        }
    }

    #[test]
    fn a_node_without_room_is_not_written() {
        let superblock = testing::small();
        let entry = NodeEntry::extent(&extents(superblock.geometry())[0]).unwrap();
        let mut node = NodeBuf::for_block(0, 60, false);
        node.entries = vec![entry; 4];
        let mut bytes = [0xee; 60];
        assert!(node.is_full() && node.write(&mut bytes));
        node.entries.push(entry);
        let before = bytes;
        assert!(!node.write(&mut [0; 1024]), "more entries than the header says");
        node.entries.truncate(4);
        assert!(!node.write(bytes.get_mut(..59).unwrap()));
        assert_eq!(bytes, before);
        assert!(!set_extent_checksum(&mut bytes, superblock.seed().for_inode(InodeNr::ROOT, 0)));
        assert!(!set_extent_checksum(&mut [], superblock.seed().for_inode(InodeNr::ROOT, 0)));
    }
}
