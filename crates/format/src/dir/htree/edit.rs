//! Writing hash tree nodes. The caller keeps the order of the pairs; what does not fit is refused
//! before a byte is changed.

use super::{DxEntry, DxRule, NODE_OFFSET, PAIR, ROOT_OFFSET, TAIL, dx_checksum};
use crate::InodeSeed;
use crate::dir::{DirBlockMut, EntryRule};
use crate::le::{put_at, u16_at};
use crate::{InodeNr, Place};

/// Where the root's info starts.
const INFO: usize = 0x18;

/// Makes `block` a hash tree root without pairs: the entries `.` and `..` of a directory, and the
/// info. [`set_pairs`] completes it. Levels of nodes below the root are 0.
pub fn init_root(block: &mut [u8], (ino, parent): (InodeNr, InodeNr), version: u8, rule: &DxRule) {
    let dots = crate::dir::DotEntries::records(ino, parent, &rule.entry);
    DirBlockMut::new(block, &rule.entry, Place::default()).pack(&dots);
    put_at(block, INFO, &[0, 0, 0, 0, version, 8, 0, 0]);
}

/// Makes `block` an inner node without pairs. [`set_pairs`] completes it.
pub fn init_node(block: &mut [u8], rule: &EntryRule) {
    DirBlockMut::new(block, rule, Place::default()).pack(&[]);
}

/// Sets the levels of nodes below the root in the root `block`.
pub fn set_levels(block: &mut [u8], levels: u8) {
    put_at(block, INFO + 6, &[levels]);
}

/// Replaces the pairs, which start at byte `offset` ([`ROOT_OFFSET`] or [`NODE_OFFSET`]), the
/// limit and the count. `false`, and nothing changed, for no pairs or more than fit.
pub fn set_pairs(block: &mut [u8], offset: usize, pairs: &[DxEntry], rule: &DxRule) -> bool {
    let is_node = offset == ROOT_OFFSET || offset == NODE_OFFSET;
    let limit = if is_node { rule.limit(offset) } else { 0 };
    let numbers = u16::try_from(limit).ok().zip(u16::try_from(pairs.len()).ok());
    let Some((limit16, count)) = numbers.filter(|&(limit, count)| (1..=limit).contains(&count))
    else {
        return false;
    };
    for (index, pair) in pairs.iter().enumerate() {
        put_at(block, offset + index * PAIR, &pair.hash.to_le_bytes());
        put_at(block, offset + index * PAIR + 4, &pair.block.get().to_le_bytes());
    }
    put_at(block, offset, &limit16.to_le_bytes());
    put_at(block, offset + 2, &count.to_le_bytes());
    if rule.has_csum {
        put_at(block, offset + limit * PAIR, &[0; TAIL]);
    }
    true
}

/// Stores the checksum of a node whose pairs start at byte `offset` in its tail.
pub fn set_dx_checksum(block: &mut [u8], offset: usize, seed: InodeSeed) {
    let tail = u16_at(block, offset).map(|limit| offset + usize::from(limit) * PAIR);
    if let Some((tail, (sum, _))) = tail.zip(dx_checksum(block, offset, seed)) {
        put_at(block, tail + 4, &sum.to_le_bytes());
    }
}
