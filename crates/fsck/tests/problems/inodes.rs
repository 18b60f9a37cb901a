//! Fields of inodes, sizes and counts.

use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{EXT2, EXT4, I_BLOCK, I_LINKS, INLINE, PLAIN, image, only, report};

const I_MODE: u64 = 0x0;
const I_SIZE: u64 = 0x4;
const I_DTIME: u64 = 0x14;
const I_BLOCKS: u64 = 0x1c;
const I_FLAGS: u64 = 0x20;
const I_FILE_ACL: u64 = 0x68;
const I_SIZE_HI: u64 = 0x6c;
const I_FADDR: u64 = 0x70;
const I_BLOCKS_HI: u64 = 0x74;
const I_FILE_ACL_HI: u64 = 0x76;
const I_CHECKSUM: u64 = 0x7c;
const I_EXTRA_SIZE: u64 = 0x80;

/// Starts a list of attributes.
const MAGIC: u32 = 0xea02_0000;

const INDEX: u32 = 0x1000;
const IMAGIC: u32 = 0x2000;
const EXTENTS: u32 = 0x8_0000;
const VERITY: u32 = 0x10_0000;
const EA_INODE: u32 = 0x20_0000;
const INLINE_DATA: u32 = 0x1000_0000;
const CASEFOLD: u32 = 0x4000_0000;

/// The image with a 32-bit field of the inode of `path` changed.
fn changed(args: &[&str], path: &str, at: u64, change: impl Fn(u32) -> u32) -> ImageEditor {
    let mut editor = image(args);
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    let value = change(editor.get_u32(inode, at).unwrap());
    editor.set_u32(inode, at, value).unwrap();
    editor
}

/// As [`changed`], a field of 16 bits of inode `ino`.
fn set_half(args: &[&str], ino: u32, at: u64, value: u16) -> ImageEditor {
    let mut editor = image(args);
    editor.set_u16(Spot::Inode(ino), at, value).unwrap();
    editor
}

#[test]
fn inode_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let inode = Spot::Inode(editor.lookup("/file").unwrap());
    let sum = editor.get_u16(inode, I_CHECKSUM).unwrap();
    editor.set_u16(inode, I_CHECKSUM, sum ^ 1).unwrap();
    only(&editor, &["inode.checksum"]);
}

/// Of inodes that were deleted, and of those kept for the file system, the checksum counts too.
#[test]
fn inode_checksum_of_free_inodes() {
    let deleted = small_image(&SmallImage { debugfs: &["rm /dir/a"], ..SmallImage::new(EXT4) });
    let mut editor = ImageEditor::new(deleted.unwrap());
    only(&editor, &[]);
    let free = image(EXT4).lookup("/dir/a").unwrap();
    editor.set_fixing(false).set_u16(Spot::Inode(free), I_CHECKSUM, 1).unwrap();
    only(&editor, &["inode.checksum"]);
    let mut editor = image(EXT4);
    editor.set_fixing(false).set_u32(Spot::Inode(9), 8, 1).unwrap();
    only(&editor, &["inode.checksum"]);
}

#[test]
fn inode_deleted_dtime() {
    let deleted = small_image(&SmallImage { debugfs: &["rm /dir/a"], ..SmallImage::new(EXT4) });
    let mut editor = ImageEditor::new(deleted.unwrap());
    let free = image(EXT4).lookup("/dir/a").unwrap();
    editor.set_u32(Spot::Inode(free), I_DTIME, 0).unwrap();
    only(&editor, &["inode.deleted_dtime"]);
}

#[test]
fn inode_root() {
    for mode in [0o100_755, 0o120_777] {
        let mut editor = image(EXT4);
        editor.set_u16(Spot::Inode(2), I_MODE, mode).unwrap();
        let report = report(&editor);
        assert!(report.problems.iter().any(|problem| problem.id() == "inode.root"), "{mode:o}");
    }
}

#[test]
fn inode_extra_isize() {
    for size in [2, 6, 30, 126, 127, 129, 256, 0xffff] {
        let file = image(EXT4).lookup("/file").unwrap();
        only(&set_half(EXT4, file, I_EXTRA_SIZE, size), &["inode.extra_isize"]);
        only(&set_half(EXT2, file, I_EXTRA_SIZE, size), &["inode.extra_isize"]);
    }
    for size in [0, 4, 8, 28, 36, 124, 128] {
        let file = image(EXT4).lookup("/file").unwrap();
        only(&set_half(EXT4, file, I_EXTRA_SIZE, size), &[]);
    }
}

#[test]
fn inode_mode() {
    for kind in [0, 3, 5, 7, 9, 11, 13, 15] {
        let file = image(EXT4).lookup("/fifo").unwrap();
        only(&set_half(EXT4, file, I_MODE, kind << 12 | 0o644), &["inode.mode"]);
    }
}

