//! The scan by several threads, in pieces of any size, against one thread and one piece.

use std::time::Duration;

use extant_block::{BlockDevice, MemoryDevice};
use extant_format::features::{Incompat, RoCompat};
use extant_format::superblock::{self, MAGIC, RawSuperblock, Superblock};
use extant_jbd2::BufferCache;
use extant_sync::Arc;
use extant_testkit_device::{Latency, LatencyDevice};

use super::*;

const GROUPS: u32 = 4000;
const GROUP_BLOCKS: u32 = 512;
/// In every group, behind the copy of the superblock and the descriptors (1 + 250 blocks).
const BITMAPS: u32 = 300;

/// Groups of 512 KiB, 16 descriptors to a block.
fn superblock() -> Superblock {
    let mut raw = RawSuperblock::default();
    raw.magic.set(MAGIC);
    raw.rev_level.set(1);
    raw.blocks_count_lo.set(GROUPS * GROUP_BLOCKS + 1);
    raw.first_data_block.set(1);
    raw.blocks_per_group.set(GROUP_BLOCKS);
    raw.clusters_per_group.set(GROUP_BLOCKS);
    raw.inodes_per_group.set(64);
    raw.inodes_count.set(64 * GROUPS);
    raw.inode_size.set(256);
    raw.first_ino.set(11);
    raw.desc_size.set(64);
    let incompat = Incompat::FILETYPE.union(Incompat::EXTENTS).union(Incompat::BIT64);
    raw.feature_incompat.set(incompat.union(Incompat::FLEX_BG).bits());
    raw.feature_ro_compat.set(RoCompat::METADATA_CSUM.union(RoCompat::SPARSE_SUPER).bits());
    raw.checksum_type = 1;
    raw.checksum.set(superblock::checksum(&raw));
    Superblock::parse(raw.bytes()).unwrap()
}

/// A right descriptor of group `n`.
fn descriptor(n: u32, sb: &Superblock) -> [u8; 64] {
    let mut desc = [0; 64];
    let bitmaps = 1 + n * GROUP_BLOCKS + BITMAPS;
    desc[..4].copy_from_slice(&bitmaps.to_le_bytes());
    desc[4..8].copy_from_slice(&(bitmaps + 1).to_le_bytes());
    desc[8..12].copy_from_slice(&(bitmaps + 2).to_le_bytes());
    desc[12..16].copy_from_slice(&n.wrapping_mul(0x0001_0003).to_le_bytes());
    desc[14] %= 64;
    desc[15] = 0;
    sign(&mut desc, n, sb);
    desc
}

/// Gives `desc` the checksum of one of group `n`.
fn sign(desc: &mut [u8; 64], n: u32, sb: &Superblock) {
    desc[0x1e..0x20].fill(0);
    let message: Vec<u8> = n.to_le_bytes().into_iter().chain(*desc).collect();
    desc[0x1e..0x20].copy_from_slice(&sb.seed().sum(&message).to_le_bytes()[..2]);
}

/// A file system of which only the first descriptors are there; some groups after `change`.
fn volume(change: impl Fn(u32, &mut [u8; 64])) -> Volume {
    let superblock = superblock();
    let mut image = vec![0; 2 << 10];
    for n in 0..GROUPS {
        let mut desc = descriptor(n, &superblock);
        change(n, &mut desc);
        image.extend(desc);
    }
    let device: Arc<dyn BlockDevice> = Arc::new(MemoryDevice::from_vec(image));
    // Slow enough that no thread is done before the others have started.
    let latency = Latency { read: Duration::from_micros(50), ..Latency::default() };
    let geometry = superblock.geometry();
    Volume {
        superblock_block: geometry.superblock_block(),
        buffers: BufferCache::new(
            Arc::new(LatencyDevice::new(device, latency)),
            geometry.block_size(),
            0,
        ),
        superblock,
        zones: SystemZones::default(),
        damage: Vec::new(),
        damaged_groups: 0,
        free: FreeCounts::default(),
        recovery: None,
    }
}

/// Zones before they are joined differ with the pieces: what counts is what comes of them.
fn outcome(mut scan: Scan) -> (SystemZones, Vec<u64>, Vec<Corrupt>, u32, FreeCounts) {
    let overlaps = scan.zones.finish();
    (scan.zones, overlaps, scan.damage, scan.damaged_groups, scan.free)
}

fn scan_in(volume: &Volume, len: u32, threads: usize) -> Scan {
    Pieces::new(volume, len).scan(threads).unwrap()
}

#[test]
fn a_scan_in_pieces_by_several_threads_finds_what_one_in_one_piece_finds() {
    // A wrong checksum in every 97th group, and one group over the metadata of another.
    let superblock = superblock();
    let volume = volume(|n, desc| {
        if n == 2001 {
            *desc = descriptor(1999, &superblock);
            sign(desc, n, &superblock);
        } else if n % 97 == 5 {
            desc[0x18] ^= 1;
        }
    });
    let whole = outcome(scan_in(&volume, u32::MAX, 1));
    let (zones, overlaps, damage, damaged_groups, free) = &whole;
    assert_eq!(*damaged_groups, 42);
    let first: Vec<_> = (0..16).map(|n| Some(5 + 97 * n)).collect();
    assert_eq!(damage.iter().map(|c| c.at.group).collect::<Vec<_>>(), first);
    assert!(damage.iter().all(|c| c.kind == CorruptKind::GroupChecksum));
    // Each of the three runs of blocks of group 1999 is claimed twice.
    let twice = u64::from(1 + 1999 * GROUP_BLOCKS + BITMAPS);
    assert_eq!(overlaps.first(), Some(&twice));
    assert_eq!(zones.iter().count(), 4000 - 42 - 1);
    assert!(free.clusters > 0 && free.inodes > 0);
    for (len, threads) in [(1, 1), (1, 3), (7, 2), (40, 4), (64, 3), (0, 2)] {
        let pieces = outcome(scan_in(&volume, len, threads));
        assert_eq!(pieces, whole, "pieces of {len} blocks, {threads} threads");
    }
}

#[test]
fn an_error_of_the_device_in_any_thread_is_one_of_the_scan() {
    let mut volume = volume(|_, _| ());
    let whole = outcome(scan_in(&volume, 1, 3));
    assert_eq!((whole.3, whole.0.iter().count()), (0, 4000));
    // The device ends in the middle of the table.
    let short: Arc<dyn BlockDevice> = Arc::new(MemoryDevice::new(128 << 10));
    volume.buffers = BufferCache::new(short, volume.block_size(), 0);
    for threads in [1, 3] {
        let scan = Pieces::new(&volume, 1).scan(threads);
        assert!(matches!(scan, Err(Error::Device(_))), "{threads} threads");
    }
}
