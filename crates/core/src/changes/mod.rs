//! Changes of metadata blocks in memory: how recovery applies fast commits and finishes orphans.
//!
//! A [`Changes`] stands over a [`Volume`] whose device is an overlay: nothing reaches the image.
//! Every change goes through [`change`](Changes::change) or [`create`](Changes::create), and every
//! reading algorithm of the volume sees it at once. The set of changed blocks is what recovery
//! then writes as one transaction. One thread uses it; it takes no lock of its own.

use std::collections::BTreeSet;

use extant_block::IoFlags;
use extant_format::{BlockNr, InodeNr};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::{InodeUse, Result, Volume};

mod blocks;
mod groups;
mod inode;
mod space;
mod superblock;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use blocks::Mark;

/// Metadata blocks that are being changed over a volume.
#[derive(Debug)]
pub(crate) struct Changes<'v> {
    volume: &'v Volume,
    changed: BTreeSet<BlockNr>,
    space: space::Space,
}

impl<'v> Changes<'v> {
    /// No changes yet. The device of `volume` takes writes, and they go nowhere else.
    pub(crate) fn new(volume: &'v Volume) -> Self {
        Self { volume, changed: BTreeSet::new(), space: space::Space::default() }
    }

    /// The volume, with all changes made so far.
    pub(crate) fn volume(&self) -> &'v Volume {
        self.volume
    }

    /// The content of block `nr` as it is now.
    pub(crate) fn block(&self, nr: BlockNr) -> Result<Arc<Block>> {
        self.volume.block(nr, IoFlags::NONE)
    }

    /// The verified inode `ino` as it is now, for whatever use.
    pub(crate) fn inode(&self, ino: InodeNr) -> Result<extant_format::Inode> {
        self.volume.inode(ino, InodeUse::Special, IoFlags::NONE)
    }

    /// Changes the content of block `nr`: `change` gets all its bytes.
    pub(crate) fn change<R>(
        &mut self,
        nr: BlockNr,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R> {
        let mut bytes = self.block(nr)?.bytes().to_vec();
        let result = change(&mut bytes);
        self.put(nr, &bytes)?;
        Ok(result)
    }

    /// Gives block `nr` a new content: `fill` gets a block of zeroes.
    pub(crate) fn create<R>(
        &mut self,
        nr: BlockNr,
        fill: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R> {
        let mut bytes = vec![0; self.volume.block_size().to_usize()];
        let result = fill(&mut bytes);
        self.put(nr, &bytes)?;
        Ok(result)
    }

    fn put(&mut self, nr: BlockNr, bytes: &[u8]) -> Result<()> {
        self.volume.buffers.replace(nr, bytes)?;
        self.changed.insert(nr);
        Ok(())
    }

    /// The blocks changed so far, ascending.
    pub(crate) fn changed(&self) -> impl ExactSizeIterator<Item = BlockNr> + '_ {
        self.changed.iter().copied()
    }
}
