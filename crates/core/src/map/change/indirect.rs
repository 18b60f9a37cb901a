//! Mapping and unmapping blocks of an indirect map.

use std::ops::Range;

use extant_block::IoFlags;
use extant_format::indirect::{DIRECT_BLOCKS, set_entries};
use extant_format::inode::MAP_SIZE;
use extant_format::{BlockNr, Corrupt, CorruptKind, IndirectMap, Inode, LogicalBlock};

use super::clusters::Kept;
use super::edit::Edit;
use crate::changes::{Changes, Mark};
use crate::map::walk::{slots, span, trees};
use crate::{Error, Result};

/// Unmaps `range` and frees what it mapped.
pub(super) fn free(changes: &mut Changes<'_>, inode: Inode, range: Range<u64>) -> Result<()> {
    changes.volume().walk_map(&inode, range.clone(), &mut |_| Ok(()))?;
    let kept = Kept::around(changes.volume(), &inode, &range)?;
    let mut map = Map::new(changes, inode, kept);
    let changed = map.prune_inode(&range)?;
    map.finish(changed)
}

/// Maps `logical` to `block`, which the inode does not have elsewhere, and frees what was mapped
/// there before.
pub(super) fn insert(
    changes: &mut Changes<'_>,
    inode: Inode,
    logical: LogicalBlock,
    block: BlockNr,
) -> Result<()> {
    let volume = changes.volume();
    let number = u32::try_from(block.get()).map_err(|_| Error::NoSpace)?;
    let range = u64::from(logical.get())..u64::from(logical.get()) + 1;
    // Also verifies the way there.
    volume.walk_map(&inode, range.clone(), &mut |_| Ok(()))?;
    let kept = Kept::around(volume, &inode, &range)?;
    changes.mark_blocks(block, 1, Mark::Used)?;
    let mut map = Map::new(changes, inode, kept);
    let old = map.set(logical, number)?;
    if old == Some(number) {
        return Ok(());
    }
    if let Some(old) = old.and_then(|old| map.edit.volume().geometry().run(old.into(), 1)) {
        map.edit.free_data(old, 1);
    }
    map.edit.take(1);
    map.finish(true)
}

/// An indirect map that is being changed. The inode's own numbers are kept in memory and reach the
/// inode when the change is finished; other blocks are written at once.
struct Map<'c, 'v> {
    edit: Edit<'c, 'v>,
    numbers: Vec<u32>,
    per_block: u64,
}

impl<'c, 'v> Map<'c, 'v> {
    fn new(changes: &'c mut Changes<'v>, inode: Inode, kept: Kept) -> Self {
        let per_block = changes.volume().block_size().bytes64() / 4;
        let numbers = IndirectMap::new(inode.map_bytes()).entries().collect();
        Self { edit: Edit::new(changes, inode, kept), numbers, per_block }
    }

    fn broken(&self) -> Error {
        Corrupt::new(CorruptKind::IndirectRange, self.edit.at()).into()
    }

    /// The block that an indirect pointer leads to, and the numbers in it.
    fn child(&self, pointer: u32) -> Result<(BlockNr, Vec<u32>)> {
        let volume = self.edit.volume();
        let nr = volume.indirect_block(&self.edit.inode, pointer, &[])?;
        let block = volume.block(nr, IoFlags::NONE)?;
        Ok((nr, IndirectMap::new(block.bytes()).entries().collect()))
    }

    fn write(&mut self, nr: BlockNr, numbers: &[u32]) -> Result<()> {
        self.edit.changes.change(nr, |bytes| set_entries(bytes, numbers))
    }

    /// Unmaps `range`; says whether the inode's own numbers changed.
    fn prune_inode(&mut self, range: &Range<u64>) -> Result<bool> {
        let mut numbers = std::mem::take(&mut self.numbers);
        let direct = (DIRECT_BLOCKS as usize).min(numbers.len());
        let (direct, roots) = numbers.split_at_mut(direct);
        let mut changed = self.prune_data(direct, slots(range, 0, 1, direct.len()));
        for (number, (height, base)) in roots.iter_mut().zip(trees(self.per_block)) {
            changed |= self.prune_tree(number, height, base, range)?;
        }
        self.numbers = numbers;
        Ok(changed)
    }

