//! A minimal valid descriptor, and one mutation for every kind of rejection.

use proptest::prelude::*;

use super::*;
use crate::features::RoCompat;
use crate::superblock::RawSuperblock;
use crate::testing;

/// The descriptor of the group of the small test file system: superblock in block 1, descriptors
/// in block 2, bitmaps in 3 and 4, inode table in 5 to 20.
fn valid() -> RawLow {
    let mut raw = RawLow::read_from_bytes(&[0; 32]).unwrap();
    raw.block_bitmap.set(3);
    raw.inode_bitmap.set(4);
    raw.inode_table.set(5);
    raw.free_clusters.set(8000);
    raw.free_inodes.set(53);
    raw.used_dirs.set(2);
    raw.unused_inodes.set(52);
    raw
}

fn parse_in(mut raw: RawLow, group: u32, sb: &Superblock) -> Result<GroupDesc, CorruptKind> {
    let group = sb.geometry().group(group).unwrap();
    let mut bytes = raw.as_bytes().to_vec();
    bytes.resize(sb.geometry().desc_size() as usize, 0);
    raw.checksum.set(descriptor_checksum(&bytes, group, sb));
    bytes[..32].copy_from_slice(raw.as_bytes());
    GroupDesc::parse(&bytes, group, sb).map_err(|corrupt| corrupt.kind)
}

/// Eight groups of 8,192 blocks.
fn eight_groups(change: impl FnOnce(&mut RawSuperblock)) -> Superblock {
    testing::with(|raw| {
        raw.blocks_count_lo.set(8192 * 8 + 1);
        raw.inodes_count.set(64 * 8);
        raw.feature_ro_compat.set(raw.feature_ro_compat.get() | RoCompat::SPARSE_SUPER.bits());
        change(raw);
    })
}

fn flex(raw: &mut RawSuperblock) {
    raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::FLEX_BG.bits());
    raw.log_groups_per_flex = 4;
}

#[test]
fn the_valid_one_is_accepted() {
    let desc = parse_in(valid(), 0, &testing::small()).unwrap();
    let places = [desc.block_bitmap, desc.inode_bitmap, desc.inode_table];
    assert_eq!(places.map(BlockNr::get), [3, 4, 5]);
    let counts = (desc.free_clusters, desc.free_inodes, desc.used_dirs, desc.unused_inodes);
    assert_eq!(counts, (8000, 53, 2, 52));
}

#[test]
fn each_rejection_has_its_kind() {
    use CorruptKind as K;
    type Change = fn(&mut RawLow);
    let cases: &[(K, Change)] = &[
        (K::GroupBlockBitmap, |r| r.block_bitmap.set(0)),
        (K::GroupBlockBitmap, |r| r.block_bitmap.set(1)),
        (K::GroupBlockBitmap, |r| r.block_bitmap.set(2)),
        (K::GroupBlockBitmap, |r| r.block_bitmap.set(8192)),
        (K::GroupInodeBitmap, |r| r.inode_bitmap.set(u32::MAX)),
        (K::GroupInodeBitmap, |r| r.inode_bitmap.set(2)),
        (K::GroupInodeBitmap, |r| r.inode_bitmap.set(3)),
        (K::GroupInodeTable, |r| r.inode_table.set(0)),
        (K::GroupInodeTable, |r| r.inode_table.set(2)),
        (K::GroupInodeTable, |r| r.inode_table.set(4)),
        (K::GroupInodeTable, |r| r.inode_table.set(8177)),
        (K::GroupInodeTable, |r| r.block_bitmap.set(20)),
        (K::GroupInodeTable, |r| r.inode_bitmap.set(12)),
        (K::GroupUnusedInodes, |r| r.unused_inodes.set(65)),
    ];
    for (n, (kind, change)) in cases.iter().enumerate() {
        let mut raw = valid();
        change(&mut raw);
        assert_eq!(parse_in(raw, 0, &testing::small()), Err(*kind), "case {n}");
    }
}

#[test]
fn a_table_may_end_with_the_file_system() {
    let mut raw = valid();
    raw.inode_table.set(8192 - 16);
    assert!(parse_in(raw, 0, &testing::small()).is_ok());
}

#[test]
fn flags_and_unused_counts_need_checksums() {
    let plain = testing::with(|raw| raw.feature_ro_compat.set(0));
    for flag in [1, 2] {
        let mut raw = valid();
        raw.flags.set(flag);
        assert!(parse_in(raw.clone(), 0, &testing::small()).is_ok());
        assert_eq!(parse_in(raw, 0, &plain), Err(CorruptKind::GroupFlags));
    }
    let mut raw = valid();
    raw.flags.set(GroupFlags::INODE_ZEROED.bits());
    raw.unused_inodes.set(u16::MAX);
    assert_eq!(parse_in(raw, 0, &plain).map(|desc| desc.unused_inodes), Ok(0));
}

