//! Maps of indirect blocks, of up to three levels.

use extant_format::{IndirectMap, Place};
use hashbrown::HashSet;

use super::{MapRoot, MapVisitor, MappedRun};
use crate::image::Image;
use crate::{Problem, ProblemKind};

/// Pointers to nowhere that are told of, for each map.
const MOST_TOLD: usize = 12;

struct Walk<'a, V> {
    image: &'a Image,
    root: &'a MapRoot<'a>,
    visitor: &'a mut V,
    /// Blocks entered.
    entered: HashSet<u64, foldhash::fast::FixedState>,
    /// The run that grows.
    run: Option<MappedRun>,
    told: usize,
    whole: bool,
}

pub(super) fn walk(image: &Image, root: &MapRoot<'_>, visitor: &mut impl MapVisitor) -> bool {
    let entered = HashSet::default();
    let mut walk = Walk { image, root, visitor, entered, run: None, told: 0, whole: true };
    walk.entries(&IndirectMap::new(root.bytes));
    walk.finish_run();
    walk.whole
}

impl<V: MapVisitor> Walk<'_, V> {
    /// The numbers in the inode: 12 blocks, and a tree of each height.
    fn entries(&mut self, map: &IndirectMap<'_>) {
        let per_block = u64::from(self.image.block_size().bytes() / 4);
        let mut logical = 0;
        for (index, entry) in (0_u32..).zip(map.entries()) {
            let level = index.saturating_sub(11);
            self.entry(entry, logical, level);
            logical += per_block.pow(level);
        }
    }

    /// A number that stands for a block of the file (`level` 0) or the top of a tree.
    fn entry(&mut self, entry: u32, logical: u64, level: u32) {
        if entry == 0 {
            return;
        }
        let at = Place::inode(self.root.ino).block(entry.into());
        if self.image.geometry().run(entry.into(), 1).is_none() {
            self.broken(Problem::new(ProblemKind::IndirectBlock, at));
        } else if level == 0 {
            self.block(logical, entry.into());
        } else if !self.entered.insert(entry.into()) {
            self.broken(Problem::new(ProblemKind::IndirectBlock, at));
        } else {
            self.tree(entry.into(), logical, level);
        }
    }

    fn tree(&mut self, block: u64, logical: u64, level: u32) {
        self.finish_run();
        if !self.visitor.node(block) {
            self.whole = false;
            return;
        }
        let mut bytes = self.image.block_buffer();
        if self.image.read(block, &mut bytes).is_err() {
            let at = Place::inode(self.root.ino).block(block);
            self.broken(Problem::new(ProblemKind::MapRead, at));
            return;
        }
        let map = IndirectMap::new(&bytes);
        let span = (map.len() as u64).pow(level - 1);
        let mut logical = logical;
        for entry in map.entries() {
            self.entry(entry, logical, level - 1);
            logical += span;
        }
    }

    fn block(&mut self, logical: u64, start: u64) {
        match &mut self.run {
            Some(run) if run.logical + run.len == logical && run.start + run.len == start => {
                run.len += 1;
            }
            _ => {
                self.finish_run();
                self.run = Some(MappedRun { logical, start, len: 1, unwritten: false });
            }
        }
    }

    fn finish_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.visitor.run(&run);
        }
    }

    fn broken(&mut self, problem: Problem) {
        self.whole = false;
        self.told += 1;
        if self.told <= MOST_TOLD {
            self.visitor.broken(problem);
        }
    }
}