    /// Unmaps `range` below the pointer `number`, which leads to `height` levels of indirect
    /// blocks; says whether the pointer changed. A block without numbers is freed.
    fn prune_tree(
        &mut self,
        number: &mut u32,
        height: u32,
        base: u64,
        range: &Range<u64>,
    ) -> Result<bool> {
        let span = span(height, self.per_block);
        let slots = slots(range, base, span, extant_format::to_usize(self.per_block));
        if *number == 0 || slots.is_empty() {
            return Ok(false);
        }
        let (nr, mut numbers) = self.child(*number)?;
        let mut changed = false;
        if height == 1 {
            changed = self.prune_data(&mut numbers, slots);
        } else {
            for i in slots {
                let Some(number) = numbers.get_mut(i) else { break };
                changed |= self.prune_tree(number, height - 1, base + i as u64 * span, range)?;
            }
        }
        if numbers.iter().all(|&number| number == 0) {
            self.edit.free_map(nr);
            *number = 0;
            return Ok(true);
        }
        if changed {
            self.write(nr, &numbers)?;
        }
        Ok(false)
    }

    /// Unmaps the blocks of data that the numbers `slots` lead to.
    fn prune_data(&mut self, numbers: &mut [u32], slots: Range<usize>) -> bool {
        let mut changed = false;
        for number in numbers.get_mut(slots).unwrap_or_default().iter_mut().filter(|n| **n != 0) {
            // The walk before found all of them inside the file system.
            if let Some(start) = self.edit.volume().geometry().run((*number).into(), 1) {
                self.edit.free_data(start, 1);
            }
            *number = 0;
            changed = true;
        }
        changed
    }

    /// Lets `logical` lead to `block`, through new indirect blocks where there are none. Gives what
    /// it led to before; nothing is written if that is the same.
    fn set(&mut self, logical: LogicalBlock, block: u32) -> Result<Option<u32>> {
        let per_block = u32::try_from(self.per_block).map_err(|_| self.broken())?;
        let path = IndirectMap::path(logical.get(), per_block).ok_or(Error::NoSpace)?;
        // Down to the last block on the way that there is.
        let (mut nr, mut numbers) = (None, self.numbers.clone());
        let mut rest = path.offsets().iter();
        let (at, old) = loop {
            let Some(&offset) = rest.next() else { return Err(self.broken()) };
            let at = offset as usize;
            let number = numbers.get(at).copied().ok_or_else(|| self.broken())?;
            if number == 0 || rest.len() == 0 {
                break (at, number);
            }
            let (below, below_numbers) = self.child(number)?;
            (nr, numbers) = (Some(below), below_numbers);
        };
        if old == block && rest.len() == 0 {
            return Ok(Some(old));
        }
        let pointer = self.chain(rest.as_slice(), block)?;
        if let Some(number) = numbers.get_mut(at) {
            *number = pointer;
        }
        match nr {
            Some(nr) => self.write(nr, &numbers)?,
            None => self.numbers = numbers,
        }
        Ok(Some(old).filter(|&old| old != 0))
    }

    /// New indirect blocks, one for each of `offsets`, each leading to the next one through its
    /// offset and the last to `block`. Gives the number of the first, or `block` without any.
    fn chain(&mut self, offsets: &[u32], block: u32) -> Result<u32> {
        let goal = self.edit.volume().geometry().run(block.into(), 1);
        let goal = goal.ok_or_else(|| self.broken())?;
        let fits = |nr: BlockNr| u32::try_from(nr.get()).is_ok();
        let blocks = self.edit.map_blocks(offsets.len(), goal, fits)?;
        let mut pointer = block;
        for (&nr, &offset) in blocks.iter().zip(offsets.iter().rev()) {
            self.edit.changes.create(nr, |bytes| {
                let slot = bytes.as_chunks_mut::<4>().0.get_mut(offset as usize);
                slot.map(|slot| *slot = pointer.to_le_bytes())
            })?;
            pointer = u32::try_from(nr.get()).map_err(|_| Error::NoSpace)?;
        }
        Ok(pointer)
    }

    /// Writes the inode; with its numbers if they changed.
    fn finish(self, changed: bool) -> Result<()> {
        let mut map = [0; MAP_SIZE];
        set_entries(&mut map, &self.numbers);
        self.edit.finish(changed.then_some(&map))
    }
}
