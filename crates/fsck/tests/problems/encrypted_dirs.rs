//! Encrypted directories: contexts of what is in them. Names of `/many` are long enough for
//! ciphertext.

use extant_testkit::hostile::{ImageEditor, Spot};

use crate::entries::many;
use crate::support::{image, only};

const ENCRYPT: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "encrypt"];
/// Offset of the attributes in an inode with 32 bytes of extra fields.
const ATTRIBUTES: u64 = 0xa0;

/// Makes `inode` one that is encrypted, with a context of version 1 and a key named by `key`.
fn encrypt(editor: &mut ImageEditor, inode: u32, key: u8) {
    let spot = Spot::Inode(inode);
    let flags = editor.get_u32(spot, 0x20).unwrap();
    editor.set_u32(spot, 0x20, flags | 0x800).unwrap();
    let mut context = vec![1, 1, 4, 0];
    context.extend([key; 8]);
    context.extend(inode.to_le_bytes());
    context.extend([7; 12]);
    // The value ends with the inode; its offset counts from the first entry.
    let value = 256 - 28;
    let mut area = 0xea02_0000_u32.to_le_bytes().to_vec();
    area.extend([1, 9]);
    area.extend(u16::try_from(value - ATTRIBUTES - 4).unwrap().to_le_bytes());
    area.extend([0; 4]);
    area.extend(28_u32.to_le_bytes());
    area.extend([0; 4]);
    area.extend(b"c\0\0\0");
    editor.set_bytes(spot, ATTRIBUTES, &area).unwrap();
    editor.set_bytes(spot, value, &context).unwrap();
}

/// `/many` and what is in it, encrypted; and one of its files.
fn encrypted() -> (ImageEditor, u32) {
    let mut editor = image(ENCRYPT);
    let inode = editor.lookup("/many").unwrap();
    encrypt(&mut editor, inode, 1);
    for number in 0..300 {
        let inode = editor.lookup(&format!("/many/{}", many(number))).unwrap();
        encrypt(&mut editor, inode, 1);
    }
    let file = editor.lookup(&format!("/many/{}", many(100))).unwrap();
    (editor, file)
}

#[test]
fn untouched() {
    only(&encrypted().0, &[]);
}

#[test]
fn dir_unencrypted() {
    let (mut editor, file) = encrypted();
    let flags = editor.get_u32(Spot::Inode(file), 0x20).unwrap();
    editor.set_u32(Spot::Inode(file), 0x20, flags & !0x800).unwrap();
    only(&editor, &["dir.unencrypted"]);
}

#[test]
fn dir_policy() {
    let (mut editor, file) = encrypted();
    encrypt(&mut editor, file, 2);
    only(&editor, &["dir.policy"]);
    // The number that is the file's own may be any.
    let (mut editor, file) = encrypted();
    editor.set_u8(Spot::Inode(file), 255, 9).unwrap();
    only(&editor, &[]);
}