#[test]
fn a_wrong_checksum_is_refused_in_both_algorithms() {
    for feature in [RoCompat::METADATA_CSUM, RoCompat::GDT_CSUM] {
        let sb = testing::with(|raw| raw.feature_ro_compat.set(feature.bits()));
        let group = sb.geometry().group(0).unwrap();
        let mut raw = valid();
        raw.checksum.set(descriptor_checksum(raw.as_bytes(), group, &sb));
        assert!(GroupDesc::parse(raw.as_bytes(), group, &sb).is_ok());
        for byte in [12, 29, 30, 31] {
            let mut bytes = raw.as_bytes().to_vec();
            bytes[byte] ^= 1;
            let error = GroupDesc::parse(&bytes, group, &sb).unwrap_err();
            assert_eq!(error.kind, CorruptKind::GroupChecksum, "{byte}");
        }
        let short = GroupDesc::parse(&raw.as_bytes()[..31], group, &sb);
        assert_eq!(short.unwrap_err().kind, CorruptKind::GroupChecksum);
    }
}

#[test]
fn a_checksum_belongs_to_its_group() {
    let sb = eight_groups(flex);
    let group = |n| sb.geometry().group(n).unwrap();
    let mut raw = valid();
    raw.checksum.set(descriptor_checksum(raw.as_bytes(), group(2), &sb));
    assert!(GroupDesc::parse(raw.as_bytes(), group(2), &sb).is_ok());
    assert!(GroupDesc::parse(raw.as_bytes(), group(4), &sb).is_err());
}

#[test]
fn metadata_leaves_its_group_only_with_flex_bg() {
    let error = parse_in(valid(), 2, &eight_groups(|_| ()));
    assert_eq!(error, Err(CorruptKind::GroupBlockBitmap));
    assert!(parse_in(valid(), 2, &eight_groups(flex)).is_ok());
    let mut table_outside = valid();
    let first = 8192 * 2 + 1;
    table_outside.block_bitmap.set(first);
    table_outside.inode_bitmap.set(first + 1);
    table_outside.inode_table.set(first + 8192 - 15);
    let error = parse_in(table_outside, 2, &eight_groups(|_| ()));
    assert_eq!(error, Err(CorruptKind::GroupInodeTable));
}

#[test]
fn metadata_misses_the_superblock_copies_of_other_groups() {
    let sb = eight_groups(flex);
    let table_at = |block| {
        let mut raw = valid();
        raw.inode_table.set(block);
        parse_in(raw, 0, &sb).map(|_| ())
    };
    let (one, two) = (8192 + 1, 8192 * 2 + 1);
    assert_eq!(table_at(one + 1), Err(CorruptKind::GroupInodeTable), "on the copy of group 1");
    assert_eq!(table_at(one + 2), Ok(()), "behind it");
    assert_eq!(table_at(one - 16), Ok(()), "before it");
    assert_eq!(table_at(one - 15), Err(CorruptKind::GroupInodeTable), "reaching into it");
    assert_eq!(table_at(two - 15), Ok(()), "group 2 has none");
}

#[test]
fn upper_halves_count_in_descriptors_of_64_bytes() {
    let sb = testing::with(|raw| {
        raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::BIT64.bits());
        raw.desc_size.set(64);
    });
    let group = sb.geometry().group(0).unwrap();
    let parse = |byte: usize| {
        let mut bytes = valid().as_bytes().to_vec();
        bytes.resize(64, 0);
        bytes[byte] = 1;
        let sum = descriptor_checksum(&bytes, group, &sb);
        bytes[30..32].copy_from_slice(&sum.to_le_bytes());
        GroupDesc::parse(&bytes, group, &sb).map_err(|corrupt| corrupt.kind)
    };
    assert_eq!(parse(0x20), Err(CorruptKind::GroupBlockBitmap));
    assert_eq!(parse(0x24), Err(CorruptKind::GroupInodeBitmap));
    assert_eq!(parse(0x28), Err(CorruptKind::GroupInodeTable));
    assert_eq!(parse(0x2c).unwrap().free_clusters, 0x1_0000 + 8000);
    assert_eq!(parse(0x2e).unwrap().free_inodes, 0x1_0000 + 53);
    assert_eq!(parse(0x30).unwrap().used_dirs, 0x1_0000 + 2);
    assert_eq!(parse(0x32), Err(CorruptKind::GroupUnusedInodes));
    assert_eq!(parse(0x38).unwrap().block_bitmap_csum, 0x1_0000);
    assert_eq!(parse(0x3a).unwrap().inode_bitmap_csum, 0x1_0000);
}

