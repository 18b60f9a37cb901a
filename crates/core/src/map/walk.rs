//! Walking a map: every run of blocks that an inode occupies through it, data and tree.
//!
//! A walk verifies what it passes as reading does, and more: no block of the map may be in it
//! twice. Each is read at most once, so a walk is bounded by what the image really holds, however
//! its pointers lie about.

use std::collections::BTreeSet;
use std::ops::Range;

use extant_block::IoFlags;
use extant_format::extent::ExtentNode;
use extant_format::indirect::DIRECT_BLOCKS;
use extant_format::{
    BlockNr, Corrupt, CorruptKind, FileType, IndirectMap, Inode, InodeFlags, LogicalBlock,
    NodeRule, Place,
};

use crate::{Result, Volume};

/// Blocks of a file that are mapped alike and lie side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DataRun {
    /// First block in the file; indirect maps reach further than a `u32`.
    pub(crate) logical: u64,
    /// Blocks; not 0.
    pub(crate) len: u64,
    /// First block on the device; the whole run is inside the file system.
    pub(crate) start: BlockNr,
    /// Allocated but never written.
    pub(crate) unwritten: bool,
}

impl DataRun {
    /// The logical block behind the last.
    pub(crate) const fn end(&self) -> u64 {
        self.logical.saturating_add(self.len)
    }

    /// The block behind the last, on the device.
    pub(crate) const fn device_end(&self) -> u64 {
        self.start.get().saturating_add(self.len)
    }

    /// The part of the run in `range`, as logical and physical start and length.
    pub(crate) fn clip(&self, range: &Range<u64>) -> Option<(u64, u64, u64)> {
        let (from, to) = (self.logical.max(range.start), self.end().min(range.end));
        (from < to).then(|| (from, self.start.get() + (from - self.logical), to - from))
    }
}

/// What a walk comes past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Run {
    /// Blocks of the file.
    Data(DataRun),
    /// A block of the map.
    Map(BlockNr),
}

/// Whether the inode has a block map: not inline data, a short symlink target, or a device number.
pub(crate) fn has_map(inode: &Inode) -> bool {
    let mapped =
        matches!(inode.file_type, FileType::Regular | FileType::Directory | FileType::Symlink);
    let extents = inode.flags.contains(InodeFlags::EXTENTS);
    mapped
        && !inode.flags.contains(InodeFlags::INLINE_DATA)
        && (extents || !inode.is_fast_symlink())
}

/// Levels of indirect blocks below each of the inode's slots behind the direct ones, and the first
/// logical block that the slot leads to.
pub(super) fn trees(per_block: u64) -> [(u32, u64); 3] {
    let two = u64::from(DIRECT_BLOCKS) + per_block;
    [(1, DIRECT_BLOCKS.into()), (2, two), (3, two + per_block * per_block)]
}

/// Logical blocks below each number of an indirect block that has `height` levels of such blocks,
/// itself included, above the data.
pub(super) fn span(height: u32, per_block: u64) -> u64 {
    per_block.pow(height.saturating_sub(1))
}

/// The numbers, at most `count`, of a block that starts at logical block `base` that lead into
/// `range`, where each leads to `span` blocks.
pub(super) fn slots(range: &Range<u64>, base: u64, span: u64, count: usize) -> Range<usize> {
    let first = range.start.saturating_sub(base) / span;
    let end = range.end.saturating_sub(base).div_ceil(span);
    let clamp = |n: u64| usize::try_from(n).map_or(count, |n| n.min(count));
    clamp(first)..clamp(end)
}

impl Volume {
    /// Calls `visit` for each run of the map of `inode` that touches the logical blocks `range`,
    /// in the order of the file, a block of the map before what it maps. Runs are given whole,
    /// also where they reach out of the range. The inode has a map ([`has_map`]).
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) for a map that breaks a rule, those of a block
    /// read and of `visit`.
    pub(crate) fn walk_map(
        &self,
        inode: &Inode,
        range: Range<u64>,
        visit: &mut dyn FnMut(Run) -> Result<()>,
    ) -> Result<()> {
        let mut walk = MapWalk { volume: self, inode, range, seen: BTreeSet::new(), visit };
        if inode.flags.contains(InodeFlags::EXTENTS) {
            let rule = NodeRule::root(self.superblock.features().metadata_csum());
            return walk.extents(inode.map_bytes(), &rule, Place::inode(inode.ino));
        }
        walk.indirect()
    }
}

struct MapWalk<'a> {
    volume: &'a Volume,
    inode: &'a Inode,
    range: Range<u64>,
    /// Blocks of the map passed so far.
    seen: BTreeSet<BlockNr>,
    visit: &'a mut dyn FnMut(Run) -> Result<()>,
}

