//! Hash tree ("dx") nodes of indexed directories.
//!
//! Block 0 of an indexed directory is the root: the entries `.` and `..`, an info of 8 bytes, then
//! pairs of (hash, logical block). Inner nodes are one unused entry of a whole block with pairs
//! after its header. The first pair holds limit and count where its hash would be; its hash is 0.
//! Bit 0 of a stored hash means that the block before ends in names of the same hash.
//! A damaged tree is no loss of names: all leaves can be scanned linearly.

use super::EntryRule;
use crate::le::{bytes_at, u16_at, u32_at};
use crate::{Corrupt, CorruptKind, InodeSeed, LogicalBlock, Place};

mod edit;

pub use edit::{init_node, init_root, set_dx_checksum, set_levels, set_pairs};

/// Where the pairs start in the root.
pub const ROOT_OFFSET: usize = 0x20;
/// Where the pairs start in an inner node.
pub const NODE_OFFSET: usize = 8;
/// The hash version of encrypted casefolded directories, a keyed SipHash.
pub const HASH_SIPHASH: u8 = 6;

const PAIR: usize = 8;
const TAIL: usize = 8;
const BLOCK_MASK: u32 = 0x0fff_ffff;

/// What the rules for hash tree nodes depend on besides the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DxRule {
    /// The rule for entries of the same directory.
    pub entry: EntryRule,
    /// Blocks of the directory, from its size.
    pub dir_blocks: u64,
    /// Feature `metadata_csum`: nodes end in a checksum tail of 8 bytes.
    pub has_csum: bool,
    /// Feature `large_dir`: three levels of nodes instead of two.
    pub large_dir: bool,
}

impl DxRule {
    /// Levels of nodes, the root included, that the format allows.
    #[must_use]
    pub const fn max_levels(&self) -> u8 {
        if self.large_dir { 3 } else { 2 }
    }

    /// How many pairs fit in a node whose pairs start at byte `offset`.
    #[must_use]
    pub fn limit(&self, offset: usize) -> usize {
        let tail = if self.has_csum { TAIL } else { 0 };
        (self.entry.block_size.to_usize() - offset - tail) / PAIR
    }

    /// Linux counts the stored hashes into the header of inner nodes of encrypted casefolded
    /// directories, so their limit is one less; both are read.
    fn limit_valid(&self, offset: usize, limit: usize) -> bool {
        let fits = self.limit(offset);
        limit == fits || (offset == NODE_OFFSET && self.entry.has_hashes() && limit == fits - 1)
    }
}

/// A pair of a node: names of `hash` and above, up to the next pair's, are below `block`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DxEntry {
    /// The least hash, bit 0 being the collision mark; 0 for the first pair of a node.
    pub hash: u32,
    /// Logical block of the child, 1 to the directory's last.
    pub block: LogicalBlock,
}

impl DxEntry {
    /// Whether names of this hash may also be in the block before.
    #[must_use]
    pub const fn continues_collision(&self) -> bool {
        self.hash & 1 == 1
    }
}

/// The checked pairs of a node: at least one, hashes ascending, blocks inside the directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DxNode<'a> {
    limit: u16,
    pairs: &'a [u8],
}

/// A checked hash tree root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DxRoot<'a> {
    /// 0 legacy, 1 half MD4, 2 TEA, 6 SipHash. Whether 0 to 2 take names as signed bytes is a flag
    /// of the superblock.
    pub hash_version: u8,
    /// Levels of nodes below the root, 0 to 2; 0 if the root's pairs point to leaves.
    pub indirect_levels: u8,
    /// The root's pairs.
    pub node: DxNode<'a>,
}

