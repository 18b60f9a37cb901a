//! The superblock and its copies.

use std::sync::Arc;

use extant_block::MemoryDevice;
use extant_fsck::{CheckError, CheckOptions, check};
use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{EXT2, EXT4, found, image, only, report};

/// Four groups, of which 1 and 3 have copies.
pub(crate) const GROUPS: &[&str] =
    &["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "metadata_csum"];

fn with(edit: impl FnOnce(&mut ImageEditor)) -> ImageEditor {
    let mut editor = image(GROUPS);
    edit(&mut editor);
    editor
}

/// A superblock with 32 bits at `offset` set to `value`.
fn word(offset: u64, value: u32) -> ImageEditor {
    with(|editor| editor.set_u32(Spot::Superblock, offset, value).unwrap())
}

#[test]
fn a_fresh_image_has_no_problem() {
    only(&image(GROUPS), &[]);
}

#[test]
fn superblock_reserved_blocks() {
    only(&word(0x8, 4097), &["superblock.reserved_blocks"]);
    only(&word(0x8, 4096), &[]);
}

#[test]
fn superblock_extra_isize() {
    for (offset, size) in [(0x15c, 200), (0x15e, 200), (0x15c, 30)] {
        let editor = with(|editor| editor.set_u16(Spot::Superblock, offset, size).unwrap());
        only(&editor, &["superblock.extra_isize"]);
    }
}

#[test]
fn superblock_errors() {
    only(&word(0x194, 3), &["superblock.errors"]);
    let editor = with(|editor| editor.set_u16(Spot::Superblock, 0x3a, 3).unwrap());
    let report = found(&editor, &["superblock.errors"]);
    assert!(!report.problems[0].to_string().contains("(0)"), "{}", report.problems[0]);
}

/// Without the features of the fields, too.
#[test]
fn superblock_value() {
    for (size, ids) in [(7, &["superblock.value"][..]), (2048, &["superblock.value"]), (64, &[])] {
        let mut editor = image(EXT2);
        editor.set_u16(Spot::Superblock, 0xfe, size).unwrap();
        only(&editor, ids);
    }
    for (log, ids) in [(32, &["superblock.value"][..]), (31, &[])] {
        let mut editor = image(EXT2);
        editor.set_u8(Spot::Superblock, 0x174, log).unwrap();
        only(&editor, ids);
    }
    let mut editor = image(&["-t", "ext2", "-b", "1024", "-O", "^resize_inode"]);
    editor.set_u16(Spot::Superblock, 0xce, 257).unwrap();
    let report = report(&editor);
    assert!(report.problems.iter().any(|problem| problem.id() == "superblock.value"));
}

#[test]
fn superblock_free_counts() {
    only(&word(0xc, 7), &["superblock.free_blocks"]);
    only(&word(0x10, 7), &["superblock.free_inodes"]);
}

#[test]
fn superblock_reserved_gdt() {
    let editor = with(|editor| {
        let compat = editor.get_u32(Spot::Superblock, 0x5c).unwrap();
        editor.set_u32(Spot::Superblock, 0x5c, compat & !0x10).unwrap();
        for field in [0, 0x1a, 0x1c] {
            editor.set_u16(Spot::Inode(7), field, 0).unwrap();
        }
    });
    // The copies have the feature still.
    let rest = ["superblock.copy", "bitmap.blocks_unused"];
    found(&editor, &["superblock.reserved_gdt", rest[0], rest[1]]);
}

#[test]
fn superblock_copy() {
    let edits: [(u64, u32); 2] = [(0x68, 7), (0x38, 0)];
    for (offset, value) in edits {
        let editor = with(|editor| editor.set_u32(Spot::Backup(1), offset, value).unwrap());
        only(&editor, &["superblock.copy"]);
    }
}

/// Groups of full size: a copy is where one is looked for.
#[test]
fn row_11_superblock_primary() {
    let recipe = SmallImage { kib: 20 << 10, ..SmallImage::new(EXT4) };
    for (offset, value) in [(0x38, 0), (0x78, 77)] {
        let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
        editor.set_fixing(false);
        editor.set_u32(Spot::Superblock, offset, value).unwrap();
        // Copies have counts of their own.
        only(&editor, &["superblock.primary", "superblock.free_blocks"]);
    }
}

/// A copy is used if it is asked for.
#[test]
fn the_copy_that_is_asked_for() {
    let mut editor = image(GROUPS);
    editor.set_fixing(false);
    editor.set_bytes(Spot::Superblock, 0, &[0; 1024]).unwrap();
    let check = |superblock| {
        let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
        check(device, &CheckOptions { superblock, ..CheckOptions::default() })
    };
    // Groups of this size are where nobody looks.
    assert!(matches!(check(None), Err(CheckError::Superblock(_))));
    assert!(check(Some(2049)).unwrap().is_clean());
    assert!(check(Some(2048)).is_err());
}

/// What a checker does not know, it does not judge.
#[test]
fn unknown_features_are_refused() {
    for (offset, bit) in [(0x5c, 1 << 20), (0x60, 1 << 30), (0x64, 1 << 30), (0x64, 0x800)] {
        let mut editor = image(EXT4);
        let word = editor.get_u32(Spot::Superblock, offset).unwrap();
        editor.set_u32(Spot::Superblock, offset, word | bit).unwrap();
        let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
        let error = check(device, &CheckOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with("unsupported: "), "{error}");
    }
}

#[test]
fn device_too_small() {
    let editor = image(EXT4);
    let bytes = editor.bytes();
    let short = ImageEditor::new(bytes[..bytes.len() - 1024].to_vec());
    // e2fsck asks whether to go on, and then finds nothing. Linux refuses such a device.
    found(&short, &["superblock.device_size"]);
}
