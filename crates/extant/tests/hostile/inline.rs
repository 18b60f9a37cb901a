//! Row 28: inline data. `/tiny` has its 20 bytes in the inode; `/dir` is an inline directory.

use extant::{Follow, IoFlags};
use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{I_BLOCK, INLINE, failure, image, inline_child, only, open, read};

/// Where attributes begin in an inode with 32 bytes of extra fields.
const ATTRIBUTES: u64 = 0xa0;
/// The first entry there: name length, prefix, value's offset, inode, size.
const ENTRY: u64 = ATTRIBUTES + 4;

/// The image with bytes of `path`'s inode changed.
fn with(path: &str, changes: &[Change<'_>]) -> ImageEditor {
    let mut editor = image(INLINE);
    let inode = editor.lookup(path).unwrap();
    for (at, bytes) in changes {
        editor.set_bytes(Spot::Inode(inode), *at, bytes).unwrap();
    }
    editor
}

/// Bytes at an offset of the inode.
type Change<'a> = (u64, &'a [u8]);

fn each(path: &str, rows: &[(&[Change<'_>], &str)]) {
    for (changes, id) in rows {
        println!("{path} {changes:x?}");
        only(&with(path, changes), &[(path, id)]);
    }
}

#[test]
fn row_28_the_tests_know_where_things_are() {
    let editor = image(INLINE);
    let tiny = editor.lookup("/tiny").unwrap();
    assert_eq!(editor.get_u16(Spot::Inode(tiny), 0x80).unwrap(), 32);
    assert_eq!(editor.get_u32(Spot::Inode(tiny), ATTRIBUTES).unwrap(), 0xea02_0000);
    assert_eq!(editor.get_bytes(Spot::Inode(tiny), ENTRY, 2).unwrap(), [4, 7]);
    assert_eq!(editor.get_bytes(Spot::Inode(tiny), ENTRY + 16, 4).unwrap(), b"data");
    let fs = only(&editor, &[]);
    assert_eq!(read(&fs, "/tiny").unwrap(), b"twenty bytes of text");
}

#[test]
fn row_28_size_above_the_capacity() {
    for size in [61_u32, 200, 1024, u32::MAX] {
        each("/tiny", &[(&[(0x4, &size.to_le_bytes())], "inline.size")]);
    }
    each("/tiny", &[(&[(0x6c, &[1])], "inline.size")]);
    // Up to the capacity: bytes that are there.
    let fs = only(&with("/tiny", &[(0x4, &[60])]), &[]);
    assert_eq!(read(&fs, "/tiny").unwrap().len(), 60);
}

#[test]
fn row_28_attribute_missing_or_moved() {
    each(
        "/tiny",
        &[
            // No attributes at all, no such name, no such prefix, in an inode of its own.
            (&[(ATTRIBUTES, &[1])], "inline.missing"),
            (&[(ENTRY + 16, b"dada")], "inline.missing"),
            (&[(ENTRY + 1, &[1])], "inline.missing"),
            (&[(ENTRY, &[0; 4])], "inline.missing"),
            (&[(ENTRY + 4, &[13])], "inline.missing"),
            // No room for attributes.
            (&[(0x80, &[128])], "inline.missing"),
        ],
    );
    // In the attribute block, where it must not be.
    let data: String = "0123456789".repeat(30);
    let command = format!("ea_set /tiny user.large {data}");
    let recipe = SmallImage { debugfs: &[&command], ..SmallImage::new(INLINE) };
    let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
    let tiny = editor.lookup("/tiny").unwrap();
    let block = editor.xattr_block(tiny).unwrap();
    assert_ne!(block, 0);
    let entry = editor.get_bytes(Spot::Block(block), 32, 2).unwrap().to_vec();
    assert_eq!(entry, [5, 1]);
    editor.set_bytes(Spot::Block(block), 32, &[4, 7]).unwrap();
    editor.set_bytes(Spot::Block(block), 48, b"data\0").unwrap();
    editor.fix(extant_testkit::hostile::Part::XattrBlock(block)).unwrap();
    editor.set_bytes(Spot::Inode(tiny), ENTRY + 16, b"dada").unwrap();
    only(&editor, &[("/tiny", "inline.missing")]);
}

#[test]
fn row_28_value_outside_the_body() {
    for size in [1_u32, 96, 0xffff] {
        let offset: [u8; 2] = 0xfff0_u16.to_le_bytes();
        let bytes = size.to_le_bytes();
        each("/tiny", &[(&[(ENTRY + 2, &offset), (ENTRY + 8, &bytes)], "xattr.value")]);
    }
    // Over its own entry, and one word past the end.
    each("/tiny", &[(&[(ENTRY + 2, &[4, 0]), (ENTRY + 8, &[4])], "xattr.value")]);
    each("/tiny", &[(&[(ENTRY + 2, &[92, 0]), (ENTRY + 8, &[1])], "xattr.value")]);
    each("/tiny", &[(&[(ENTRY + 8, &[1, 0, 1, 0])], "xattr.value_size")]);
    each("/tiny", &[(&[(ENTRY, &[255])], "xattr.entry")]);
    // Inside: 28 bytes more at the end of the inode.
    let fs = only(&with("/tiny", &[(ENTRY + 2, &[64, 0]), (ENTRY + 8, &[28]), (4, &[88])]), &[]);
    assert_eq!(read(&fs, "/tiny").unwrap().len(), 88);
}

#[test]
fn row_28_without_the_fix_it_is_the_checksum() {
    let mut editor = image(INLINE);
    editor.set_fixing(false);
    let inode = editor.lookup("/tiny").unwrap();
    editor.set_u32(Spot::Inode(inode), 4, 200).unwrap();
    only(&editor, &[("/tiny", "inode.checksum")]);
}

#[test]
fn row_28_inline_directories() {
    let base = image(INLINE);
    let (_, first) = inline_child(&base, "/dir", "a");
    let (sub, _) = inline_child(&base, "/dir", "sub");
    each(
        "/dir",
        &[
            // The parent's number.
            (&[(I_BLOCK, &[0, 0, 0, 0])], "inline.directory"),
            (&[(I_BLOCK, &[0xff; 4])], "inline.directory"),
            // Entries: length, name, number.
            (&[(first + 4, &[0, 0])], "dir.rec_len"),
            (&[(first + 4, &[13, 0])], "dir.rec_len"),
            (&[(first + 4, &[0xff, 0xff])], "dir.rec_len"),
            (&[(first + 6, &[50])], "dir.name_len"),
            (&[(first + 6, &[0])], "dir.name_len"),
            (&[(first + 8, b"/")], "dir.name"),
            (&[(first + 8, b".")], "dir.name"),
            (&[(first, &[0xff; 4])], "dir.inode"),
            // The size: less than the inode's part, and more than there is.
            (&[(4, &[0])], "inline.directory"),
            (&[(4, &[3])], "inline.directory"),
            (&[(4, &[59])], "inline.directory"),
            (&[(4, &[61])], "inline.size"),
            (&[(ATTRIBUTES, &[1])], "inline.missing"),
        ],
    );
    // Another parent: the child is not said to be the parent's.
    let fs = open(&with("/dir", &[(I_BLOCK, &sub.to_le_bytes())])).unwrap();
    assert_eq!(failure(fs.stat(b"/dir", Follow::No, IoFlags::NONE)), "dir.loop");
}

#[test]
fn row_28_inline_symlinks() {
    let recipe =
        SmallImage { debugfs: &["set_inode_field /slow flags 0"], ..SmallImage::new(INLINE) };
    assert!(small_image(&recipe).is_ok());
    let editor = image(INLINE);
    let slow = editor.lookup("/slow").unwrap();
    let inline = editor.get_u32(Spot::Inode(slow), 0x20).unwrap() & 0x1000_0000 != 0;
    // A target of 100 bytes: 60 in the map, 40 in the attribute.
    assert!(inline);
    each("/slow", &[(&[(4, &[0])], "symlink.target"), (&[(4, &[200])], "inline.size")]);
    each("/slow", &[(&[(I_BLOCK + 5, &[0])], "symlink.target")]);
    each("/slow", &[(&[(ATTRIBUTES, &[1])], "inline.missing")]);
}
