//! Names in memory: (directory, name) to what it leads to, or that it leads nowhere. Bounded.
//!
//! The hash is keyed at random for each file system, so that a crafted directory cannot aim for
//! one shard or one chain.

use std::hash::{BuildHasher, Hasher};

use extant_core::dir::Found;
use extant_format::InodeNr;
use extant_sync::{Rank, ShardedCache, random};
use foldhash::fast::FixedState;

/// A name of a directory that was looked up.
#[derive(Debug)]
struct CachedName {
    dir: InodeNr,
    name: Box<[u8]>,
    /// `None`: the directory has no such name.
    found: Option<Found>,
}

#[derive(Debug)]
pub(crate) struct NameCache {
    names: ShardedCache<CachedName>,
    state: FixedState,
}

impl NameCache {
    pub(crate) fn new(capacity: usize) -> Self {
        let names = ShardedCache::new(Rank::NameShard, capacity, |_: &CachedName| false);
        Self { names, state: FixedState::with_seed(random::next_u64()) }
    }

    /// What is known of `name` in `dir`: `None` if nothing, `Some(None)` that there is no such
    /// name.
    pub(crate) fn get(&self, dir: InodeNr, name: &[u8]) -> Option<Option<Found>> {
        let same = |cached: &CachedName| cached.dir == dir && *cached.name == *name;
        self.names.find(self.hash(dir, name), same, |cached| cached.found)
    }

    /// Remembers the outcome of a look-up.
    pub(crate) fn put(&self, dir: InodeNr, name: &[u8], found: Option<Found>) {
        let value = CachedName { dir, name: name.into(), found };
        let same = |cached: &CachedName| cached.dir == dir && *cached.name == *name;
        self.names.insert(self.hash(dir, name), same, value, |_| ());
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    fn hash(&self, dir: InodeNr, name: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u32(dir.get());
        hasher.write(name);
        hasher.finish()
    }
}