impl<'a> DxRoot<'a> {
    /// Checks block 0 of an indexed directory.
    ///
    /// # Errors
    /// [`CorruptKind::HtreeRoot`] for a block not shaped as a root, with an info length other than
    /// 8 or with unknown flags; [`CorruptKind::HtreeHashVersion`] for a hash that is unknown or
    /// does not suit the directory; [`CorruptKind::DirHashKey`] for SipHash in a directory without
    /// a key; [`CorruptKind::HtreeLevels`]; and those of [`DxNode::parse`].
    pub fn parse(block: &'a [u8], rule: &DxRule, at: Place) -> Result<Self, Corrupt> {
        let wrong = |kind, offset| Err(Corrupt::new(kind, at.offset(offset)));
        let root = Corrupt::new(CorruptKind::HtreeRoot, at);
        if count_offset(block, &rule.entry) != Some(ROOT_OFFSET) {
            return Err(root);
        }
        let info = bytes_at(block, 0x18, 8).and_then(|info| info.first_chunk::<8>()).ok_or(root)?;
        let [_, _, _, _, hash_version, _, indirect_levels, flags] = *info;
        if flags & 1 != 0 {
            return wrong(CorruptKind::HtreeRoot, 0x1f);
        }
        if let Err(kind) = check_hash_version(hash_version, &rule.entry) {
            return wrong(kind, 0x1c);
        }
        if indirect_levels >= rule.max_levels() {
            return wrong(CorruptKind::HtreeLevels, 0x1e);
        }
        let node = DxNode::checked(block, ROOT_OFFSET, rule, at)?;
        Ok(Self { hash_version, indirect_levels, node })
    }
}

fn check_hash_version(version: u8, rule: &EntryRule) -> Result<(), CorruptKind> {
    match (version, rule.has_hashes()) {
        (HASH_SIPHASH, true) | (0..=2, false) => Ok(()),
        (HASH_SIPHASH, false) => Err(CorruptKind::DirHashKey),
        _ => Err(CorruptKind::HtreeHashVersion),
    }
}

impl<'a> DxNode<'a> {
    /// Checks an inner node.
    ///
    /// # Errors
    /// [`CorruptKind::HtreeRoot`] for a block that is not shaped as a node,
    /// [`CorruptKind::HtreeLimit`] for a limit other than what fits or a count not in 1 to limit,
    /// [`CorruptKind::HtreeOrder`], [`CorruptKind::HtreeBlock`].
    pub fn parse(block: &'a [u8], rule: &DxRule, at: Place) -> Result<Self, Corrupt> {
        if count_offset(block, &rule.entry) != Some(NODE_OFFSET) {
            return Err(Corrupt::new(CorruptKind::HtreeRoot, at));
        }
        Self::checked(block, NODE_OFFSET, rule, at)
    }

    /// The pairs at `offset` of a node that was checked before; `None` if the bytes are no such
    /// node.
    #[must_use]
    pub fn view(block: &'a [u8], offset: usize) -> Option<Self> {
        let (limit, count) = u16_at(block, offset).zip(u16_at(block, offset.checked_add(2)?))?;
        let pairs = bytes_at(block, offset, usize::from(count) * PAIR)?;
        Some(Self { limit, pairs })
    }

    fn checked(block: &'a [u8], offset: usize, rule: &DxRule, at: Place) -> Result<Self, Corrupt> {
        let wrong = Corrupt::new(CorruptKind::HtreeLimit, at.offset(offset));
        let (limit, count) = u16_at(block, offset).zip(u16_at(block, offset + 2)).ok_or(wrong)?;
        if !rule.limit_valid(offset, limit.into()) || !(1..=limit).contains(&count) {
            return Err(wrong);
        }
        let pairs = bytes_at(block, offset, usize::from(count) * PAIR).ok_or(wrong)?;
        let node = Self { limit, pairs };
        let mut previous = 0;
        for (index, entry) in node.entries().enumerate() {
            let at = at.offset(offset + index * PAIR);
            if entry.hash < previous {
                return Err(Corrupt::new(CorruptKind::HtreeOrder, at));
            }
            let number = entry.block.get();
            if number == 0 || u64::from(number) >= rule.dir_blocks {
                return Err(Corrupt::new(CorruptKind::HtreeBlock, at));
            }
            previous = entry.hash;
        }
        Ok(node)
    }

