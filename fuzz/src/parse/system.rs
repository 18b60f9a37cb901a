//! Superblocks, group descriptors and bitmaps; and the file system that all parsers are given.

use extant_format::bitmap::{Bits, verify_block_bitmap, verify_inode_bitmap};
use extant_format::superblock::{RawSuperblock, checksum};
use extant_format::{GroupDesc, GroupNr, GroupParser, Superblock};

use super::HEADER;

/// A valid file system as the header of an input describes it.
#[derive(Debug)]
pub struct System {
    /// Its superblock.
    pub superblock: Superblock,
    /// Bits for parsers that have options of their own.
    pub options: u8,
    /// A number that parsers use as a size or a count.
    pub number: u64,
}

/// Features that an input may switch on: `64bit`, `flex_bg`, `inline_data`, `largedir`,
/// `ea_inode`, `encrypt`, `casefold`, `mmp`.
const INCOMPAT: [u32; 8] = [0x80, 0x200, 0x8000, 0x4000, 0x400, 0x1_0000, 0x2_0000, 0x100];
/// `metadata_csum`, `huge_file`, `bigalloc`, `project`, `verity`, `uninit_bg`, `extra_isize`,
/// `quota`.
const RO_COMPAT: [u32; 8] = [0x400, 0x8, 0x200, 0x2000, 0x8000, 0x10, 0x40, 0x100];

fn chosen(bits: u8, features: [u32; 8]) -> u32 {
    let set = features.into_iter().enumerate().filter(|(n, _)| bits >> n & 1 != 0);
    set.fold(0, |all, (_, feature)| all | feature)
}

impl System {
    /// The file system of `header`.
    #[must_use]
    pub fn new(header: &[u8; HEADER]) -> Self {
        let [_, options, sizes, incompat, ro_compat, groups, a, b, c, d, rest @ ..] = *header;
        let superblock = [ro_compat, ro_compat & !4].into_iter().find_map(|ro_compat| {
            let features = (chosen(incompat, INCOMPAT), chosen(ro_compat, RO_COMPAT));
            let raw = raw_superblock(sizes, features, groups, u16::from_le_bytes([a, b]));
            Superblock::parse(raw.bytes()).ok()
        });
        let superblock =
            superblock.or_else(|| Superblock::parse(raw_superblock(0, (0, 0), 0, 0).bytes()).ok());
        let [e, f, ..] = rest;
        Self {
            superblock: superblock.expect("the plain one is valid"),
            options,
            number: u64::from(u32::from_le_bytes([c, d, e, f])),
        }
    }
}

/// Sizes are chosen so that the rules among them hold; blocks of more than 4 KiB are rare.
fn raw_superblock(sizes: u8, (incompat, ro): (u32, u32), groups: u8, tail: u16) -> RawSuperblock {
    let mut raw = RawSuperblock::default();
    let log = match sizes & 7 {
        log @ 0..=2 => u32::from(log),
        7 => 6,
        _ => 0,
    };
    let block = 1024_u32 << log;
    let inode_size = 128_u16 << (sizes >> 3 & 3);
    let cluster_log = if ro & 0x200 == 0 { 0 } else { 2 };
    let clusters = 256_u32;
    let blocks = clusters << cluster_log;
    let first = u32::from(log == 0 && ro & 0x200 == 0);
    let groups = u32::from(groups % 32) + 1;
    let inodes = (block / u32::from(inode_size)) * 4;
    raw.magic.set(0xef53);
    raw.rev_level.set(1);
    raw.log_block_size.set(log);
    raw.log_cluster_size.set(log + cluster_log);
    raw.first_data_block.set(first);
    raw.blocks_per_group.set(blocks);
    raw.clusters_per_group.set(clusters);
    // The last group may be short.
    let short = u32::from(tail) % (blocks / 2);
    raw.blocks_count_lo.set(groups * blocks + first - short);
    raw.inodes_per_group.set(inodes);
    raw.inodes_count.set(inodes * groups);
    raw.inode_size.set(inode_size);
    raw.first_ino.set(11);
    raw.desc_size.set(64);
    raw.encoding.set(1);
    raw.mmp_block.set(9);
    raw.log_groups_per_flex = 4;
    raw.checksum_type = 1;
    // `filetype`, `extents`; `ext_attr`, `dir_index`.
    raw.feature_incompat.set(0x42 | incompat);
    raw.feature_compat.set(0x28);
    raw.feature_ro_compat.set(ro);
    raw.checksum.set(checksum(&raw));
    raw
}

/// Changes words of the superblock: `le16` offset, `le32` value.
pub(super) fn superblock(system: &System, body: &[u8]) {
    let mut bytes = *system.superblock.raw().bytes().first_chunk::<1024>().unwrap_or(&[0; 1024]);
    for chunk in body.chunks_exact(6).take(16) {
        let &[low, high, ref value @ ..] = chunk else { continue };
        let offset = usize::from(u16::from_le_bytes([low, high])) % 1021;
        if let Some(field) = bytes.get_mut(offset..offset + 4) {
            field.copy_from_slice(value);
        }
    }
    let sum = extant_format::checksum::crc32c(!0, bytes.get(..0x3fc).unwrap_or_default());
    if system.options & 1 == 0
        && let Some(field) = bytes.last_chunk_mut::<4>()
    {
        *field = sum.to_le_bytes();
    }
    if let Ok(superblock) = Superblock::parse(&bytes) {
        geometry(&superblock, system.number);
    }
}

