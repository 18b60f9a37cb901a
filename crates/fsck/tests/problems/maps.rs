//! Extent trees and indirect blocks. `/fragmented` has a tree of depth 2.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{BIGALLOC, EXT2, EXT4, I_BLOCK, PLAIN, found, image, only, report};

const VICTIM: &str = "/fragmented";

/// Image, inode, and the first leaf of its extent tree.
fn tree(args: &[&str]) -> (ImageEditor, u32, u64) {
    let editor = image(args);
    let inode = editor.lookup(VICTIM).unwrap();
    let child = |spot, base| u64::from(editor.get_u32(spot, base + 16).unwrap());
    let index = child(Spot::Inode(inode), I_BLOCK);
    let leaf = child(Spot::Block(index), 0);
    (editor, inode, leaf)
}

/// A field of a leaf is changed.
fn leaf(args: &[&str], at: u64, value: u16) -> ImageEditor {
    let (mut editor, inode, block) = tree(args);
    editor.set_u16(Spot::Block(block), at, value).unwrap();
    editor.fix(Part::ExtentBlock { inode, block }).unwrap();
    editor
}

#[test]
fn untouched_images_are_clean() {
    for args in [EXT4, PLAIN, EXT2, BIGALLOC] {
        only(&image(args), &[]);
    }
}

/// Magic numbers, depths, counts, order, lengths and places of the root and of a leaf.
#[test]
fn map_extent() {
    let root = [(0, 0), (2, 5), (4, 9), (4, 1), (6, 7), (6, 1), (2, 0)];
    for args in [EXT4, PLAIN] {
        for (at, value) in root {
            let (mut editor, inode, _) = tree(args);
            editor.set_u16(Spot::Inode(inode), I_BLOCK + at, value).unwrap();
            only(&editor, &["map.extent"]);
        }
        for (at, value) in [(0, 0), (2, 200), (4, 85), (12, 3), (16, 0), (24, 0)] {
            only(&leaf(args, at, value), &["map.extent"]);
        }
        // A tail may take the place of two entries: this leaf is not full.
        for (max, ids) in [(82, &[][..]), (81, &["map.extent"])] {
            let (mut editor, inode, block) = tree(args);
            editor.set_u16(Spot::Block(block), 4, max).unwrap();
            editor.set_u16(Spot::Block(block), 2, 1).unwrap();
            editor.fix(Part::ExtentBlock { inode, block }).unwrap();
            let report = report(&editor);
            let wrong = report.problems.iter().filter(|problem| problem.id() == "map.extent");
            assert_eq!(wrong.count(), ids.len(), "{max}");
        }
        // The kernel refuses a depth that is not one less than the parent's; e2fsck is silent.
        found(&leaf(args, 6, 1), &["map.extent"]);
    }
}

#[test]
fn map_checksum() {
    let (mut editor, _, leaf) = tree(EXT4);
    let at = 12 + 84 * 12;
    let sum = editor.get_u32(Spot::Block(leaf), at).unwrap();
    editor.set_u32(Spot::Block(leaf), at, sum ^ 1).unwrap();
    only(&editor, &["map.checksum"]);
}

#[test]
fn map_unwritten() {
    let mut editor = image(EXT4);
    let inode = editor.lookup("/dir").unwrap();
    let len = editor.get_u16(Spot::Inode(inode), I_BLOCK + 16).unwrap();
    editor.set_u16(Spot::Inode(inode), I_BLOCK + 16, len | 0x8000).unwrap();
    only(&editor, &["map.unwritten"]);
}

/// A block number outside the file system: direct, in an indirect block, and of one.
#[test]
fn map_indirect() {
    let outside = 0x00ff_ffff;
    let mut editor = image(EXT2);
    let inode = editor.lookup(VICTIM).unwrap();
    editor.set_u32(Spot::Inode(inode), I_BLOCK, outside).unwrap();
    only(&editor, &["map.indirect"]);
    let mut editor = image(EXT2);
    let block = editor.get_u32(Spot::Inode(inode), I_BLOCK + 48).unwrap();
    editor.set_u32(Spot::Block(block.into()), 8, outside).unwrap();
    only(&editor, &["map.indirect"]);
    let mut editor = image(EXT2);
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 52, outside).unwrap();
    only(&editor, &["map.indirect"]);
}

/// The first extent starts one block into its cluster.
#[test]
fn map_cluster() {
    let mut editor = image(BIGALLOC);
    let inode = editor.lookup("/file").unwrap();
    let start = editor.get_u32(Spot::Inode(inode), I_BLOCK + 20).unwrap();
    let len = editor.get_u16(Spot::Inode(inode), I_BLOCK + 16).unwrap();
    assert!(start.is_multiple_of(4) && len > 4);
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 20, start + 1).unwrap();
    only(&editor, &["map.cluster"]);
}

/// A block of a map behind the end of a device that was cut short.
#[test]
fn map_read() {
    let (editor, inode, leaf) = tree(EXT4);
    let mut editor = ImageEditor::new(editor.into_bytes());
    let last = 8191;
    let copy = editor.get_bytes(Spot::Block(leaf), 0, 1024).unwrap().to_vec();
    editor.set_bytes(Spot::Block(last), 0, &copy).unwrap();
    let index = u64::from(editor.get_u32(Spot::Inode(inode), I_BLOCK + 16).unwrap());
    editor.set_u32(Spot::Block(index), 16, u32::try_from(last).unwrap()).unwrap();
    editor.fix(Part::ExtentBlock { inode, block: index }).unwrap();
    let mut bytes = editor.into_bytes();
    bytes.truncate(bytes.len() - 1024);
    found(
        &ImageEditor::new(bytes),
        &["bitmap.blocks_in_use", "map.read", "superblock.device_size"],
    );
}
