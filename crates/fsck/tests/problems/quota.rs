//! Row 52: quota files.

use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};
use extant_testkit::image::{Scratch, run_accepting};

use crate::support::{EXT2, image, only};

const QUOTA: &[&str] = &[
    "-t",
    "ext4",
    "-b",
    "1024",
    "-O",
    "metadata_csum,quota,project",
    "-E",
    "quotatype=usrquota:grpquota:prjquota",
];

/// Files of several owners; the quota files are right.
fn with_quota() -> ImageEditor {
    let owners =
        ["sif /file uid 70000", "sif /tiny uid 1000", "sif /tiny gid 5", "sif /dir/a projid 77"];
    let recipe = SmallImage { debugfs: &owners, ..SmallImage::new(QUOTA) };
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("quota.img");
    editor.write(&path).unwrap();
    run_accepting("e2fsck", &["-fy", &path.display().to_string()], &[0, 1]).unwrap();
    ImageEditor::read(&path).unwrap()
}

/// Block `number` of the users' file, of 1 KiB.
fn block(editor: &ImageEditor, number: u32) -> Spot {
    Spot::Block(editor.map_block(3, number).unwrap().unwrap())
}

#[test]
fn counts_that_are_right() {
    only(&with_quota(), &[]);
}

#[test]
fn quota_usage() {
    let mut editor = with_quota();
    let file = editor.lookup("/file").unwrap();
    editor.set_u16(Spot::Inode(file), 0x2, 9).unwrap();
    only(&editor, &["quota.usage"]);
    // The first entry of the leaf: inodes, then bytes.
    for offset in [24, 48] {
        let mut editor = with_quota();
        let leaf = block(&editor, 5);
        let value = editor.get_u32(leaf, 16 + offset).unwrap();
        editor.set_u32(leaf, 16 + offset, value + 1024).unwrap();
        only(&editor, &["quota.usage"]);
    }
}

#[test]
fn row_52_quota_file() {
    for (offset, value) in [(4, 7), (20, 7), (20, 700), (24, 700), (28, 700)] {
        let mut editor = with_quota();
        let head = block(&editor, 0);
        editor.set_u32(head, offset, value).unwrap();
        only(&editor, &["quota.file"]);
    }
    // A reference outside the file, and one to the root.
    for child in [700, 1] {
        let mut editor = with_quota();
        let root = block(&editor, 1);
        editor.set_u32(root, 0, child).unwrap();
        only(&editor, &["quota.file"]);
    }
    let mut editor = with_quota();
    editor.set_u32(Spot::Inode(3), 4, 0x8000_2400).unwrap();
    only(&editor, &["quota.file"]);
    let mut editor = with_quota();
    editor.set_u16(Spot::Inode(3), 0, 0x4180).unwrap();
    only(&editor, &["quota.file"]);
}

#[test]
fn quota_unexpected() {
    let mut editor = with_quota();
    let features = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    editor.set_u32(Spot::Superblock, 0x64, features & !0x100).unwrap();
    only(&editor, &["quota.unexpected"]);
}

/// Only the number of projects' quota counts where no quota is.
#[test]
fn quota_unexpected_and_not_in_use() {
    for (at, number, ids) in [
        (0x26c, 1000, &["quota.unexpected"][..]),
        (0x26c, 100_000, &[]),
        (0x26c, 5, &[]),
        (0x240, 1000, &[]),
        (0x244, 1000, &[]),
    ] {
        let mut editor = image(EXT2);
        editor.set_u32(Spot::Superblock, at, number).unwrap();
        only(&editor, ids);
    }
}
