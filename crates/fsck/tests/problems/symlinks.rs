//! Targets of symbolic links. `/link` has its target of 4 bytes inside, `/slow` one of 100 bytes in
//! a block.

use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{EXT2, EXT4, I_BLOCK, INLINE, image, only};

const I_SIZE: u64 = 0x4;
const I_FLAGS: u64 = 0x20;

fn sized(args: &[&str], path: &str, size: u32) -> ImageEditor {
    let mut editor = image(args);
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    editor.set_u32(inode, I_SIZE, size).unwrap();
    editor
}

/// The image with the block of `/slow` changed, and its size.
fn block(args: &[&str], bytes: &[u8], size: u32) -> ImageEditor {
    let mut editor = sized(args, "/slow", size);
    let block = editor.map_block(editor.lookup("/slow").unwrap(), 0).unwrap().unwrap();
    editor.set_bytes(Spot::Block(block), 0, bytes).unwrap();
    editor
}

#[test]
fn sizes_that_are_not_the_targets() {
    for args in [EXT4, EXT2] {
        for size in [0, 1, 3, 5, 59, 60, 100, 1000] {
            only(&sized(args, "/link", size), &["symlink.target"]);
        }
        for size in [0, 1, 59, 60, 99, 101, 1023, 1024] {
            only(&sized(args, "/slow", size), &["symlink.target"]);
        }
    }
    for size in [0, 1, 60, 61, 99, 101, 1024] {
        only(&sized(INLINE, "/slow", size), &["symlink.target"]);
    }
}

#[test]
fn targets_that_do_not_end() {
    for args in [EXT4, EXT2] {
        let mut editor = image(args);
        let inode = Spot::Inode(editor.lookup("/link").unwrap());
        editor.set_bytes(inode, I_BLOCK, &[b'x'; 59]).unwrap();
        editor.set_u32(inode, I_SIZE, 59).unwrap();
        only(&editor, &[]);
        editor.set_u8(inode, I_BLOCK + 59, b'x').unwrap();
        only(&editor, &["symlink.target"]);
        only(&block(args, &[b'x'; 1024], 1023), &["symlink.target"]);
        only(&block(args, &[&[b'x'; 1023][..], b"\0"].concat(), 1023), &[]);
        only(&block(args, &[&[b'x'; 60][..], b"\0"].concat(), 60), &[]);
    }
}

/// A zero byte in front of the end; a short target in a block.
#[test]
fn targets_in_the_wrong_form() {
    for args in [EXT4, EXT2] {
        only(&block(args, b"x\0", 100), &["symlink.target"]);
        only(&block(args, &[&[b'x'; 59][..], b"\0"].concat(), 59), &["symlink.target"]);
        let mut editor = image(args);
        let inode = Spot::Inode(editor.lookup("/link").unwrap());
        editor.set_bytes(inode, I_BLOCK, b"fi\0e").unwrap();
        only(&editor, &["symlink.target"]);
    }
    let mut editor = image(EXT4);
    let inode = Spot::Inode(editor.lookup("/link").unwrap());
    editor.set_u32(inode, I_FLAGS, 0x8_0000).unwrap();
    only(&editor, &["symlink.target"]);
    // The block is not the first of the link.
    let mut editor = image(EXT4);
    let inode = Spot::Inode(editor.lookup("/slow").unwrap());
    editor.set_u32(inode, I_BLOCK + 12, 1).unwrap();
    only(&editor, &["symlink.target"]);
}