#[test]
fn bitmap_checksums_cover_the_bits_of_the_group() {
    use crate::bitmap::{verify_block_bitmap, verify_inode_bitmap};

    let sb = testing::small();
    let group = sb.geometry().group(0).unwrap();
    let mut bitmap = vec![0xa5; 1024];
    let mut desc = parse_in(valid(), 0, &sb).unwrap();
    // Descriptors of 32 bytes hold the low half only.
    desc.block_bitmap_csum = sb.seed().sum(&bitmap) & 0xffff;
    desc.inode_bitmap_csum = sb.seed().sum(&bitmap[..8]) & 0xffff;
    assert_eq!(verify_block_bitmap(&bitmap, &desc, group, &sb), Ok(()));
    assert_eq!(verify_inode_bitmap(&bitmap, &desc, group, &sb), Ok(()));
    bitmap[8] ^= 1;
    let kind = |result: Result<(), Corrupt>| result.map_err(|corrupt| corrupt.kind);
    let block = kind(verify_block_bitmap(&bitmap, &desc, group, &sb));
    assert_eq!(block, Err(CorruptKind::BlockBitmapChecksum));
    assert_eq!(verify_inode_bitmap(&bitmap, &desc, group, &sb), Ok(()), "padding is not summed");
    bitmap[7] ^= 1;
    let inode = kind(verify_inode_bitmap(&bitmap, &desc, group, &sb));
    assert_eq!(inode, Err(CorruptKind::InodeBitmapChecksum));
    let plain = testing::with(|raw| raw.feature_ro_compat.set(0));
    assert_eq!(verify_block_bitmap(&bitmap, &desc, group, &plain), Ok(()));
    assert!(verify_block_bitmap(&bitmap[..1023], &desc, group, &sb).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn any_bytes_never_panic(bytes: [u8; 32], places: [u16; 3], wild: bool) {
        let sb = eight_groups(|raw| {
            flex(raw);
            raw.feature_ro_compat.set(RoCompat::SPARSE_SUPER.bits());
        });
        let mut raw = RawLow::read_from_bytes(&bytes).unwrap();
        if !wild {
            raw.flags.set(0);
            raw.block_bitmap.set(places[0].into());
            raw.inode_bitmap.set(places[1].into());
            raw.inode_table.set(places[2].into());
        }
        if let Ok(desc) = parse_in(raw, 3, &sb) {
            let end = desc.inode_table.get() + 16;
            prop_assert!(end <= sb.geometry().blocks_count());
            prop_assert!(desc.block_bitmap != desc.inode_bitmap);
        }
    }
}

/// What features and descriptor sizes there are.
fn variant(n: u8) -> Superblock {
    eight_groups(|raw| {
        if n & 1 != 0 {
            flex(raw);
        }
        let sum = match n >> 1 & 3 {
            0 => RoCompat::METADATA_CSUM.bits(),
            1 => RoCompat::GDT_CSUM.bits(),
            _ => 0,
        };
        raw.feature_ro_compat.set(RoCompat::SPARSE_SUPER.bits() | sum);
        if n & 8 != 0 {
            raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::BIT64.bits());
            raw.desc_size.set(if n & 16 != 0 { 128 } else { 64 });
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn descriptors_side_by_side_are_judged_as_each_alone(
        kind in 0_u8..32,
        first in 0_u32..9,
        // Groups, and blocks in them, of which the descriptors choose: many meet.
        places in proptest::collection::vec((0_u32..9, 0_u32..40, any::<bool>()), 3 * 10),
        damaged in 0_usize..20,
    ) {
        let sb = variant(kind);
        let size = sb.geometry().desc_size() as usize;
        let at = |(group, block, end): (u32, u32, bool)| {
            (group * 8192 + block + if end { 8192 - 20 } else { 0 }).into()
        };
        let mut bytes = Vec::new();
        for (n, places) in (first..).zip(places.chunks(3)) {
            let mut raw = valid();
            raw.block_bitmap = at(places[0]);
            raw.inode_bitmap = at(places[1]);
            raw.inode_table = at(places[2]);
            let mut desc = raw.as_bytes().to_vec();
            desc.resize(size, 0);
            let sum = descriptor_checksum(&desc, GroupNr::new(n), &sb);
            desc[30..32].copy_from_slice(&sum.to_le_bytes());
            if n as usize == damaged {
                desc[20] ^= 1;
            }
            bytes.extend(desc);
        }
        let mut together = Vec::new();
        GroupParser::new(&sb).parse_all(&bytes, first, |desc| together.push(desc));
        let groups = (first..8).map(|n| sb.geometry().group(n).unwrap());
        let alone: Vec<_> = groups
            .zip(bytes.chunks(size))
            .map(|(group, desc)| GroupDesc::parse(desc, group, &sb))
            .collect();
        prop_assert_eq!(together, alone);
    }
}
