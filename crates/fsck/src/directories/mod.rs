//! The phases of directories and connectivity.
//!
//! Directories are spread over threads. Each is read once, block by block: its entries are counted
//! as references of what they name, and each directory that is named learns its parent. When all
//! are read, [`connect`] walks from every directory up to the root.
//!
//! What hides names (a hole, a broken block, blocks that something else claims as well) makes names
//! unknown as a whole: nothing is then said to lack a name.

mod blocks;
mod connect;
mod dots;
mod entry;
mod inline;
mod links;
mod names;
mod policy;
mod scan;
mod tree;

use extant_block::AlignedBuffer;
use extant_format::dir::EntryRule;
use extant_format::fscrypt::EncryptionContext;
use extant_format::{FileType, Incompat, Inode, InodeFlags, InodeNr, Place};

use crate::census::Census;
use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind, Severity, threads};

use self::links::Links;

/// Checks the directories of a list, ascending, on a number of threads.
pub(crate) fn check(
    image: &Image,
    census: &Census,
    (list, threads): (&[InodeNr], usize),
    done: &(dyn Fn(u64) + Sync),
) -> Problems {
    let links = Links::new(list);
    let new = || (Worker::new(image, census, &links), image.block_buffer());
    let count = list.len() as u64;
    let workers = threads::for_each(threads, count, new, |(worker, buffer), n| {
        let index = extant_format::to_usize(n);
        worker.directory(index, buffer);
        done(n);
    });
    let mut problems = Problems::default();
    let mut again = Vec::new();
    for (worker, _) in workers {
        problems.append(worker.problems);
        again.extend(worker.again);
    }
    links.settle(again, &mut problems);
    connect::check(image, census, &links, &mut problems);
    problems
}

/// A thread of the phase.
struct Worker<'a> {
    image: &'a Image,
    census: &'a Census,
    links: &'a Links<'a>,
    problems: Problems,
    /// Further names of directories: what is named, and where.
    again: Vec<links::Again>,
    /// Errors told so far.
    told: u64,
}

/// The directory at hand.
struct Dir<'a> {
    inode: &'a Inode,
    /// Its place in the list of directories.
    index: usize,
    rule: EntryRule,
    /// How it is encrypted, if it is and that is known.
    policy: Option<EncryptionContext>,
}

impl Dir<'_> {
    fn ino(&self) -> InodeNr {
        self.inode.ino
    }

    fn at(&self) -> Place {
        Place::inode(self.inode.ino)
    }

    fn has(&self, flag: InodeFlags) -> bool {
        self.inode.flags.contains(flag)
    }
}

impl<'a> Worker<'a> {
    fn new(image: &'a Image, census: &'a Census, links: &'a Links<'a>) -> Self {
        let (problems, again) = (Problems::default(), Vec::new());
        Self { image, census, links, problems, again, told: 0 }
    }

    fn push(&mut self, problem: Problem) {
        self.told += u64::from(problem.severity() == Severity::Error);
        self.problems.push(problem);
    }

    /// Tells of a problem that hides names.
    fn push_lost(&mut self, problem: Problem) {
        self.census.lose_names();
        self.push(problem);
    }

    /// Checks the directory at `index` of the list.
    fn directory(&mut self, index: usize, buffer: &mut AlignedBuffer) {
        let Some(ino) =
            self.links.ino(index).filter(|&ino| !self.census.is_deleted(self.image, ino))
        else {
            return;
        };
        let inode = self.image.inode(ino).filter(|inode| inode.file_type == FileType::Directory);
        let Some(inode) = inode else {
            self.census.lose_names();
            return;
        };
        let policy = policy::of(self.image, &inode);
        let dir = Dir { inode: &inode, index, rule: self.rule(&inode), policy };
        if dir.has(InodeFlags::INLINE_DATA) {
            self.inline(&dir);
        } else {
            self.blocks(&dir, buffer);
        }
    }

    /// The rule for entries; numbers of inodes are judged by the phase itself.
    fn rule(&self, inode: &Inode) -> EntryRule {
        EntryRule {
            block_size: self.image.block_size(),
            inodes_count: u32::MAX,
            has_filetype: self.image.superblock().features().incompat(Incompat::FILETYPE),
            encrypted: inode.flags.contains(InodeFlags::ENCRYPT),
            casefold: inode.flags.contains(InodeFlags::CASEFOLD),
        }
    }

    /// Checks a directory of blocks.
    fn blocks(&mut self, dir: &Dir<'_>, buffer: &mut AlignedBuffer) {
        let blocks = blocks::Blocks::of(self.image, self.census, dir.inode);
        if !blocks.whole || blocks.list.is_empty() {
            self.census.lose_names();
        }
        if let Some((first, count)) = blocks.hole {
            let at = Place { logical: u32::try_from(first).ok(), ..dir.at() };
            self.push_lost(Problem::new(ProblemKind::DirectoryHole, at).found(count));
        }
        let tree = dir.has(InodeFlags::INDEX).then(|| self.tree(dir, &blocks, buffer));
        let mut scan = scan::Scan::new(dir, tree);
        for (logical, block) in blocks.iter() {
            self.block(&mut scan, (logical, block), buffer);
        }
        if scan.names.any_twice() {
            let again = std::mem::take(&mut scan.names).suspects();
            self.blocks_again(&scan, again, &blocks, buffer);
        }
    }
}
