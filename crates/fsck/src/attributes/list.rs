//! One list of attributes, whose entries the parser has found to lie where they may: what they say
//! of each other, of their values, and of themselves.
//!
//! A list gives one problem of a kind at most.

use extant_format::acl::Acl;
use extant_format::xattr::{XattrEntry, entry_hash, index, prefix};
use extant_format::{Inode, Place, to_usize};

use super::{Attributes, Context};
use crate::census::Census;
use crate::image::Image;
use crate::{Problem, ProblemKind, Severity};

/// Where a list is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Site {
    Inode,
    Block,
}

/// A list that is being checked.
pub(super) struct List<'a> {
    pub(super) image: &'a Image,
    pub(super) census: &'a Census,
    /// The inode that has it.
    pub(super) owner: &'a Inode,
    site: Site,
    at: Place,
    /// What offsets of values count in.
    bytes: &'a [u8],
    /// Whether all readers agree that the list can be read.
    readable: bool,
    pub(super) found: Attributes,
    pub(super) problems: Vec<Problem>,
}

impl<'a> List<'a> {
    /// The list in `owner`.
    pub(super) fn in_inode(image: &'a Image, census: &'a Census, owner: &'a Inode) -> Self {
        let (site, at) = (Site::Inode, Place::inode(owner.ino));
        // Offsets count from behind the magic number.
        let bytes = owner.ea_area().get(4..).unwrap_or_default();
        let (found, problems) = (Attributes::default(), Vec::new());
        Self { image, census, owner, site, at, bytes, readable: true, found, problems }
    }

    /// The same for the list in the block at `at`, `bytes`, of which the inode is the first known
    /// user.
    pub(super) fn in_block(self, at: Place, bytes: &'a [u8]) -> Self {
        Self { site: Site::Block, at, bytes, ..self }
    }

    /// Checks all of it.
    pub(super) fn check(&mut self, entries: &[XattrEntry<'_>]) {
        self.readable = !entries.iter().any(|entry| self.is_outside(entry));
        self.overlaps(entries);
        self.duplicates(entries);
        for entry in entries {
            self.entry(entry);
            if entry.value_inode != 0 {
                self.value_inode(entry);
            } else if let Some(value) = entry.value {
                self.hash(entry);
                self.value(entry, value);
            }
        }
    }

    /// Adds a problem of an attribute.
    pub(super) fn report(&mut self, kind: ProblemKind, entry: &XattrEntry<'_>) {
        // What the list takes in blocks is known whatever values are.
        let hides = !matches!(kind, ProblemKind::XattrDuplicate | ProblemKind::XattrValueContent);
        self.found.broken |= hides && kind.severity() == Severity::Error;
        if self.problems.iter().all(|problem| problem.kind != kind) {
            let prefix = prefix(entry.name_index).unwrap_or_default();
            let name = [prefix.as_bytes(), entry.name].concat();
            self.problems.push(Problem::new(kind, self.at).named(&name));
        }
    }

    /// No two values share a word.
    fn overlaps(&mut self, entries: &[XattrEntry<'_>]) {
        let mut values: Vec<_> = entries.iter().filter(|e| has_value(e)).collect();
        values.sort_unstable_by_key(|entry| entry.value_offset);
        let pairs = values.iter().zip(values.iter().skip(1));
        let end = |entry: &XattrEntry<'_>| {
            u64::from(entry.value_offset) + u64::from(entry.value_size).next_multiple_of(4)
        };
        for (one, next) in pairs {
            if end(one) > next.value_offset.into() {
                self.report(ProblemKind::XattrOverlap, next);
            }
        }
    }

    /// No name comes twice. Look-ups find the first, so that the second is lost.
    fn duplicates(&mut self, entries: &[XattrEntry<'_>]) {
        let mut names: Vec<_> =
            entries.iter().map(|entry| (entry.name_index, entry.name)).collect();
        names.sort_unstable();
        let pair = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next);
        let twice = pair.and_then(|(name, _)| {
            entries.iter().find(|entry| (entry.name_index, entry.name) == *name)
        });
        if let Some(entry) = twice {
            self.report(ProblemKind::XattrDuplicate, entry);
        }
    }

    /// In blocks an entry has a prefix, and an empty value no place outside.
    fn entry(&mut self, entry: &XattrEntry<'_>) {
        if self.site == Site::Block && entry.name_index == 0 {
            self.report(ProblemKind::XattrPrefix, entry);
        }
        if self.site == Site::Block && self.is_outside(entry) {
            self.report(ProblemKind::XattrOverlap, entry);
        }
    }

    /// Whether an empty value is said to be outside.
    fn is_outside(&self, entry: &XattrEntry<'_>) -> bool {
        entry.value_inode == 0 && usize::from(entry.value_offset) > self.bytes.len()
    }

    /// In inodes the hash may be left out. It covers whole words, what is behind the value too.
    fn hash(&mut self, entry: &XattrEntry<'_>) {
        let left_out = self.site == Site::Inode && entry.hash == 0;
        let (start, size) = (usize::from(entry.value_offset), to_usize(entry.value_size.into()));
        let words = self.bytes.get(start..start.saturating_add(size.next_multiple_of(4)));
        let words = words.filter(|_| size != 0).unwrap_or_default();
        if !left_out && !entry_hash(entry.name, words).contains(&entry.hash) {
            self.report(ProblemKind::XattrHash, entry);
        }
    }

    /// What the file system itself reads.
    fn value(&mut self, entry: &XattrEntry<'_>, value: &[u8]) {
        match (entry.name_index, entry.name) {
            (index::POSIX_ACL_ACCESS | index::POSIX_ACL_DEFAULT, _)
                if Acl::parse(value, self.at).is_err() =>
            {
                self.report(ProblemKind::AclMalformed, entry);
            }
            // E2fsprogs reads none of a list with an empty value outside, Linux does.
            _ if !self.readable => {}
            (index::SYSTEM, b"data") => {
                self.found.inline_len.get_or_insert(value.len() as u64);
            }
            (index::ENCRYPTION, b"c") => {
                self.found.context = Context::of(value, self.at);
                if self.found.context == Context::Unknown {
                    self.report(ProblemKind::EncryptionVersion, entry);
                }
            }
            _ => {}
        }
    }
}

fn has_value(entry: &XattrEntry<'_>) -> bool {
    entry.value_inode == 0 && entry.value_size != 0
}
