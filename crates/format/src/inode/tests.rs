//! A minimal valid inode, and one mutation for every kind of rejection.

use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::testing;

/// A regular file, in a slot of 256 bytes.
struct Slot {
    raw: RawInode,
    extra: RawExtra,
}

fn valid() -> Slot {
    let mut slot = Slot { raw: RawInode::default(), extra: RawExtra::default() };
    slot.raw.mode.set(0o100_644);
    slot.raw.links_count.set(1);
    slot.raw.size_lo.set(5000);
    slot.raw.flags.set(InodeFlags::EXTENTS.bits());
    slot.extra.extra_isize.set(32);
    slot
}

impl Slot {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.raw.as_bytes().to_vec();
        bytes.extend_from_slice(self.extra.as_bytes());
        bytes.resize(256, 0);
        bytes
    }
}

/// Stores the right checksum in `bytes`, whose extra fields include its upper half.
fn seal(bytes: &mut [u8], ino: InodeNr, sb: &Superblock) {
    let generation = RawInode::ref_from_prefix(bytes).unwrap().0.generation.get();
    let sum = inode_checksum(bytes, sb.seed().for_inode(ino, generation)).to_le_bytes();
    bytes[0x7c..0x7e].copy_from_slice(&sum[..2]);
    if bytes.len() > 128 && bytes[0x80] >= 4 {
        bytes[0x82..0x84].copy_from_slice(&sum[2..]);
    }
}

fn parse(slot: &Slot, sb: &Superblock) -> Result<Inode, CorruptKind> {
    let ino = sb.geometry().inode(12).unwrap();
    let mut bytes = slot.bytes();
    seal(&mut bytes, ino, sb);
    Inode::parse(&bytes, ino, sb).map_err(|corrupt| corrupt.kind)
}

fn parsed(change: impl FnOnce(&mut Slot)) -> Result<Inode, CorruptKind> {
    let mut slot = valid();
    change(&mut slot);
    parse(&slot, &testing::small())
}

fn with_features(incompat: Incompat, ro_compat: RoCompat) -> Superblock {
    testing::with(|raw| {
        raw.feature_incompat.set(raw.feature_incompat.get() | incompat.bits());
        raw.feature_ro_compat.set(raw.feature_ro_compat.get() | ro_compat.bits());
        raw.encoding.set(1);
        if incompat.contains(Incompat::BIT64) {
            raw.desc_size.set(64);
        }
    })
}

fn set_flags(slot: &mut Slot, flags: InodeFlags) {
    slot.raw.flags.set(slot.raw.flags.get() | flags.bits());
}

#[test]
fn the_valid_one_is_accepted() {
    let inode = parsed(|_| ()).unwrap();
    assert_eq!((inode.file_type, inode.mode), (FileType::Regular, 0o100_644));
    assert_eq!((inode.size, inode.links, inode.extra_isize), (5000, 1, 32));
    assert_eq!((inode.ea_offset(), inode.ea_area().len()), (160, 96));
    assert_eq!((inode.map_bytes().len(), inode.bytes().len()), (60, 256));
    assert_eq!(inode.crtime, Some(Timestamp::default()));
}

#[test]
fn each_rejection_has_its_kind() {
    use CorruptKind as K;
    type Change = fn(&mut Slot);
    let cases: &[(K, Change)] = &[
        (K::InodeExtraSize, |s| s.extra.extra_isize.set(30)),
        (K::InodeExtraSize, |s| s.extra.extra_isize.set(132)),
        (K::InodeExtraSize, |s| s.extra.extra_isize.set(u16::MAX)),
        (K::InodeUnallocated, |s| {
            s.raw.mode.set(0);
            s.raw.links_count.set(0);
        }),
        (K::InodeMode, |s| s.raw.mode.set(0)),
        (K::InodeMode, |s| s.raw.mode.set(0xf1ff)),
        (K::InodeSizeField, |s| s.raw.size_hi.set(0x8000_0000)),
        (K::InodeSizeField, |s| s.raw.size_hi.set(0x400)),
        (K::InodeSizeField, |s| {
            s.raw.flags.set(0);
            s.raw.size_hi.set(5);
        }),
        (K::InodeFlags, |s| set_flags(s, InodeFlags::INLINE_DATA)),
        (K::InodeFlags, |s| set_flags(s, InodeFlags::ENCRYPT)),
        (K::InodeFlags, |s| set_flags(s, InodeFlags::CASEFOLD)),
        (K::InodeFlags, |s| set_flags(s, InodeFlags::VERITY)),
        (K::InodeFlags, |s| set_flags(s, InodeFlags::EA_INODE)),
        (K::DirectorySize, |s| s.raw.mode.set(0o040_755)),
        (K::DirectorySize, |s| {
            s.raw.mode.set(0o040_755);
            s.raw.size_lo.set(0);
        }),
    ];
    for (n, (kind, change)) in cases.iter().enumerate() {
        assert_eq!(parsed(change).err(), Some(*kind), "case {n}");
    }
}

