//! A verified file system on a device: what every algorithm of this crate works on.

use extant_block::{BlockDevice, IoFlags};
use extant_format::superblock::Superblock;
use extant_format::{BlockNr, BlockSize, Corrupt, Geometry, InodeNr};
use extant_jbd2::{Block, BufferCache};
use extant_sync::Arc;

use crate::statfs::FreeCounts;
use crate::{RecoveryReport, Result, SystemZones};

/// A file system whose superblock, geometry and descriptors have been verified, with its buffer
/// cache. Nothing in it changes after opening.
#[derive(Debug)]
pub struct Volume {
    pub(crate) superblock: Superblock,
    pub(crate) superblock_block: BlockNr,
    pub(crate) buffers: BufferCache,
    pub(crate) zones: SystemZones,
    pub(crate) damage: Vec<Corrupt>,
    pub(crate) damaged_groups: u32,
    pub(crate) free: FreeCounts,
    pub(crate) recovery: Option<RecoveryReport>,
}

impl Volume {
    /// The superblock as it was when the file system was opened.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Sizes and counts.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        self.superblock.geometry()
    }

    /// The block size.
    #[must_use]
    pub fn block_size(&self) -> BlockSize {
        self.geometry().block_size()
    }

    /// The block of the superblock copy in use.
    #[must_use]
    pub fn superblock_block(&self) -> BlockNr {
        self.superblock_block
    }

    /// The device, from the first byte of the file system.
    #[must_use]
    pub fn device(&self) -> &Arc<dyn BlockDevice> {
        self.buffers.device()
    }

    /// The metadata buffer cache.
    #[must_use]
    pub fn buffers(&self) -> &BufferCache {
        &self.buffers
    }

    /// The blocks that no file may map.
    #[must_use]
    pub fn zones(&self) -> &SystemZones {
        &self.zones
    }

    /// What was wrong with group descriptors when the file system was opened: the first few, and
    /// the number of damaged groups. Objects of such groups cannot be read; others can.
    #[must_use]
    pub fn damage(&self) -> (&[Corrupt], u32) {
        (&self.damage, self.damaged_groups)
    }

    /// What was recovered in memory when the file system was opened; `None` if nothing was.
    #[must_use]
    pub fn recovery(&self) -> Option<&RecoveryReport> {
        self.recovery.as_ref()
    }

    /// A metadata block whose content the caller checks.
    pub(crate) fn block(&self, nr: BlockNr, flags: IoFlags) -> Result<Arc<Block>> {
        Ok(self.buffers.read(nr, flags)?)
    }

    /// Whether `ino` is a file that an entry of a directory may name: not one of the reserved
    /// inodes, except the root, nor one the superblock sets aside.
    #[must_use]
    pub fn is_ordinary_inode(&self, ino: InodeNr) -> bool {
        let raw = self.superblock.raw();
        let set_aside = [
            raw.user_quota_inum.get(),
            raw.group_quota_inum.get(),
            raw.project_quota_inum.get(),
            raw.orphan_file_inum.get(),
        ];
        let named = ino.get() >= self.geometry().first_inode() && !set_aside.contains(&ino.get());
        ino == InodeNr::ROOT || named
    }
}
