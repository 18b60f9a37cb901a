//! Changing directories: names are added, pointed elsewhere and removed; a directory is made.
//!
//! Each function reads and verifies what it needs, and takes the blocks it needs, before it
//! changes an entry. Then blocks that nothing leads to yet are written first and what loses
//! entries last, so that every name that stays can be found at any moment. Repeating a call
//! changes nothing. Link counts and times are the caller's.

mod append;
mod hashed;
pub(crate) mod init;
mod inline;
mod linear;
mod split;

use extant_block::IoFlags;
use extant_format::dir::htree::set_dx_checksum;
use extant_format::dir::{
    DIR_TAIL, DirBlock, DirBlockMut, dir_body_mut, init_dir_tail, set_dir_checksum,
};
use extant_format::inode::RawInode;
use extant_format::{
    BlockNr, Corrupt, CorruptKind, FileType, Incompat, Inode, InodeFlags, InodeNr, LogicalBlock,
    Place,
};

pub(crate) use init::{init_directory, set_parent};

use crate::changes::Changes;
use crate::dir::lookup::Located;
use crate::dir::names::Wanted;
use crate::dir::{Directory, Found, Shape};
use crate::{Error, Result};

/// What adding a name did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Added {
    /// There is a new entry.
    New,
    /// The name led to that inode already.
    Same,
    /// The name led to this other inode, and now leads to the new one. Its spelling, in a
    /// directory that ignores case, is the old one.
    Replaced(InodeNr),
}

/// Lets `name` lead to `ino` in directory `dir`. In an encrypted directory the name is ciphertext.
///
/// # Errors
/// [`Error::Corrupt`] for a name that no entry may have, a damaged directory, or a hash tree whose
/// names are not where their hashes belong; [`Error::Unsupported`] for a new name in a directory
/// that is encrypted and ignores case; [`Error::NoSpace`] if no block is free or the hash tree or
/// the directory is as large as it may be; those of blocks read and written.
pub(crate) fn add_entry(
    changes: &mut Changes<'_>,
    dir: InodeNr,
    name: &[u8],
    ino: InodeNr,
    file_type: FileType,
) -> Result<Added> {
    let mut edit = DirEdit::open(changes, dir)?;
    if let Some(located) = edit.locate(name)? {
        let old = located.found;
        if old.ino != ino || old.file_type.is_some_and(|old| old != file_type) {
            edit.change_located(&located, |entries, at| entries.retarget(at, ino, file_type))?;
        }
        return Ok(if old.ino == ino { Added::Same } else { Added::Replaced(old.ino) });
    }
    let record = edit.record(name, ino, file_type)?;
    edit.insert(name, &record)?;
    Ok(Added::New)
}

/// Removes `name` from directory `dir` if it is there and leads to `ino`, or to any inode if that
/// is `None`. Returns the inode that it led to, if it was removed.
///
/// # Errors
/// [`Error::Corrupt`] for a damaged directory; those of blocks read and written.
pub(crate) fn remove_entry(
    changes: &mut Changes<'_>,
    dir: InodeNr,
    name: &[u8],
    ino: Option<InodeNr>,
) -> Result<Option<InodeNr>> {
    let mut edit = DirEdit::open(changes, dir)?;
    let located = edit.locate(name)?;
    let leads = |l: &Located| ino.is_none_or(|ino| ino == l.found.ino);
    let Some(located) = located.filter(leads) else { return Ok(None) };
    edit.change_located(&located, |entries, at| entries.remove(at))?;
    Ok(Some(located.found.ino))
}

/// What `name`, as stored, leads to in directory `dir`.
///
/// # Errors
/// [`Error::Corrupt`] for a damaged directory; those of a block read.
pub(crate) fn find_entry(
    changes: &mut Changes<'_>,
    dir: InodeNr,
    name: &[u8],
) -> Result<Option<Found>> {
    Ok(DirEdit::open(changes, dir)?.locate(name)?.map(|located| located.found))
}