#[test]
fn a_slot_of_zeros_is_unallocated_and_other_lengths_are_no_slot() {
    let sb = testing::small();
    let parse = |len| Inode::parse(&vec![0; len], InodeNr::ROOT, &sb).unwrap_err().kind;
    assert_eq!(parse(256), CorruptKind::InodeUnallocated);
    for len in [0, 127, 128, 257] {
        assert_eq!(parse(len), CorruptKind::InodeExtraSize, "{len}");
    }
}

#[test]
fn a_wrong_checksum_is_refused() {
    let sb = testing::small();
    let ino = sb.geometry().inode(12).unwrap();
    let mut good = valid().bytes();
    seal(&mut good, ino, &sb);
    assert!(Inode::parse(&good, ino, &sb).is_ok());
    for byte in [0, 0x64, 0x7c, 0x7e, 0x82, 0x84, 255] {
        let mut bad = good.clone();
        bad[byte] ^= 1;
        let error = Inode::parse(&bad, ino, &sb).unwrap_err();
        assert_eq!(error.kind, CorruptKind::InodeChecksum, "{byte:#x}");
        assert_eq!(error.at, Place::inode(ino));
    }
    let other = sb.geometry().inode(13).unwrap();
    assert!(Inode::parse(&good, other, &sb).is_err(), "an inode copied to another slot");
}

#[test]
fn without_room_for_its_upper_half_the_low_half_is_compared() {
    let mut slot = valid();
    slot.extra.extra_isize.set(0);
    slot.extra.checksum_hi.set(0xdead);
    let inode = parse(&slot, &testing::small()).unwrap();
    assert_eq!(inode.ea_area(), [0; 0]);
}

/// `tune2fs -I 256` leaves extra sizes of 0; the kernel shows such inodes with a time of creation,
/// and this library showed none.
#[test]
fn an_enlarged_slot_has_times_but_no_project() {
    let mut slot = valid();
    slot.extra.extra_isize.set(0);
    let sb = with_features(Incompat::default(), RoCompat::PROJECT);
    assert_eq!(parse(&slot, &sb).unwrap().crtime, Some(Timestamp::default()));
    slot.extra.crtime.set(9);
    slot.extra.mtime_extra.set(7 << 2);
    slot.extra.projid.set(5);
    let inode = parse(&slot, &sb).unwrap();
    assert_eq!(inode.crtime, Some(Timestamp { secs: 9, nanos: 0 }));
    assert_eq!((inode.mtime.nanos, inode.project), (7, 0));
}

#[test]
fn fields_behind_the_extra_size_are_not_read() {
    let mut slot = valid();
    slot.raw.ctime.set(1);
    slot.extra.ctime_extra.set(5 << 2);
    slot.extra.atime_extra.set(7 << 2);
    slot.extra.crtime.set(9);
    slot.extra.extra_isize.set(8);
    let inode = parse(&slot, &testing::small()).unwrap();
    assert_eq!(inode.ctime, Timestamp { secs: 1, nanos: 5 });
    assert_eq!(inode.atime, Timestamp::default());
    assert_eq!(inode.crtime, None);
    slot.extra.extra_isize.set(20);
    let inode = parse(&slot, &testing::small()).unwrap();
    assert_eq!(inode.atime.nanos, 7);
    assert_eq!(inode.crtime, Some(Timestamp { secs: 9, nanos: 0 }));
    assert_eq!(inode.ea_offset(), 148);
}

#[test]
fn old_inodes_have_no_extra_fields() {
    let sb = testing::with(|raw| {
        raw.rev_level.set(0);
        raw.feature_incompat.set(Incompat::FILETYPE.bits());
        raw.feature_ro_compat.set(0);
    });
    let mut slot = valid();
    slot.raw.flags.set(0);
    let ino = sb.geometry().inode(12).unwrap();
    let inode = Inode::parse(slot.raw.as_bytes(), ino, &sb).unwrap();
    assert_eq!((inode.extra_isize, inode.crtime), (0, None));
    assert_eq!(inode.ea_area(), [0; 0]);
}

