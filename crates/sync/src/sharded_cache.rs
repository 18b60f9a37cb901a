//! A bounded cache in shards whose hits write no shared cache line.
//!
//! Each shard is a [`ReadMostly`] lock around a table and a slab. Replacement is a clock: a hit
//! sets the entry's flag only if it is not set, the hand clears flags and takes the first entry
//! without one that the owner does not pin. The caller brings the hash, so that keys may be
//! compared in borrowed form.

use hashbrown::HashTable;

use crate::atomic::{AtomicBool, Ordering};
use crate::{Rank, ReadMostly, thread};

/// Shards for each core: enough that insertions on all cores seldom meet.
const SHARDS_PER_CORE: usize = 8;
/// Shards beyond this only cost memory.
const MAX_SHARDS: usize = 64;

/// Shards of every cache; a power of two. Each costs about 1 KiB, which is what opening a small
/// image would otherwise mostly spend its time on.
fn shard_count() -> usize {
    (thread::available_parallelism() * SHARDS_PER_CORE).next_power_of_two().min(MAX_SHARDS)
}

/// A hash for values whose key is a number: one multiplication, folded so that all bits of the
/// number reach those that pick shard and slot.
#[must_use]
pub fn hash_number(n: u64) -> u64 {
    let product = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product.rotate_left(32)
}

/// At most about `capacity` values, found by a hash and an equality of the caller's.
#[derive(Debug)]
pub struct ShardedCache<V> {
    shards: Box<[ReadMostly<Shard<V>>]>,
    shard_capacity: usize,
    pinned: fn(&V) -> bool,
}

impl<V> ShardedCache<V> {
    /// An empty cache whose shard locks have `rank`. A value for which `pinned` holds is never
    /// evicted; only such values make a shard grow past its share of the capacity.
    #[must_use]
    pub fn new(rank: Rank, capacity: usize, pinned: fn(&V) -> bool) -> Self {
        let count = shard_count();
        let shards = (0..count).map(|_| ReadMostly::new(rank, Shard::default())).collect();
        Self { shards, shard_capacity: (capacity / count).max(2), pinned }
    }

    /// What `read` makes of the value with `hash` that `eq` accepts. `read` runs under the shard's
    /// lock, shared: it must be short.
    pub fn find<R>(
        &self,
        hash: u64,
        eq: impl Fn(&V) -> bool,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let shard = self.shard(hash).read();
        let slot = shard.slot(hash, eq)?;
        if !slot.referenced.load(Ordering::Relaxed) {
            slot.referenced.store(true, Ordering::Relaxed);
        }
        Some(read(&slot.value))
    }

    /// Puts `value` in, unless `eq` finds one with the same key: then that one stays. Gives what
    /// `read` makes of the one that is in the cache afterwards.
    pub fn insert<R>(
        &self,
        hash: u64,
        eq: impl Fn(&V) -> bool,
        value: V,
        read: impl FnOnce(&V) -> R,
    ) -> R {
        let mut shard = self.shard(hash).write();
        if let Some(slot) = shard.slot(hash, eq) {
            return read(&slot.value);
        }
        let result = read(&value);
        while shard.slots.len() >= self.shard_capacity && shard.evict(self.pinned) {}
        shard.push(hash, value);
        result
    }

    /// Values in the cache now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().slots.len()).sum()
    }

    /// Whether the cache is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops every value that is not pinned.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.write();
            for slot in &shard.slots {
                slot.referenced.store(false, Ordering::Relaxed);
            }
            while shard.evict(self.pinned) {}
        }
    }

    fn shard(&self, hash: u64) -> &ReadMostly<Shard<V>> {
        // The table inside uses the low bits and the top seven.
        let index = (hash >> 40) as usize & (self.shards.len() - 1);
        #[expect(
            clippy::indexing_slicing,
            reason = "the length is a power of two, the mask one less"
        )]
        &self.shards[index]
    }
}

#[derive(Debug)]
struct Slot<V> {
    hash: u64,
    referenced: AtomicBool,
    value: V,
}

