//! Finding a file system's journal: an inode's blocks, or a device of its own (rows 43, 44).

use extant_block::{BlockDevice, IoFlags, read_unaligned};
use extant_format::journal::JournalDevice;
use extant_format::superblock::SUPERBLOCK_OFFSET;
use extant_format::{Compat, Corrupt, CorruptKind, FileType, Inode, LogicalBlock, Place};
use extant_jbd2::{Log, LogPlace, LogRun};
use extant_sync::Arc;

use crate::error::uuid_text;
use crate::{Error, InodeUse, MapKind, Result, Volume};

/// Pieces of a journal's map: mke2fs makes a few, an old file system some hundred.
const MAX_RUNS: usize = 1 << 16;

impl Volume {
    /// The file system's journal; `None` if it has none. `external` is the device to look at if
    /// the journal is not inside.
    ///
    /// # Errors
    /// [`Error::JournalMissing`] if it is on a device that was not given;
    /// [`CorruptKind::JournalMap`], [`CorruptKind::JournalUuid`]; those of [`Log::open`].
    pub fn journal(&self, external: Option<&Arc<dyn BlockDevice>>) -> Result<Option<Log>> {
        if !self.superblock.features().compat(Compat::HAS_JOURNAL) {
            return Ok(None);
        }
        let place = match (self.superblock.raw().journal_inum.get(), external) {
            (0, None) => {
                let uuid = uuid_text(&self.superblock.raw().journal_uuid);
                return Err(Error::JournalMissing { uuid });
            }
            (0, Some(device)) => self.external_journal(device)?,
            (number, _) => self.internal_journal(number)?,
        };
        let log = Log::open(place)?;
        if !log.is_internal() && log.superblock().user_count != 1 {
            let at = Place::structure("journal device");
            return Err(Error::corrupt(CorruptKind::JournalUuid, at));
        }
        Ok(Some(log))
    }

    fn internal_journal(&self, number: u32) -> Result<LogPlace> {
        let bad = Corrupt::new(CorruptKind::JournalInode, Place::superblock());
        let ino = self.geometry().inode(number).ok_or(bad)?;
        let inode = self.inode(ino, InodeUse::Special, IoFlags::NONE)?;
        if inode.file_type != FileType::Regular || inode.links == 0 {
            return Err(Error::corrupt(CorruptKind::JournalMap, Place::inode(ino)));
        }
        Ok(LogPlace {
            device: Arc::clone(self.device()),
            block_size: self.block_size(),
            runs: self.journal_runs(&inode)?,
            superblock_block: 0,
            is_internal: true,
        })
    }

    /// The journal's map. Every block must be mapped: a log has no holes.
    fn journal_runs(&self, inode: &Inode) -> Result<Vec<LogRun>> {
        let hole = |log: LogicalBlock| {
            Error::corrupt(CorruptKind::JournalMap, Place::inode(inode.ino).logical(log))
        };
        let end = inode.size >> self.block_size().bits();
        let end = u32::try_from(end).map_err(|_| hole(LogicalBlock::ZERO))?;
        let mut runs: Vec<LogRun> = Vec::new();
        let mut next = LogicalBlock::ZERO;
        while next.get() < end {
            let map = self.map_blocks(inode, next, IoFlags::NONE)?;
            let MapKind::Mapped(block) = map.kind else { return Err(hole(next)) };
            let len = map.len.min(end - next.get());
            match runs.last_mut() {
                Some(last) if last.block + u64::from(last.len) == block.get() => last.len += len,
                _ => runs.push(LogRun { log: next.get(), block: block.get(), len }),
            }
            next = next.checked_add(len).filter(|_| runs.len() < MAX_RUNS).ok_or(hole(next))?;
        }
        Ok(runs)
    }

    /// Whether the blocks of `log` are no metadata of this file system besides: recovery writes to
    /// them.
    ///
    /// # Errors
    /// [`CorruptKind::JournalMap`].
    pub(crate) fn check_journal_blocks(&self, log: &Log) -> Result<()> {
        let bad = Corrupt::new(CorruptKind::JournalInode, Place::superblock());
        let number = self.superblock.raw().journal_inum.get();
        let mut next = 0;
        while let Some((offset, len)) = log.locate(next).filter(|_| log.is_internal()) {
            let ino = self.geometry().inode(number).ok_or(bad)?;
            let start = self.geometry().run(offset >> self.block_size().bits(), len.into());
            if !start.is_some_and(|start| self.zones.allows(ino, start, len.into())) {
                let at = Place::inode(ino).logical(LogicalBlock::new(next));
                return Err(Error::corrupt(CorruptKind::JournalMap, at));
            }
            next = next.saturating_add(len);
        }
        Ok(())
    }

    /// A journal on a device of its own: its blocks are numbered from the start of the device,
    /// and its superblock stands behind the one that names the device.
    fn external_journal(&self, device: &Arc<dyn BlockDevice>) -> Result<LogPlace> {
        let at = Place::structure("journal device");
        let mut bytes = [0; JournalDevice::SIZE];
        if device.size_bytes() < SUPERBLOCK_OFFSET + bytes.len() as u64 {
            return Err(Error::corrupt(CorruptKind::JournalSuperblock, at));
        }
        read_unaligned(&**device, &mut bytes, SUPERBLOCK_OFFSET)?;
        let found = JournalDevice::parse(&bytes, at)?;
        if found.uuid != self.superblock.raw().journal_uuid {
            return Err(Error::corrupt(CorruptKind::JournalUuid, at));
        }
        let size = self.block_size();
        let blocks = found.blocks_count.min(device.size_bytes() >> size.bits());
        let len = u32::try_from(blocks).unwrap_or(u32::MAX);
        if found.block_size != size {
            return Err(Error::corrupt(CorruptKind::JournalSuperblock, at));
        }
        let before = u32::try_from(SUPERBLOCK_OFFSET >> size.bits()).unwrap_or_default();
        Ok(LogPlace {
            device: Arc::clone(device),
            block_size: size,
            runs: vec![LogRun { log: 0, block: 0, len }],
            superblock_block: before + 1,
            is_internal: false,
        })
    }
}