/// What every accepted geometry promises.
fn geometry(superblock: &Superblock, number: u64) {
    let geometry = superblock.geometry();
    let count = geometry.blocks_count();
    assert!(geometry.block(count).is_none() && geometry.run(count - 1, 2).is_none());
    assert!(geometry.run(number, u64::MAX).is_none());
    assert!(geometry.group(geometry.group_count()).is_none());
    assert!(geometry.inode(0).is_none() && geometry.inode(geometry.inodes_count() + 1).is_none());
    let last = geometry.group_count() - 1;
    for n in [0, 1, 7, last / 2, last] {
        let Some(group) = geometry.group(n) else { continue };
        let (first, blocks) = (geometry.group_first_block(group), geometry.group_blocks(group));
        assert!(blocks >= 1 && first.get() + u64::from(blocks) <= count, "{group}");
        assert_eq!(geometry.block_group(first), group);
        let (index, offset) = geometry.desc_index(group);
        assert!(offset + geometry.desc_size() as usize <= geometry.block_size().to_usize());
        if let Some(block) = geometry.desc_block(index, geometry.superblock_block()) {
            assert!(block.get() < count);
        }
        let _ = (geometry.base_meta_blocks(group), geometry.desc_blocks_in(group));
    }
    let inodes = u64::from(geometry.inodes_count());
    let ino = geometry.inode(u32::try_from(number % inodes).unwrap_or(0) + 1);
    let (group, index) = ino.map(|ino| geometry.inode_group(ino)).expect("in range");
    assert!(group.get() <= last && index < geometry.inodes_per_group());
    let _ = (geometry.groups_with_base_meta().take(64).count(), geometry.size_bytes());
    let _ = (superblock.label(), superblock.last_mounted(), superblock.reserved_blocks());
    let _ = (superblock.features().names(), superblock.hash_seed(), superblock.free_blocks());
    let _ = extant_format::Mmp::location(superblock);
}

/// One descriptor, its sum made right unless the options say else.
pub(super) fn group(system: &System, body: &[u8]) {
    let superblock = &system.superblock;
    let geometry = superblock.geometry();
    let last = geometry.group_count() - 1;
    let number = u32::try_from(system.number).unwrap_or(0).min(last);
    let group = geometry.group(number).expect("in range");
    let bytes = descriptor(superblock, group, body, system.options & 1 == 0);
    if let Ok(desc) = GroupDesc::parse(&bytes, group, superblock) {
        check_group(superblock, group, &desc);
        let bits = body.get(..).unwrap_or_default();
        let _ = verify_block_bitmap(bits, &desc, group, superblock);
        let _ = verify_inode_bitmap(bits, &desc, group, superblock);
    }
    let _ = GroupDesc::inode_table(&bytes, group, superblock);
}

fn descriptor(superblock: &Superblock, group: GroupNr, body: &[u8], fix: bool) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.resize(superblock.geometry().desc_size() as usize, 0);
    let sum = extant_format::group::descriptor_checksum(&bytes, group, superblock);
    if let Some(field) = bytes.get_mut(0x1e..0x20).filter(|_| fix) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

fn check_group(superblock: &Superblock, group: GroupNr, desc: &GroupDesc) {
    let geometry = superblock.geometry();
    let count = geometry.blocks_count();
    for block in [desc.block_bitmap, desc.inode_bitmap, desc.inode_table] {
        assert!(block.get() > 0 && block.get() < count, "{group}: {desc:?}");
    }
    let end = desc.inode_table.get() + u64::from(geometry.inode_table_blocks());
    assert!(end <= count, "{group}: {desc:?}");
    assert!(desc.unused_inodes <= geometry.inodes_per_group(), "{group}: {desc:?}");
}

/// Many descriptors at once give what each gives alone.
pub(super) fn group_table(system: &System, body: &[u8]) {
    let superblock = &system.superblock;
    let size = superblock.geometry().desc_size() as usize;
    let count = superblock.geometry().group_count();
    let first = u32::try_from(system.number).unwrap_or(0) % count;
    let mut at_once = Vec::new();
    GroupParser::new(superblock).parse_all(body, first, |desc| at_once.push(desc));
    for (n, (bytes, desc)) in (first..count).zip(body.chunks_exact(size).zip(&at_once)) {
        let group = superblock.geometry().group(n).expect("in range");
        assert_eq!(GroupDesc::parse(bytes, group, superblock), *desc, "{group}");
    }
    assert!(at_once.len() <= body.len() / size);
}

/// Bits of a bitmap.
pub(super) fn bitmap(system: &System, body: &[u8]) {
    let len = u32::try_from(system.number % (1 << 17)).unwrap_or(0);
    let Some(bits) = Bits::new(body, len) else { return };
    assert!(u64::from(len) <= 8 * body.len() as u64);
    assert_eq!(bits.count_set() + bits.count_clear(), len);
    let set: Vec<u32> = bits.set().collect();
    assert_eq!(set.len(), bits.count_set() as usize);
    assert!(set.iter().all(|&n| n < len && bits.get(n) == Some(true)));
    assert!(set.is_sorted() && bits.get(len).is_none());
}
