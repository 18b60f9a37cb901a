//! Rows 54 and 61: the multi-mount block. Nothing waits, whatever it says.

use std::time::{Duration, Instant};

use extant::{CorruptKind, Error, OpenOptions, Place};
use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

use crate::support::{failure, image, only, open, open_with, refused_at, unrelated_reads_right};

/// The image, and its multi-mount block.
fn with_mmp(metadata_csum: bool) -> (ImageEditor, u64) {
    let sums = if metadata_csum { "metadata_csum" } else { "^metadata_csum" };
    let args = ["-t", "ext4", "-b", "1024", "-O", sums];
    let recipe = SmallImage { tune2fs: &["-O", "mmp"], ..SmallImage::new(&args) };
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    let block = editor.get_u64(Spot::Superblock, 0x168).unwrap();
    assert_ne!(block, 0);
    (editor, block)
}

fn place(block: u64) -> Place {
    Place::structure("multi-mount block").block(block)
}

#[test]
fn row_54_garbage() {
    for metadata_csum in [true, false] {
        let (mut editor, block) = with_mmp(metadata_csum);
        only(&editor, &[]);
        editor.set_bytes(Spot::Block(block), 0, &[0xa5; 1024]).unwrap();
        editor.fix(Part::Mmp).unwrap();
        refused_at(&editor, CorruptKind::MmpMagic, place(block));
    }
    let (mut editor, block) = with_mmp(true);
    editor.set_u8(Spot::Block(block), 0x80, 1).unwrap();
    refused_at(&editor, CorruptKind::MmpChecksum, place(block));
    // A reader who knows that nobody else is there need not look.
    let options = OpenOptions { ignore_in_use: true, ..OpenOptions::default() };
    unrelated_reads_right(&open_with(&editor, options).unwrap());
}

#[test]
fn row_54_the_block_is_elsewhere() {
    for block in [0, 1, 8192, u64::MAX] {
        let (mut editor, _) = with_mmp(true);
        editor.set_u64(Spot::Superblock, 0x168, block).unwrap();
        refused_at(&editor, CorruptKind::MmpBlock, Place::superblock().block(block));
    }
    // Over descriptors, a table, a file.
    let (base, _) = with_mmp(true);
    let file = base.map_block(base.lookup("/file").unwrap(), 0).unwrap().unwrap();
    for block in [2, base.group_block(0, 0x8).unwrap(), file] {
        let mut editor = base.clone();
        editor.set_u64(Spot::Superblock, 0x168, block).unwrap();
        assert_eq!(failure(open(&editor)), "mmp.magic");
    }
}

/// A sequence that is not "clean" is in use, at once, whatever the interval.
#[test]
fn row_54_sequence_stuck_and_interval_huge() {
    for sequence in [0_u32, 1, 0xe24d_4d4f, 0xe24d_4d50, 0xff4d_4d4f, u32::MAX] {
        for interval in [0_u16, 5, 300, 0xffff] {
            let (mut editor, block) = with_mmp(true);
            editor.set_u32(Spot::Block(block), 4, sequence).unwrap();
            editor.set_u16(Spot::Block(block), 0x70, interval).unwrap();
            editor.set_u16(Spot::Superblock, 0x166, interval).unwrap();
            editor.fix(Part::Mmp).unwrap();
            let start = Instant::now();
            assert_eq!(failure(open(&editor)), "EBUSY");
            assert!(start.elapsed() < Duration::from_secs(2));
        }
    }
}

/// Row 61: names from an image are escaped in what the library says.
#[test]
fn row_61_names_in_messages_are_escaped() {
    let (mut editor, block) = with_mmp(true);
    editor.set_u32(Spot::Block(block), 4, 77).unwrap();
    let evil = b"\x1b[2J\x07%n\xff\r\n";
    editor.set_bytes(Spot::Block(block), 0x10, evil).unwrap();
    editor.set_bytes(Spot::Block(block), 0x50, evil).unwrap();
    editor.fix(Part::Mmp).unwrap();
    let error = open(&editor).unwrap_err();
    let Error::InUse { node, device } = &error else { panic!("{error:?}") };
    for text in [node, device, &error.to_string(), &format!("{error:?}")] {
        assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text:?}");
        assert!(text.contains("[2J"));
    }
}

/// Labels are bytes, as they are: no message holds them.
#[test]
fn row_61_labels_do_not_get_into_messages() {
    let mut editor = image(&["-t", "ext4", "-b", "1024"]);
    editor.set_bytes(Spot::Superblock, 0x78, b"\x1b]0;owned\x07%s\0\0").unwrap();
    editor.set_bytes(Spot::Superblock, 0x88, &[0x1b; 64]).unwrap();
    let fs = only(&editor, &[]);
    assert_eq!(fs.volume().superblock().label(), b"\x1b]0;owned\x07%s");
    assert!(!format!("{:?}", fs.volume().superblock()).contains('\x1b'));
    editor.set_u32(Spot::Superblock, 0x4, 1 << 30).unwrap();
    let error = open(&editor).unwrap_err();
    assert!(!format!("{error} {error:?}").contains('\x1b'));
}
