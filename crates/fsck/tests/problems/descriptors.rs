//! Group descriptors, their copies, and where metadata lies.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::superblock::GROUPS;
use crate::support::{found, image, only, report};

fn with(edit: impl FnOnce(&mut ImageEditor)) -> ImageEditor {
    let mut editor = image(GROUPS);
    edit(&mut editor);
    editor
}

#[test]
fn group_checksum() {
    let editor = with(|editor| {
        editor.set_fixing(false);
        editor.set_u16(Spot::Group(2), 0x1e, 7).unwrap();
    });
    only(&editor, &["group.checksum"]);
    let text = report(&editor).problems[0].to_string();
    assert_eq!(text.matches("checksum").count(), 1, "{text}");
}

/// What is lost comes from a copy.
#[test]
fn row_12_group_descriptor() {
    for offset in [0, 4, 8] {
        for block in [0, 1, 2, 2049, 9000] {
            let edit = |editor: &mut ImageEditor| {
                editor.set_u32(Spot::Group(2), offset, block).unwrap();
            };
            only(&with(edit), &["group.descriptor"]);
        }
    }
    let garbage = with(|editor| {
        editor.set_fixing(false);
        editor.set_bytes(Spot::Group(1), 0, &[0xff; 12]).unwrap();
    });
    only(&garbage, &["group.descriptor"]);
}

#[test]
fn row_13_group_flags() {
    let features = ["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^metadata_csum,uninit_bg"];
    let mut editor = image(&features);
    let features = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    editor.set_u32(Spot::Superblock, 0x64, features & !0x10).unwrap();
    only(&editor, &["group.flags"]);
}

/// e2fsck tells of both in a line that does not change its exit status.
#[test]
fn group_fields_without_checksums() {
    let plain = ["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^metadata_csum,^uninit_bg"];
    let mut editor = image(&plain);
    editor.set_u16(Spot::Group(2), 0x12, 2).unwrap();
    found(&editor, &["group.flags"]);
    let mut editor = image(&plain);
    editor.set_u16(Spot::Group(2), 0x1c, 5).unwrap();
    only(&editor, &[]);
}

/// The device ends before the bitmaps of the last groups.
#[test]
fn group_read() {
    let mut bytes = image(GROUPS).into_bytes();
    let group = ImageEditor::new(bytes.clone()).get_u32(Spot::Group(3), 0).unwrap();
    bytes.truncate(usize::try_from(group).unwrap() * 1024);
    let report = report(&ImageEditor::new(bytes));
    let ids: Vec<_> = report.counts.keys().map(|kind| kind.id()).collect();
    assert!(ids.contains(&"group.read") && ids.contains(&"superblock.device_size"), "{ids:?}");
}

#[test]
fn group_unused_inodes() {
    let editor = with(|editor| editor.set_u16(Spot::Group(2), 0x1c, 600).unwrap());
    // e2fsck is silent as long as no inode of the group is in use.
    found(&editor, &["group.unused_inodes"]);
}

#[test]
fn group_copy() {
    let editor = with(|editor| {
        let block = editor.locate(Spot::Backup(1)).unwrap() / 1024 + 1;
        editor.set_u32(Spot::Block(block), 64, 5).unwrap();
    });
    only(&editor, &["group.copy"]);
}

#[test]
fn group_overlap() {
    let editor = with(|editor| {
        let other = editor.get_u32(Spot::Group(1), 4).unwrap();
        editor.set_u32(Spot::Group(2), 4, other).unwrap();
        // A bitmap of no inodes serves both.
        editor.fix(Part::InodeBitmap(2)).unwrap();
        editor.fix(Part::Group(2)).unwrap();
    });
    only(&editor, &["group.overlap", "group.copy", "bitmap.blocks_unused"]);
}

#[test]
fn group_last_uninit() {
    let editor = with(|editor| {
        let flags = editor.get_u16(Spot::Group(3), 0x12).unwrap();
        editor.set_u16(Spot::Group(3), 0x12, flags | 2).unwrap();
    });
    only(&editor, &["group.last_uninit"]);
}
