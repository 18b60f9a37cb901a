//! Orphans: inodes that a crash left deleted but in use, or half truncated. The list starts in the
//! superblock and goes on in the deletion times of its inodes; with the feature `orphan_file` a
//! file names them instead.

use extant_format::inode::RawInode;
use extant_format::{Compat, FileType, Inode, InodeNr, OrphanFileBlock, Place, RoCompat};
use hashbrown::HashSet;
use zerocopy::FromBytes;

use crate::image::Image;
use crate::map::Runs;
use crate::own::{self, Unusable};
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Inodes in no order.
type Set = HashSet<InodeNr, foldhash::fast::FixedState>;

/// All orphans; what is wrong with what names them is told.
pub(crate) fn find(image: &Image, problems: &mut Problems) -> Set {
    let mut orphans = Set::default();
    list(image, &mut orphans, problems);
    file(image, &mut orphans, problems);
    if !orphans.is_empty() {
        let problem = Problem::new(ProblemKind::OrphansPending, Place::superblock());
        problems.push(problem.found(orphans.len() as u64));
    }
    orphans
}

/// An inode that may be an orphan: not a reserved one, and one that has a type.
fn candidate(image: &Image, number: u32) -> Option<(InodeNr, u32)> {
    let ino = image.geometry().inode(number)?;
    if number < image.geometry().first_inode() {
        return None;
    }
    let bytes = image.inode_bytes(ino)?;
    let (raw, _) = RawInode::ref_from_prefix(&bytes).ok()?;
    FileType::from_mode(raw.mode.get())?;
    Some((ino, raw.dtime.get()))
}

/// Follows the list to its end, or to the first inode that cannot be on it.
fn list(image: &Image, orphans: &mut Set, problems: &mut Problems) {
    let mut next = image.superblock().raw().last_orphan.get();
    while next != 0 {
        let found = candidate(image, next).filter(|(ino, _)| orphans.insert(*ino));
        let Some((_, after)) = found else {
            let at = Place { inode: Some(next), ..Place::default() };
            problems.push(Problem::new(ProblemKind::OrphanList, at));
            return;
        };
        next = after;
    }
}

/// Reads the orphan file.
fn file(image: &Image, orphans: &mut Set, problems: &mut Problems) {
    let superblock = image.superblock();
    let present = superblock.features().ro_compat(RoCompat::ORPHAN_PRESENT);
    let number = superblock.raw().orphan_file_inum.get();
    let at = Place { inode: Some(number), ..Place::default() };
    if !superblock.features().compat(Compat::ORPHAN_FILE) {
        if present {
            problems.push(Problem::new(ProblemKind::OrphanFlag, Place::superblock()));
        }
        let inode = image.geometry().inode(number).and_then(|ino| image.inode(ino));
        if inode.is_some_and(|inode| inode.links > 0) {
            problems.push(Problem::new(ProblemKind::OrphanUnexpected, at));
        }
        return;
    }
    let (inode, runs) = match own::file(image, number) {
        Ok(file) => file,
        Err(Unusable::Missing) => {
            problems.push(Problem::new(ProblemKind::OrphanFile, at));
            return;
        }
        Err(Unusable::Told) => return,
    };
    // Nothing of a file counts that is not sound to its end.
    let mut count = 0_u64;
    if let Err(problem) = read(image, (&inode, &runs), |_| count += 1) {
        problems.push(*problem);
        return;
    }
    if present == (count == 0) {
        problems.push(Problem::new(ProblemKind::OrphanFlag, at).found(count));
    }
    let mut named = Set::default();
    let again = read(image, (&inode, &runs), |number| {
        let known = image.geometry().inode(number);
        // The inode is read when it is named for the first time.
        let found = known.filter(|&ino| named.insert(ino)).and_then(|_| candidate(image, number));
        if !found.is_some_and(|(ino, _)| orphans.insert(ino)) {
            let at = Place { inode: Some(number), ..Place::default() };
            problems.push(Problem::new(ProblemKind::OrphanEntry, at));
        }
    });
    if let Err(problem) = again {
        problems.push(*problem);
    }
}

/// Whether no block is in two of the runs.
fn are_disjoint(runs: &Runs) -> bool {
    let mut blocks: Vec<_> = runs.list.iter().map(|run| (run.start, run.len)).collect();
    blocks.sort_unstable();
    let mut behind = 0;
    blocks.into_iter().all(|(start, len)| {
        let free = start >= behind;
        behind = start + len;
        free
    })
}

/// Reads the numbers in the file.
fn read(
    image: &Image,
    (inode, runs): (&Inode, &Runs),
    mut each: impl FnMut(u32),
) -> Result<(), Box<Problem>> {
    let size = image.block_size();
    let at = Place::inode(inode.ino);
    let end = runs.list.last().map_or(0, |run| run.logical + run.len);
    let mapped: u64 = runs.list.iter().map(|run| run.len).sum();
    let whole = inode.size.is_multiple_of(size.bytes64()) && inode.size >> size.bits() == end;
    // So each block is read for one place in the file.
    if !whole || mapped != end || end == 0 || !are_disjoint(runs) {
        return Err(Problem::new(ProblemKind::OrphanFile, at).found(inode.size).into());
    }
    let mut bytes = image.block_buffer();
    for number in runs.list.iter().flat_map(|run| run.start..run.start + run.len) {
        let unreadable = || Problem::new(ProblemKind::OrphanFile, at.block(number));
        image.read(number, &mut bytes).map_err(|_| unreadable())?;
        let block = image.geometry().block(number).ok_or_else(unreadable)?;
        let parsed = OrphanFileBlock::parse(&bytes, inode.seed, block, image.has_checksums());
        let parsed =
            parsed.map_err(|corrupt| Problem::corrupt(ProblemKind::OrphanFile, corrupt))?;
        parsed.entries().for_each(|(_, number)| each(number));
    }
    Ok(())
}
