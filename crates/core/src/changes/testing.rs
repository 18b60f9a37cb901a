//! Small file systems in memory, made bit by bit, for tests of changes.

use extant_block::{BlockDevice, MemoryDevice};
use extant_format::features::{Compat, Incompat, RoCompat};
use extant_format::group::descriptor_checksum;
use extant_format::superblock::{MAGIC, RawSuperblock, Superblock};
use extant_sync::Arc;

use crate::open::FoundSuperblock;
use crate::{OpenOptions, Volume};

/// Groups of a test file system.
pub(crate) const GROUPS: u32 = 4;
/// Inodes of each group.
pub(crate) const INODES: u32 = 64;
/// Bytes of a block.
pub(crate) const BLOCK: usize = 1024;
/// Blocks of each group but the last, which has 8 * 16 fewer.
const GROUP_BLOCKS: u32 = 1024;
/// Where in each group its bitmaps and its table are, in blocks.
const META: u32 = 32;

/// What the file system is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// `metadata_csum`, `uninit_bg`, or neither.
    pub(crate) ro: RoCompat,
    /// Descriptors of 64 bytes.
    pub(crate) wide: bool,
    /// log2 of the blocks in a cluster.
    pub(crate) ratio: u32,
}

/// All kinds that differ in how groups are changed.
pub(crate) const KINDS: [Kind; 6] = [
    Kind { ro: RoCompat::METADATA_CSUM, wide: true, ratio: 0 },
    Kind { ro: RoCompat::METADATA_CSUM, wide: false, ratio: 0 },
    Kind { ro: RoCompat::METADATA_CSUM, wide: true, ratio: 4 },
    Kind { ro: RoCompat::GDT_CSUM, wide: false, ratio: 0 },
    Kind { ro: RoCompat::from_bits(0), wide: false, ratio: 0 },
    Kind { ro: RoCompat::from_bits(0), wide: false, ratio: 4 },
];

impl Kind {
    /// The first block of group 0.
    pub(crate) fn first(self) -> u32 {
        u32::from(self.ratio == 0)
    }

    fn blocks(self) -> u32 {
        self.first() + GROUPS * GROUP_BLOCKS - 128
    }

    pub(crate) fn superblock(self) -> Superblock {
        let mut raw = RawSuperblock::default();
        raw.magic.set(MAGIC);
        raw.rev_level.set(1);
        raw.blocks_count_lo.set(self.blocks());
        raw.first_data_block.set(self.first());
        raw.log_cluster_size.set(self.ratio);
        raw.blocks_per_group.set(GROUP_BLOCKS);
        raw.clusters_per_group.set(GROUP_BLOCKS >> self.ratio);
        raw.inodes_per_group.set(INODES);
        raw.inodes_count.set(INODES * GROUPS);
        raw.inode_size.set(256);
        raw.first_ino.set(11);
        raw.desc_size.set(64);
        let bit64 = if self.wide { Incompat::BIT64 } else { Incompat::from_bits(0) };
        let incompat = Incompat::FILETYPE.union(Incompat::EXTENTS).union(Incompat::FLEX_BG);
        raw.feature_incompat.set(incompat.union(bit64).bits());
        raw.feature_compat.set(Compat::EXT_ATTR.bits());
        let bigalloc = if self.ratio == 0 { RoCompat::from_bits(0) } else { RoCompat::BIGALLOC };
        raw.feature_ro_compat.set(self.ro.union(RoCompat::SPARSE_SUPER).union(bigalloc).bits());
        raw.checksum_type = 1;
        raw.seal();
        Superblock::parse(raw.bytes()).unwrap()
    }

    /// Where bitmaps and table of group `n` start: in group 0 for all but the last group, as in a
    /// flex group.
    pub(crate) fn meta(self, n: u32) -> u32 {
        let group = if n + 1 == GROUPS { n } else { 0 };
        self.first() + group * GROUP_BLOCKS + META * (1 + n % 3)
    }

    /// Whether a block holds metadata.
    pub(crate) fn is_metadata(self, block: u32) -> bool {
        let table = INODES / 4 + 2;
        let places = (0..GROUPS).any(|n| (self.meta(n)..self.meta(n) + table).contains(&block));
        // Group 0 has the boot block where it counts, groups 0, 1 and 3 superblock and descriptors.
        let group = (block - self.first()) / GROUP_BLOCKS;
        let offset = (block - self.first()) % GROUP_BLOCKS;
        let boot = u32::from(self.ratio > 0 && group == 0);
        places || (group != 2 && offset < 2 + boot)
    }

