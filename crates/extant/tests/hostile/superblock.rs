//! Rows 1 to 11: the superblock. All are refused before a descriptor is looked at, but for those
//! that are tolerated.

use extant::{CorruptKind, Error, OpenOptions, Place, SuperblockCopy};
use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{
    EXT4, GROUPS, PLAIN, failure, image, only, open, open_with, refused, refused_at,
    unrelated_reads_right,
};

const BIGALLOC: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"];
const META_BG: &[&str] =
    &["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "512", "-O", "meta_bg,^resize_inode"];

/// A field: its offset, and its value in 2 or 4 bytes.
#[derive(Clone, Copy, Debug)]
enum Set {
    U8(u64, u8),
    U16(u64, u16),
    U32(u64, u32),
}

fn set(editor: &mut ImageEditor, field: Set) {
    match field {
        Set::U8(at, value) => editor.set_u8(Spot::Superblock, at, value),
        Set::U16(at, value) => editor.set_u16(Spot::Superblock, at, value),
        Set::U32(at, value) => editor.set_u32(Spot::Superblock, at, value),
    }
    .unwrap();
}

/// With the checksum made right each row is refused as its kind; without, as the checksum.
fn each_refused(args: &[&str], rows: &[(&[Set], CorruptKind)]) {
    for (fields, kind) in rows {
        let mut editor = image(args);
        fields.iter().for_each(|field| set(&mut editor, *field));
        println!("{fields:?}");
        refused(&editor, *kind);
        if !args.contains(&PLAIN[5]) {
            let mut editor = image(args);
            editor.set_fixing(false);
            fields.iter().for_each(|field| set(&mut editor, *field));
            refused(&editor, CorruptKind::SuperblockChecksum);
        }
    }
}

fn tolerated(args: &[&str], fields: &[Set]) {
    let mut editor = image(args);
    fields.iter().for_each(|field| set(&mut editor, *field));
    only(&editor, &[]);
}

#[test]
fn row_01_block_size() {
    let rows = [7, 8, 22, 31, 32, 54, 0x8000_0000, u32::MAX];
    for log in rows {
        each_refused(EXT4, &[(&[Set::U32(0x18, log)], CorruptKind::BlockSizeTooLarge)]);
    }
    // A shift that comes out as a known size is no known size.
    each_refused(PLAIN, &[(&[Set::U32(0x18, 32)], CorruptKind::BlockSizeTooLarge)]);
}

#[test]
fn row_02_cluster_size() {
    use CorruptKind::{ClusterSize, ClustersPerGroup};
    each_refused(
        BIGALLOC,
        &[
            (&[Set::U32(0x1c, 21)], ClusterSize),
            (&[Set::U32(0x1c, 32)], ClusterSize),
            (&[Set::U32(0x1c, u32::MAX)], ClusterSize),
            (&[Set::U32(0x18, 1), Set::U32(0x1c, 0)], ClusterSize),
            (&[Set::U32(0x24, 0)], ClustersPerGroup),
            (&[Set::U32(0x24, 0x2001)], ClustersPerGroup),
            (&[Set::U32(0x24, 0x1ff8)], ClustersPerGroup),
            (&[Set::U32(0x1c, 3)], ClustersPerGroup),
        ],
    );
    // Clusters larger than blocks without the flag.
    each_refused(
        EXT4,
        &[(&[Set::U32(0x1c, 2)], ClusterSize), (&[Set::U32(0x24, 8)], ClustersPerGroup)],
    );
    let editor = image(BIGALLOC);
    let flags = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    each_refused(BIGALLOC, &[(&[Set::U32(0x64, flags & !0x200)], ClusterSize)]);
    only(&editor, &[]);
}

#[test]
fn row_03_inode_size_and_group_sizes() {
    use CorruptKind::{BlocksPerGroup, ClustersPerGroup, InodeSize, InodesPerGroup};
    for size in [0, 1, 64, 127, 129, 192, 384, 2048, 0x8000, 0xffff] {
        each_refused(EXT4, &[(&[Set::U16(0x58, size)], InodeSize)]);
    }
    each_refused(
        EXT4,
        &[
            (&[Set::U32(0x20, 0)], BlocksPerGroup),
            (&[Set::U32(0x20, 0x2001)], BlocksPerGroup),
            (&[Set::U32(0x20, 0x2008), Set::U32(0x24, 0x2000)], BlocksPerGroup),
            (&[Set::U32(0x20, u32::MAX)], BlocksPerGroup),
            (&[Set::U32(0x24, 0)], ClustersPerGroup),
            (&[Set::U32(0x24, u32::MAX)], ClustersPerGroup),
            (&[Set::U32(0x20, 0x1000)], ClustersPerGroup),
            (&[Set::U32(0x28, 0)], InodesPerGroup),
            (&[Set::U32(0x28, 0x2008)], InodesPerGroup),
            (&[Set::U32(0x28, 2047)], InodesPerGroup),
            (&[Set::U32(0x28, u32::MAX)], InodesPerGroup),
            (&[Set::U32(0x28, 1024)], CorruptKind::InodesCount),
            (&[Set::U32(0x0, 0)], CorruptKind::InodesCount),
        ],
    );
}

#[test]
fn row_03_group_sizes_need_not_be_powers_of_two() {
    let odd = ["-t", "ext4", "-b", "1024", "-g", "2008", "-N", "820"];
    let editor = image(&odd);
    assert!(!editor.get_u32(Spot::Superblock, 0x28).unwrap().is_power_of_two());
    only(&editor, &[]);
}

#[test]
fn row_04_first_data_block_and_group_count() {
    use CorruptKind::{BlocksCount, FirstDataBlock, GroupCount};
    each_refused(
        EXT4,
        &[
            (&[Set::U32(0x14, 8192)], FirstDataBlock),
            (&[Set::U32(0x14, u32::MAX)], FirstDataBlock),
            // Blocks of 1 KiB: block 0 is the boot block.
            (&[Set::U32(0x14, 0)], FirstDataBlock),
            (&[Set::U32(0x4, 0)], BlocksCount),
            // 2^47 blocks in groups of 8: more than 2^32 groups.
            (&[Set::U32(0x150, 0x8000), Set::U32(0x20, 8), Set::U32(0x24, 8)], GroupCount),
            (&[Set::U32(0x4, 1)], FirstDataBlock),
        ],
    );
}

#[test]
fn row_05_blocks_count_larger_than_the_device() {
    let mut editor = image(EXT4);
    editor.set_u32(Spot::Superblock, 0x4, 8193).unwrap();
    refused_at(&editor, CorruptKind::DeviceTooSmall, Place::superblock().block(8192));
    let options = OpenOptions { allow_short_device: true, ..OpenOptions::default() };
    unrelated_reads_right(&open_with(&editor, options).unwrap());
    each_refused(EXT4, &[(&[Set::U32(0x150, u32::MAX)], CorruptKind::BlocksCount)]);
    each_refused(EXT4, &[(&[Set::U32(0x150, 0x1_0000)], CorruptKind::BlocksCount)]);
    // As many groups as the counts want do not fit the inode count.
    each_refused(EXT4, &[(&[Set::U32(0x150, 0xff)], CorruptKind::InodesCount)]);
}

#[test]
fn row_05_an_image_cut_short_reads_as_far_as_it_goes() {
    let editor = image(EXT4);
    let last = editor.lookup("/fragmented").unwrap();
    let end = editor.map_block(last, 798).unwrap().unwrap();
    let cut = usize::try_from(end * 1024).unwrap();
    let short = ImageEditor::new(editor.bytes()[..cut].to_vec());
    refused_at(&short, CorruptKind::DeviceTooSmall, Place::superblock().block(end));
    let options = OpenOptions { allow_short_device: true, ..OpenOptions::default() };
    let fs = open_with(&short, options).unwrap();
    unrelated_reads_right(&fs);
    let mut buf = [0; 1024];
    let file = fs.open_file(b"/fragmented", extant::IoFlags::NONE).unwrap();
    let result = file.read_at(&mut buf, 798 * 1024, extant::IoFlags::NONE);
    assert!(matches!(result, Err(Error::Device(_))), "{result:?}");
}

#[test]
fn row_06_flex_group_size() {
    for log in [32, 33, 63, 64, 128, 255] {
        each_refused(EXT4, &[(&[Set::U8(0x174, log)], CorruptKind::FlexGroupSize)]);
    }
    // mke2fs writes 0 for groups that are not gathered; 31 gathers more than there are.
    for log in [0, 1, 31] {
        tolerated(GROUPS, &[Set::U8(0x174, log)]);
    }
}

#[test]
fn row_07_descriptor_size() {
    for size in [0, 1, 31, 32, 33, 63, 65, 96, 1000, 2048, 0x8000, 0xffff] {
        each_refused(EXT4, &[(&[Set::U16(0xfe, size)], CorruptKind::DescriptorSize)]);
    }
    // Without `64bit` the field means nothing.
    let narrow = ["-t", "ext4", "-b", "1024", "-O", "^64bit"];
    for size in [0, 7, 64, 0xffff] {
        tolerated(&narrow, &[Set::U16(0xfe, size)]);
    }
}

/// A legal size, but not the one in use: the checksum of the longer descriptor tells.
#[test]
fn row_07_descriptors_of_another_size() {
    let mut editor = image(GROUPS);
    set(&mut editor, Set::U16(0xfe, 128));
    match open(&editor) {
        Ok(fs) => {
            let (damage, groups) = fs.volume().damage();
            assert_eq!(groups, 8);
            assert!(damage.iter().all(|c| c.kind == CorruptKind::GroupChecksum), "{damage:?}");
        }
        Err(error) => assert_eq!(failure::<()>(Err(error)), "group.checksum"),
    }
}

#[test]
fn row_08_first_meta_group() {
    for first in [2, 3, 1024, u32::MAX] {
        each_refused(META_BG, &[(&[Set::U32(0x104, first)], CorruptKind::FirstMetaGroup)]);
    }
    // Without `meta_bg` the field means nothing.
    tolerated(EXT4, &[Set::U32(0x104, u32::MAX)]);
    only(&image(META_BG), &[]);
}

#[test]
fn row_09_first_inode() {
    for first in [0, 1, 2, 8, 10, 2049, u32::MAX] {
        each_refused(EXT4, &[(&[Set::U32(0x54, first)], CorruptKind::FirstInode)]);
    }
}

#[test]
fn row_10_unknown_features() {
    let word = |editor: &ImageEditor, at| editor.get_u32(Spot::Superblock, at).unwrap();
    for (bit, name) in [(0x1, "compression"), (0x1000, "dirdata"), (0x4000_0000, "FEATURE_I30")] {
        let mut editor = image(EXT4);
        let flags = word(&editor, 0x60) | bit;
        set(&mut editor, Set::U32(0x60, flags));
        match open(&editor) {
            Err(Error::Unsupported { features }) => assert_eq!(features, [name]),
            other => panic!("{other:?}"),
        }
    }
    // Unknown features that only writing needs to know, and those that nobody does.
    for at in [0x64, 0x5c] {
        let mut editor = image(EXT4);
        let flags = word(&editor, at) | 0x8000_0000;
        set(&mut editor, Set::U32(at, flags));
        only(&editor, &[]);
        let options = OpenOptions { writable: true, ..OpenOptions::default() };
        assert!(matches!(open_with(&editor, options), Err(Error::Unsupported { .. })));
    }
    let mut journal = image(EXT4);
    set(&mut journal, Set::U32(0x60, 0x8));
    assert!(matches!(open(&journal), Err(Error::JournalDevice)));
}

#[test]
fn row_10_contradictory_features() {
    let word = |at| image(EXT4).get_u32(Spot::Superblock, at).unwrap();
    let conflict = CorruptKind::FeatureConflict;
    each_refused(EXT4, &[(&[Set::U32(0x60, word(0x60) | 0x10)], conflict)]);
    // bigalloc without extents.
    let bigalloc = image(BIGALLOC).get_u32(Spot::Superblock, 0x60).unwrap();
    each_refused(BIGALLOC, &[(&[Set::U32(0x60, bigalloc & !0x40)], conflict)]);
    // The kernel only warns.
    tolerated(EXT4, &[Set::U32(0x64, word(0x64) | 0x10)]);
    let reserved = CorruptKind::ReservedDescriptorBlocks;
    each_refused(
        EXT4,
        &[(&[Set::U16(0xce, 257)], reserved), (&[Set::U16(0xce, 0xffff)], reserved)],
    );
}

#[test]
fn row_10_names_and_hashes() {
    let folding = ["-t", "ext4", "-b", "1024", "-O", "casefold"];
    for encoding in [0, 2, 0xffff] {
        let kind = CorruptKind::CasefoldEncoding;
        each_refused(&folding, &[(&[Set::U16(0x27c, encoding)], kind)]);
    }
    for version in [6, 7, 255] {
        each_refused(EXT4, &[(&[Set::U8(0xfc, version)], CorruptKind::HashVersion)]);
    }
    for journal in [1, 2, 7, 10, 2049, u32::MAX] {
        each_refused(EXT4, &[(&[Set::U32(0xe0, journal)], CorruptKind::JournalInode)]);
    }
}

#[test]
fn row_11_checksums_and_backups() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    set(&mut editor, Set::U32(0x3fc, 0x1234_5678));
    refused(&editor, CorruptKind::SuperblockChecksum);
    let mut editor = image(EXT4);
    set(&mut editor, Set::U8(0x175, 2));
    refused(&editor, CorruptKind::SuperblockChecksumType);
    let mut editor = image(EXT4);
    editor.set_bytes(Spot::Superblock, 0, &[0; 1024]).unwrap();
    refused(&editor, CorruptKind::SuperblockMagic);
}

/// Only the copy asked for counts: another is never tried, and a bad one elsewhere is no matter.
#[test]
fn row_11_only_the_copy_asked_for_counts() {
    let copy = |block| OpenOptions {
        superblock: SuperblockCopy::Block { block, block_size: None },
        ..OpenOptions::default()
    };
    let mut backup_differs = image(GROUPS);
    backup_differs.set_bytes(Spot::Backup(1), 0x78, b"other").unwrap();
    backup_differs.set_fixing(false);
    backup_differs.set_u32(Spot::Backup(3), 0x4, 1).unwrap();
    only(&backup_differs, &[]);

    let mut primary_bad = backup_differs.clone();
    set(&mut primary_bad, Set::U32(0x4, 77));
    refused(&primary_bad, CorruptKind::SuperblockChecksum);
    unrelated_reads_right(&open_with(&primary_bad, copy(1025)).unwrap());
    let both = open_with(&primary_bad, copy(3073));
    assert_eq!(failure(both), "superblock.checksum");
    for nowhere in [1024, 8192, u64::MAX] {
        assert_eq!(failure(open_with(&primary_bad, copy(nowhere))), "superblock.magic");
    }
}
