//! Where the journal lies: in an inode, or on a device of its own.

use extant_block::read_unaligned;
use extant_format::journal::JournalDevice;
use extant_format::superblock::SUPERBLOCK_OFFSET;
use extant_format::{CorruptKind, Inode, LogicalBlock, Place};
use extant_jbd2::{LogPlace, LogRun};
use extant_sync::Arc;

use crate::image::Image;
use crate::map::Runs;
use crate::own::{self, Unusable, Wrong, wrong};
use crate::report::Problems;
use crate::{CheckOptions, Problem, ProblemKind};

/// A journal has at least so many blocks.
const MIN_BLOCKS: u64 = 1024;

/// The blocks of the journal of `image`, which has one; what is wrong with its place is told.
pub(super) fn find(
    image: &Image,
    options: &CheckOptions,
    problems: &mut Problems,
) -> Option<LogPlace> {
    let raw = image.superblock().raw();
    let found = if raw.journal_inum.get() == 0 || raw.journal_uuid != [0; 16] {
        external(image, options)
    } else {
        internal(image)
    };
    match found {
        Ok(place) => Some(place),
        Err(problem) => {
            if let Some(problem) = problem {
                problems.push(*problem);
            }
            None
        }
    }
}

/// A journal in an inode. The error is what is wrong, `None` if the phase of inodes tells it.
fn internal(image: &Image) -> Result<LogPlace, Wrong> {
    let number = image.superblock().raw().journal_inum.get();
    let at = Place { inode: Some(number), ..Place::default() };
    let (inode, runs) = own::file(image, number).map_err(|why| match why {
        Unusable::Missing => wrong(Problem::new(ProblemKind::JournalInode, at)),
        Unusable::Told => None,
    })?;
    Ok(LogPlace {
        device: Arc::clone(image.device()),
        block_size: image.block_size(),
        runs: log_runs(image, &inode, &runs)?,
        superblock_block: 0,
        is_internal: true,
    })
}

/// The runs of a journal without holes, as long as its size says.
fn log_runs(image: &Image, inode: &Inode, runs: &Runs) -> Result<Vec<LogRun>, Wrong> {
    let at = Place::inode(inode.ino);
    let mut list: Vec<LogRun> = Vec::new();
    let mut next = 0;
    for run in &runs.list {
        let log = u32::try_from(run.logical).map_err(|_| None)?;
        if log != next {
            let at = at.logical(LogicalBlock::new(next));
            return Err(wrong(Problem::new(ProblemKind::JournalMap, at)));
        }
        let len = u32::try_from(run.len).map_err(|_| None)?;
        list.push(LogRun { log, block: run.start, len });
        next = log.checked_add(len).ok_or(None)?;
    }
    let (mapped, claimed) = (u64::from(next), image.block_size().blocks_for(inode.size));
    if claimed > mapped || claimed < MIN_BLOCKS {
        let problem = Problem::new(ProblemKind::JournalMap, at);
        let expected = mapped.max(MIN_BLOCKS);
        return Err(wrong(problem.found(claimed).expected(expected)));
    }
    Ok(list)
}

/// A journal on a device of its own: blocks are numbered from the start of the device, and the
/// superblock of the journal follows the one that names the device.
fn external(image: &Image, options: &CheckOptions) -> Result<LogPlace, Wrong> {
    let at = Place::structure("journal device");
    let unusable = Problem::new(ProblemKind::JournalDevice, at);
    let device = options.journal.as_ref().ok_or_else(|| wrong(unusable.clone()))?;
    let mut bytes = [0; JournalDevice::SIZE];
    read_unaligned(&**device, &mut bytes, SUPERBLOCK_OFFSET)
        .map_err(|_| wrong(unusable.clone()))?;
    let named = JournalDevice::parse(&bytes, at)
        .map_err(|corrupt| wrong(Problem::corrupt(ProblemKind::JournalDevice, corrupt)))?;
    let size = image.block_size();
    let mut problem = unusable;
    if named.uuid != image.superblock().raw().journal_uuid {
        problem.cause = Some(CorruptKind::JournalUuid);
        return Err(wrong(problem));
    }
    if named.block_size != size {
        return Err(wrong(problem.found(named.block_size.bytes()).expected(size.bytes())));
    }
    let blocks = named.blocks_count.min(device.size_bytes() >> size.bits());
    let len = u32::try_from(blocks).unwrap_or(u32::MAX);
    let named_in = u32::try_from(SUPERBLOCK_OFFSET >> size.bits()).unwrap_or_default();
    Ok(LogPlace {
        device: Arc::clone(device),
        block_size: size,
        runs: vec![LogRun { log: 0, block: 0, len }],
        superblock_block: named_in + 1,
        is_internal: false,
    })
}
