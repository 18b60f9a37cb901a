//! The changes that fast commits and orphans make, as one transaction of the journal.
//!
//! A fast commit counts until the transaction that follows the log is committed. So its effects
//! become that very transaction: until its commit block is durable they are replayed from the
//! fast-commit area again, afterwards from the log.

use extant_block::BlockDevice;
use extant_format::superblock::{RawSuperblock, SUPERBLOCK_OFFSET};
use extant_format::{BlockNr, BlockSize, Timestamp};
use extant_jbd2::{ChangedBlock, Recovery, TransactionWriter};
use extant_sync::{Arc, clock};

use super::write::{Target, flag_recovery};
use crate::{Error, Result};

/// Makes the blocks `changed`, as they are on `source`, part of the file system on `target`, whose
/// log is all home. Gives the number of the transaction that comes next. That the changes fit the
/// log is for [`check_room`] to see before anything is written.
pub(super) fn commit(
    target: &Target,
    source: &Arc<dyn BlockDevice>,
    changed: &[BlockNr],
    recovery: &Recovery,
) -> Result<u32> {
    let log = recovery.log();
    let next = recovery.next_sequence();
    let mut writer = TransactionWriter::new(log, recovery.head(), next);
    if changed.is_empty() {
        return Ok(next.wrapping_add(1));
    }
    let mut contents = Vec::with_capacity(changed.len());
    for nr in changed {
        let mut block = vec![0; target.size.to_usize()];
        extant_block::read_unaligned(&**source, &mut block, nr.byte_offset(target.size))?;
        keep_flagged(&mut block, *nr, target.size);
        contents.push(block);
    }
    let blocks: Vec<ChangedBlock<'_>> =
        changed.iter().zip(&contents).map(|(nr, block)| (nr.get(), block.as_slice())).collect();

    let fits = writer.blocks_needed(changed.len()) <= u64::from(recovery.free_blocks());
    writer.clear(changed.len())?;
    if log.superblock().is_empty() || !target.needs_recovery()? || !fits {
        // From here on the log starts where the new transaction will be.
        let mut journal = log.superblock().clone();
        (journal.start, journal.sequence) = (recovery.head(), next);
        log.write_superblock(&journal)?;
        target.set_needs_recovery(true)?;
    }
    let now = clock::now();
    writer.write(&blocks, Timestamp { secs: now.secs, nanos: now.nanos })?;
    target.write_blocks(&blocks)?;
    Ok(writer.sequence().wrapping_add(1))
}

/// Refuses changes that no transaction of the log can hold: without one they would be half there
/// after a crash.
pub(super) fn check_room(recovery: &Recovery, changed: &[BlockNr]) -> Result<()> {
    let log = recovery.log();
    let writer = TransactionWriter::new(log, recovery.head(), recovery.next_sequence());
    if changed.is_empty() || writer.blocks_needed(changed.len()) <= u64::from(log.len()) {
        return Ok(());
    }
    let what = format!("recovery that changes {} blocks with so small a journal", changed.len());
    Err(Error::Unsupported { features: vec![what] })
}

/// If this is the block with the superblock, its content says that the journal needs recovery:
/// without the flag, a crash while the blocks go home would leave half of them for good.
fn keep_flagged(block: &mut [u8], nr: BlockNr, size: BlockSize) {
    let within =
        SUPERBLOCK_OFFSET.checked_sub(nr.byte_offset(size)).filter(|n| *n < size.bytes64());
    let Some(within) = within else { return };
    let bytes = block.get_mut(extant_format::to_usize(within)..);
    if let Some(raw) = bytes.and_then(RawSuperblock::from_prefix_mut) {
        flag_recovery(raw, true);
        raw.seal();
    }
}
