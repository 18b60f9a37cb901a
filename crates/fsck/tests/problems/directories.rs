//! Entries of directories, their blocks and checksums.

use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::entries::{Block, change, set_flags};
use crate::support::{EXT2, EXT4, I_BLOCK, I_LINKS, PLAIN, found, image, only};

const ALL: [&[&str]; 3] = [EXT4, PLAIN, EXT2];
const INLINE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "inline_data"];
const FOLDING: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "casefold"];

/// The changed entry gives exactly `expected`, with and without checksums.
fn each(entry: (&str, &str), at: u64, bytes: &[u8], expected: &[&str]) {
    for args in ALL {
        let mut editor = image(args);
        change(&mut editor, entry, at, bytes);
        println!("{args:?} {entry:?} {at} {bytes:?}");
        only(&editor, expected);
    }
}

#[test]
fn untouched_images_are_clean() {
    for args in [EXT4, PLAIN, EXT2, INLINE, FOLDING] {
        only(&image(args), &[]);
    }
}

#[test]
fn dir_chain() {
    for length in [0_u16, 1, 8, 11, 13, 0x8000, 0xfffc] {
        each(("/dir", "a"), 4, &length.to_le_bytes(), &["dir.chain"]);
    }
    for length in [0, 9, 255] {
        each(("/dir", "a"), 6, &[length], &["dir.chain"]);
    }
    each(("/dir", "."), 4, &[0, 0], &["dir.chain"]);
    each(("/dir", ".."), 4, &[0xff, 0xff], &["dir.chain"]);
}

#[test]
fn dir_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let block = Block::of(&editor, "/dir", 0);
    editor.set_u8(block.spot(), 1020, 7).unwrap();
    only(&editor, &["dir.checksum"]);
    // What is wrong in the block is told instead.
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    change(&mut editor, ("/dir", "a"), 4, &[0, 0]);
    only(&editor, &["dir.chain"]);
}

#[test]
fn dir_tail() {
    for (at, bytes) in [(0, 1_u32), (4, 0xde00_000b), (4, 0xdf00_000c), (4, 0)] {
        let mut editor = image(EXT4);
        let block = Block::of(&editor, "/dir", 0);
        editor.set_u32(block.spot(), 1012 + at, bytes).unwrap();
        only(&editor, &["dir.tail"]);
    }
    // The last entry takes the room of the tail.
    let mut editor = image(EXT4);
    let block = Block::of(&editor, "/lost+found", 1);
    editor.set_u16(block.spot(), 4, 1024).unwrap();
    editor.set_bytes(block.spot(), 1012, &[0; 12]).unwrap();
    only(&editor, &["dir.tail"]);
}

#[test]
fn dir_hole() {
    let mut editor = image(EXT2);
    let lost = Spot::Inode(editor.lookup("/lost+found").unwrap());
    for slot in [0, 1] {
        let mut editor = editor.clone();
        editor.set_u32(lost, I_BLOCK + 4 * slot, 0).unwrap();
        let blocks = editor.get_u32(lost, 0x1c).unwrap();
        editor.set_u32(lost, 0x1c, blocks - 2).unwrap();
        let report = crate::support::report(&editor);
        assert!(report.problems.iter().any(|problem| problem.id() == "dir.hole"));
    }
    // The block that is no longer there stays marked as in use.
    editor.set_u32(lost, I_BLOCK + 4, 0).unwrap();
    only(&editor, &["dir.hole", "inode.blocks", "bitmap.blocks_unused"]);
}

/// A block of a directory behind the end of a device that was cut short.
#[test]
fn dir_read() {
    let mut editor = image(EXT2);
    let inode = Spot::Inode(editor.lookup("/lost+found").unwrap());
    editor.set_u32(inode, I_BLOCK + 4, 8191).unwrap();
    let mut bytes = editor.into_bytes();
    bytes.truncate(bytes.len() - 1024);
    let expected = ["dir.read", "superblock.device_size", "bitmap.blocks_in_use"];
    let unused = ["bitmap.blocks_unused"];
    found(&ImageEditor::new(bytes), &[&expected[..], &unused].concat());
}

#[test]
fn dir_dot() {
    let tiny = image(EXT4).lookup("/tiny").unwrap();
    each(("/dir", "."), 0, &tiny.to_le_bytes(), &["dir.dot"]);
    each(("/dir", "."), 0, &[0; 4], &["dir.dot"]);
    each(("/dir", "."), 0, &u32::MAX.to_le_bytes(), &["dir.dot"]);
    each(("/dir", "."), 8, b"x", &["dir.dot"]);
}

