//! Content inside inodes.

use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{INLINE, image, only};

const I_SIZE: u64 = 0x4;
const I_BLOCKS: u64 = 0x1c;
/// Where the attributes of an inode with 32 bytes of extra fields start.
const AREA: u64 = 0xa0;

/// The image with a field of the inode of `path` changed.
fn changed(path: &str, at: u64, value: u32) -> ImageEditor {
    let mut editor = image(INLINE);
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    editor.set_u32(inode, at, value).unwrap();
    editor
}

#[test]
fn inline_missing() {
    for path in ["/tiny", "/empty", "/dir", "/slow"] {
        // No attributes at all, and one of another name.
        only(&changed(path, AREA, 0), &["inline.missing"]);
        only(&changed(path, AREA + 20, 0x6161_6161), &["inline.missing"]);
    }
}

/// Where the value is said to be, though it is empty. Linux does not look at that.
#[test]
fn inline_missing_by_e2fsprogs() {
    for (offset, ids) in [(92, &[][..]), (96, &["inline.missing"]), (0x6e79, &["inline.missing"])] {
        let mut editor = image(INLINE);
        let inode = Spot::Inode(editor.lookup("/tiny").unwrap());
        editor.set_u16(inode, AREA + 6, offset).unwrap();
        only(&editor, ids);
    }
}

#[test]
fn inline_size() {
    for size in [61, 1024] {
        only(&changed("/tiny", I_SIZE, size), &["inline.size"]);
    }
    for size in [0, 19, 60] {
        only(&changed("/tiny", I_SIZE, size), &[]);
    }
}

#[test]
fn inline_dir_size() {
    for size in [56, 59, 61, 64, 1024] {
        only(&changed("/dir", I_SIZE, size), &["inline.dir_size"]);
    }
}

#[test]
fn inline_files_have_no_blocks() {
    for path in ["/tiny", "/empty", "/dir"] {
        only(&changed(path, I_BLOCKS, 2), &["inode.blocks"]);
    }
    // Nobody looks at that of a link.
    only(&changed("/slow", I_BLOCKS, 2), &[]);
}

/// The attribute without the flag means nothing.
#[test]
fn the_attribute_alone() {
    let recipe = SmallImage::new(INLINE);
    let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
    let inode = Spot::Inode(editor.lookup("/empty").unwrap());
    let flags = editor.get_u32(inode, 0x20).unwrap();
    editor.set_u32(inode, 0x20, flags & !0x1000_0000).unwrap();
    only(&editor, &[]);
}
