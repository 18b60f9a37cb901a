//! Encrypted inodes: the context from which the key follows.

use extant_format::{Inode, InodeFlags};

use crate::ProblemKind;
use crate::attributes::{Attributes, Context};
use crate::inodes::Worker;

/// Checks that an encrypted inode has a context.
pub(crate) fn check(worker: &mut Worker<'_>, inode: &Inode, attributes: &Attributes) {
    let encrypted = inode.flags.contains(InodeFlags::ENCRYPT);
    let unusable = matches!(attributes.context, Context::Missing | Context::Bad);
    if encrypted && unusable && !attributes.broken {
        worker.report(ProblemKind::EncryptionContext, inode.ino);
    }
}
