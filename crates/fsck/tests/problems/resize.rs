//! Row 53: the resize inode.

use extant_testkit::hostile::{ImageEditor, Spot};

use crate::superblock::GROUPS;
use crate::support::{I_BLOCK, image, only};

fn with(edit: impl FnOnce(&mut ImageEditor, Spot)) -> ImageEditor {
    let mut editor = image(GROUPS);
    edit(&mut editor, Spot::Inode(7));
    editor
}

fn double(editor: &ImageEditor) -> Spot {
    Spot::Block(editor.get_u32(Spot::Inode(7), I_BLOCK + 13 * 4).unwrap().into())
}

#[test]
fn row_53_resize_inode() {
    let words = [(0x4, 5), (0x1c, 4), (I_BLOCK, 100), (I_BLOCK + 48, 100), (I_BLOCK + 52, 0)];
    for (offset, value) in words.into_iter().chain([(I_BLOCK + 52, 9000)]) {
        let editor = with(|editor, inode| editor.set_u32(inode, offset, value).unwrap());
        only(&editor, &["resize.inode"]);
    }
    let directory = with(|editor, inode| editor.set_u16(inode, 0, 0x4180).unwrap());
    only(&directory, &["resize.inode"]);
    let cleared = with(|editor, inode| editor.set_bytes(inode, 0, &[0; 256]).unwrap());
    only(&cleared, &["resize.inode"]);
}

#[test]
fn row_53_numbers_missing_or_outside() {
    for (index, number) in [(2, 0), (1, 0), (70, 0), (1, 70_000_000)] {
        let editor = with(|editor, _| editor.set_u32(double(editor), index * 4, number).unwrap());
        only(&editor, &["resize.inode"]);
    }
    for (offset, number) in [(0, 0), (16, 9), (16, 70_000_000)] {
        let editor = with(|editor, _| editor.set_u32(Spot::Block(3), offset, number).unwrap());
        only(&editor, &["resize.inode"]);
    }
}

#[test]
fn row_53_resize_layout() {
    for index in [1, 60, 70] {
        let editor = with(|editor, _| editor.set_u32(double(editor), index * 4, 9).unwrap());
        only(&editor, &["resize.layout"]);
    }
    for block in [3, 100] {
        let editor = with(|editor, _| editor.set_u32(Spot::Block(block), 0, 9).unwrap());
        only(&editor, &["resize.layout"]);
    }
    let unlinked = with(|editor, inode| editor.set_u16(inode, 0x1a, 0).unwrap());
    only(&unlinked, &["resize.layout"]);
}

#[test]
fn row_53_resize_unexpected() {
    let args = ["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "metadata_csum,^resize_inode"];
    let mut editor = image(&args);
    only(&editor, &[]);
    editor.set_u16(Spot::Inode(7), 0, 0x8180).unwrap();
    editor.set_u16(Spot::Inode(7), 0x1a, 1).unwrap();
    only(&editor, &["resize.unexpected"]);
}
