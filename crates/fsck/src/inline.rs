//! Content inside the inode: the flag that says so, the attribute that it needs, and the size.

use extant_format::inline_data::INODE_CAPACITY;
use extant_format::{FileType, Inode, InodeFlags, Place};

use crate::attributes::Attributes;
use crate::inodes::Worker;
use crate::{Problem, ProblemKind};

/// Checks an inode that is said to have its content inside.
pub(crate) fn check(worker: &mut Worker<'_>, inode: &Inode, attributes: &Attributes) {
    if !inode.flags.contains(InodeFlags::INLINE_DATA) || !inode.file_type.has_content() {
        return;
    }
    let Some(len) = attributes.inline_len else {
        if !attributes.broken {
            worker.report(ProblemKind::InlineDataMissing, inode.ino);
        }
        return;
    };
    let capacity = INODE_CAPACITY as u64 + len;
    let kind = match inode.file_type {
        FileType::Directory if inode.size != capacity || !len.is_multiple_of(4) => {
            ProblemKind::InlineDirectorySize
        }
        FileType::Regular if inode.size > capacity => ProblemKind::InlineDataSize,
        _ => return,
    };
    let problem = Problem::new(kind, Place::inode(inode.ino));
    worker.problems.push(problem.found(inode.size).expected(capacity));
}
