//! Applying commits, one after another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use extant_format::{Inode, InodeNr, Timestamp};

use super::area::FastCommits;
use super::verify::{Commit, RangeRecord, verify};
use crate::changes::Changes;
use crate::orphans::{self, Listed};
use crate::{Error, Result};

/// What replay did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct FastCommitReport {
    /// Commits.
    pub(crate) commits: u32,
    /// Records in them.
    pub(crate) records: u32,
}

/// Applies `records`, which [`read`](super::read) has given.
///
/// # Errors
/// [`CorruptKind::JournalFastCommit`](extant_format::CorruptKind::JournalFastCommit) for a record
/// that may not be, before anything is changed; [`Error::Corrupt`] for what is damaged in the file
/// system, [`Error::NoSpace`], and those of the device: then the changes are to be dropped.
pub(crate) fn replay(changes: &mut Changes<'_>, records: &FastCommits) -> Result<FastCommitReport> {
    let commits = verify(changes.volume(), records)?;
    let listed = orphans::listed(changes)?;
    let mut replay = Replay::new(changes, listed);
    commits.iter().for_each(|commit| replay.set_aside(commit));
    commits.iter().try_for_each(|commit| replay.apply(commit))?;
    replay.finish()?;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(FastCommitReport {
        commits: count(records.commits.len()),
        records: count(records.commits.iter().map(Vec::len).sum()),
    })
}

pub(super) struct Replay<'c, 'v> {
    pub(super) changes: &'c mut Changes<'v>,
    /// Orphans, which are finished after replay.
    pub(super) listed: Listed,
    /// Inodes whose map, links or content changed.
    pub(super) touched: BTreeSet<InodeNr>,
    /// Directories made by the records.
    pub(super) made: BTreeSet<InodeNr>,
    /// Directories that were given a name.
    pub(super) moved: BTreeSet<InodeNr>,
    /// What the names in the records lead to after the last of them.
    pub(super) names: HashMap<(InodeNr, Box<[u8]>), Option<InodeNr>>,
    /// Inodes that lost a name.
    pub(super) unlinked: BTreeSet<InodeNr>,
    /// The newest change of an inode that changed a directory.
    pub(super) times: BTreeMap<InodeNr, Timestamp>,
    /// The newest change of all recorded inodes.
    pub(super) newest: Timestamp,
    /// Blocks that may still be put one by one into maps without extents.
    pub(super) budget: u64,
}

impl<'c, 'v> Replay<'c, 'v> {
    fn new(changes: &'c mut Changes<'v>, listed: Listed) -> Self {
        let written = changes.volume().superblock().raw().wtime.get();
        let newest = Timestamp { secs: i64::from(written.max(1)), nanos: 0 };
        Self {
            changes,
            listed,
            touched: BTreeSet::new(),
            made: BTreeSet::new(),
            moved: BTreeSet::new(),
            names: HashMap::new(),
            unlinked: BTreeSet::new(),
            times: BTreeMap::new(),
            newest,
            budget: super::ranges::MAX_SINGLE_BLOCKS,
        }
    }

    /// Keeps the blocks that records name from being allocated to anything else.
    fn set_aside(&mut self, commit: &Commit) {
        for record in &commit.ranges {
            if let RangeRecord::Add(_, extent) = record {
                self.changes.set_aside(extent.start, extent.len.into());
            }
        }
        for extent in commit.inodes.values().flat_map(|record| &record.extents) {
            self.changes.set_aside(extent.start, extent.len.into());
        }
    }

    fn apply(&mut self, commit: &Commit) -> Result<()> {
        self.empty_replaced(commit)?;
        for record in commit.inodes.values() {
            self.newest = self.newest.max(record.inode.ctime);
            self.put_inode(record)?;
        }
        self.make_directories(commit)?;
        for record in &commit.ranges {
            self.change_range(record)?;
        }
        for record in &commit.names {
            self.change_name(commit, record)?;
        }
        Ok(())
    }

    /// The inode `ino` as it is now; `None` if it is free, or nothing that could be read.
    pub(super) fn current(&self, ino: InodeNr) -> Result<Option<Inode>> {
        if !self.changes.inode_in_use(ino)? {
            return Ok(None);
        }
        match self.changes.inode(ino) {
            Err(Error::Corrupt(_)) => Ok(None),
            inode => inode.map(Some),
        }
    }
}
