//! Which directory names which: one parent for each.

use std::sync::atomic::{AtomicU32, Ordering};

use extant_format::{InodeNr, Place};

use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// The most further names of directories that a thread keeps; of others it tells at once.
pub(super) const MOST_AGAIN: usize = 100_000;

/// All directories, twelve bytes each. A directory is its index in the list.
pub(super) struct Links<'a> {
    /// Ascending.
    list: &'a [InodeNr],
    /// The directory that names it, plus one; 0 if none does.
    parents: Box<[AtomicU32]>,
    /// The number in its `..`; 0 where that is not known.
    dotdots: Box<[AtomicU32]>,
}

/// A further name of a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Again {
    /// The directory that is named, by index.
    child: usize,
    /// The one that names it, plus one.
    parent: u32,
}

fn zeros(len: usize) -> Box<[AtomicU32]> {
    (0..len).map(|_| AtomicU32::new(0)).collect()
}

impl<'a> Links<'a> {
    pub(super) fn new(list: &'a [InodeNr]) -> Self {
        Self { list, parents: zeros(list.len()), dotdots: zeros(list.len()) }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The inode of the directory at `index`.
    pub(super) fn ino(&self, index: usize) -> Option<InodeNr> {
        self.list.get(index).copied()
    }

    /// Where `ino` is in the list.
    pub(super) fn index(&self, ino: InodeNr) -> Option<usize> {
        self.list.binary_search(&ino).ok()
    }

    /// The parent of the directory at `index`.
    pub(super) fn parent(&self, index: usize) -> Option<usize> {
        let parent = self.parents.get(index)?.load(Ordering::Relaxed);
        usize::try_from(parent).ok()?.checked_sub(1)
    }

    /// The number in `..` of the directory at `index`; 0 if it is not known.
    pub(super) fn dotdot(&self, index: usize) -> u32 {
        self.dotdots.get(index).map_or(0, |slot| slot.load(Ordering::Relaxed))
    }

    pub(super) fn set_dotdot(&self, index: usize, number: u32) {
        if let Some(slot) = self.dotdots.get(index) {
            slot.store(number, Ordering::Relaxed);
        }
    }

    /// Notes that the directory at `parent` names that at `child`. If some directory has done so
    /// before, which of both is the parent is for [`settle`](Self::settle) to say.
    pub(super) fn name(&self, child: usize, parent: usize) -> Option<Again> {
        let parent = u32::try_from(parent + 1).ok()?;
        let slot = self.parents.get(child)?;
        let first = slot.compare_exchange(0, parent, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (!first).then_some(Again { child, parent })
    }

    /// Decides for each directory of several names which one counts: that of the directory which
    /// its `..` leads to, else that in the first directory. Tells of the others.
    pub(super) fn settle(&self, mut again: Vec<Again>, problems: &mut Problems) {
        again.sort_unstable();
        for names in again.chunk_by(|a, b| a.child == b.child) {
            let Some(child) = names.first().map(|name| name.child) else { continue };
            let Some(slot) = self.parents.get(child) else { continue };
            let mut parents: Vec<_> = names.iter().map(|name| name.parent).collect();
            parents.push(slot.load(Ordering::Relaxed));
            parents.sort_unstable();
            let wanted = self.number_of_dotdot(child);
            let chosen = parents.iter().position(|parent| Some(*parent) == wanted).unwrap_or(0);
            let chosen = parents.remove(chosen);
            slot.store(chosen, Ordering::Relaxed);
            for parent in parents {
                self.tell_again(problems, (child, parent), Some(chosen));
            }
        }
    }

    /// The directory that `..` leads to, plus one.
    fn number_of_dotdot(&self, child: usize) -> Option<u32> {
        let dotdot = self.ino_of(self.dotdot(child))?;
        u32::try_from(self.index(dotdot)? + 1).ok()
    }

    /// The directory of this number.
    pub(super) fn ino_of(&self, number: u32) -> Option<InodeNr> {
        let index = self.list.binary_search_by_key(&number, |ino| ino.get()).ok()?;
        self.ino(index)
    }

    fn number(&self, parent: u32) -> Option<u32> {
        self.ino(usize::try_from(parent).ok()?.checked_sub(1)?).map(InodeNr::get)
    }

    fn tell_again(
        &self,
        problems: &mut Problems,
        (child, parent): (usize, u32),
        chosen: Option<u32>,
    ) {
        let Some(ino) = self.ino(child) else { return };
        let mut problem = Problem::new(ProblemKind::DirectorySecondName, Place::inode(ino));
        problem.found = self.number(parent).map(u64::from);
        problem.expected = chosen.and_then(|chosen| self.number(chosen)).map(u64::from);
        problems.push(problem);
    }

    /// Tells of a further name before its directory is settled.
    pub(super) fn tell_early(&self, problems: &mut Problems, again: Again) {
        self.tell_again(problems, (again.child, again.parent), None);
    }
}

#[cfg(test)]
mod tests {
    use extant_format::{Geometry, Superblock};

    use super::*;
    use crate::report::Summary;

    /// Inode numbers of a small file system.
    fn list(numbers: &[u32]) -> Vec<InodeNr> {
        let mut raw = vec![0; 1024];
        let mut put = |at: usize, value: u32| {
            raw[at..at + 4].copy_from_slice(&value.to_le_bytes());
        };
        put(0x0, 64);
        put(0x4, 256);
        put(0x14, 1);
        put(0x20, 8192);
        put(0x24, 8192);
        put(0x28, 64);
        put(0x38, 0x1_ef53);
        let superblock = Superblock::parse(&raw).unwrap();
        let geometry: &Geometry = superblock.geometry();
        numbers.iter().map(|&number| geometry.inode(number).unwrap()).collect()
    }

    /// Of several parents the one that `..` leads to counts, whichever came first.
    #[test]
    fn dotdot_chooses_among_parents() {
        let list = list(&[2, 12, 15, 20]);
        for (dotdot, chosen) in [(15, 2), (2, 0), (40, 0), (0, 0)] {
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let links = Links::new(&list);
                links.set_dotdot(3, dotdot);
                let again: Vec<_> = order.iter().filter_map(|&p| links.name(3, p)).collect();
                assert_eq!(again.len(), 2);
                let mut problems = Problems::default();
                links.settle(again, &mut problems);
                assert_eq!(links.parent(3), Some(chosen));
                let report = problems.finish(Summary::default());
                let wanted = u64::from(list[chosen].get());
                assert_eq!(report.problems.len(), 2);
                assert!(report.problems.iter().all(|p| p.expected == Some(wanted)));
                assert!(report.problems.iter().all(|p| p.found != Some(wanted)));
            }
        }
    }
}
