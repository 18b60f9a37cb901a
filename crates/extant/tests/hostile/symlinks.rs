//! Row 41: symbolic links. `/link` keeps 4 bytes in the inode, `/slow` 100 in a block.

use extant::{Follow, IoFlags};
use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{EXT2, EXT4, I_BLOCK, PLAIN, failure, image, only};

fn with(args: &[&str], path: &str, changes: &[(u64, &[u8])]) -> ImageEditor {
    let mut editor = image(args);
    let inode = editor.lookup(path).unwrap();
    for (at, bytes) in changes {
        editor.set_bytes(Spot::Inode(inode), *at, bytes).unwrap();
    }
    editor
}

fn each(path: &str, changes: &[(u64, &[u8])], id: &str) {
    for args in [EXT4, PLAIN, EXT2] {
        println!("{args:?} {path} {changes:x?}");
        only(&with(args, path, changes), &[(path, id)]);
    }
}

fn target(editor: &ImageEditor, path: &str) -> Vec<u8> {
    let fs = only(editor, &[]);
    fs.resolve(path.as_bytes(), Follow::No, IoFlags::NONE)
        .unwrap()
        .read_link(IoFlags::NONE)
        .unwrap()
}

#[test]
fn row_41_lengths() {
    for path in ["/link", "/slow"] {
        each(path, &[(4, &[0])], "symlink.target");
        // As long as a block: no room for a zero byte.
        each(path, &[(4, &[0, 4])], "symlink.target");
        each(path, &[(4, &[0xff; 4])], "symlink.target");
        each(path, &[(4, &[0, 0, 0x10])], "symlink.target");
    }
    // Longer than the inode holds.
    each("/link", &[(4, &[61])], "symlink.target");
    each("/link", &[(4, &[200])], "symlink.target");
    // Longer than it is: zero bytes.
    each("/link", &[(4, &[5])], "symlink.target");
    each("/slow", &[(4, &[101])], "symlink.target");
    assert_eq!(target(&with(EXT4, "/slow", &[(4, &[7])]), "/slow"), b"0123456");
}

#[test]
fn row_41_zero_bytes() {
    each("/link", &[(I_BLOCK, &[0])], "symlink.target");
    each("/link", &[(I_BLOCK + 2, &[0])], "symlink.target");
    for args in [EXT4, EXT2] {
        let mut editor = image(args);
        let slow = editor.lookup("/slow").unwrap();
        let block = editor.map_block(slow, 0).unwrap().unwrap();
        editor.set_u8(Spot::Block(block), 50, 0).unwrap();
        only(&editor, &[("/slow", "symlink.target")]);
    }
}

/// The kernel tells a fast link by its blocks, not by this flag; so is it here.
#[test]
fn row_41_fast_with_the_extents_flag() {
    let editor = with(EXT4, "/link", &[(0x20, &0x8_0000_u32.to_le_bytes())]);
    assert_eq!(target(&editor, "/link"), b"file");
}

/// Blocks that are none: the map is then taken for a map.
#[test]
fn row_41_blocks_that_disagree() {
    let extents: &[u8] = &0x8_0000_u32.to_le_bytes();
    let only_with = |args, path, changes: &[(u64, &[u8])], id| {
        only(&with(args, path, changes), &[(path, id)]);
    };
    only_with(EXT4, "/link", &[(0x20, extents), (0x1c, &[2])], "extent.magic");
    only_with(EXT2, "/link", &[(0x1c, &[2])], "map.indirect_range");
    only_with(EXT4, "/slow", &[(I_BLOCK, &[0, 0])], "extent.magic");
    only_with(EXT4, "/slow", &[(I_BLOCK + 2, &[0, 0])], "symlink.target");
    // No blocks: the map is taken for the target.
    only_with(EXT4, "/slow", &[(0x1c, &[0])], "symlink.target");
}

#[test]
fn row_41_encrypted() {
    const ENCRYPT: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "encrypt"];
    for path in ["/link", "/slow"] {
        let flags = image(ENCRYPT);
        let inode = flags.lookup(path).unwrap();
        let word = flags.get_u32(Spot::Inode(inode), 0x20).unwrap() | 0x800;
        let editor = with(ENCRYPT, path, &[(0x20, &word.to_le_bytes())]);
        // Ciphertext says its length first: here "fi" or "01", more than there is. No context.
        only(&editor, &[(path, "crypt.context"), (path, "symlink.target")]);
    }
}

#[test]
fn row_41_loops() {
    let mut editor = image(EXT4);
    let link = editor.lookup("/link").unwrap();
    editor.set_bytes(Spot::Inode(link), I_BLOCK, b"link").unwrap();
    let fs = only(&editor, &[]);
    assert_eq!(failure(fs.stat(b"/link", Follow::Yes, IoFlags::NONE)), "ELOOP");
    assert_eq!(failure(fs.stat(b"/link/x", Follow::No, IoFlags::NONE)), "ELOOP");
    assert!(fs.stat(b"/link", Follow::No, IoFlags::NONE).is_ok());
}

#[test]
fn row_41_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let inode = editor.lookup("/link").unwrap();
    editor.set_u8(Spot::Inode(inode), 4, 0).unwrap();
    only(&editor, &[("/link", "inode.checksum")]);
}