/// `table` holds indices into `slots`; both have the same entries.
#[derive(Debug)]
struct Shard<V> {
    table: HashTable<usize>,
    slots: Vec<Slot<V>>,
    hand: usize,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { table: HashTable::new(), slots: Vec::new(), hand: 0 }
    }
}

impl<V> Shard<V> {
    fn slot(&self, hash: u64, eq: impl Fn(&V) -> bool) -> Option<&Slot<V>> {
        let matches =
            |&i: &usize| self.slots.get(i).is_some_and(|slot| slot.hash == hash && eq(&slot.value));
        self.slots.get(*self.table.find(hash, matches)?)
    }

    fn push(&mut self, hash: u64, value: V) {
        let slots = &self.slots;
        let rehash = |&i: &usize| slots.get(i).map_or(0, |slot| slot.hash);
        self.table.insert_unique(hash, slots.len(), rehash);
        self.slots.push(Slot { hash, referenced: AtomicBool::new(true), value });
    }

    /// Drops the first value from the hand on that is neither pinned nor read since the hand last
    /// passed. False if there is none.
    fn evict(&mut self, pinned: fn(&V) -> bool) -> bool {
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = self.slots.get(self.hand) else { return false };
            if !slot.referenced.swap(false, Ordering::Relaxed) && !pinned(&slot.value) {
                self.remove(self.hand);
                return true;
            }
        }
        false
    }

    /// Removes slot `index`; the last slot takes its place.
    fn remove(&mut self, index: usize) {
        let removed = self.slots.swap_remove(index);
        if let Ok(entry) = self.table.find_entry(removed.hash, |&i| i == index) {
            entry.remove();
        }
        let last = self.slots.len();
        if let Some(moved) = self.slots.get(index)
            && let Some(entry) = self.table.find_mut(moved.hash, |&i| i == last)
        {
            *entry = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn put(cache: &ShardedCache<u64>, n: u64) {
        cache.insert(hash(n), |v| *v == n, n, |_| ());
    }

    fn has(cache: &ShardedCache<u64>, n: u64) -> bool {
        cache.find(hash(n), |v| *v == n, |v| *v).is_some()
    }

    #[test]
    fn the_first_of_two_equal_keys_stays() {
        let cache = ShardedCache::new(Rank::Leaf, 1000, |_: &(u64, u64)| false);
        let insert = |value| cache.insert(hash(1), |v| v.0 == 1, value, |v| v.1);
        assert_eq!((insert((1, 10)), insert((1, 20))), (10, 10));
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_read() {
        let cache = ShardedCache::new(Rank::Leaf, 6400, |_| false);
        for n in 0..100 {
            put(&cache, n);
        }
        for n in 100..100_000 {
            put(&cache, n);
            assert!(has(&cache, n), "{n} was just put in");
            for hot in 0..4 {
                assert!(has(&cache, hot), "{hot} is read all the time");
            }
        }
        assert!(cache.len() <= 6400, "{}", cache.len());
        cache.clear();
        assert!(cache.is_empty());
    }

    #[test]
    fn pinned_values_are_never_evicted() {
        let cache = ShardedCache::new(Rank::Leaf, 640, |v| v % 2 == 0);
        for n in 0..10_000 {
            put(&cache, n);
        }
        assert!((0..10_000).step_by(2).all(|n| has(&cache, n)));
        cache.clear();
        assert_eq!(cache.len(), 5_000);
    }

    #[test]
    fn colliding_hashes_are_told_apart() {
        let cache = ShardedCache::new(Rank::Leaf, shard_count() * 50, |_: &u64| false);
        for n in 0..500_u64 {
            cache.insert(7, |v| *v == n, n, |_| ());
        }
        assert_eq!(cache.find(7, |v| *v == 499, |v| *v), Some(499));
        assert_eq!(cache.find(7, |v| *v == 500, |v| *v), None);
        assert_eq!(cache.len(), 50);
    }
}
