//! Block maps of ext2 and ext3: twelve direct blocks, then trees of one, two and three levels.
//! There is no checksum; every pointer is checked against the device's bounds before it is
//! followed, and a walk takes at most three steps (row 27).

use extant_block::IoFlags;
use extant_format::indirect::{DIRECT_BLOCKS, IndirectMap};
use extant_format::{BlockNr, Corrupt, CorruptKind, Inode, LogicalBlock, Place};

use extant_jbd2::Block;
use extant_sync::Arc;

use crate::map::{BlockMap, MapKind};
use crate::{Result, Volume};

impl Volume {
    pub(super) fn map_indirect(
        &self,
        inode: &Inode,
        logical: LogicalBlock,
        flags: IoFlags,
    ) -> Result<BlockMap> {
        let per_block = self.block_size().bytes() / 4;
        let at = Place::inode(inode.ino);
        let Some(path) = IndirectMap::path(logical.get(), per_block) else {
            // Behind what three levels reach there is nothing.
            let len = (u32::MAX - logical.get()).max(1);
            return Ok(BlockMap { logical, len, kind: MapKind::Hole });
        };
        let Some((&last, upper)) = path.offsets().split_last() else {
            return Err(Corrupt::new(CorruptKind::IndirectRange, at).into());
        };
        let mut passed = [0; 3];
        let mut pointers: Option<Arc<Block>> = None;
        for (step, &offset) in upper.iter().enumerate() {
            let bytes = pointers.as_ref().map_or(inode.map_bytes(), |block| block.bytes());
            let pointer = IndirectMap::new(bytes).entry(offset).unwrap_or(0);
            if pointer == 0 {
                return Ok(hole_below(
                    logical,
                    path.offsets().get(step..).unwrap_or_default(),
                    per_block,
                ));
            }
            let nr = self.indirect_block(inode, pointer, &passed)?;
            if let Some(slot) = passed.get_mut(step) {
                *slot = pointer;
            }
            pointers = Some(self.block(nr, flags)?);
        }
        let direct = upper.is_empty();
        let bytes = pointers.as_ref().map_or(inode.map_bytes(), |block| block.bytes());
        let end = if direct { DIRECT_BLOCKS } else { per_block };
        self.pointer_run(inode, logical, (IndirectMap::new(bytes), last, end))
    }

    /// The block that an indirect pointer leads to, if it may hold pointers of this inode.
    pub(super) fn indirect_block(
        &self,
        inode: &Inode,
        pointer: u32,
        passed: &[u32],
    ) -> Result<BlockNr> {
        let at = Place::inode(inode.ino).block(pointer.into());
        if passed.contains(&pointer) {
            return Err(Corrupt::new(CorruptKind::IndirectCycle, at).into());
        }
        let outside = Corrupt::new(CorruptKind::IndirectRange, at);
        let nr = self.geometry().run(pointer.into(), 1).ok_or(outside)?;
        self.check_zones(inode, nr, 1)?;
        Ok(nr)
    }

    /// The run that starts at pointer `from` of `map`, which has pointers up to `end`.
    fn pointer_run(
        &self,
        inode: &Inode,
        logical: LogicalBlock,
        (map, from, end): (IndirectMap<'_>, u32, u32),
    ) -> Result<BlockMap> {
        let first = map.entry(from).unwrap_or(0);
        let continues = |n: u32| {
            let expected = if first == 0 { Some(0) } else { first.checked_add(n) };
            expected.is_some() && map.entry(from + n) == expected
        };
        let len = (1..end - from).find(|&n| !continues(n)).unwrap_or(end - from);
        if first == 0 {
            return Ok(BlockMap { logical, len, kind: MapKind::Hole });
        }
        let at = Place::inode(inode.ino).logical(logical).block(first.into());
        let outside = Corrupt::new(CorruptKind::IndirectRange, at);
        let start = self.geometry().run(first.into(), len.into()).ok_or(outside)?;
        Ok(BlockMap { logical, len, kind: MapKind::Mapped(start) })
    }
}

/// The hole under a zero pointer: `offsets` is what is left of the path from that pointer on. The
/// hole runs from `logical` to the end of what the pointer would cover.
fn hole_below(logical: LogicalBlock, offsets: &[u32], per_block: u32) -> BlockMap {
    let below = offsets.get(1..).unwrap_or_default();
    let covered = below.iter().fold(1_u64, |n, _| n * u64::from(per_block));
    let inside = below.iter().fold(0_u64, |n, &o| n * u64::from(per_block) + u64::from(o));
    let rest = u64::from(u32::MAX - logical.get()).max(1);
    let len = u32::try_from((covered - inside).min(rest)).unwrap_or(u32::MAX);
    BlockMap { logical, len, kind: MapKind::Hole }
}
