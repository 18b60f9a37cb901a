//! The blocks of a directory, as its map has them.

use extant_format::Inode;

use crate::Problem;
use crate::census::Census;
use crate::image::Image;
use crate::map::{self, MapRoot, MapVisitor, MappedRun};

/// What a directory maps up to its size, in the order of the directory. Runs that something else
/// claims as well are left out: whose names they hold, nothing tells. So each block is read for one
/// directory.
pub(super) struct Blocks<'a> {
    census: &'a Census,
    pub(super) list: Vec<MappedRun>,
    /// Whether the list holds all that is mapped.
    pub(super) whole: bool,
    /// The first of the blocks that are missing between others, and how many there are.
    pub(super) hole: Option<(u64, u64)>,
    /// The logical block behind the last one mapped.
    end: u64,
    /// Blocks of the directory by its size.
    size: u64,
}

impl<'a> Blocks<'a> {
    pub(super) fn of(image: &Image, census: &'a Census, inode: &Inode) -> Self {
        let size = inode.size >> image.block_size().bits();
        let list = Vec::new();
        let mut blocks = Self { census, list, whole: true, hole: None, end: 0, size };
        if let Some(root) = MapRoot::of(inode) {
            blocks.whole &= map::walk(image, &root, &mut blocks);
        }
        if !blocks.whole {
            // The map that is left has gaps of its own.
            blocks.hole = None;
        }
        blocks
    }

    /// How many blocks the directory has, or should have.
    pub(super) fn count(&self) -> u64 {
        self.size.max(self.end)
    }

    /// All blocks: where they are in the directory, and on the device.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.list.iter().flat_map(|run| {
            let logical = run.logical..run.logical + run.len;
            let numbers = logical.map_while(|n| u32::try_from(n).ok());
            numbers.zip(run.start..run.start + run.len)
        })
    }

    /// The device's block for a block of the directory.
    pub(super) fn find(&self, logical: u32) -> Option<u64> {
        let logical = u64::from(logical);
        let after = self.list.partition_point(|run| run.logical <= logical);
        let run = self.list.get(after.checked_sub(1)?)?;
        let within = logical - run.logical;
        (within < run.len).then_some(run.start + within)
    }

    fn is_shared(&self, start: u64, len: u64) -> bool {
        let shared = &self.census.shared;
        shared.count_in(shared.cluster(start)..shared.cluster(start + len - 1) + 1) > 0
    }
}

impl MapVisitor for Blocks<'_> {
    fn run(&mut self, run: &MappedRun) {
        if run.logical + run.len > self.size {
            // That the size is wrong has been told.
            self.end = self.end.max(run.logical + run.len);
            self.whole = false;
            return;
        }
        if run.logical > self.end {
            let missing = run.logical - self.end;
            let (first, count) = self.hole.unwrap_or((self.end, 0));
            self.hole = Some((first, count + missing));
        }
        self.end = self.end.max(run.logical + run.len);
        if run.unwritten || self.is_shared(run.start, run.len) {
            self.whole = false;
        } else {
            self.list.push(*run);
        }
    }

    fn node(&mut self, block: u64) -> bool {
        !self.is_shared(block, 1)
    }

    fn broken(&mut self, _: Problem) {}
}
