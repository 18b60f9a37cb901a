//! The multi-mount block: whether another host uses the file system.

use extant_block::IoFlags;
use extant_format::mmp::{Mmp, MmpState};
use extant_format::{Corrupt, CorruptKind, Incompat, Place};

use crate::{Error, Result, Volume};

impl Volume {
    /// Refuses a file system that its multi-mount block does not call clean. There is no waiting
    /// for the other host to move or not (row 54): a reader cannot take the file system over.
    pub(crate) fn check_multi_mount(&self) -> Result<()> {
        if !self.superblock.features().incompat(Incompat::MMP) {
            return Ok(());
        }
        let mmp = self.multi_mount_block()?;
        if mmp.state() == MmpState::Clean {
            return Ok(());
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Err(Error::InUse { node: text(mmp.node_name()), device: text(mmp.device_name()) })
    }

    /// The multi-mount block, verified.
    ///
    /// # Errors
    /// [`CorruptKind::MmpBlock`] for a number outside the file system, the kinds of a bad block;
    /// those of a block read.
    pub fn multi_mount_block(&self) -> Result<Mmp> {
        let number = self.superblock.raw().mmp_block.get();
        let at = Place::structure("multi-mount block").block(number);
        let outside = Corrupt::new(CorruptKind::MmpBlock, at);
        let nr = self.geometry().run(number, 1).ok_or(outside)?;
        let block = self.block(nr, IoFlags::NONE)?;
        Ok(Mmp::parse(block.bytes(), &self.superblock, at)?)
    }
}
