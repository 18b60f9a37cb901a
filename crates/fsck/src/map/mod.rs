//! Walking a file's map: extents or indirect blocks, from the root in the inode down. What is found
//! goes to a [`MapVisitor`]; so the phases that walk maps again see what the first one saw.
//!
//! A walk ends on any image: extent trees lose a level with each step and children must start where
//! their parents say; an indirect block is entered once for each file.

mod extents;
mod indirect;

use extant_format::{Extent, Inode, InodeFlags, InodeNr, InodeSeed};

use crate::Problem;
use crate::image::Image;

/// Where a map starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapRoot<'a> {
    pub(crate) ino: InodeNr,
    /// Seed of the checksums of extent blocks.
    pub(crate) seed: InodeSeed,
    /// The 60 bytes in the inode.
    pub(crate) bytes: &'a [u8],
    /// Whether they are the root of an extent tree.
    pub(crate) extents: bool,
}

impl<'a> MapRoot<'a> {
    /// The map of `inode`; `None` if it has none: its content is inside it, or it is a device.
    pub(crate) fn of(inode: &'a Inode) -> Option<Self> {
        let mapped = inode.file_type.has_content()
            && !inode.flags.contains(InodeFlags::INLINE_DATA)
            && !inode.is_fast_symlink();
        mapped.then(|| Self {
            ino: inode.ino,
            seed: inode.seed,
            bytes: inode.map_bytes(),
            extents: inode.flags.contains(InodeFlags::EXTENTS),
        })
    }
}

/// Blocks of a file that follow each other in the file and on the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MappedRun {
    /// The first block in the file.
    pub(crate) logical: u64,
    /// The first block on the device; the whole run is inside the file system.
    pub(crate) start: u64,
    /// Blocks, at least 1.
    pub(crate) len: u64,
    /// Allocated, not written.
    pub(crate) unwritten: bool,
}

impl MappedRun {
    /// Whether `next` follows in the file and on the device, and is the same otherwise.
    fn continues_in(&self, next: &Self) -> bool {
        self.logical + self.len == next.logical
            && self.start + self.len == next.start
            && self.unwritten == next.unwritten
    }
}

impl From<Extent> for MappedRun {
    fn from(extent: Extent) -> Self {
        Self {
            logical: extent.logical.get().into(),
            start: extent.start.get(),
            len: extent.len.into(),
            unwritten: extent.unwritten,
        }
    }
}

/// Told what a map holds, in the order of the file.
pub(crate) trait MapVisitor {
    /// Blocks of the file.
    fn run(&mut self, run: &MappedRun);

    /// A block of the map itself; false leaves out what is below it.
    fn node(&mut self, block: u64) -> bool;

    /// What is wrong with the map.
    fn broken(&mut self, problem: Problem);
}

/// Walks a map. Gives whether all of it could be walked.
pub(crate) fn walk(image: &Image, root: &MapRoot<'_>, visitor: &mut impl MapVisitor) -> bool {
    if root.extents {
        extents::walk(image, root, visitor)
    } else {
        indirect::walk(image, root, visitor)
    }
}

/// Gathers the runs of a map, and says nothing of what is wrong with it.
///
/// A map may have the same block again and again. So that what is gathered stays as small as what a
/// sound file can have, no more is gathered than the blocks that there are.
#[derive(Debug)]
pub(crate) struct Runs {
    /// The runs, in the order of the file.
    pub(crate) list: Vec<MappedRun>,
    /// Blocks of the map itself.
    pub(crate) nodes: Vec<u64>,
    /// How much was found, and how much may be.
    cost: u64,
    most: u64,
}

/// A map that was walked up to some number of blocks.
#[derive(Debug)]
pub(crate) struct Bounded {
    /// The runs; `None` if not all of the map can be walked.
    pub(crate) runs: Option<Runs>,
    /// Blocks found: those of the file, and of the map.
    pub(crate) cost: u64,
    /// Whether there are more than were allowed.
    pub(crate) exceeded: bool,
}

impl Runs {
    /// The runs of `inode`; `None` if not all of its map can be walked, or if it maps more blocks
    /// than the file system has.
    pub(crate) fn of(image: &Image, inode: &Inode) -> Option<Self> {
        Self::within(image, inode, image.geometry().blocks_count()).runs
    }

    /// The runs of `inode`, if it maps no more than `most` blocks, those of the map counted.
    pub(crate) fn within(image: &Image, inode: &Inode, most: u64) -> Bounded {
        let mut runs = Self { list: Vec::new(), nodes: Vec::new(), cost: 0, most };
        let whole = MapRoot::of(inode).is_none_or(|root| walk(image, &root, &mut runs));
        let (cost, exceeded) = (runs.cost, runs.cost > most);
        Bounded { runs: (whole && !exceeded).then_some(runs), cost, exceeded }
    }

    /// Counts `blocks`; whether they may be gathered.
    fn charge(&mut self, blocks: u64) -> bool {
        self.cost = self.cost.saturating_add(blocks);
        self.cost <= self.most
    }
}

impl MapVisitor for Runs {
    fn run(&mut self, run: &MappedRun) {
        if !self.charge(run.len) {
            return;
        }
        match self.list.last_mut() {
            Some(last) if last.continues_in(run) => last.len += run.len,
            _ => self.list.push(*run),
        }
    }

    fn node(&mut self, block: u64) -> bool {
        // Without room, the walk ends with the nodes that it is in.
        let fits = self.charge(1);
        if fits {
            self.nodes.push(block);
        }
        fits
    }

    fn broken(&mut self, _: Problem) {}
}
