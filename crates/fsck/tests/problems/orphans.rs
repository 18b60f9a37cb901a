//! Rows 49 and 50: the list of orphans and the orphan file.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{EXT2, EXT4, found, image, only};

const ORPHAN_FILE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "orphan_file,metadata_csum"];
const PRESENT: u32 = 0x1_0000;

/// Takes the name `dir`/`name` away and makes its inode an orphan, followed by `next`.
fn orphan(image: &mut ImageEditor, dir: &str, name: &str, next: u32) -> u32 {
    let parent = image.lookup(dir).unwrap();
    let inode = image.lookup(&format!("{}/{name}", dir.trim_end_matches('/'))).unwrap();
    let (block, offset) = image.find_entry(parent, name.as_bytes()).unwrap();
    image.set_u32(Spot::Block(block), offset, 0).unwrap();
    image.fix(Part::DirLeaf { inode: parent, block }).unwrap();
    image.set_u16(Spot::Inode(inode), 0x1a, 0).unwrap();
    image.set_u32(Spot::Inode(inode), 0x14, next).unwrap();
    inode
}

fn set_head(image: &mut ImageEditor, inode: u32) {
    image.set_u32(Spot::Superblock, 0xe8, inode).unwrap();
}

/// e2fsck counts them as errors where it may not release them.
#[test]
fn orphans_pending() {
    for args in [EXT4, EXT2] {
        let mut image = image(args);
        let last = orphan(&mut image, "/dir", "a", 0);
        let first = orphan(&mut image, "/", "fragmented", last);
        set_head(&mut image, first);
        let report = found(&image, &["orphans.pending"]);
        assert!(report.is_clean());
        assert_eq!(report.summary.orphans, 2);
    }
}

/// An inode with names may be on the list: it is to be cut.
#[test]
fn orphans_pending_truncates() {
    let mut image = image(EXT4);
    let file = image.lookup("/file").unwrap();
    set_head(&mut image, file);
    only(&image, &["orphans.pending"]);
}

/// e2fsck does not look at the list when it may not write.
#[test]
fn row_49_orphans_list() {
    for head in [5, 7, 130_000, u32::MAX] {
        let mut image = image(EXT4);
        set_head(&mut image, head);
        found(&image, &["orphans.list"]);
    }
    let mut free = image(EXT4);
    set_head(&mut free, 1000);
    found(&free, &["orphans.list"]);
    let mut cycle = image(EXT4);
    let inode = orphan(&mut cycle, "/dir", "a", 0);
    cycle.set_u32(Spot::Inode(inode), 0x14, inode).unwrap();
    set_head(&mut cycle, inode);
    found(&cycle, &["orphans.list", "orphans.pending"]);
}

/// The image, its orphan file, and the first block of that.
fn with_file() -> (ImageEditor, u32, u64) {
    let editor = image(ORPHAN_FILE);
    let file = editor.get_u32(Spot::Superblock, 0x280).unwrap();
    let block = editor.map_block(file, 0).unwrap().unwrap();
    (editor, file, block)
}

fn set_present(editor: &mut ImageEditor) {
    let features = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    editor.set_u32(Spot::Superblock, 0x64, features | PRESENT).unwrap();
}

#[test]
fn row_50_orphans_file() {
    only(&with_file().0, &[]);
    let edits: [(u64, u32); 3] = [(0, 0x4180), (0x4, 5_000_000), (0x4, 65_536)];
    for (offset, value) in edits {
        let (mut editor, file, _) = with_file();
        if offset == 0 {
            editor.set_u16(Spot::Inode(file), 0, 0x4180).unwrap();
        } else {
            editor.set_u32(Spot::Inode(file), offset, value).unwrap();
        }
        only(&editor, &["orphans.file"]);
    }
    for offset in [1016, 1020] {
        let (mut editor, _, block) = with_file();
        let byte = editor.get_u8(Spot::Block(block), offset).unwrap();
        editor.set_u8(Spot::Block(block), offset, byte ^ 1).unwrap();
        only(&editor, &["orphans.file"]);
    }
    let (mut editor, _, _) = with_file();
    editor.set_u32(Spot::Superblock, 0x280, 0).unwrap();
    found(&editor, &["orphans.file", "inode.unattached"]);
    let (mut editor, file, _) = with_file();
    editor.set_u16(Spot::Inode(file), 0x1a, 0).unwrap();
    only(&editor, &["orphans.file"]);
}

/// As with the list, e2fsck calls them an error where it may not write.
#[test]
fn orphans_pending_in_the_file() {
    let (mut editor, file, block) = with_file();
    let inode = orphan(&mut editor, "/dir", "a", 0);
    editor.set_u32(Spot::Block(block), 8, inode).unwrap();
    editor.fix(Part::OrphanBlock { inode: file, block }).unwrap();
    set_present(&mut editor);
    assert!(found(&editor, &["orphans.pending"]).is_clean());
}

#[test]
fn row_50_orphans_entry() {
    for number in [7, 1000, u32::MAX] {
        let (mut editor, file, block) = with_file();
        editor.set_u32(Spot::Block(block), 8, number).unwrap();
        editor.fix(Part::OrphanBlock { inode: file, block }).unwrap();
        set_present(&mut editor);
        only(&editor, &["orphans.entry"]);
    }
}

#[test]
fn orphans_flag() {
    let (mut editor, _, _) = with_file();
    set_present(&mut editor);
    only(&editor, &["orphans.flag"]);
    let mut editor = image(EXT4);
    set_present(&mut editor);
    only(&editor, &["orphans.flag"]);
    let (mut editor, file, block) = with_file();
    let inode = editor.lookup("/file").unwrap();
    editor.set_u32(Spot::Block(block), 8, inode).unwrap();
    editor.fix(Part::OrphanBlock { inode: file, block }).unwrap();
    only(&editor, &["orphans.flag", "orphans.pending"]);
}

#[test]
fn orphans_unexpected() {
    let (mut editor, _, _) = with_file();
    let compat = editor.get_u32(Spot::Superblock, 0x5c).unwrap();
    editor.set_u32(Spot::Superblock, 0x5c, compat & !0x1000).unwrap();
    only(&editor, &["orphans.unexpected"]);
}
