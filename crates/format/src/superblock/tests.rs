//! A minimal valid superblock, and one mutation for every kind of rejection.

use super::*;
use crate::BlockSize;
use CorruptKind as K;

/// 8 MiB, 1 KiB blocks, one group, `metadata_csum`.
fn valid() -> RawSuperblock {
    let mut raw = RawSuperblock::default();
    raw.magic.set(MAGIC);
    raw.rev_level.set(1);
    raw.blocks_count_lo.set(8192);
    raw.first_data_block.set(1);
    raw.blocks_per_group.set(8192);
    raw.clusters_per_group.set(8192);
    raw.inodes_per_group.set(64);
    raw.inodes_count.set(64);
    raw.inode_size.set(256);
    raw.first_ino.set(11);
    raw.feature_incompat.set((Incompat::FILETYPE.union(Incompat::EXTENTS)).bits());
    raw.feature_ro_compat.set(RoCompat::METADATA_CSUM.bits());
    raw.checksum_type = 1;
    raw
}

fn parse(mut raw: RawSuperblock) -> Result<Superblock, SuperblockError> {
    raw.checksum.set(checksum(&raw));
    Superblock::parse(raw.as_bytes())
}

fn kind_of(change: impl FnOnce(&mut RawSuperblock)) -> CorruptKind {
    let mut raw = valid();
    change(&mut raw);
    match parse(raw) {
        Err(SuperblockError::Corrupt(c)) => c.kind,
        other => panic!("expected a rejection, got {:?}", other.map(|_| ())),
    }
}

fn set_incompat(raw: &mut RawSuperblock, flag: Incompat) {
    raw.feature_incompat.set(raw.feature_incompat.get() | flag.bits());
}

#[test]
fn the_valid_one_is_accepted() {
    let superblock = parse(valid()).unwrap();
    assert_eq!(superblock.geometry().block_size(), BlockSize::from_bytes(1024).unwrap());
    assert_eq!(superblock.geometry().group_count(), 1);
}

type Change = fn(&mut RawSuperblock);

const CASES: &[(K, Change)] = &[
    (K::SuperblockMagic, |r| r.magic.set(0)),
    (K::SuperblockChecksumType, |r| r.checksum_type = 2),
    (K::BlockSizeTooLarge, |r| r.log_block_size.set(7)),
    (K::BlockSizeTooLarge, |r| {
        r.log_block_size.set(u32::MAX);
        r.log_cluster_size.set(u32::MAX);
    }),
    (K::ClusterSize, |r| r.log_cluster_size.set(1)),
    (K::ClusterSize, |r| {
        r.feature_ro_compat.set(r.feature_ro_compat.get() | RoCompat::BIGALLOC.bits());
        r.log_cluster_size.set(21);
    }),
    (K::InodeSize, |r| r.inode_size.set(0)),
    (K::InodeSize, |r| r.inode_size.set(192)),
    (K::InodeSize, |r| r.inode_size.set(2048)),
    (K::BlocksPerGroup, |r| r.blocks_per_group.set(0)),
    (K::BlocksPerGroup, |r| r.blocks_per_group.set(8191)),
    (K::BlocksPerGroup, |r| r.blocks_per_group.set(8200)),
    (K::ClustersPerGroup, |r| r.clusters_per_group.set(0)),
    (K::ClustersPerGroup, |r| r.clusters_per_group.set(4096)),
    (K::InodesPerGroup, |r| r.inodes_per_group.set(0)),
    (K::InodesPerGroup, |r| r.inodes_per_group.set(63)),
    (K::InodesPerGroup, |r| r.inodes_per_group.set(8196)),
    (K::InodesCount, |r| r.inodes_count.set(65)),
    (K::BlocksCount, |r| r.blocks_count_lo.set(0)),
    (K::BlocksCount, |r| {
        set_incompat(r, Incompat::BIT64);
        r.desc_size.set(64);
        r.blocks_count_hi.set(u32::MAX);
    }),
    (K::FirstDataBlock, |r| r.first_data_block.set(8192)),
    (K::FirstDataBlock, |r| r.first_data_block.set(0)),
    (K::FlexGroupSize, |r| {
        set_incompat(r, Incompat::FLEX_BG);
        r.log_groups_per_flex = 32;
    }),
    (K::DescriptorSize, |r| set_incompat(r, Incompat::BIT64)),
    (K::DescriptorSize, |r| {
        set_incompat(r, Incompat::BIT64);
        r.desc_size.set(96);
    }),
    (K::DescriptorSize, |r| {
        set_incompat(r, Incompat::BIT64);
        r.desc_size.set(2048);
    }),
    (K::FirstMetaGroup, |r| {
        set_incompat(r, Incompat::META_BG);
        r.first_meta_bg.set(2);
    }),
    (K::FirstInode, |r| r.first_ino.set(10)),
    (K::FirstInode, |r| r.first_ino.set(65)),
    (K::FeatureConflict, |r| {
        set_incompat(r, Incompat::META_BG);
        r.feature_compat.set(Compat::RESIZE_INODE.bits());
    }),
    (K::ReservedDescriptorBlocks, |r| {
        r.feature_compat.set(Compat::RESIZE_INODE.bits());
        r.reserved_gdt_blocks.set(257);
    }),
    (K::HashVersion, |r| {
        r.feature_compat.set(Compat::DIR_INDEX.bits());
        r.def_hash_version = 6;
    }),
    (K::CasefoldEncoding, |r| set_incompat(r, Incompat::CASEFOLD)),
    (K::JournalInode, |r| {
        r.feature_compat.set(Compat::HAS_JOURNAL.bits());
        r.journal_inum.set(7);
    }),
];