/// A directory that is being changed, with its inode as it is now.
struct DirEdit<'c, 'v> {
    changes: &'c mut Changes<'v>,
    inode: Inode,
}

impl<'c, 'v> DirEdit<'c, 'v> {
    fn open(changes: &'c mut Changes<'v>, ino: InodeNr) -> Result<Self> {
        let inode = changes.inode(ino)?;
        Self::of(changes, inode)
    }

    fn of(changes: &'c mut Changes<'v>, inode: Inode) -> Result<Self> {
        if inode.file_type != FileType::Directory {
            return Err(Error::corrupt(CorruptKind::InodeMode, Place::inode(inode.ino)));
        }
        Ok(Self { changes, inode })
    }

    fn dir(&self) -> Directory<'_> {
        Directory::new(self.changes.volume(), &self.inode)
    }

    fn has_csum(&self) -> bool {
        self.changes.volume().superblock.features().metadata_csum()
    }

    fn locate(&self, name: &[u8]) -> Result<Option<Located>> {
        let dir = self.dir();
        dir.locate(&Wanted::stored(&dir, name), IoFlags::NONE)
    }

    /// The record of a new entry whose name an entry may have.
    fn record(&self, name: &[u8], ino: InodeNr, file_type: FileType) -> Result<Vec<u8>> {
        let dir = self.dir();
        let at = Place::inode(self.inode.ino);
        let wrong = || Corrupt::new(CorruptKind::DirName, at);
        if dir.rule.has_hashes() {
            return Err(Error::Unsupported { features: vec!["encrypt+casefold".to_owned()] });
        }
        let record = dir.rule.record(ino, name, file_type).ok_or_else(wrong)?;
        let entry = DirBlock::entries(&record, &dir.rule, at).next().ok_or_else(wrong)??;
        if entry.is_dot() {
            return Err(wrong().into());
        }
        entry.checked_name(&dir.rule, at)?;
        Ok(record)
    }

    fn insert(&mut self, name: &[u8], record: &[u8]) -> Result<()> {
        if self.dir().is_inline() {
            if self.insert_inline(record)? {
                return Ok(());
            }
            self.leave_inline()?;
        }
        if self.dir().is_indexed() {
            self.insert_hashed(name, record)
        } else {
            self.insert_linear(record)
        }
    }

    /// Changes the entries around one that was found; `change` gets its byte offset in the part
    /// that the entries are.
    fn change_located(
        &mut self,
        located: &Located,
        change: impl FnOnce(&mut DirBlockMut<'_>, usize) -> Result<bool, Corrupt>,
    ) -> Result<()> {
        let offset = located.offset;
        let changed = if self.dir().is_inline() {
            self.change_inline(offset, change)?
        } else {
            self.change_entries(located.logical, |entries| change(entries, offset))?
        };
        let at = self.dir().at(located.logical).offset(offset);
        if changed { Ok(()) } else { Err(Error::corrupt(CorruptKind::DirRecLen, at)) }
    }

    /// Changes the entries of block `logical` and keeps its checksum right. Nothing is written if
    /// `change` says `false`.
    fn change_entries(
        &mut self,
        logical: LogicalBlock,
        change: impl FnOnce(&mut DirBlockMut<'_>) -> Result<bool, Corrupt>,
    ) -> Result<bool> {
        let dir = self.dir();
        let mut bytes = dir.block(logical, IoFlags::NONE)?.bytes().to_vec();
        let shape = dir.shape(logical, &bytes);
        let (rule, at) = (dir.rule, dir.at(logical));
        let has_tail = shape == Shape::Leaf && self.has_csum();
        let body = if has_tail { dir_body_mut(&mut bytes) } else { &mut bytes[..] };
        let changed = change(&mut DirBlockMut::new(body, &rule, at))?;
        if changed {
            let nr = self.block_nr(logical)?;
            self.write(nr, &mut bytes, shape)?;
        }
        Ok(changed)
    }

    /// The records of all entries in use of block `logical`.
    fn records(&self, logical: LogicalBlock) -> Result<Vec<Vec<u8>>> {
        let dir = self.dir();
        let block = dir.block(logical, IoFlags::NONE)?;
        let mut body = dir.body(logical, block.bytes()).to_vec();
        Ok(DirBlockMut::new(&mut body, &dir.rule, dir.at(logical)).records(0)?)
    }

    /// Makes block `nr` a leaf of these entries. The caller knows that they fit.
    fn write_leaf(&mut self, nr: BlockNr, records: &[Vec<u8>]) -> Result<()> {
        let mut bytes = vec![0; self.changes.volume().block_size().to_usize()];
        let (rule, at) = (self.dir().rule, Place::inode(self.inode.ino).block(nr.get()));
        let body = if self.has_csum() {
            init_dir_tail(&mut bytes);
            dir_body_mut(&mut bytes)
        } else {
            &mut bytes[..]
        };
        if !DirBlockMut::new(body, &rule, at).pack(records) {
            return Err(Error::corrupt(CorruptKind::DirRecLen, at));
        }
        self.write(nr, &mut bytes, Shape::Leaf)
    }

    /// Writes a block of the directory, its checksum made right.
    fn write(&mut self, nr: BlockNr, bytes: &mut [u8], shape: Shape) -> Result<()> {
        if self.has_csum() {
            match shape {
                Shape::Leaf => set_dir_checksum(bytes, self.inode.seed),
                Shape::Node(offset) => set_dx_checksum(bytes, offset, self.inode.seed),
            }
        }
        self.changes.create(nr, |block| block.copy_from_slice(bytes))
    }

    /// The bytes of a leaf that entries may fill.
    fn leaf_capacity(&self) -> usize {
        let block = self.changes.volume().block_size().to_usize();
        if self.has_csum() { block - DIR_TAIL } else { block }
    }

    /// The physical block of block `logical`, if it is mapped and written.
    fn mapped(&self, logical: LogicalBlock) -> Result<Option<BlockNr>> {
        let volume = self.changes.volume();
        let map = volume.map_blocks(&self.inode, logical, IoFlags::NONE)?;
        Ok(map.written(logical).and_then(|nr| volume.geometry().block(nr)))
    }

    fn block_nr(&self, logical: LogicalBlock) -> Result<BlockNr> {
        let hole = || Error::corrupt(CorruptKind::DirHole, self.dir().at(logical));
        self.mapped(logical)?.ok_or_else(hole)
    }

    /// Sets the size in blocks, and sets and clears flags of the inode.
    fn change_inode(
        &mut self,
        blocks: u32,
        change_flags: impl FnOnce(InodeFlags) -> InodeFlags,
    ) -> Result<()> {
        let size = u64::from(blocks) << self.changes.volume().block_size().bits();
        self.change_slot(|slot, large_dir| {
            if let Some(raw) = RawInode::from_slot_mut(slot) {
                set_size(raw, size, large_dir);
                let flags = change_flags(InodeFlags::from_bits(raw.flags.get()));
                raw.flags.set(flags.bits());
            }
        })
    }

    /// Changes the bytes of the inode in its table, and reads it again. `change` is also told
    /// whether the file system has large directories.
    fn change_slot<R>(&mut self, change: impl FnOnce(&mut [u8], bool) -> R) -> Result<R> {
        let large_dir = self.changes.volume().superblock.features().incompat(Incompat::LARGE_DIR);
        let result = self.changes.change_inode(self.inode.ino, |slot| change(slot, large_dir))?;
        self.inode = self.changes.inode(self.inode.ino)?;
        Ok(result)
    }
}

/// Directories have 64 bits of size only with the feature `large_dir`.
fn set_size(raw: &mut RawInode, size: u64, large_dir: bool) {
    let (low, high) = (size & u64::from(u32::MAX), size >> 32);
    raw.size_lo.set(u32::try_from(low).unwrap_or_default());
    if large_dir {
        raw.size_hi.set(u32::try_from(high).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
