//! What is counted over all inodes: users of attribute blocks, and references to value inodes.
//! Tables in shards, so that threads seldom meet.

use std::sync::atomic::{AtomicBool, Ordering};

use extant_sync::{Mutex, MutexGuard, Rank};
use hashbrown::HashMap;

use super::block::BlockUse;
use super::values::ValueInode;

type Map<V> = HashMap<u64, V, foldhash::fast::FixedState>;

/// A table of numbered things.
#[derive(Debug)]
pub(super) struct Shards<V> {
    shards: Vec<Mutex<Map<V>>>,
}

impl<V> Shards<V> {
    const COUNT: u64 = 16;

    fn new(rank: Rank) -> Self {
        let new = |_| Mutex::new(rank, Map::default());
        Self { shards: (0..Self::COUNT).map(new).collect() }
    }

    /// The part of the table that has `key`.
    pub(super) fn lock(&self, key: u64) -> Option<MutexGuard<'_, Map<V>>> {
        let shard = self.shards.get(extant_format::to_usize(key % Self::COUNT))?;
        Some(shard.lock())
    }

    /// All of it, ascending; nothing is left.
    pub(super) fn take(&self) -> Vec<(u64, V)> {
        let maps = self.shards.iter().map(|shard| std::mem::take(&mut *shard.lock()));
        let mut all: Vec<_> = maps.flatten().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

/// What attributes share.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Attribute blocks, by number.
    pub(super) blocks: Shards<BlockUse>,
    /// Value inodes, by number.
    pub(super) values: Shards<ValueInode>,
    values_unknown: AtomicBool,
}

impl Counted {
    /// Nothing is in use.
    pub(crate) fn new() -> Self {
        Self {
            blocks: Shards::new(Rank::Xattr),
            values: Shards::new(Rank::EaInode),
            values_unknown: AtomicBool::new(false),
        }
    }

    /// Notes that a list cannot be read: value inodes without a reference may have one.
    pub(crate) fn lose_values(&self) {
        self.values_unknown.store(true, Ordering::Relaxed);
    }

    /// Whether all references to value inodes are known.
    pub(crate) fn knows_values(&self) -> bool {
        !self.values_unknown.load(Ordering::Relaxed)
    }
}
