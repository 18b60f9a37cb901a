//! Recovery onto an image: the log home, the further changes as a transaction, the journal reset.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, WriteFlags, read_unaligned};
use extant_format::superblock::{RawSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, state};
use extant_format::{BlockSize, Incompat};
use extant_jbd2::{ChangedBlock, Log, Recovery, write_unaligned};
use extant_sync::Arc;

use super::commit::{check_room, commit};
use super::{Purpose, RecoverOptions, RecoveryReport, is_needed, replay_into_memory};
use crate::open::FoundSuperblock;
use crate::{OpenOptions, Result, Volume};

/// Replays the journal of the file system on `device` onto it and, if asked, finishes orphans.
/// Everything is done in memory and verified first: an error of the image leaves it untouched. May
/// be interrupted at any point and started again.
///
/// # Errors
/// Those of [`Volume::open`], [`DeviceError::ReadOnly`], and those of writing, after which the
/// image is to be recovered again.
pub fn recover(device: Arc<dyn BlockDevice>, options: &RecoverOptions) -> Result<RecoveryReport> {
    let open = OpenOptions {
        journal: options.journal.clone(),
        ignore_in_use: options.ignore_in_use,
        ..OpenOptions::default()
    };
    let found = FoundSuperblock::read(&*device, &open)?;
    let needed = found.superblock.needs_recovery();
    let orphans = options.finish_orphans && is_needed(&found.superblock);
    if !needed && !orphans {
        return Ok(RecoveryReport::default());
    }
    if device.is_read_only() {
        return Err(DeviceError::ReadOnly.into());
    }
    let target = Target { device, size: found.superblock.geometry().block_size() };
    let device = &target.device;
    let purpose = if options.finish_orphans { Purpose::WriteAll } else { Purpose::Write };
    let mut recovered = replay_into_memory(Arc::clone(device), found.clone(), &open, purpose)?;
    let verified = FoundSuperblock::read(&*recovered.device, &open)?;
    let verified = Volume::at_rest(Arc::clone(&recovered.device), verified, &open)?;
    recovered.check(&verified)?;

    let recovery = match recovered.log.take() {
        Some(recovery) => recovery,
        // Orphans that are left alone, as those of a file system with errors.
        None if recovered.changed.is_empty() => return Ok(recovered.report),
        None => {
            let before = Volume::unchecked(Arc::clone(device), found, 1 << 20);
            let Some(log) = before.journal(options.journal.as_ref())? else {
                target.write_home(&*recovered.device, &recovered.changed)?;
                return Ok(recovered.report);
            };
            verified.check_journal_blocks(&log)?;
            Arc::new(Recovery::at_rest(Arc::new(log)))
        }
    };
    if recovery.log().device().is_read_only() {
        return Err(DeviceError::ReadOnly.into());
    }
    check_room(&recovery, &recovered.changed)?;
    recovery.replay(&**device)?;
    let next = commit(&target, &recovered.device, &recovered.changed, &recovery)?;
    target.finish(recovery.log(), next)?;
    Ok(recovered.report)
}

/// The file system that is written to.
pub(super) struct Target {
    pub(super) device: Arc<dyn BlockDevice>,
    pub(super) size: BlockSize,
}

impl Target {
    /// Writes the blocks `changed`, which ascend, as they are on `source`; durable when this
    /// returns.
    pub(super) fn write_home(
        &self,
        source: &dyn BlockDevice,
        changed: &[extant_format::BlockNr],
    ) -> Result<()> {
        let mut block = AlignedBuffer::new(self.size.to_usize());
        for nr in changed {
            let offset = nr.byte_offset(self.size);
            read_unaligned(source, &mut block, offset)?;
            write_unaligned(&*self.device, &block, offset, WriteFlags::NONE)?;
        }
        self.device.flush()?;
        Ok(())
    }

    /// Ends recovery: the log is empty, then the superblock says so. An error that the journal
    /// kept for the file system goes to its superblock.
    fn finish(&self, log: &Log, next_sequence: u32) -> Result<()> {
        let mut journal = log.superblock().clone();
        let failed = journal.errno != 0;
        if failed {
            self.change_superblock(|raw| {
                raw.state.set(raw.state.get() | state::ERRORS);
            })?;
        }
        (journal.start, journal.sequence, journal.errno) = (0, next_sequence, 0);
        log.write_superblock(&journal)?;
        self.set_needs_recovery(false)
    }

    /// Writes blocks home; durable when this returns.
    pub(super) fn write_blocks(&self, blocks: &[ChangedBlock<'_>]) -> Result<()> {
        for &(home, content) in blocks {
            let content = AlignedBuffer::from_slice(content);
            let offset = home << self.size.bits();
            write_unaligned(&*self.device, &content, offset, WriteFlags::NONE)?;
        }
        self.device.flush()?;
        Ok(())
    }

    /// Whether the superblock on the device says that the journal is to be recovered.
    pub(super) fn needs_recovery(&self) -> Result<bool> {
        let found = FoundSuperblock::read(&*self.device, &OpenOptions::default())?;
        Ok(found.superblock.needs_recovery())
    }

    /// Sets or clears the flag that the journal is to be recovered; durable when this returns.
    pub(super) fn set_needs_recovery(&self, needed: bool) -> Result<()> {
        self.change_superblock(|raw| flag_recovery(raw, needed))
    }

    /// Changes the primary superblock; durable when this returns.
    fn change_superblock(&self, change: impl FnOnce(&mut RawSuperblock)) -> Result<()> {
        let granularity = u64::from(self.device.write_granularity()).max(1);
        let offset = SUPERBLOCK_OFFSET - SUPERBLOCK_OFFSET % granularity;
        let within = extant_format::to_usize(SUPERBLOCK_OFFSET - offset);
        let len = (within + SUPERBLOCK_SIZE).next_multiple_of(extant_format::to_usize(granularity));
        let mut bytes = AlignedBuffer::new(len);
        read_unaligned(&*self.device, &mut bytes, offset)?;
        let raw = bytes.get_mut(within..).and_then(RawSuperblock::from_prefix_mut);
        if let Some(raw) = raw {
            change(raw);
            raw.seal();
        }
        self.device.write_at(&bytes, offset, WriteFlags::NONE)?;
        self.device.flush()?;
        Ok(())
    }
}

/// Sets or clears the flag that the journal is to be recovered.
pub(super) fn flag_recovery(raw: &mut RawSuperblock, needed: bool) {
    let flags = Incompat::from_bits(raw.feature_incompat.get());
    let flags = match needed {
        true => flags.union(Incompat::RECOVER),
        false => flags.without(Incompat::RECOVER),
    };
    raw.feature_incompat.set(flags.bits());
}
