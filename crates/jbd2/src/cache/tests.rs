use extant_block::{MemoryDevice, WriteFlags};
use extant_format::superblock::{MAGIC, RawSuperblock};
use extant_format::{Geometry, Superblock};
use extant_testkit_device::CountingDevice;

use super::*;

const BLOCKS: u32 = 8192;

fn geometry() -> Geometry {
    let mut raw = RawSuperblock::default();
    raw.magic.set(MAGIC);
    raw.blocks_count_lo.set(BLOCKS);
    raw.first_data_block.set(1);
    raw.blocks_per_group.set(8192);
    raw.clusters_per_group.set(8192);
    raw.inodes_per_group.set(64);
    raw.inodes_count.set(64);
    Superblock::parse(raw.bytes()).unwrap().geometry().clone()
}

fn cache(capacity_blocks: usize) -> (BufferCache, Arc<CountingDevice>) {
    let memory = MemoryDevice::new(BLOCKS as usize * 1024);
    for nr in 0..u64::from(BLOCKS) {
        memory.write_at(&nr.to_le_bytes(), nr * 1024, WriteFlags::default()).unwrap();
    }
    let device = Arc::new(CountingDevice::new(Arc::new(memory)));
    let size = BlockSize::from_bytes(1024).unwrap();
    (BufferCache::new(device.clone(), size, capacity_blocks * 1024), device)
}

fn number(block: &Block) -> u64 {
    u64::from_le_bytes(block.bytes()[..8].try_into().unwrap())
}

#[test]
fn a_block_is_read_from_the_device_once() {
    let (cache, device) = cache(1024);
    let nr = geometry().block(77).unwrap();
    for _ in 0..3 {
        assert_eq!(number(&cache.read(nr, IoFlags::NONE).unwrap()), 77);
    }
    assert_eq!(device.counts().reads, 1);
}

#[test]
fn nowait_misses_without_touching_the_device() {
    let (cache, device) = cache(1024);
    let nr = geometry().block(5).unwrap();
    assert!(matches!(cache.read(nr, IoFlags::NOWAIT), Err(BufferError::WouldBlock)));
    assert_eq!(device.counts().reads, 0);
    cache.read(nr, IoFlags::NONE).unwrap();
    assert_eq!(number(&cache.read(nr, IoFlags::NOWAIT).unwrap()), 5);
}

#[test]
fn the_cache_is_bounded_and_held_content_stays() {
    let (cache, _) = cache(640);
    let geometry = geometry();
    let held = cache.read(geometry.block(9).unwrap(), IoFlags::NONE).unwrap();
    for nr in 0..u64::from(BLOCKS) {
        let block = cache.read(geometry.block(nr).unwrap(), IoFlags::NONE).unwrap();
        assert_eq!(number(&block), nr);
    }
    assert!(cache.len() <= 640, "{}", cache.len());
    assert_eq!(number(&held), 9);
}

#[test]
fn read_ahead_is_one_request() {
    let (cache, device) = cache(1024);
    let geometry = geometry();
    cache.read_ahead(geometry.block(100).unwrap(), 8);
    assert_eq!(device.counts().reads, 1);
    for nr in 100..108 {
        let block = cache.read(geometry.block(nr).unwrap(), IoFlags::NOWAIT).unwrap();
        assert_eq!(number(&block), nr);
    }
    cache.read_ahead(geometry.block(u64::from(BLOCKS) - 1).unwrap(), 8);
    assert_eq!(cache.len(), 8, "past the end: nothing is kept and nothing fails");
}

#[test]
fn a_content_is_checked_once_for_each_owner() {
    let (cache, _) = cache(1024);
    let nr = geometry().block(3).unwrap();
    let mut checks = 0;
    let mut read = |owner, pass: bool| {
        cache.read_checked(nr, CheckToken::new(1, owner, 0), IoFlags::NONE, |_| {
            checks += 1;
            if pass { Ok(()) } else { Err(BufferError::WouldBlock) }
        })
    };
    assert!(read(12, false).is_err());
    assert!(read(12, true).is_ok());
    assert!(read(12, false).is_ok(), "checked before");
    assert!(read(13, false).is_err(), "another owner is another check");
    assert_eq!(checks, 3);
}