#[test]
fn inode_flags_without_their_feature() {
    for (path, flag) in [
        ("/file", IMAGIC),
        ("/fifo", IMAGIC),
        ("/dir", IMAGIC),
        ("/dir", CASEFOLD),
        ("/file", CASEFOLD),
        ("/file", INDEX),
        ("/link", INDEX),
        ("/empty", INLINE_DATA | EXTENTS),
    ] {
        println!("{path} {flag:x}");
        only(&changed(EXT4, path, I_FLAGS, |old| old ^ flag), &["inode.flags"]);
    }
    for (path, flag) in [("/empty", EXTENTS), ("/empty", INLINE_DATA), ("/slow", INLINE_DATA)] {
        println!("{path} {flag:x}");
        only(&changed(EXT2, path, I_FLAGS, |old| old | flag), &["inode.flags"]);
    }
    let mut editor = image(EXT4);
    let features = editor.get_u32(Spot::Superblock, 0x5c).unwrap();
    editor.set_u32(Spot::Superblock, 0x5c, features & !0x20).unwrap();
    only(&editor, &["inode.flags"]);
}

/// Both kinds of map, one kind where the other is, and maps of what has none.
#[test]
fn inode_flags_of_maps() {
    for path in ["/file", "/dir", "/slow", "/fragmented"] {
        only(&changed(EXT4, path, I_FLAGS, |old| old | INLINE_DATA), &["inode.flags"]);
        only(&changed(EXT4, path, I_FLAGS, |old| old & !EXTENTS), &["inode.flags"]);
    }
    for path in ["/tiny", "/dir", "/slow"] {
        only(&changed(INLINE, path, I_FLAGS, |old| old | EXTENTS), &["inode.flags"]);
    }
    for flag in [EXTENTS, INLINE_DATA] {
        only(&changed(EXT4, "/fifo", I_FLAGS, |old| old | flag), &["inode.flags"]);
        only(&changed(INLINE, "/fifo", I_FLAGS, |old| old | flag), &["inode.flags"]);
    }
}

#[test]
fn inode_flags_unused() {
    for (path, flag) in [
        ("/file", VERITY),
        ("/dir", VERITY),
        ("/link", VERITY),
        ("/fifo", 0x10),
        ("/fifo", 0x20),
        ("/link", 0x10),
    ] {
        println!("{path} {flag:x}");
        only(&changed(EXT4, path, I_FLAGS, |old| old | flag), &["inode.flags_unused"]);
    }
    // Anything else that lsattr shows means nothing wrong.
    for flag in [1, 2, 4, 8, 0x40, 0x80, 0x200, 0x400, 0x4000, 0x1_0000, 0x2_0000, 0x40_0000] {
        only(&changed(EXT4, "/file", I_FLAGS, |old| old | flag), &[]);
    }
    let unflagged = changed(EXT4, "/file", I_FLAGS, |old| old | EA_INODE);
    only(&unflagged, &["inode.flags_unused", "dir.inode_value"]);
}

#[test]
fn inode_size() {
    // Shorter than what is written, and than the directory's blocks.
    for size in [0, 1, 8191, 9216 - 1024] {
        only(&changed(EXT4, "/file", I_SIZE, |_| size), &["inode.size"]);
        only(&changed(EXT2, "/file", I_SIZE, |_| size), &["inode.size"]);
    }
    for size in [9217, 10_240, 1 << 30] {
        only(&changed(EXT4, "/file", I_SIZE, |_| size), &[]);
    }
    only(&changed(EXT4, "/dir", I_SIZE, |_| 2048), &["inode.size"]);
    only(&changed(EXT4, "/fifo", I_SIZE, |_| 5), &["inode.size"]);
    only(&changed(EXT4, "/empty", I_SIZE_HI, |_| 1 << 31), &["inode.size"]);
}

#[test]
fn inode_blocks() {
    for args in [EXT4, EXT2] {
        for path in ["/file", "/dir", "/slow", "/xattr-large", "/empty", "/fifo"] {
            only(&changed(args, path, I_BLOCKS, |old| old + 2), &["inode.blocks"]);
        }
        only(&changed(args, "/file", I_BLOCKS, |old| old + 1), &["inode.blocks"]);
    }
    // In units of blocks by the flag.
    only(&changed(EXT4, "/file", I_FLAGS, |old| old | 0x4_0000), &["inode.blocks"]);
    let file = image(EXT4).lookup("/file").unwrap();
    only(&set_half(EXT4, file, I_BLOCKS_HI, 1), &["inode.blocks"]);
}

#[test]
fn inode_dtime() {
    for path in ["/file", "/dir", "/link", "/fifo"] {
        only(&changed(EXT4, path, I_DTIME, |_| 1_600_000_000), &["inode.dtime"]);
    }
}

