//! Encryption contexts, encrypted links, and verity descriptors.

use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{EXT4, I_BLOCK, found, image, only};

const ENCRYPTED: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "encrypt,verity"];
const ENCRYPT: u32 = 0x800;
const VERITY: u32 = 0x10_0000;
const I_SIZE: u64 = 0x4;
const I_FLAGS: u64 = 0x20;
/// Where the attributes of an inode with 32 bytes of extra fields start, and their room.
const AREA: u64 = 0xa0;
const ROOM: usize = 92;

fn flag(editor: &mut ImageEditor, path: &str, flag: u32) -> Spot {
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    let flags = editor.get_u32(inode, I_FLAGS).unwrap();
    editor.set_u32(inode, I_FLAGS, flags | flag).unwrap();
    inode
}

/// A context: version, then 27 bytes, or 39 in the second version.
fn context(version: u8) -> Vec<u8> {
    let mut bytes = vec![version, 1, 4, 2];
    bytes.resize(if version == 2 { 40 } else { 28 }, 0);
    bytes
}

/// The image with `path` encrypted under `context`.
fn encrypted(args: &[&str], path: &str, context: &[u8]) -> ImageEditor {
    let mut editor = image(args);
    let inode = flag(&mut editor, path, ENCRYPT);
    let mut list = vec![0; ROOM];
    let offset = ROOM - context.len().next_multiple_of(4);
    list[offset..offset + context.len()].copy_from_slice(context);
    list[0] = 1;
    list[1] = 9;
    list[2] = u8::try_from(offset).unwrap();
    list[8] = u8::try_from(context.len()).unwrap();
    list[16] = b'c';
    editor.set_u32(inode, AREA, 0xea02_0000).unwrap();
    editor.set_bytes(inode, AREA + 4, &list).unwrap();
    editor
}

#[test]
fn crypt_context() {
    for path in ["/file", "/empty", "/fifo"] {
        for version in [1, 2] {
            only(&encrypted(ENCRYPTED, path, &context(version)), &[]);
        }
        let mut editor = image(ENCRYPTED);
        flag(&mut editor, path, ENCRYPT);
        only(&editor, &["crypt.context"]);
        let long = [context(1), vec![0; 12]].concat();
        let short = context(1)[..27].to_vec();
        let wrong = [&[2][..], &context(1)[1..]].concat();
        for bad in [vec![], vec![1], short, long, wrong, context(0)] {
            println!("{path} {bad:?}");
            only(&encrypted(ENCRYPTED, path, &bad), &["crypt.context"]);
        }
    }
    // Who has a context need not be encrypted.
    let mut editor = encrypted(ENCRYPTED, "/file", &context(1));
    let inode = Spot::Inode(editor.lookup("/file").unwrap());
    let flags = editor.get_u32(inode, I_FLAGS).unwrap();
    editor.set_u32(inode, I_FLAGS, flags & !ENCRYPT).unwrap();
    only(&editor, &[]);
}

#[test]
fn crypt_version() {
    only(&encrypted(ENCRYPTED, "/file", &context(3)), &["crypt.version"]);
}

#[test]
fn encryption_without_the_feature() {
    only(&encrypted(EXT4, "/file", &context(1)), &["inode.flags_unused"]);
}

/// A link inside its inode, of `size` bytes, that says its target has `len`.
fn link(size: u32, len: u16) -> ImageEditor {
    let mut editor = encrypted(ENCRYPTED, "/link", &context(2));
    let inode = Spot::Inode(editor.lookup("/link").unwrap());
    editor.set_bytes(inode, I_BLOCK, &[&len.to_le_bytes()[..], &[0xaa; 58]].concat()).unwrap();
    editor.set_u32(inode, I_SIZE, size).unwrap();
    editor
}

/// A link in a block.
fn slow(size: u32, len: u16) -> ImageEditor {
    let mut editor = encrypted(ENCRYPTED, "/slow", &context(2));
    let ino = editor.lookup("/slow").unwrap();
    let block = editor.map_block(ino, 0).unwrap().unwrap();
    let bytes = [&len.to_le_bytes()[..], &[0xaa; 1022]].concat();
    editor.set_bytes(Spot::Block(block), 0, &bytes).unwrap();
    editor.set_u32(Spot::Inode(ino), I_SIZE, size).unwrap();
    editor
}

#[test]
fn encrypted_links() {
    for editor in [link(18, 16), link(59, 57), slow(98, 96), slow(1023, 1021)] {
        only(&editor, &[]);
    }
    for editor in [link(0, 0), link(18, 15), link(18, 1000), link(60, 58), link(4, 16)] {
        only(&editor, &["symlink.target"]);
    }
    for editor in [slow(98, 95), slow(98, 0), slow(98, 5000), slow(1024, 1022)] {
        only(&editor, &["symlink.target"]);
    }
}

#[test]
fn verity_descriptor() {
    let mut editor = image(ENCRYPTED);
    flag(&mut editor, "/tiny", VERITY);
    found(&editor, &["verity.descriptor"]);
    // Blocks behind the end that hold no descriptor.
    for size in [0_u32, 255, 256, 1 << 14, (1 << 14) + 1, u32::MAX] {
        let mut editor = image(ENCRYPTED);
        let inode = flag(&mut editor, "/fragmented", VERITY);
        editor.set_u32(inode, I_SIZE, 1000).unwrap();
        let ino = editor.lookup("/fragmented").unwrap();
        let last = editor.map_block(ino, 798).unwrap().unwrap();
        editor.set_u32(Spot::Block(last), 1020, size).unwrap();
        found(&editor, &["verity.descriptor"]);
        // The smallest one that is sound: version, hash, block size, size of the file.
        let mut bytes = vec![0; 256];
        bytes[..3].copy_from_slice(&[1, 1, 10]);
        bytes[8..16].copy_from_slice(&1000_u64.to_le_bytes());
        editor.set_bytes(Spot::Block(last), 0, &bytes).unwrap();
        editor.set_u32(Spot::Block(last), 1020, 256).unwrap();
        only(&editor, &[]);
    }
}
