//! Readers of a small cache under the schedule explorer: whatever the order of misses, insertions
//! and evictions, a reader gets the block it asked for, and the cache stays bounded.
#![cfg(extant_explore)]
#![allow(clippy::unwrap_used)]

use extant_block::{BlockDevice, IoFlags, MemoryDevice, WriteFlags};
use extant_format::superblock::{MAGIC, RawSuperblock};
use extant_format::{BlockSize, Geometry, Superblock};
use extant_jbd2::{BufferCache, BufferError, CheckToken};
use extant_sync::explore::check;
use extant_sync::{Arc, thread};

const SCHEDULES: usize = 2_000;

fn geometry() -> Geometry {
    let mut raw = RawSuperblock::default();
    raw.magic.set(MAGIC);
    raw.blocks_count_lo.set(64);
    raw.first_data_block.set(1);
    raw.blocks_per_group.set(8192);
    raw.clusters_per_group.set(8192);
    raw.inodes_per_group.set(64);
    raw.inodes_count.set(64);
    Superblock::parse(raw.bytes()).unwrap().geometry().clone()
}

/// 64 blocks of 1 KiB, each with its number in its first byte, behind a cache of two blocks.
fn small_cache() -> Arc<BufferCache> {
    let memory = MemoryDevice::new(64 << 10);
    for nr in 0..64_u8 {
        memory.write_at(&[nr], u64::from(nr) << 10, WriteFlags::NONE).unwrap();
    }
    let size = BlockSize::from_bytes(1024).unwrap();
    Arc::new(BufferCache::new(Arc::new(memory), size, 2048))
}

#[test]
fn readers_that_race_get_their_blocks() {
    check(11, SCHEDULES, || {
        let (cache, geometry) = (small_cache(), geometry());
        let readers = [[1, 2, 1], [2, 1, 3]].map(|wanted: [u64; 3]| {
            let (cache, geometry) = (Arc::clone(&cache), geometry.clone());
            thread::spawn(move || {
                for nr in wanted {
                    let block = cache.read(geometry.block(nr).unwrap(), IoFlags::NONE).unwrap();
                    assert_eq!(u64::from(block.bytes()[0]), nr);
                }
            })
        });
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_check_that_failed_is_never_taken_for_one_that_passed() {
    check(12, SCHEDULES, || {
        let (cache, geometry) = (small_cache(), geometry());
        let nr = geometry.block(5).unwrap();
        let readers = [true, false].map(|accept| {
            let cache = Arc::clone(&cache);
            thread::spawn(move || {
                let token = CheckToken::new(1, u32::from(accept) + 1, 0);
                let refuse = || if accept { Ok(()) } else { Err(BufferError::WouldBlock) };
                let result = cache.read_checked(nr, token, IoFlags::NONE, |_| refuse());
                assert_eq!(result.is_ok(), accept);
            })
        });
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
