//! Extended attributes: the lists in inodes and in blocks, the inodes that hold large values, and
//! what the file system itself keeps in attributes.
//!
//! A block may be shared by many inodes, and a value inode by many attributes: both have a count
//! of their users. Each block is read once, by the first inode that is found to use it, and each
//! value inode once; the rest is counting. [`references()`] compares the counts at the end.

mod block;
mod counted;
mod list;
mod references;
mod values;

use extant_format::fscrypt::EncryptionContext;
use extant_format::xattr::IbodyXattrs;
use extant_format::{Compat, Inode, Place};

pub(crate) use counted::Counted;
pub(crate) use references::check as references;

use crate::inodes::Worker;
use crate::{Problem, ProblemKind};
use list::List;

/// What is known of an encryption context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Context {
    /// There is none.
    #[default]
    Missing,
    /// It is malformed.
    Bad,
    /// It is of a version from after this was written.
    Unknown,
    /// It is well formed.
    Good,
}

impl Context {
    /// The last version known.
    const LAST: u8 = 2;

    fn of(value: &[u8], at: Place) -> Self {
        match value.first() {
            Some(&version) if version > Self::LAST => Self::Unknown,
            _ if EncryptionContext::parse(value, at).is_ok() => Self::Good,
            _ => Self::Bad,
        }
    }
}

/// What the attributes of an inode are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attributes {
    /// Whether something is wrong with them, so that no more follows from them.
    pub(crate) broken: bool,
    /// Space that they take outside the inode, in units of 512 bytes, as the inode counts it: an
    /// attribute block, and the values in inodes of their own.
    pub(crate) blocks_512: u64,
    /// Inodes that hold values.
    pub(crate) value_inodes: u64,
    /// Bytes of the attribute that holds inline data.
    pub(crate) inline_len: Option<u64>,
    /// The encryption context.
    pub(crate) context: Context,
}

impl Attributes {
    fn add(&mut self, other: &Self) {
        self.broken |= other.broken;
        self.blocks_512 = self.blocks_512.saturating_add(other.blocks_512);
        self.value_inodes += other.value_inodes;
        self.inline_len = self.inline_len.or(other.inline_len);
        if self.context == Context::Missing {
            self.context = other.context;
        }
    }
}

/// Checks the attributes of `inode`, and claims the block that they take.
pub(crate) fn check(worker: &mut Worker<'_>, inode: &Inode) -> Attributes {
    // Of the file system's own, nobody reads more than that they use a block.
    let kept = worker.is_kept(inode.ino);
    let mut attributes = if kept { Attributes::default() } else { in_inode(worker, inode) };
    let outside = worker.image.geometry().block(inode.file_acl).is_none();
    if inode.file_acl != 0 && !(kept && outside) {
        attributes.add(&in_block(worker, inode));
    }
    attributes
}

/// The list behind the extra fields.
fn in_inode(worker: &mut Worker<'_>, inode: &Inode) -> Attributes {
    let at = Place::inode(inode.ino);
    match IbodyXattrs::parse(inode.ea_area(), at) {
        Ok(area) if area.entries.is_empty() => Attributes::default(),
        Ok(area) => {
            let mut list = List::in_inode(worker.image, worker.census, inode);
            list.check(&area.entries);
            list.problems.into_iter().for_each(|problem| worker.problems.push(problem));
            list.found
        }
        Err(corrupt) => {
            worker.census.attributes.lose_values();
            worker.problems.push(Problem::corrupt(ProblemKind::XattrList, corrupt));
            Attributes { broken: true, ..Attributes::default() }
        }
    }
}

/// The list in a block of its own.
fn in_block(worker: &mut Worker<'_>, inode: &Inode) -> Attributes {
    let has_attributes = worker.image.superblock().features().compat(Compat::EXT_ATTR);
    let block = worker.image.geometry().block(inode.file_acl);
    let Some(block) = block.filter(|_| has_attributes) else {
        // The block that the inode had may be in use still.
        worker.census.lose_blocks();
        worker.census.attributes.lose_values();
        let at = Place::inode(inode.ino).block(inode.file_acl);
        worker.problems.push(Problem::new(ProblemKind::XattrBlockNumber, at));
        return Attributes { broken: true, ..Attributes::default() };
    };
    worker.census.attributes.use_block(worker.image, worker.census, inode, block)
}
