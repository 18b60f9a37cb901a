//! One block of a directory: the chain of its entries, and its checksum.

use extant_block::AlignedBuffer;
use extant_format::dir::{DIR_TAIL, verify_dir_checksum};
use extant_format::dir::{DirBlock, DirEntry, EntryRule, dir_body, dir_tail, htree};
use extant_format::{LogicalBlock, Place};

use super::blocks::Blocks;
use super::dots::Dots;
use super::names::{Names, Repeat, Suspects};
use super::tree::{Part, Tree};
use super::{Dir, Worker};
use crate::{Problem, ProblemKind};

/// What is gathered while a directory is read.
pub(super) struct Scan<'d> {
    pub(super) dir: &'d Dir<'d>,
    pub(super) names: Names,
    pub(super) tree: Option<Tree>,
    pub(super) dots: Dots,
    /// The hashes that names of the block at hand may have.
    pub(super) range: Option<(u32, u32)>,
    /// Whether the block at hand is not what its checksum says: what it names is not counted.
    pub(super) doubtful: bool,
}

/// An entry and where it is.
#[derive(Clone, Copy)]
pub(super) struct Found<'e> {
    pub(super) entry: &'e DirEntry<'e>,
    /// The byte that holds the type, if the file system has types there.
    pub(super) type_byte: u8,
    /// The byte behind the name, if it is in the same part of the directory.
    pub(super) behind: Option<u8>,
    pub(super) at: Place,
}

impl<'e> Found<'e> {
    /// `entry` of the part `bytes` of the directory, at `start` of which its offsets are 0.
    pub(super) fn new(entry: &'e DirEntry<'e>, bytes: &[u8], at: Place) -> Self {
        let type_byte = bytes.get(entry.offset + 7).copied().unwrap_or_default();
        let behind = bytes.get(entry.offset + 8 + entry.name.len()).copied();
        Self { entry, type_byte, behind, at: at.offset(entry.offset) }
    }

    /// A problem of the entry.
    pub(super) fn problem(&self, kind: ProblemKind) -> Problem {
        Problem::new(kind, self.at).named(self.entry.name)
    }
}

impl<'d> Scan<'d> {
    pub(super) fn new(dir: &'d Dir<'d>, tree: Option<Tree>) -> Self {
        let (names, dots) = (Names::default(), Dots::default());
        Self { dir, names, tree, dots, range: None, doubtful: false }
    }

    fn part(&self, logical: u32) -> Part {
        self.tree.as_ref().map_or(Part::Loose, |tree| tree.part(logical))
    }
}

/// Whether all entries of `bytes` are well-formed.
pub(super) fn is_chain(bytes: &[u8], rule: &EntryRule) -> bool {
    DirBlock::entries(bytes, rule, Place::default()).all(|entry| entry.is_ok())
}

impl Worker<'_> {
    fn read(&mut self, at: Place, block: u64, buffer: &mut AlignedBuffer) -> bool {
        let read = self.image.read(block, buffer).is_ok();
        if !read {
            self.push_lost(Problem::new(ProblemKind::DirectoryRead, at));
        }
        read
    }

    /// Checks block `logical` of a directory, which is the device's `block`.
    pub(super) fn block(
        &mut self,
        scan: &mut Scan<'_>,
        (logical, block): (u32, u64),
        buffer: &mut AlignedBuffer,
    ) {
        let at = scan.dir.at().logical(LogicalBlock::new(logical)).block(block);
        let part = scan.part(logical);
        if part == Part::Node || !self.read(at, block, buffer) {
            return;
        }
        let told = self.told;
        let Some((body, summed)) = self.body(scan.dir, part, buffer, at) else { return };
        scan.range = match part {
            Part::Leaf { min, max } => Some((min, max)),
            _ => None,
        };
        let wrong = match &mut scan.tree {
            Some(tree) if part == Part::Root => tree.root_checksum.take(),
            _ if !summed => None,
            _ => verify_dir_checksum(buffer, scan.dir.inode.seed, at)
                .err()
                .map(|_| Problem::new(ProblemKind::DirectoryChecksum, at)),
        };
        scan.doubtful = wrong.is_some();
        if scan.doubtful && part != Part::Root {
            self.census.lose_names();
        }
        self.entries(scan, body, (logical == 0, at));
        // What else is wrong with the block makes its checksum wrong, too.
        if let Some(problem) = wrong.filter(|_| self.told == told) {
            self.push(problem);
        }
    }

    /// The part of a block that holds entries, and whether a checksum follows. `None` if there are
    /// none: the block may be a node of a tree that is damaged.
    fn body<'b>(
        &mut self,
        dir: &Dir<'_>,
        part: Part,
        block: &'b [u8],
        at: Place,
    ) -> Option<(&'b [u8], bool)> {
        if part == Part::Root || !self.image.has_checksums() {
            return Some((block, false));
        }
        if dir_tail(block).is_some() {
            return Some((dir_body(block), true));
        }
        if part == Part::NoRoot {
            return Some((block, false));
        }
        let shape = htree::count_offset(block, &dir.rule);
        if part == Part::Unknown && shape.is_some() {
            return (shape != Some(htree::NODE_OFFSET)).then_some((block, false));
        }
        let front = block.get(..block.len().saturating_sub(DIR_TAIL)).unwrap_or_default();
        let front_fits = is_chain(front, &dir.rule);
        if front_fits || is_chain(block, &dir.rule) {
            self.push(Problem::new(ProblemKind::DirectoryTail, at));
        }
        Some((if front_fits { front } else { block }, false))
    }

    fn entries(&mut self, scan: &mut Scan<'_>, bytes: &[u8], (first, at): (bool, Place)) {
        for entry in DirBlock::entries(bytes, &scan.dir.rule, at) {
            match entry {
                Ok(entry) => {
                    let found = Found::new(&entry, bytes, at);
                    if !(first && self.dot(scan, &found)) {
                        self.entry(scan, &found);
                    }
                }
                Err(corrupt) => {
                    self.push_lost(Problem::corrupt(ProblemKind::DirectoryChain, corrupt));
                    return;
                }
            }
        }
        if first {
            self.missing_dots(scan, at);
        }
    }

    /// Looks at all names again: whether they come twice.
    pub(super) fn blocks_again(
        &mut self,
        scan: &Scan<'_>,
        mut suspects: Suspects,
        blocks: &Blocks<'_>,
        buffer: &mut AlignedBuffer,
    ) {
        for (logical, block) in blocks.iter() {
            let at = scan.dir.at().logical(LogicalBlock::new(logical)).block(block);
            if scan.part(logical) == Part::Node || self.image.read(block, buffer).is_err() {
                continue;
            }
            let body: &[u8] = buffer;
            let body = if self.image.has_checksums() { dir_body(body) } else { body };
            let entries = DirBlock::entries(body, &scan.dir.rule, at).map_while(Result::ok);
            for entry in entries {
                self.again(scan.dir, &mut suspects, &Found::new(&entry, body, at));
            }
        }
    }

    /// Looks at an entry again.
    pub(super) fn again(&mut self, dir: &Dir<'_>, suspects: &mut Suspects, found: &Found<'_>) {
        let entry = found.entry;
        if entry.inode == 0 || entry.is_dot() {
            return;
        }
        let kind = match suspects.repeats(entry.name, &dir.rule) {
            Some(Repeat::Same) => ProblemKind::DirectoryNameTwice,
            Some(Repeat::Folded) => ProblemKind::DirectoryNameFolded,
            None => return,
        };
        self.push(found.problem(kind));
    }
}