#[test]
fn inode_reserved_field() {
    for path in ["/file", "/dir", "/fifo"] {
        only(&changed(EXT4, path, I_FADDR, |_| 5), &["inode.reserved_field"]);
    }
    for path in ["/dir", "/link", "/slow", "/fifo"] {
        only(&changed(EXT4, path, I_SIZE_HI, |_| 1), &["inode.reserved_field"]);
    }
    let file = image(EXT2).lookup("/file").unwrap();
    only(&set_half(EXT2, file, I_FILE_ACL_HI, 1), &["inode.reserved_field"]);
    let plain = &["-t", "ext4", "-b", "1024", "-O", "^huge_file,^64bit"];
    only(&set_half(plain, file, I_BLOCKS_HI, 1), &["inode.reserved_field"]);
}

#[test]
fn inode_reserved() {
    // Bad blocks: nothing but a map.
    for (at, value) in [(I_MODE, 0o100_644), (I_LINKS, 1), (2, 1), (0x18, 1), (I_FILE_ACL, 50)] {
        only(&set_half(PLAIN, 1, at, value), &["inode.reserved"]);
    }
    // Quota that nobody counts.
    for ino in [3, 4] {
        only(&set_half(PLAIN, ino, I_LINKS, 1), &["inode.reserved"]);
        only(&set_half(PLAIN, ino, I_BLOCK, 50), &["inode.reserved"]);
    }
    for ino in [6, 9, 10] {
        only(&set_half(EXT4, ino, I_MODE, 0o100_644), &["inode.reserved"]);
        only(&set_half(EXT4, ino, I_LINKS, 1), &[]);
    }
    // The boot loader may have a file.
    only(&set_half(EXT4, 5, I_MODE, 0o100_600), &[]);
}

/// What one that is not in use has, and e2fsck looks at.
#[test]
fn inode_reserved_without_a_type() {
    for ino in [3, 4, 5, 6, 9, 10] {
        only(&set_half(PLAIN, ino, I_BLOCKS, 2), &["inode.reserved"]);
    }
    for ino in [5, 6, 9, 10] {
        only(&set_half(PLAIN, ino, I_FILE_ACL, 7000), &["inode.reserved"]);
        only(&set_half(PLAIN, ino, I_FLAGS, 0x1000), &["inode.reserved"]);
        only(&set_half(PLAIN, ino, I_BLOCK, 7000), &[]);
    }
    let fixed = &["-t", "ext2", "-b", "1024", "-O", "^resize_inode"];
    for (ino, at, value) in
        [(7, I_BLOCKS, 2), (7, I_FILE_ACL, 7000), (7, I_FLAGS, 0x1000), (8, I_BLOCKS, 2)]
    {
        only(&set_half(fixed, ino, at, value), &["inode.reserved"]);
    }
    only(&set_half(fixed, 8, I_FLAGS + 2, 8), &["inode.reserved"]);
    let mut editor = set_half(fixed, 7, I_MODE, 0o100_644);
    only(&editor, &[]);
    editor.set_u32(Spot::Inode(7), I_BLOCK, 7000).unwrap();
    only(&editor, &["inode.reserved"]);
}

/// What the boot loader keeps is in use without a link.
#[test]
fn the_boot_loader_has_blocks() {
    let mut editor = set_half(PLAIN, 5, I_MODE, 0o100_644);
    editor.set_u32(Spot::Inode(5), I_BLOCK, 7000).unwrap();
    only(&editor, &["inode.blocks", "bitmap.blocks_in_use"]);
    only(&set_half(PLAIN, 5, I_MODE, 0o170_644), &[]);
    let report = report(&set_half(PLAIN, 5, I_MODE, 0o040_755));
    assert!(report.problems.iter().any(|problem| problem.id() == "inode.reserved"));
}

#[test]
fn times_are_what_they_are() {
    for at in [0x8, 0xc, 0x10, 0x84, 0x88, 0x8c, 0x90, 0x94] {
        for value in [0, 3, 0x7fff_ffff, 0x8000_0001, u32::MAX] {
            only(&changed(EXT4, "/file", at, |_| value), &[]);
        }
    }
}

/// Of the file system's own, only what is mapped counts.
#[test]
fn fields_of_the_journal_inode() {
    let journal = 8;
    let changes = [(I_FADDR, 5), (I_DTIME, 1_600_000_000), (I_FILE_ACL, 90_000), (0xa0, MAGIC)];
    for (at, value) in changes {
        let mut editor = image(EXT4);
        editor.set_u32(Spot::Inode(journal), at, value).unwrap();
        only(&editor, &[]);
    }
    let mut editor = set_half(EXT4, journal, I_EXTRA_SIZE, 33);
    only(&editor, &[]);
    editor.set_fixing(false).set_u16(Spot::Inode(journal), I_EXTRA_SIZE, 35).unwrap();
    only(&editor, &["inode.checksum"]);
    let blocks = image(EXT4).get_u16(Spot::Inode(journal), I_BLOCKS).unwrap();
    only(&set_half(EXT4, journal, I_BLOCKS, blocks + 2), &["inode.blocks"]);
}