#[test]
fn dir_dotdot() {
    each(("/dir", ".."), 0, &[0; 4], &["dir.dotdot"]);
    each(("/dir", ".."), 0, &u32::MAX.to_le_bytes(), &["dir.dotdot"]);
    each(("/dir", ".."), 8, b".x", &["dir.dotdot"]);
    // `.` takes the whole block.
    for (args, length) in [(EXT4, 1012_u16), (PLAIN, 1024)] {
        let mut editor = image(args);
        change(&mut editor, ("/dir/sub", "."), 4, &length.to_le_bytes());
        only(&editor, &["dir.dotdot"]);
    }
}

/// `.` may take more room than it needs.
#[test]
fn dots_may_be_long() {
    for args in ALL {
        let mut editor = image(args);
        let block = Block::of(&editor, "/dir/sub", 0);
        let (dot, dotdot) = (editor.get_u32(block.spot(), 0).unwrap(), editor.lookup("/dir"));
        let rest = editor.get_u16(block.spot(), 16).unwrap();
        let mut entry = dotdot.unwrap().to_le_bytes().to_vec();
        entry.extend((rest - 12).to_le_bytes());
        entry.extend(*b"\x02\x02..\0\0");
        editor.set_bytes(block.spot(), 24, &entry).unwrap();
        editor.set_u16(block.spot(), 4, 24).unwrap();
        assert_ne!(dot, 0);
        block.fix(&mut editor);
        only(&editor, &[]);
    }
}

#[test]
fn dir_dot_twice() {
    for args in ALL {
        for name in [&b"."[..], b".."] {
            let mut editor = image(args);
            let block = Block::of(&editor, "/dir/sub", 0);
            block.add(&mut editor, block.inode, name, 2);
            only(&editor, &["dir.dot_twice"]);
        }
    }
}

#[test]
fn dir_dot_padding() {
    each(("/dir", "."), 9, b"x", &["dir.dot_padding"]);
    each(("/dir", ".."), 10, b"x", &["dir.dot_padding"]);
    each(("/dir", "."), 10, b"x", &[]);
    each(("/dir", ".."), 11, b"x", &[]);
}

#[test]
fn dir_name() {
    for name in [&b"/"[..], b"\0"] {
        each(("/dir", "a"), 8, name, &["dir.name"]);
    }
    each(("/dir", "sub"), 8, b"s/b", &["dir.name"]);
    each(("/dir", "sub"), 8, b"su\0", &["dir.name"]);
    for name in [&b"\xff\xfe!"[..], b"\x1b[2", b"a b", b"..."] {
        each(("/dir", "sub"), 8, name, &[]);
    }
}

#[test]
fn dir_name_encoding() {
    let strict = ["-t", "ext4", "-b", "1024", "-O", "casefold", "-E", "encoding_flags=strict"];
    for (args, expected) in [(&strict[..], &["dir.name_encoding"][..]), (FOLDING, &[])] {
        let mut editor = image(args);
        set_flags(&mut editor, "/dir", 0x4000_0000);
        only(&editor, &[]);
        change(&mut editor, ("/dir", "sub"), 8, b"S\xffB");
        only(&editor, expected);
    }
}

#[test]
fn dir_name_twice() {
    each(("/dir", "a"), 8, b"b", &["dir.name_twice"]);
    // Inside an inode: e2fsck says so, and that all is well.
    let mut editor = image(INLINE);
    let inode = Spot::Inode(inline_dir(&editor, "dir"));
    let (_, at) = inline_entry(&editor, inode, b"a");
    editor.set_u8(inode, at + 8, b'b').unwrap();
    found(&editor, &["dir.name_twice"]);
    // In two blocks: e2fsck compares the names of one block only.
    let mut editor = image(EXT2);
    let tiny = editor.lookup("/tiny").unwrap();
    for logical in [3, 5] {
        Block::of(&editor, "/lost+found", logical).put(&mut editor, tiny, b"name");
    }
    editor.set_u16(Spot::Inode(tiny), I_LINKS, 3).unwrap();
    found(&editor, &["dir.name_twice"]);
}

/// e2fsck 1.47 says nothing of these.
#[test]
fn dir_name_folded() {
    let mut editor = image(FOLDING);
    change(&mut editor, ("/dir", "a"), 8, b"B");
    only(&editor, &[]);
    set_flags(&mut editor, "/dir", 0x4000_0000);
    only(&editor, &["dir.name_folded"]);
}

/// The inode of a directory inside the root.
fn inline_dir(editor: &ImageEditor, name: &str) -> u32 {
    let root = Spot::Inode(2);
    if editor.get_u32(root, 0x20).unwrap() & 0x1000_0000 == 0 {
        return editor.lookup(name).unwrap();
    }
    inline_entry(editor, root, name.as_bytes()).0
}

