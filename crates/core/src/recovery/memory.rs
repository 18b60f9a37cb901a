//! Recovery in memory: the image as it would be, without a write.

use extant_block::{BlockDevice, OverlayDevice};
use extant_format::superblock::{Superblock, state};
use extant_format::{BlockNr, Compat, Corrupt, CorruptKind, Place, RoCompat};
use extant_jbd2::{Recovery, ReplayDevice};
use extant_sync::{Arc, clock};

use super::RecoveryReport;
use crate::changes::Changes;
use crate::open::FoundSuperblock;
use crate::{Error, OpenOptions, Result, Volume, fast_commit, orphans};

/// A file system recovered in memory.
pub(crate) struct Recovered {
    /// The recovered file system. Not yet opened, and so not verified.
    pub(crate) device: Arc<dyn BlockDevice>,
    /// The log, if it was looked at.
    pub(super) log: Option<Arc<Recovery>>,
    /// Blocks that differ from what the log alone makes of them.
    pub(super) changed: Vec<BlockNr>,
    /// What was done.
    pub(crate) report: RecoveryReport,
}

/// Whether a file system with this superblock is to be recovered when it is opened.
pub(crate) fn is_needed(superblock: &Superblock) -> bool {
    superblock.needs_recovery() || superblock.may_have_orphans()
}

/// What a file system is recovered for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To be read, orphans finished. It is never written, so quota files may become wrong.
    View,
    /// To be checked, orphans left alone. It is never written.
    Check,
    /// To be written, orphans left alone.
    Write,
    /// To be written, orphans finished.
    WriteAll,
}

impl Purpose {
    /// Whether the result is never written.
    const fn is_in_memory(self) -> bool {
        matches!(self, Self::View | Self::Check)
    }
}

/// Recovers the file system on `device`, whose superblock is `found`, in memory.
pub(crate) fn replay_into_memory(
    device: Arc<dyn BlockDevice>,
    found: FoundSuperblock,
    options: &OpenOptions,
    purpose: Purpose,
) -> Result<Recovered> {
    let needed = found.superblock.needs_recovery();
    let mut recovered = Recovered {
        device: Arc::clone(&device),
        log: None,
        changed: Vec::new(),
        report: RecoveryReport { needed, ..Default::default() },
    };
    if needed {
        let recovery = scan(&device, found, options)?;
        recovered.report.log = recovery.counts();
        recovered.report.replayed_blocks = recovery.home_blocks().len() as u64;
        recovered.report.torn = recovery.torn().copied();
        if recovery.home_blocks().len() > 0 {
            recovered.device = Arc::new(ReplayDevice::new(device, Arc::clone(&recovery)));
        }
        recovered.log = Some(recovery);
    }
    recovered.apply_fast_commits(options, purpose)?;
    if matches!(purpose, Purpose::View | Purpose::WriteAll) {
        recovered.finish_orphans(options, purpose)?;
    }
    recovered.changed.sort_unstable();
    recovered.changed.dedup();
    recovered.report.changed_blocks = recovered.changed.len() as u64;
    Ok(recovered)
}

/// Scans the log, and checks that the superblock it leaves is one of the same file system.
fn scan(
    device: &Arc<dyn BlockDevice>,
    found: FoundSuperblock,
    options: &OpenOptions,
) -> Result<Arc<Recovery>> {
    let before = Volume::unchecked(Arc::clone(device), found, 1 << 20);
    let none = || Error::corrupt(CorruptKind::FeatureConflict, Place::superblock());
    let log = Arc::new(before.journal(options.journal.as_ref())?.ok_or_else(none)?);
    let size = before.block_size();
    let blocks = device.size_bytes() >> size.bits();
    let first = u64::from(before.geometry().first_data_block());
    // An online resize may be in the log, so only the device bounds the blocks for now.
    let since = before.superblock.log_is_since();
    let recovery = Arc::new(Recovery::scan(log, since, |home| (first..blocks).contains(&home))?);
    let view = Arc::new(ReplayDevice::new(Arc::clone(device), Arc::clone(&recovery)));
    let after = FoundSuperblock::read(&*view, options)?;
    check_superblocks(&before.superblock, &after.superblock, &recovery)?;
    // A recovery that was interrupted has to find the same log again.
    let after = Volume::unchecked(view, after, 1 << 20).journal(options.journal.as_ref())?;
    if !after.is_some_and(|log| log.is_same_place(recovery.log())) {
        return Err(Error::corrupt(CorruptKind::JournalReplay, Place::structure("journal")));
    }
    Ok(recovery)
}

