//! Bitmaps and counts of groups.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{EXT4, image, only};

fn with(edit: impl FnOnce(&mut ImageEditor)) -> ImageEditor {
    let mut editor = image(EXT4);
    edit(&mut editor);
    editor
}

/// Flips bit `bit` of the block bitmap (`offset` 0) or the inode bitmap (4) of group 0.
fn flip(editor: &mut ImageEditor, offset: u64, bit: u64) {
    let spot = Spot::Block(editor.group_block(0, offset).unwrap());
    let byte = editor.get_u8(spot, bit / 8).unwrap();
    editor.set_u8(spot, bit / 8, byte ^ 1 << (bit % 8)).unwrap();
    let part = if offset == 0 { Part::BlockBitmap(0) } else { Part::InodeBitmap(0) };
    editor.fix(part).unwrap();
}

#[test]
fn bitmap_blocks_in_use() {
    let editor = with(|editor| {
        let file = editor.lookup("/file").unwrap();
        let block = editor.map_block(file, 0).unwrap().unwrap();
        flip(editor, 0, block - 1);
    });
    only(&editor, &["bitmap.blocks_in_use"]);
}

#[test]
fn bitmap_blocks_unused() {
    only(&with(|editor| flip(editor, 0, 8000)), &["bitmap.blocks_unused"]);
}

#[test]
fn bitmap_block_padding() {
    only(&with(|editor| flip(editor, 0, 8191)), &["bitmap.block_padding"]);
}

#[test]
fn bitmap_block_checksum() {
    let editor = with(|editor| {
        editor.set_fixing(false);
        let sum = editor.get_u16(Spot::Group(0), 0x18).unwrap();
        editor.set_u16(Spot::Group(0), 0x18, sum ^ 1).unwrap();
        editor.set_fixing(true);
        editor.fix(Part::Group(0)).unwrap();
    });
    only(&editor, &["bitmap.block_checksum"]);
}

#[test]
fn bitmap_inodes_in_use() {
    let editor = with(|editor| {
        let file = editor.lookup("/file").unwrap();
        flip(editor, 4, u64::from(file) - 1);
    });
    only(&editor, &["bitmap.inodes_in_use"]);
}

#[test]
fn bitmap_inodes_unused() {
    only(&with(|editor| flip(editor, 4, 1500)), &["bitmap.inodes_unused"]);
}

#[test]
fn bitmap_inode_padding() {
    only(&with(|editor| flip(editor, 4, 8000)), &["bitmap.inode_padding"]);
}

#[test]
fn bitmap_inode_checksum() {
    let editor = with(|editor| {
        editor.set_fixing(false);
        let sum = editor.get_u16(Spot::Group(0), 0x1a).unwrap();
        editor.set_u16(Spot::Group(0), 0x1a, sum ^ 1).unwrap();
        editor.set_fixing(true);
        editor.fix(Part::Group(0)).unwrap();
    });
    only(&editor, &["bitmap.inode_checksum"]);
}

/// A count of group 0, and with it the sum in the superblock.
fn counted(offset: u64, sum: Option<u64>) -> ImageEditor {
    with(|editor| {
        let before = editor.get_u16(Spot::Group(0), offset).unwrap();
        editor.set_u16(Spot::Group(0), offset, before + 7).unwrap();
        if let Some(sum) = sum {
            let all = editor.get_u32(Spot::Superblock, sum).unwrap();
            editor.set_u32(Spot::Superblock, sum, all + 7).unwrap();
        }
    })
}

#[test]
fn group_counts() {
    only(&counted(0xc, Some(0xc)), &["group.free_blocks"]);
    only(&counted(0xe, Some(0x10)), &["group.free_inodes"]);
    only(&counted(0x10, None), &["group.directories"]);
    only(&counted(0xc, None), &["group.free_blocks", "superblock.free_blocks"]);
}
