//! The end of the phase: the counts of users and references against what was found, and the
//! content of value inodes.

use extant_format::xattr::{MAX_EA_INODE_VALUE, ea_inode_hash};
use extant_format::{Inode, InodeNr, Place, to_usize};

use super::block::BlockUse;
use super::values::ValueInode;
use crate::census::Census;
use crate::image::Image;
use crate::map::Runs;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Compares all counts, and reads all values.
pub(crate) fn check(image: &Image, census: &Census, problems: &mut Problems) {
    for (block, known) in census.attributes.blocks.take() {
        attribute_block(census, block, known, problems);
    }
    // Sound values do not share blocks, so that all of them fit the device.
    let mut budget = image.geometry().size_bytes();
    for (number, value) in census.attributes.values.take() {
        let ino = u32::try_from(number).ok().and_then(|number| image.geometry().inode(number));
        let Some(ino) = ino.filter(|_| value.references > 0) else { continue };
        value_inode(census, ino, &value, problems);
        if !value.uncounted && content_differs(image, ino, &value, &mut budget) {
            problems.push(Problem::new(ProblemKind::XattrValueContent, Place::inode(ino)));
        }
    }
}

fn attribute_block(census: &Census, block: u64, known: BlockUse, problems: &mut Problems) {
    let at = Place::inode(known.first).block(block);
    let sound =
        known.problems.iter().all(|problem| problem.kind != ProblemKind::XattrBlockChecksum);
    for mut problem in known.problems {
        problem.at.inode = at.inode;
        problems.push(problem);
    }
    let Some(recorded) = known.recorded.filter(|_| sound) else { return };
    // Inodes that cannot be read may be users, too.
    let unknown = recorded > known.users && !census.knows_blocks();
    if recorded != known.users && !unknown {
        let problem = Problem::new(ProblemKind::XattrBlockReferences, at);
        problems.push(problem.found(recorded).expected(known.users));
    }
}

fn value_inode(census: &Census, ino: InodeNr, value: &ValueInode, problems: &mut Problems) {
    let recorded = value.fields.refcount;
    let unknown = recorded > value.references && !census.attributes.knows_values();
    if recorded != value.references && !value.uncounted && !unknown {
        let problem = Problem::new(ProblemKind::XattrValueReferences, Place::inode(ino));
        problems.push(problem.found(recorded).expected(value.references));
    }
}

/// Whether the value is known to differ from its hash. Of a value with holes nothing is known but
/// that it cannot be read.
fn content_differs(image: &Image, ino: InodeNr, value: &ValueInode, budget: &mut u64) -> bool {
    let Some(inode) = image.inode(ino) else { return false };
    let most = image.geometry().size_bytes().min(MAX_EA_INODE_VALUE.into());
    if inode.size > most {
        return true;
    }
    if *budget < inode.size {
        return false;
    }
    // A sound value has as many blocks as its size needs, and those of its map.
    let bits = image.block_size().bits();
    let map = Runs::within(image, &inode, *budget >> bits);
    *budget = budget
        .saturating_sub(map.cost.saturating_mul(image.block_size().bytes64()).max(inode.size));
    if map.exceeded {
        return false;
    }
    let bytes = map.runs.and_then(|runs| content(image, &inode, &runs));
    let Some(bytes) = bytes else { return true };
    ea_inode_hash(image.superblock().seed(), &bytes) != value.fields.hash
}

/// The content of `inode`, of which all is mapped by `runs`.
fn content(image: &Image, inode: &Inode, runs: &Runs) -> Option<Vec<u8>> {
    let size = image.block_size();
    let mut bytes = vec![0; to_usize(inode.size)];
    let mut filled = 0;
    for run in &runs.list {
        let start = to_usize(run.logical << size.bits());
        if start != filled {
            return None;
        }
        let len = to_usize(run.len << size.bits()).min(bytes.len().saturating_sub(start));
        if len == 0 {
            break;
        }
        image.read(run.start, bytes.get_mut(start..start + len)?).ok()?;
        filled = start + len;
    }
    (filled == bytes.len()).then_some(bytes)
}
