//! The phase of quota: what the quota files say that owners use, against what was found (feature
//! `quota`).

mod file;
mod usage;

use extant_format::{Incompat, InodeNr, Place, QuotaKind, RoCompat};

pub(crate) use usage::{Usage, Used};

use crate::census::Census;
use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};
use file::Entries;

/// Checks all quota files.
pub(crate) fn check(image: &Image, census: &Census, usage: &Usage, problems: &mut Problems) {
    let superblock = image.superblock();
    let (raw, set) = (superblock.raw(), superblock.features().ro_compat(RoCompat::QUOTA));
    let numbers = [raw.user_quota_inum, raw.group_quota_inum, raw.project_quota_inum];
    let numbers = numbers.map(zerocopy::little_endian::U32::get);
    let in_use = |number| image.geometry().inode(number).filter(|&ino| is_in_use(image, ino));
    for ino in numbers.into_iter().filter(|_| !set).filter_map(in_use) {
        problems.push(Problem::new(ProblemKind::QuotaUnexpected, Place::inode(ino)));
    }
    if !set {
        // A number of projects' quota counts, whether there is a file or not.
        let project = image.geometry().inode(raw.project_quota_inum.get());
        let first = image.geometry().first_inode();
        let unused = project.filter(|&ino| ino.get() >= first && !is_in_use(image, ino));
        if let Some(ino) = unused {
            problems.push(Problem::new(ProblemKind::QuotaUnexpected, Place::inode(ino)));
        }
        return;
    }
    for (kind, number) in QuotaKind::ALL.into_iter().zip(numbers) {
        if number == 0 {
            continue;
        }
        let at = Place { inode: Some(number), ..Place::default() };
        match file::read(image, number, kind) {
            Ok(entries) if census.knows_blocks() => {
                compare(image, &entries, (usage, kind), at, problems);
            }
            Ok(_) => {}
            Err(Some(problem)) => problems.push(*problem),
            Err(None) => {}
        }
    }
}

fn is_in_use(image: &Image, ino: InodeNr) -> bool {
    image.inode(ino).is_some_and(|inode| inode.links > 0)
}

/// Compares the entries of a file with what was found.
fn compare(
    image: &Image,
    entries: &Entries,
    (usage, kind): (&Usage, QuotaKind),
    at: Place,
    problems: &mut Problems,
) {
    // Who has an attribute whose value is an inode is charged for that inode in ways that differ.
    let counts_inodes = !image.superblock().features().incompat(Incompat::EA_INODE);
    let owners = usage.owners(kind);
    let agree = |found: Used, entry: Used| {
        found.bytes == entry.bytes && (!counts_inodes || found.inodes == entry.inodes)
    };
    let ids = owners.keys().chain(entries.keys().filter(|id| !owners.contains_key(*id)));
    let wrong = ids.filter(|id| {
        let found = owners.get(*id).copied().unwrap_or_default();
        !agree(found, entries.get(*id).copied().unwrap_or_default())
    });
    let mut wrong: Vec<u32> = wrong.copied().collect();
    wrong.sort_unstable();
    let Some(&first) = wrong.first() else { return };
    let (found, entry) = (owners.get(&first), entries.get(&first));
    let (found, entry) = (found.copied().unwrap_or_default(), entry.copied().unwrap_or_default());
    let name = format!("id {first}, {} ids in all", wrong.len());
    let problem = Problem::new(ProblemKind::QuotaUsage, at).named(name.as_bytes());
    problems.push(if found.bytes == entry.bytes {
        problem.found(entry.inodes).expected(found.inodes)
    } else {
        problem.found(entry.bytes).expected(found.bytes)
    });
}
