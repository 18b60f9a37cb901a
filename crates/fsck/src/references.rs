//! The phase of references: how many names each inode has, against what it says.

use extant_format::features::RoCompat;
use extant_format::{FileType, InodeNr, Place};

use crate::census::Census;
use crate::image::Image;
use crate::inode_states::{InodeState, Mark};
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// More links than this, a directory counts as 1 (feature `dir_nlink`).
const MAX_LINKS: u32 = 65_000;

/// Checks the link counts of all inodes in use.
pub(crate) fn check(image: &Image, census: &Census, problems: &mut Problems) {
    let others = census.inodes.in_use(image.geometry());
    for known in others.filter(|(_, state)| !state.has(Mark::SYSTEM)) {
        inode(image, census, problems, known);
    }
}

fn inode(
    image: &Image,
    census: &Census,
    problems: &mut Problems,
    (ino, state): (InodeNr, &InodeState),
) {
    let balance = census.inodes.balance(ino, state);
    let holder = state.has(Mark::EA_INODE) || state.has(Mark::VALUE);
    if (balance == 0 && state.is_named() && !holder) || census.is_deleted(image, ino) {
        return;
    }
    let Some(links) = image.links(ino) else { return };
    let names = u32::try_from(i64::from(links) - balance).unwrap_or(u32::MAX);
    let directory = state.file_type() == Some(FileType::Directory);
    if names == 0 && !state.has(Mark::VALUE) {
        let (value, known) = (state.has(Mark::EA_INODE), census.attributes.knows_values());
        let kind = if value { ProblemKind::XattrValueUnused } else { ProblemKind::Unattached };
        // A directory without a name is told of with what connects it.
        if census.knows_names() && !directory && (known || !value) {
            problems.push(Problem::new(kind, Place::inode(ino)));
        }
        return;
    }
    // The attribute that refers to a value counts as the one name.
    let value = state.has(Mark::VALUE) && (state.has(Mark::EA_INODE) || names == 0);
    let names = if value { 1 } else { names };
    let many = image.superblock().features().ro_compat(RoCompat::DIR_NLINK) && directory;
    let counted = if many && names > MAX_LINKS { 1 } else { names };
    let unknown = !census.knows_names() && links > counted && !value;
    if links != counted && !unknown {
        let problem = Problem::new(ProblemKind::LinkCount, Place::inode(ino));
        problems.push(problem.found(links).expected(counted));
    }
}