    /// Whether a cluster holds metadata, with `cluster` counted from the first block of group 0.
    pub(crate) fn is_metadata_cluster(self, cluster: u32) -> bool {
        let first = self.first() + (cluster << self.ratio);
        (first..(first + (1 << self.ratio)).min(self.blocks())).any(|block| self.is_metadata(block))
    }

    pub(crate) fn clusters(self) -> u32 {
        (self.blocks() - self.first()).div_ceil(1 << self.ratio)
    }

    pub(crate) fn clusters_per_group(self) -> u32 {
        GROUP_BLOCKS >> self.ratio
    }

    /// The image. All bitmaps are uninitialised where the kind has that, and inode tables full of
    /// garbage.
    pub(crate) fn image(self) -> Vec<u8> {
        let sb = self.superblock();
        let mut image = vec![0; self.blocks() as usize * BLOCK];
        image[1024..2048].copy_from_slice(sb.raw().bytes());
        for n in 0..GROUPS {
            let meta = self.meta(n);
            let table = (meta + 2) as usize * BLOCK;
            image[table..table + INODES as usize * 256].fill(0xa5);
            let desc = self.descriptor(n, &sb);
            let at = 2 * BLOCK + n as usize * desc.len();
            image[at..at + desc.len()].copy_from_slice(&desc);
            if !sb.features().group_csum() {
                self.write_bitmaps(n, &mut image);
            }
        }
        image
    }

    fn descriptor(self, n: u32, sb: &Superblock) -> Vec<u8> {
        let mut desc = vec![0; if self.wide { 64 } else { 32 }];
        let meta = self.meta(n);
        for (offset, value) in [(0, meta), (4, meta + 1), (8, meta + 2), (0xc, self.free(n))] {
            desc[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        }
        desc[0xe..0x10].copy_from_slice(&u16::try_from(INODES).unwrap().to_le_bytes());
        if sb.features().group_csum() {
            desc[0x12] = 3;
            desc[0x1c..0x1e].copy_from_slice(&u16::try_from(INODES).unwrap().to_le_bytes());
            let sum = descriptor_checksum(&desc, sb.geometry().group(n).unwrap(), sb);
            desc[0x1e..0x20].copy_from_slice(&sum.to_le_bytes());
        }
        desc
    }

    /// The clusters of group `n`, counted from group 0.
    pub(crate) fn group(self, n: u32) -> std::ops::Range<u32> {
        let start = n * self.clusters_per_group();
        start..(start + self.clusters_per_group()).min(self.clusters())
    }

    /// Free clusters of group `n` at first.
    pub(crate) fn free(self, n: u32) -> u32 {
        let free = self.group(n).filter(|&cluster| !self.is_metadata_cluster(cluster));
        u32::try_from(free.count()).unwrap()
    }

    fn write_bitmaps(self, n: u32, image: &mut [u8]) {
        let (blocks, inodes) = (self.meta(n) as usize * BLOCK, (self.meta(n) + 1) as usize * BLOCK);
        let group = self.group(n);
        for bit in 0..u32::try_from(BLOCK * 8).unwrap() {
            let cluster = group.start + bit;
            if cluster >= group.end || self.is_metadata_cluster(cluster) {
                image[blocks + bit as usize / 8] |= 1 << (bit % 8);
            }
            if bit >= INODES {
                image[inodes + bit as usize / 8] |= 1 << (bit % 8);
            }
        }
    }

    /// A volume over the image after `change`.
    pub(crate) fn volume(self, change: impl FnOnce(&mut Vec<u8>)) -> Volume {
        let mut image = self.image();
        change(&mut image);
        open(Arc::new(MemoryDevice::from_vec(image)))
    }
}

/// Opens an image whose root may be missing.
pub(crate) fn open(device: Arc<dyn BlockDevice>) -> Volume {
    let options = OpenOptions { inspect: true, ..OpenOptions::default() };
    let found = FoundSuperblock::read(&*device, &options).unwrap();
    Volume::at_rest(device, found, &options).unwrap()
}