#[test]
fn flags_with_their_features_are_fine() {
    let all = Incompat::INLINE_DATA
        .union(Incompat::ENCRYPT)
        .union(Incompat::CASEFOLD)
        .union(Incompat::EA_INODE);
    let sb = with_features(all, RoCompat::VERITY);
    let flags = InodeFlags::ENCRYPT.union(InodeFlags::CASEFOLD).union(InodeFlags::EA_INODE);
    let mut slot = valid();
    set_flags(&mut slot, flags.union(InodeFlags::VERITY));
    assert!(parse(&slot, &sb).is_ok());
    set_flags(&mut slot, InodeFlags::INLINE_DATA);
    assert_eq!(parse(&slot, &sb).err(), Some(CorruptKind::InodeFlags), "with extents");
    slot.raw.flags.set(InodeFlags::INLINE_DATA.bits());
    slot.raw.mode.set(0o040_755);
    slot.raw.size_lo.set(60);
    assert_eq!(parse(&slot, &sb).map(|inode| inode.size), Ok(60), "an inline directory");
    let no_extents = testing::with(|raw| raw.feature_incompat.set(0));
    assert!(parse(&valid(), &no_extents).is_ok(), "as Linux reads ext3 that once was ext4");
}

#[test]
fn upper_halves_count_where_they_exist() {
    let mut slot = valid();
    slot.raw.uid_lo.set(1);
    slot.raw.uid_hi.set(2);
    slot.raw.gid_lo.set(3);
    slot.raw.gid_hi.set(4);
    slot.raw.size_hi.set(1);
    slot.raw.blocks_lo.set(8);
    slot.raw.blocks_hi.set(1);
    slot.raw.file_acl_lo.set(5);
    slot.raw.file_acl_hi.set(1);
    slot.raw.version_lo.set(6);
    slot.extra.version_hi.set(1);
    slot.extra.projid.set(77);
    let inode = parse(&slot, &testing::small()).unwrap();
    assert_eq!((inode.uid, inode.gid), (0x2_0001, 0x4_0003));
    assert_eq!((inode.size, inode.version), ((1 << 32) + 5000, (1 << 32) + 6));
    assert_eq!((inode.blocks_512, inode.file_acl, inode.project), (8, 5, 0));
    let wide = with_features(Incompat::BIT64, RoCompat::HUGE_FILE.union(RoCompat::PROJECT));
    let inode = parse(&slot, &wide).unwrap();
    assert_eq!((inode.blocks_512, inode.file_acl), ((1 << 32) + 8, (1 << 32) + 5));
    assert_eq!(inode.project, 77);
    set_flags(&mut slot, InodeFlags::HUGE_FILE);
    assert_eq!(parse(&slot, &wide).unwrap().blocks_512, ((1 << 32) + 8) * 2);
    slot.raw.mode.set(0o040_755);
    slot.raw.size_lo.set(1024);
    assert_eq!(parse(&slot, &wide).unwrap().size, 1024, "directories have 32 bits of size");
    let large = with_features(Incompat::LARGE_DIR, RoCompat::HUGE_FILE);
    assert_eq!(parse(&slot, &large).unwrap().size, (1 << 32) + 1024);
}

/// With `large_dir` all types have 64 bits of size: a named pipe was accepted with a size that is
/// negative where sizes are signed.
#[test]
fn sizes_are_never_negative_whatever_the_type() {
    let mut slot = valid();
    slot.raw.mode.set(0o010_644);
    slot.raw.size_hi.set(0x8000_0000);
    let large = with_features(Incompat::LARGE_DIR, RoCompat::HUGE_FILE);
    let kind = parse(&slot, &large).err();
    assert_eq!(kind, Some(CorruptKind::InodeSizeField));
    slot.raw.size_hi.set(0x7fff_ffff);
    assert!(parse(&slot, &large).is_ok());
}

#[test]
fn an_orphan_may_have_no_links_and_its_directory_no_size() {
    assert!(parsed(|s| s.raw.links_count.set(0)).is_ok());
    let removed = parsed(|s| {
        s.raw.mode.set(0o040_755);
        s.raw.links_count.set(0);
        s.raw.size_lo.set(0);
    });
    assert!(removed.is_ok());
}