impl MapWalk<'_> {
    /// Notes that `nr` is a block of the map.
    fn pass(&mut self, nr: BlockNr) -> Result<()> {
        if !self.seen.insert(nr) {
            let at = Place::inode(self.inode.ino).block(nr.get());
            return Err(Corrupt::new(CorruptKind::MapShared, at).into());
        }
        (self.visit)(Run::Map(nr))
    }

    fn data(&mut self, run: DataRun) -> Result<()> {
        if self.volume.geometry().run(run.start.get(), run.len).is_none() {
            let at = Place::inode(self.inode.ino).block(run.start.get());
            return Err(Corrupt::new(CorruptKind::IndirectRange, at).into());
        }
        self.volume.check_zones(self.inode, run.start, run.len)?;
        (self.visit)(Run::Data(run))
    }

    /// An extent node and all below it: `bytes` at `at`.
    fn extents(&mut self, bytes: &[u8], rule: &NodeRule, at: Place) -> Result<()> {
        let volume = self.volume;
        let node = ExtentNode::parse(bytes, rule, volume.geometry(), at)?;
        let start = u32::try_from(self.range.start).unwrap_or(u32::MAX);
        for i in node.find(LogicalBlock::new(start)).unwrap_or(0)..node.len() {
            if let Some(extent) = node.extent(i) {
                let run = DataRun {
                    logical: extent.logical.get().into(),
                    len: extent.len.into(),
                    start: extent.start,
                    unwritten: extent.unwritten,
                };
                if run.clip(&self.range).is_some() {
                    self.data(run)?;
                }
            } else if let (Some(index), Some(rule)) = (node.index(i), rule.descend(&node, i)) {
                if u64::from(index.logical.get()) >= self.range.end {
                    break;
                }
                let block = volume.extent_block(self.inode, index.child, &rule, IoFlags::NONE)?;
                self.pass(index.child)?;
                self.extents(block.bytes(), &rule, at.block(index.child.get()))?;
            }
        }
        Ok(())
    }

    fn indirect(&mut self) -> Result<()> {
        let map = IndirectMap::new(self.inode.map_bytes());
        let direct = slots(&self.range, 0, 1, DIRECT_BLOCKS as usize);
        self.pointers(map, direct, 0)?;
        let per_block = self.volume.block_size().bytes64() / 4;
        for (slot, (height, base)) in (DIRECT_BLOCKS..).zip(trees(per_block)) {
            if base < self.range.end {
                self.indirect_tree(map.entry(slot).unwrap_or(0), height, base)?;
            }
        }
        Ok(())
    }

    /// The tree of `height` levels of indirect blocks at `pointer`, for blocks from `base` on.
    fn indirect_tree(&mut self, pointer: u32, height: u32, base: u64) -> Result<()> {
        let volume = self.volume;
        let per_block = volume.block_size().bytes64() / 4;
        let span = span(height, per_block);
        let slots = slots(&self.range, base, span, extant_format::to_usize(per_block));
        if pointer == 0 || slots.is_empty() {
            return Ok(());
        }
        let nr = volume.indirect_block(self.inode, pointer, &[])?;
        self.pass(nr)?;
        let block = volume.block(nr, IoFlags::NONE)?;
        let map = IndirectMap::new(block.bytes());
        if height == 1 {
            return self.pointers(map, slots, base);
        }
        for (i, pointer) in map.entries().enumerate().take(slots.end).skip(slots.start) {
            self.indirect_tree(pointer, height - 1, base + i as u64 * span)?;
        }
        Ok(())
    }

    /// The runs of data that the numbers `slots` of `map` lead to; number 0 is block `base`.
    fn pointers(&mut self, map: IndirectMap<'_>, slots: Range<usize>, base: u64) -> Result<()> {
        let mut run: Option<DataRun> = None;
        for (i, pointer) in map.entries().enumerate().take(slots.end).skip(slots.start) {
            if let Some(run) = run.as_mut().filter(|run| run.device_end() == pointer.into()) {
                run.len += 1;
                continue;
            }
            if let Some(run) = run.take() {
                self.data(run)?;
            }
            if pointer != 0 {
                let logical = base + i as u64;
                let at = Place::inode(self.inode.ino).block(pointer.into());
                let outside = Corrupt::new(CorruptKind::IndirectRange, at);
                let start = self.volume.geometry().run(pointer.into(), 1).ok_or(outside)?;
                run = Some(DataRun { logical, len: 1, start, unwritten: false });
            }
        }
        let Some(run) = run else { return Ok(()) };
        self.data(run)
    }
}
