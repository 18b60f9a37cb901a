//! Rows 12 and 13: group descriptors. A damaged group is noted and the image opens, read-only as
//! all are; only what the damage hides is lost.

use extant::{CorruptKind, Filesystem, OpenOptions};
use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{
    EXT4, GROUPS, PLAIN, failure, image, only, open, open_with, unrelated_reads_right,
};

/// Eight groups that keep their metadata to themselves.
const APART: &[&str] = &["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "512", "-O", "^flex_bg"];
/// The fields of a descriptor: offset of the low half, and what a bad one is.
const PLACES: [(u64, CorruptKind); 3] = [
    (0x0, CorruptKind::GroupBlockBitmap),
    (0x4, CorruptKind::GroupInodeBitmap),
    (0x8, CorruptKind::GroupInodeTable),
];
/// A group whose inodes no part of the standard tree uses.
const UNUSED: u32 = 7;

fn damage(fs: &Filesystem) -> Vec<(&'static str, Option<u32>)> {
    fs.volume().damage().0.iter().map(|c| (c.kind.id(), c.at.group)).collect()
}

/// The image opens, `kind` of `group` is noted and nothing else, and all of the tree reads right.
fn noted(editor: &ImageEditor, group: u32, kind: CorruptKind) {
    let fs = only(editor, &[]);
    assert_eq!(damage(&fs), [(kind.id(), Some(group))]);
    let options = OpenOptions { writable: true, ..OpenOptions::default() };
    assert!(open_with(editor, options).is_err(), "opened for writing");
}

#[test]
fn row_12_metadata_outside_the_file_system_or_over_the_first_blocks() {
    for args in [GROUPS, APART] {
        for (offset, kind) in PLACES {
            // Boot block, superblock, descriptors, their reserve, a backup, the end, far behind.
            for value in [0, 1, 2, 3, 1025, 1026, 8192, u32::MAX] {
                let mut editor = image(args);
                editor.set_u32(Spot::Group(UNUSED), offset, value).unwrap();
                println!("{args:?} {offset:#x} {value}");
                noted(&editor, UNUSED, kind);
            }
            let mut editor = image(args);
            editor.set_u32(Spot::Group(UNUSED), offset + 0x20, 1).unwrap();
            noted(&editor, UNUSED, kind);
        }
    }
}

#[test]
fn row_12_an_inode_table_that_ends_outside() {
    for args in [GROUPS, APART] {
        let mut editor = image(args);
        editor.set_u32(Spot::Group(UNUSED), 0x8, 8191).unwrap();
        noted(&editor, UNUSED, CorruptKind::GroupInodeTable);
    }
}

#[test]
fn row_12_metadata_outside_its_group_needs_flex_bg() {
    let editor = image(APART);
    for (offset, kind) in PLACES {
        // A free block of another group.
        let elsewhere = u32::try_from(editor.group_block(6, 0x8).unwrap()).unwrap() + 40;
        let mut editor = image(APART);
        editor.set_u32(Spot::Group(UNUSED), offset, elsewhere).unwrap();
        noted(&editor, UNUSED, kind);
    }
}

#[test]
fn row_12_metadata_over_another_groups() {
    for (offset, kind) in PLACES {
        let mut editor = image(GROUPS);
        let victim = u32::try_from(editor.group_block(0, offset).unwrap()).unwrap();
        editor.set_u32(Spot::Group(UNUSED), offset, victim).unwrap();
        noted(&editor, UNUSED, kind);
    }
    // Of another sort: a bitmap in the middle of the first group's inode table.
    for (offset, kind) in PLACES {
        let mut editor = image(GROUPS);
        let table = u32::try_from(editor.group_block(0, 0x8).unwrap()).unwrap();
        editor.set_u32(Spot::Group(UNUSED), offset, table + 3).unwrap();
        noted(&editor, UNUSED, kind);
    }
}

#[test]
fn row_12_metadata_over_its_own() {
    let mut editor = image(GROUPS);
    let table = u32::try_from(editor.group_block(UNUSED, 0x8).unwrap()).unwrap();
    let bitmap = u32::try_from(editor.group_block(UNUSED, 0x0).unwrap()).unwrap();
    editor.set_u32(Spot::Group(UNUSED), 0x4, bitmap).unwrap();
    noted(&editor, UNUSED, CorruptKind::GroupInodeBitmap);
    let mut editor = image(GROUPS);
    editor.set_u32(Spot::Group(UNUSED), 0x4, table + 1).unwrap();
    noted(&editor, UNUSED, CorruptKind::GroupInodeTable);
}

/// The inodes of a group whose table is nowhere are lost, those of other groups are not.
#[test]
fn row_12_a_lost_inode_table_loses_its_inodes_only() {
    let mut editor = image(GROUPS);
    let lost = editor.lookup("/many/name-200-xxxxxxxxxxxxxxxxxxxx").unwrap();
    let group = (lost - 1) / 64;
    assert!(group > 0);
    editor.set_u32(Spot::Group(group), 0x8, 0).unwrap();
    let fs = open(&editor).unwrap();
    unrelated_reads_right(&fs);
    let node = fs.node_by_number(lost, extant::IoFlags::NONE);
    assert_eq!(failure(node), "group.inode_table");
    assert_eq!(damage(&fs), [("group.inode_table", Some(group))]);
}

/// The root's group: without its table there is nothing to open.
#[test]
fn row_12_the_lost_table_of_group_0_is_refused() {
    for value in [0, 1, 2, 8192] {
        let mut editor = image(GROUPS);
        editor.set_u32(Spot::Group(0), 0x8, value).unwrap();
        assert_eq!(failure(open(&editor)), "group.inode_table");
    }
}

#[test]
fn row_12_a_wrong_checksum_is_noted() {
    let mut editor = image(GROUPS);
    editor.set_fixing(false);
    editor.set_u16(Spot::Group(UNUSED), 0xc, 1).unwrap();
    noted(&editor, UNUSED, CorruptKind::GroupChecksum);
    let crc16 =
        ["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "512", "-O", "^metadata_csum,uninit_bg"];
    let mut editor = image(&crc16);
    editor.set_fixing(false);
    editor.set_u16(Spot::Group(UNUSED), 0xc, 1).unwrap();
    noted(&editor, UNUSED, CorruptKind::GroupChecksum);
}

#[test]
fn row_13_flags_without_the_feature() {
    for flags in [1, 2, 3] {
        let mut editor = image(PLAIN);
        editor.set_u16(Spot::Group(0), 0x12, flags).unwrap();
        noted(&editor, 0, CorruptKind::GroupFlags);
    }
    // Zeroed or not concerns nobody who reads; nor do bits without a meaning.
    let mut editor = image(PLAIN);
    editor.set_u16(Spot::Group(0), 0x12, 0xfffc).unwrap();
    assert_eq!(damage(&only(&editor, &[])), []);
}

/// A group said to be unused, whose inodes are in use: names lead to them, and they have sums of
/// their own.
#[test]
fn row_13_uninit_lies() {
    for flags in [1, 2, 3, 7] {
        let mut editor = image(EXT4);
        editor.set_u16(Spot::Group(0), 0x12, flags).unwrap();
        only(&editor, &[]);
    }
    let mut editor = image(EXT4);
    editor.set_u16(Spot::Group(0), 0x1c, 2048).unwrap();
    only(&editor, &[]);
    let mut editor = image(EXT4);
    editor.set_u16(Spot::Group(0), 0x1c, 2049).unwrap();
    noted(&editor, 0, CorruptKind::GroupUnusedInodes);
    let mut editor = image(EXT4);
    editor.set_u16(Spot::Group(0), 0x32, 1).unwrap();
    noted(&editor, 0, CorruptKind::GroupUnusedInodes);
}

/// Counts are hints: absurd ones are neither an error nor shown as more than there is.
#[test]
fn row_13_absurd_counts_are_cut() {
    let mut editor = image(EXT4);
    for at in [0xc, 0xe, 0x10, 0x2c, 0x2e, 0x30] {
        editor.set_u16(Spot::Group(0), at, 0xffff).unwrap();
    }
    editor.set_u32(Spot::Superblock, 0xc, u32::MAX).unwrap();
    editor.set_u32(Spot::Superblock, 0x8, u32::MAX).unwrap();
    let statfs = only(&editor, &[]).statfs();
    assert!(statfs.blocks_free <= statfs.blocks.max(8192), "{statfs:?}");
    assert!(statfs.blocks_available <= statfs.blocks_free && statfs.files_free <= statfs.files);
}

/// The bitmaps are not read to read files; broken ones change nothing.
#[test]
fn row_13_bitmap_contents_do_not_matter_to_readers() {
    let mut editor = image(EXT4);
    for (offset, part) in [(0x0, Part::BlockBitmap(0)), (0x4, Part::InodeBitmap(0))] {
        let block = editor.group_block(0, offset).unwrap();
        editor.set_bytes(Spot::Block(block), 0, &[0; 256]).unwrap();
        editor.fix(part).unwrap();
    }
    only(&editor, &[]);
}