#[test]
fn the_largest_sizes_are_accepted() {
    let size = |flags, bytes: u64| {
        parsed(|s| {
            s.raw.flags.set(flags);
            s.raw.size_lo.set(u32::try_from(bytes & 0xffff_ffff).unwrap());
            s.raw.size_hi.set(u32::try_from(bytes >> 32).unwrap());
        })
        .map(|inode| inode.size)
    };
    let by_extents = 0xffff_ffff * 1024;
    let by_indirect = (12 + 256 + 256 * 256 + 256 * 256 * 256) * 1024;
    let refused = Err(CorruptKind::InodeSizeField);
    assert_eq!(size(InodeFlags::EXTENTS.bits(), by_extents), Ok(by_extents));
    assert_eq!(size(InodeFlags::EXTENTS.bits(), by_extents + 1), refused);
    assert_eq!(size(0, by_indirect), Ok(by_indirect));
    assert_eq!(size(0, by_indirect + 1), refused);
}

#[test]
fn devices_have_numbers_in_two_encodings() {
    let device = |mode, words: [u32; 2]| {
        parsed(|s| {
            s.raw.mode.set(mode);
            s.raw.flags.set(0);
            s.raw.block[..8].copy_from_slice(&words.map(u32::to_le_bytes).concat());
        })
        .unwrap()
    };
    let old = device(0o020_600, [0x0501, 0]);
    assert_eq!((old.device(), old.raw_device()), (Some((5, 1)), Some(RawDevice::Old(0x501))));
    let new = device(0o060_600, [0, 0xabc1_2345]);
    assert_eq!(new.device(), Some((0x123, 0x000a_bc45)));
    assert_eq!(device(0o100_600, [0x501, 0]).device(), None);
}

fn fast_symlink(features: Incompat, blocks: u32, acl: u32, size: u32) -> bool {
    let sb = with_features(features, RoCompat::default());
    let mut slot = valid();
    slot.raw.mode.set(0o120_777);
    let inline = features.contains(Incompat::INLINE_DATA);
    slot.raw.flags.set(if inline { InodeFlags::INLINE_DATA.bits() } else { 0 });
    slot.raw.size_lo.set(size);
    slot.raw.blocks_lo.set(blocks);
    slot.raw.file_acl_lo.set(acl);
    parse(&slot, &sb).unwrap().is_fast_symlink()
}

#[test]
fn fast_symlinks_are_told_by_their_blocks() {
    let none = Incompat::default();
    assert!(fast_symlink(none, 0, 0, 20));
    assert!(fast_symlink(none, 2, 100, 20), "its only block is that of the attributes");
    assert!(!fast_symlink(none, 2, 0, 20));
    assert!(!fast_symlink(none, 4, 100, 100));
    assert!(!fast_symlink(Incompat::INLINE_DATA, 0, 0, 20));
    assert!(!parsed(|_| ()).unwrap().is_fast_symlink());
}

/// A symlink with an attribute whose value has an inode counts that inode's blocks as its own; it
/// was taken for one with its target in a block, and could not be read.
#[test]
fn with_ea_inodes_fast_symlinks_are_told_by_their_size() {
    assert!(fast_symlink(Incompat::EA_INODE, 24, 0, 59));
    assert!(fast_symlink(Incompat::EA_INODE, 0, 0, 1));
    assert!(!fast_symlink(Incompat::EA_INODE, 2, 0, 60));
    assert!(!fast_symlink(Incompat::EA_INODE, 0, 0, 0));
    assert!(!fast_symlink(Incompat::EA_INODE.union(Incompat::INLINE_DATA), 0, 0, 20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn any_bytes_never_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 256),
        tame: bool,
        extra_isize: u16,
        kind in 0_u16..16,
    ) {
        let sb = testing::small();
        if tame {
            bytes[1] = u8::try_from(kind << 4).unwrap();
            bytes[32..36].fill(0);
            bytes[0x6c..0x70].fill(0);
            bytes[0x80..0x82].copy_from_slice(&(extra_isize % 140).to_le_bytes());
        }
        seal(&mut bytes, InodeNr::ROOT, &sb);
        if let Ok(inode) = Inode::parse(&bytes, InodeNr::ROOT, &sb) {
            prop_assert_eq!(inode.ea_area().len() + inode.ea_offset(), 256);
            prop_assert_eq!(inode.map_bytes().len(), 60);
            prop_assert_eq!(inode.device().is_some(), inode.file_type.is_device());
            prop_assert!(inode.size < 1 << 42 || !inode.file_type.has_content());
        }
    }
}