/// An entry in the first 60 bytes of an inline directory: the inode it names, and its offset.
fn inline_entry(editor: &ImageEditor, inode: Spot, name: &[u8]) -> (u32, u64) {
    let mut at = I_BLOCK + 4;
    while at < I_BLOCK + 60 {
        let length = usize::from(editor.get_u8(inode, at + 6).unwrap());
        if editor.get_bytes(inode, at + 8, length).unwrap() == name {
            return (editor.get_u32(inode, at).unwrap(), at);
        }
        at += u64::from(editor.get_u16(inode, at + 4).unwrap().max(12));
    }
    panic!("no such entry");
}

#[test]
fn dir_inline() {
    let base = image(INLINE);
    let inode = Spot::Inode(inline_dir(&base, "dir"));
    let mut editor = base.clone();
    editor.set_u32(inode, I_BLOCK, 0).unwrap();
    only(&editor, &["dir.inline"]);
    let mut editor = base.clone();
    editor.set_u32(inode, I_BLOCK, 100_000).unwrap();
    only(&editor, &["dir.dotdot"]);
    let mut editor = base.clone();
    editor.set_u32(inode, I_BLOCK, 11).unwrap();
    only(&editor, &["dir.parent"]);
    let mut editor = base;
    let (_, at) = inline_entry(&editor, inode, b"a");
    editor.set_u16(inode, at + 4, 0).unwrap();
    only(&editor, &["dir.chain"]);
}

#[test]
fn dir_file_type() {
    for kind in [2, 7, 8, 255] {
        each(("/dir", "a"), 7, &[kind], &["dir.file_type"]);
    }
    each(("/dir", "sub"), 7, &[1], &["dir.file_type"]);
    each(("/dir", "."), 7, &[1], &["dir.file_type"]);
    each(("/dir", ".."), 7, &[7], &["dir.file_type"]);
    let untyped = ["-t", "ext4", "-b", "1024", "-O", "^filetype"];
    let mut editor = image(&untyped);
    only(&editor, &[]);
    change(&mut editor, ("/dir", "a"), 7, &[1]);
    only(&editor, &["dir.file_type"]);
}

#[test]
fn dir_file_type_unset() {
    for name in ["a", "sub", ".", ".."] {
        each(("/dir", name), 7, &[0], &["dir.file_type_unset"]);
    }
}

#[test]
fn dir_name_short() {
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "encrypt"]);
    set_flags(&mut editor, "/dir", 0x800);
    let ids: Vec<_> = crate::support::report(&editor).problems.iter().map(|p| p.id()).collect();
    assert!(ids.contains(&"dir.name_short"), "{ids:?}");
}

#[test]
fn dir_inode_range() {
    for number in [100_000_u32, u32::MAX] {
        each(("/dir", "a"), 0, &number.to_le_bytes(), &["dir.inode_range"]);
    }
}

#[test]
fn dir_inode_reserved() {
    for number in [1_u32, 3, 7, 8, 10] {
        each(("/dir", "a"), 0, &number.to_le_bytes(), &["dir.inode_reserved"]);
    }
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "orphan_file"]);
    let orphans = editor.get_u32(Spot::Superblock, 0x280).unwrap();
    change(&mut editor, ("/dir", "a"), 0, &orphans.to_le_bytes());
    only(&editor, &["dir.inode_reserved"]);
}

#[test]
fn dir_inode_root_and_self() {
    each(("/dir", "a"), 0, &2_u32.to_le_bytes(), &["dir.inode_root"]);
    let dir = image(EXT4).lookup("/dir").unwrap();
    each(("/dir", "a"), 0, &dir.to_le_bytes(), &["dir.inode_self"]);
}

#[test]
fn dir_inode_unused() {
    for args in [PLAIN, EXT2] {
        let mut editor = image(args);
        let number = editor.get_u32(Spot::Superblock, 0).unwrap();
        change(&mut editor, ("/dir", "a"), 0, &number.to_le_bytes());
        only(&editor, &["dir.inode_unused"]);
    }
}

#[test]
fn dir_inode_uninit() {
    let mut editor = image(EXT4);
    let number = editor.get_u32(Spot::Superblock, 0).unwrap();
    change(&mut editor, ("/dir", "a"), 0, &number.to_le_bytes());
    only(&editor, &["dir.inode_uninit"]);
}

/// An entry may name the inode of an attribute's value: e2fsck does not mind.
#[test]
fn dir_inode_value() {
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "ea_inode"]);
    set_flags(&mut editor, "/dir/a", 0x20_0000);
    only(&editor, &["dir.inode_value"]);
}

/// Types that stay when their feature is removed.
#[test]
fn types_that_were_turned_off() {
    let tuned = SmallImage { tune2fs: &["-O", "^filetype"], ..SmallImage::new(PLAIN) };
    only(&ImageEditor::new(small_image(&tuned).unwrap()), &["dir.file_type"]);
}