/// Replay may change counts, flags, the label and the UUID (online, through the log), but not what
/// it is itself built on (rows 43, 51).
fn check_superblocks(before: &Superblock, after: &Superblock, recovery: &Recovery) -> Result<()> {
    let fixed = |superblock: &Superblock| {
        let raw = superblock.raw();
        (
            superblock.geometry().block_size(),
            superblock.features().compat(Compat::HAS_JOURNAL),
            raw.journal_inum.get(),
            raw.journal_uuid,
            // Where checksums depend on the UUID, it cannot be changed online.
            superblock.features().group_csum().then(|| superblock.seed()),
        )
    };
    if fixed(before) != fixed(after) {
        return Err(Error::corrupt(CorruptKind::JournalReplay, Place::superblock()));
    }
    let outside = recovery.home_blocks().next_back();
    match outside.filter(|&home| home >= after.geometry().blocks_count()) {
        Some(home) => {
            let at = Place::structure("journal").block(home);
            Err(Corrupt::new(CorruptKind::JournalTarget, at).into())
        }
        None => Ok(()),
    }
}

impl Recovered {
    /// What can only be judged by `verified`, the recovered file system opened: whether the log is
    /// a log and nothing else (row 43).
    pub(crate) fn check(&self, verified: &Volume) -> Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| verified.check_journal_blocks(log.log()))
    }

    /// Applies fast commits over the replayed log. Commits that cannot be applied, although their
    /// checksums are right, leave the state of the log (row 48).
    fn apply_fast_commits(&mut self, options: &OpenOptions, purpose: Purpose) -> Result<()> {
        let Some(recovery) = &self.log else { return Ok(()) };
        let records = fast_commit::read(recovery.log(), recovery.next_sequence())?;
        if records.is_empty() {
            return Ok(());
        }
        let features = *FoundSuperblock::read(&*self.device, options)?.superblock.features();
        if purpose.is_in_memory() && features.ro_compat(RoCompat::SHARED_BLOCKS) {
            let at = Place::structure("fast commit");
            self.report.fast_commit_damage = Some(Corrupt::new(CorruptKind::FeatureConflict, at));
            return Ok(());
        }
        let quota = features.ro_compat(RoCompat::QUOTA).then(|| "quota".to_owned());
        let forbidding: Vec<_> = features.unwritable().into_iter().chain(quota).collect();
        if !purpose.is_in_memory() && !forbidding.is_empty() {
            let with = |name| format!("fast_commit with {name}");
            return Err(Error::Unsupported { features: forbidding.iter().map(with).collect() });
        }
        let done = self.change(options, |changes| {
            let done = fast_commit::replay(changes, &records)?;
            changes.finish()?;
            Ok(done.records)
        });
        match done {
            Ok(records) => self.report.fast_commit_records = records,
            Err(Error::Corrupt(corrupt)) => self.report.fast_commit_damage = Some(corrupt),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Finishes orphans over all of that, unless a feature forbids it.
    fn finish_orphans(&mut self, options: &OpenOptions, purpose: Purpose) -> Result<()> {
        let superblock = FoundSuperblock::read(&*self.device, options)?.superblock;
        if !superblock.may_have_orphans() {
            return Ok(());
        }
        let forbidding = superblock.features().unwritable();
        if !forbidding.is_empty() && purpose == Purpose::WriteAll {
            return Err(Error::Unsupported { features: forbidding });
        }
        if !forbidding.is_empty() {
            self.report.orphans_left = forbidding;
            return Ok(());
        }
        // An error that the journal has kept is one of the file system, which comes first.
        let failed = self.log.as_ref().is_some_and(|log| log.log().superblock().errno != 0);
        let done = self.change(options, |changes| {
            if failed {
                changes.change_superblock(|raw| raw.state.set(raw.state.get() | state::ERRORS))?;
            }
            if purpose == Purpose::WriteAll {
                orphans::refuse_quota(changes)?;
            }
            let done = orphans::finish_orphans(changes, clock::now())?;
            changes.finish()?;
            Ok(done)
        })?;
        self.report.orphans_deleted = done.deleted;
        self.report.orphans_truncated = done.truncated;
        self.report.orphan_damage = done.skipped;
        Ok(())
    }

    /// Runs `apply` over an overlay, which becomes the file system if all went well.
    fn change<R>(
        &mut self,
        options: &OpenOptions,
        apply: impl FnOnce(&mut Changes<'_>) -> Result<R>,
    ) -> Result<R> {
        let found = FoundSuperblock::read(&*self.device, options)?;
        let overlay = Arc::new(OverlayDevice::new(Arc::clone(&self.device)));
        let volume = Volume::at_rest(overlay.clone(), found, options)?;
        let mut changes = Changes::new(&volume);
        let result = apply(&mut changes)?;
        self.changed.extend(changes.changed());
        self.device = overlay;
        Ok(result)
    }
}