#[test]
fn each_rejection_has_its_kind() {
    for (n, (kind, change)) in CASES.iter().enumerate() {
        assert_eq!(kind_of(change), *kind, "case {n}");
    }
}

#[test]
fn group_count_that_overflows_is_refused() {
    let kind = kind_of(|r| {
        set_incompat(r, Incompat::BIT64);
        r.desc_size.set(64);
        r.blocks_count_hi.set(0xffff);
        r.blocks_per_group.set(8);
        r.clusters_per_group.set(8);
    });
    assert_eq!(kind, CorruptKind::GroupCount);
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut raw = valid();
    raw.checksum.set(checksum(&raw) ^ 1);
    let error = Superblock::parse(raw.as_bytes()).err();
    let corrupt = Corrupt::new(CorruptKind::SuperblockChecksum, Place::superblock());
    assert_eq!(error, Some(SuperblockError::Corrupt(corrupt)));
}

#[test]
fn unknown_incompat_features_are_refused_by_name() {
    let mut raw = valid();
    set_incompat(&mut raw, Incompat::DIRDATA.union(Incompat::from_bits(1 << 30)));
    let features = vec!["dirdata".to_owned(), "FEATURE_I30".to_owned()];
    assert_eq!(parse(raw).err(), Some(SuperblockError::Unsupported { features }));
}

#[test]
fn backups_follow_the_sparse_rules() {
    let mut raw = valid();
    raw.blocks_count_lo.set(8192 * 60 + 1);
    raw.inodes_count.set(64 * 60);
    let with = |raw: &RawSuperblock| {
        let superblock = parse(raw.clone()).unwrap();
        let geometry = superblock.geometry().clone();
        geometry
            .groups()
            .filter(|g| geometry.has_superblock(*g))
            .map(|g| g.get())
            .collect::<Vec<_>>()
    };
    let base_meta = |raw: &RawSuperblock| {
        let superblock = parse(raw.clone()).unwrap();
        let geometry = superblock.geometry().clone();
        let has_some = |g: &crate::GroupNr| geometry.base_meta_blocks(*g) > 0;
        let listed: Vec<_> = geometry.groups_with_base_meta().filter(has_some).collect();
        assert_eq!(listed, geometry.groups().filter(has_some).collect::<Vec<_>>());
        geometry.groups_with_base_meta().count()
    };
    assert_eq!((with(&raw).len(), base_meta(&raw)), (60, 60));
    raw.feature_ro_compat.set(raw.feature_ro_compat.get() | RoCompat::SPARSE_SUPER.bits());
    assert_eq!(with(&raw), [0, 1, 3, 5, 7, 9, 25, 27, 49]);
    assert_eq!(base_meta(&raw), 9);
    raw.feature_compat.set(Compat::SPARSE_SUPER2.bits());
    raw.backup_bgs = [1.into(), 59.into()];
    assert_eq!(with(&raw), [0, 1, 59]);
    assert_eq!(base_meta(&raw), 3);
}

#[test]
fn truncated_bytes_are_no_superblock() {
    for len in [0, 1, 1023] {
        assert!(Superblock::parse(&vec![0; len]).is_err());
    }
}
