//! One entry: what it names, its name and its type.

use extant_format::{FileType, InodeNr, casefold};

use super::links::MOST_AGAIN;
use super::scan::{Found, Scan};
use super::{Dir, Worker};
use crate::ProblemKind;
use crate::inode_states::{InodeState, Mark};

/// `s_encoding_flags`: names must be of the encoding.
const STRICT: u16 = 1;

impl<'a> Worker<'a> {
    /// Checks an entry that is not one of the first two, and counts it.
    pub(super) fn entry(&mut self, scan: &mut Scan<'_>, found: &Found<'_>) {
        let entry = found.entry;
        if entry.inode == 0 {
            return;
        }
        if entry.is_dot() {
            self.push_lost(found.problem(ProblemKind::DirectoryDotTwice));
            return;
        }
        let (ino, state) = match self.named(scan.dir, entry.inode) {
            Ok(Some(named)) => named,
            Ok(None) => return,
            Err(kind) => {
                // The right number would name something else.
                self.push_lost(found.problem(kind).found(entry.inode));
                return;
            }
        };
        if state.has(Mark::EA_INODE) {
            self.push(found.problem(ProblemKind::EntryValue).found(entry.inode));
        }
        let known = self.name(scan.dir, found);
        self.file_type(found, state.file_type());
        self.policy(scan, found, ino);
        if scan.doubtful {
            // It may be the number that is damaged.
        } else if state.file_type() == Some(FileType::Directory) {
            self.link(scan.dir, ino);
        } else {
            self.census.inodes.refer(ino);
        }
        scan.names.add(entry.name, &scan.dir.rule);
        if known {
            self.hash(scan, found);
        }
    }

    /// The inode of an entry; an error if an entry must not name it, `None` if that is not known.
    fn named(
        &self,
        dir: &Dir<'_>,
        number: u32,
    ) -> Result<Option<(InodeNr, &'a InodeState)>, ProblemKind> {
        let geometry = self.image.geometry();
        let ino = geometry.inode(number).ok_or(ProblemKind::EntryRange)?;
        if ino == InodeNr::ROOT {
            return Err(ProblemKind::EntryRoot);
        }
        if ino.get() < geometry.first_inode() {
            return Err(ProblemKind::EntryReserved);
        }
        if ino == dir.ino() {
            return Err(ProblemKind::EntrySelf);
        }
        let (group, index) = geometry.inode_group(ino);
        if self.image.group(group).inode_table.is_none() {
            return Ok(None);
        }
        let state = self.census.inodes.get(ino).filter(|state| state.is_used());
        match state {
            None if index >= self.image.inodes_to_scan(group) => {
                self.census.lose_blocks();
                Err(ProblemKind::EntryUninit)
            }
            None => Err(ProblemKind::EntryUnused),
            Some(state) if state.has(Mark::SYSTEM) => Err(ProblemKind::EntryReserved),
            Some(_) if self.census.is_deleted(self.image, ino) => Err(ProblemKind::EntryUnused),
            Some(state) => Ok(Some((ino, state))),
        }
    }

    /// Checks a name; whether it can be what it should be.
    fn name(&mut self, dir: &Dir<'_>, found: &Found<'_>) -> bool {
        let name = found.entry.name;
        let strict = self.image.superblock().raw().encoding_flags.get() & STRICT != 0;
        let encoded = strict && dir.rule.casefold && !dir.rule.encrypted;
        let kind = match (found.entry.name_valid, dir.rule.encrypted) {
            (false, true) => ProblemKind::DirectoryNameShort,
            (false, false) => ProblemKind::DirectoryName,
            _ if encoded && casefold::fold(name).is_err() => ProblemKind::DirectoryNameEncoding,
            _ => return true,
        };
        self.push(found.problem(kind));
        false
    }

    /// Checks the type in an entry against that of the inode, if it is known.
    pub(super) fn file_type(&mut self, found: &Found<'_>, file_type: Option<FileType>) {
        let Some(file_type) = file_type else { return };
        let features = self.image.superblock().features();
        let has_types = features.incompat(extant_format::Incompat::FILETYPE);
        let expected = if has_types { file_type.dir_entry_byte() } else { 0 };
        if found.type_byte != expected {
            let kind = match found.type_byte {
                0 => ProblemKind::DirectoryFileTypeUnset,
                _ => ProblemKind::DirectoryFileType,
            };
            let problem = found.problem(kind);
            self.push(problem.found(found.type_byte).expected(expected));
        }
    }

    /// Notes the name of a directory.
    fn link(&mut self, dir: &Dir<'_>, ino: InodeNr) {
        let Some(child) = self.links.index(ino) else { return };
        let Some(again) = self.links.name(child, dir.index) else { return };
        if self.again.len() < MOST_AGAIN {
            self.again.push(again);
        } else {
            self.links.tell_early(&mut self.problems, again);
        }
    }

    /// Checks that the name is in the right leaf of a hash tree; one that is not, for each leaf.
    fn hash(&mut self, scan: &mut Scan<'_>, found: &Found<'_>) {
        let Some((min, max)) = scan.range else { return };
        let Some(tree) = &scan.tree else { return };
        let hash = tree.hash(found.entry, &scan.dir.rule, self.image.superblock());
        if let Some(hash) = hash.filter(|hash| !(min..=max).contains(hash)) {
            scan.range = None;
            self.push(found.problem(ProblemKind::HtreeRange).found(hash));
        }
    }
}
