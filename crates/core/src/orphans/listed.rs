//! Which inodes are orphans, before anything is done about them.

use std::collections::HashSet;

use extant_block::IoFlags;
use extant_format::InodeNr;
use extant_format::inode::RawInode;

use super::file::OrphanFile;
use crate::Result;
use crate::changes::Changes;

/// The numbers of orphans, unchecked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Listed {
    /// Those on the list through the inodes' deletion times.
    pub(crate) list: HashSet<u32>,
    /// Those in the orphan file.
    pub(crate) file: HashSet<u32>,
}

impl Listed {
    /// Whether `ino` is one of either.
    pub(crate) fn contains(&self, ino: InodeNr) -> bool {
        self.list.contains(&ino.get()) || self.file.contains(&ino.get())
    }
}

/// All orphans. What cannot be read is left out.
///
/// # Errors
/// Those of the device, or of a group whose inodes cannot be found.
pub(crate) fn listed(changes: &Changes<'_>) -> Result<Listed> {
    let file = OrphanFile::read(changes, &mut Vec::new())?.numbers().collect();
    let mut list = HashSet::new();
    let mut next = changes.superblock()?.last_orphan.get();
    while let Some(ino) = changes.volume().geometry().inode(next)
        && list.insert(next)
    {
        next = stored_dtime(changes, ino)?;
    }
    Ok(Listed { list, file })
}

/// The deletion time in the slot of `ino`, whatever else is there: the next orphan, of one that is
/// on the list.
///
/// # Errors
/// Those of finding and reading the slot.
pub(crate) fn stored_dtime(changes: &Changes<'_>, ino: InodeNr) -> Result<u32> {
    let volume = changes.volume();
    let (nr, offset) = volume.inode_location(ino, IoFlags::NONE)?;
    let block = changes.block(nr)?;
    let end = offset + volume.geometry().inode_size() as usize;
    let mut slot = block.bytes().get(offset..end).unwrap_or_default().to_vec();
    Ok(RawInode::from_slot_mut(&mut slot).map_or(0, |raw| raw.dtime.get()))
}