    /// How many pairs fit in the node.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit as usize
    }

    /// How many pairs there are, at least 1.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pairs.len() / PAIR
    }

    /// Pair number `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<DxEntry> {
        let at = index.checked_mul(PAIR)?;
        let hash = if index == 0 { 0 } else { u32_at(self.pairs, at)? };
        let block = LogicalBlock::new(u32_at(self.pairs, at.checked_add(4)?)? & BLOCK_MASK);
        Some(DxEntry { hash, block })
    }

    /// All pairs, hashes ascending.
    pub fn entries(&self) -> impl Iterator<Item = DxEntry> + use<'a> {
        let node = *self;
        (0..node.count()).map_while(move |index| node.get(index))
    }

    /// Index of the last pair whose hash is not above `hash`: where a search for `hash` goes down.
    /// If the pair after it [continues the collision](DxEntry::continues_collision) with the same
    /// hash but for bit 0, the search goes on there.
    #[must_use]
    pub fn find(&self, hash: u32) -> usize {
        // Invariant: the pair at `low` is not above `hash` (the first counts as 0), at `high` is.
        let (mut low, mut high) = (0, self.count());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(|entry| entry.hash <= hash) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Where limit and count are if `block` is shaped as a hash tree node: [`NODE_OFFSET`] if its first
/// entry covers the block, [`ROOT_OFFSET`] if `.` and a `..` up to the end are followed by an info
/// of 8 bytes, else `None`: a leaf. An empty leaf of a directory without checksums is shaped as a
/// node; only the tree tells them apart.
#[must_use]
pub fn count_offset(block: &[u8], rule: &EntryRule) -> Option<usize> {
    let size = rule.block_size.bytes();
    if block.len() != rule.block_size.to_usize() {
        return None;
    }
    let first = rule.decode_rec_len(u16_at(block, 4)?);
    if first == size && u32_at(block, 0)? == 0 {
        return Some(NODE_OFFSET);
    }
    let second = rule.decode_rec_len(u16_at(block, 16)?);
    let has_info = u32_at(block, 0x18)? == 0 && block.get(0x1d) == Some(&8);
    (first == 12 && second == size - 12 && has_info).then_some(ROOT_OFFSET)
}

/// Checks the checksum of a node whose pairs start at `offset` ([`count_offset`]): the sum of the
/// bytes up to the last pair and of the tail with a zero checksum, under the directory's seed.
///
/// # Errors
/// [`CorruptKind::HtreeLimit`] if the tail, which follows the pair number `limit`, is not inside
/// the block; [`CorruptKind::HtreeChecksum`].
pub fn verify_dx_checksum(
    block: &[u8],
    offset: usize,
    seed: InodeSeed,
    at: Place,
) -> Result<(), Corrupt> {
    let wrong = Corrupt::new(CorruptKind::HtreeLimit, at.offset(offset));
    let (sum, stored) = dx_checksum(block, offset, seed).ok_or(wrong)?;
    if sum == stored { Ok(()) } else { Err(Corrupt::new(CorruptKind::HtreeChecksum, at)) }
}

fn dx_checksum(block: &[u8], offset: usize, seed: InodeSeed) -> Option<(u32, u32)> {
    let limit = u16_at(block, offset)?;
    let count = u16_at(block, offset.checked_add(2)?)?;
    if count > limit {
        return None;
    }
    let pairs = block.get(..offset.checked_add(usize::from(count) * PAIR)?)?;
    let tail = bytes_at(block, offset + usize::from(limit) * PAIR, TAIL)?;
    let sum = crate::checksum::crc32c(seed.sum(pairs), tail.get(..4)?);
    Some((crate::checksum::crc32c(sum, &[0; 4]), u32_at(tail, 4)?))
}

#[cfg(test)]
mod tests;
