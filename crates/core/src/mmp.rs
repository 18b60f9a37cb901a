//! The multi-mount block: whether another host uses the file system.

use extant_block::IoFlags;
use extant_format::Place;
use extant_format::mmp::{Mmp, MmpState};

use crate::{Error, Result, Volume};

impl Volume {
    /// Refuses a file system that its multi-mount block does not call clean. There is no waiting
    /// for the other host to move or not (row 54): a reader cannot take the file system over.
    pub(crate) fn check_multi_mount(&self) -> Result<()> {
        let Some(mmp) = self.multi_mount_block()? else { return Ok(()) };
        if mmp.state() == MmpState::Clean {
            return Ok(());
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Err(Error::InUse { node: text(mmp.node_name()), device: text(mmp.device_name()) })
    }

    /// The multi-mount block, verified; `None` without the feature `mmp`.
    ///
    /// # Errors
    /// [`CorruptKind::MmpBlock`](extant_format::CorruptKind::MmpBlock) for a number outside the
    /// file system, the kinds of a bad block; those of a block read.
    pub fn multi_mount_block(&self) -> Result<Option<Mmp>> {
        let Some(nr) = Mmp::location(&self.superblock)? else { return Ok(None) };
        let block = self.block(nr, IoFlags::NONE)?;
        let at = Place::structure("multi-mount block").block(nr.get());
        Ok(Some(Mmp::parse(block.bytes(), &self.superblock, at)?))
    }
}
