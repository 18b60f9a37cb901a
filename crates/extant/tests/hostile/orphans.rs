//! Rows 49 and 50: the list of orphans and the orphan file. What is wrong with one of them is noted
//! and skipped; the rest of the file system does not suffer.

use extant::Filesystem;
use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::image::{Scratch, e2fsck};
use extant_testkit::journal::{LogChecksum, LogFormat};

use crate::dirty::{Dirty, recovered};
use crate::support::{EXT2, EXT4, PLAIN, entry, image, open, unrelated_reads_right};

const ORPHAN_FILE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "orphan_file,metadata_csum"];
const PRESENT: u32 = 0x1_0000;

/// Takes the name of `dir`/`name` away and makes its inode an orphan, followed by `next`.
pub(crate) fn orphan(image: &mut ImageEditor, dir: &str, name: &str, next: u32) -> u32 {
    let (spot, offset, part) = entry(image, dir, name);
    let inode = image.get_u32(spot, offset).unwrap();
    image.set_u32(spot, offset, 0).unwrap();
    image.fix(part).unwrap();
    image.set_u16(Spot::Inode(inode), 0x1a, 0).unwrap();
    image.set_u32(Spot::Inode(inode), 0x14, next).unwrap();
    inode
}

pub(crate) fn set_head(image: &mut ImageEditor, inode: u32) {
    image.set_u32(Spot::Superblock, 0xe8, inode).unwrap();
}

/// Opens: so many are deleted, and this is wrong.
fn treated(image: &ImageEditor, deleted: u32, damage: &[&str]) -> Filesystem {
    let fs = open(image).unwrap();
    let report = fs.volume().recovery().unwrap();
    let found: Vec<_> = report.orphan_damage.iter().map(|corrupt| corrupt.kind.id()).collect();
    assert_eq!((report.orphans_deleted, &found[..]), (deleted, damage));
    unrelated_reads_right(&fs);
    fs
}

/// After recovery on the image e2fsck finds nothing, and there is nothing more to recover.
fn recovers_cleanly(image: &ImageEditor) {
    let (result, bytes) = recovered(image);
    result.unwrap();
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("recovered.img");
    let after = ImageEditor::new(bytes);
    after.write(&path).unwrap();
    e2fsck(&path).unwrap();
    assert!(open(&after).unwrap().volume().recovery().is_none());
}

#[test]
fn orphans_are_deleted() {
    for args in [EXT4, PLAIN, EXT2] {
        let mut image = image(args);
        let last = orphan(&mut image, "/dir", "a", 0);
        let first = orphan(&mut image, "/", "fragmented", last);
        set_head(&mut image, first);
        treated(&image, 2, &[]);
        recovers_cleanly(&image);
    }
}

#[test]
fn row_49_cycles() {
    for args in [EXT4, EXT2] {
        let mut own = image(args);
        let inode = orphan(&mut own, "/dir", "a", 0);
        own.set_u32(Spot::Inode(inode), 0x14, inode).unwrap();
        set_head(&mut own, inode);
        treated(&own, 1, &["orphan.inode"]);
        let mut image = image(args);
        let last = orphan(&mut image, "/dir", "a", 0);
        let middle = orphan(&mut image, "/dir", "b", last);
        let first = orphan(&mut image, "/", "fragmented", middle);
        image.set_u32(Spot::Inode(last), 0x14, middle).unwrap();
        set_head(&mut image, first);
        treated(&image, 3, &["orphan.inode"]);
    }
}

/// Numbers that are no orphan's: none, reserved, free, or none of this file system.
#[test]
fn row_49_not_an_orphan() {
    let base = image(EXT4);
    let free = base.get_u32(Spot::Superblock, 0x0).unwrap();
    for number in [1, 2, 3, 5, 7, 8, 10, free, free + 1, 0x7fff_ffff, u32::MAX] {
        let mut head = base.clone();
        set_head(&mut head, number);
        treated(&head, 0, &["orphan.inode"]);
        let mut next = base.clone();
        let first = orphan(&mut next, "/dir", "a", number);
        set_head(&mut next, first);
        let deleted = u32::from(number <= free);
        treated(&next, deleted, &["orphan.inode"]);
    }
}

/// An inode with names is cut to its size: nothing happens to it.
#[test]
fn row_49_linked() {
    let base = image(EXT4);
    for name in ["/file", "/many", "/dir", "/lost+found", "/slow"] {
        let mut image = base.clone();
        let inode = image.lookup(name).unwrap();
        set_head(&mut image, inode);
        let fs = treated(&image, 0, &[]);
        assert_eq!(fs.volume().recovery().unwrap().orphans_truncated, 1, "{name}");
        recovers_cleanly(&image);
    }
    // A pipe and a short link have nothing to cut.
    for name in ["/fifo", "/link"] {
        let mut image = base.clone();
        let inode = image.lookup(name).unwrap();
        set_head(&mut image, inode);
        treated(&image, 0, &["orphan.inode"]);
    }
}

/// An orphan that is broken itself stays, and is noted.
#[test]
fn row_49_broken_orphan() {
    let mut image = image(EXT4);
    let inode = orphan(&mut image, "/", "fragmented", 0);
    image.set_u16(Spot::Inode(inode), 0x28, 0).unwrap();
    set_head(&mut image, inode);
    treated(&image, 0, &["extent.magic"]);
    image.set_fixing(false).set_u16(Spot::Inode(inode), 0x28, 0xf30a).unwrap();
    treated(&image, 0, &["inode.checksum"]);
}

/// An image with an orphan file that names `/dir/a`; the file's inode and its first block.
fn with_file() -> (ImageEditor, u32, u64) {
    let mut image = image(ORPHAN_FILE);
    let inode = orphan(&mut image, "/dir", "a", 0);
    let file = image.get_u32(Spot::Superblock, 0x280).unwrap();
    let block = image.map_block(file, 0).unwrap().unwrap();
    image.set_u32(Spot::Block(block), 40, inode).unwrap();
    image.fix(Part::OrphanBlock { inode: file, block }).unwrap();
    let features = image.get_u32(Spot::Superblock, 0x64).unwrap();
    image.set_u32(Spot::Superblock, 0x64, features | PRESENT).unwrap();
    (image, file, block)
}

#[test]
fn orphan_file_is_emptied() {
    let (image, ..) = with_file();
    treated(&image, 1, &[]);
    recovers_cleanly(&image);
}

#[test]
fn row_50_magic_and_checksum() {
    let (mut image, inode, block) = with_file();
    image.set_fixing(false);
    image.set_u32(Spot::Block(block), 44, 12).unwrap();
    treated(&image, 0, &["orphan.checksum"]);
    image.set_fixing(true);
    image.fix(Part::OrphanBlock { inode, block }).unwrap();
    image.set_u32(Spot::Block(block), 1016, 0).unwrap();
    treated(&image, 0, &["orphan.block"]);
}

#[test]
fn row_50_entries_that_name_no_orphan() {
    let (mut image, inode, block) = with_file();
    for (offset, number) in [(0, 8), (4, 2), (1012, u32::MAX), (60, inode)] {
        image.set_u32(Spot::Block(block), offset, number).unwrap();
    }
    image.fix(Part::OrphanBlock { inode, block }).unwrap();
    treated(&image, 1, &["orphan.inode"; 4]);
}

#[test]
fn row_50_size() {
    // Far more than there are inodes; blocks behind the map are holes.
    let (mut huge, inode, _) = with_file();
    huge.set_u32(Spot::Inode(inode), 0x6c, 1).unwrap();
    treated(&huge, 1, &["inode.size", "orphan.block"]);
    huge.set_u32(Spot::Inode(inode), 0x6c, 1 << 10).unwrap();
    treated(&huge, 0, &["inode.size"]);
    let (mut none, inode, _) = with_file();
    none.set_u32(Spot::Inode(inode), 4, 0).unwrap();
    treated(&none, 0, &[]);
}

#[test]
fn row_50_another_inode() {
    let (base, inode, _) = with_file();
    let file = base.lookup("/file").unwrap();
    let free = base.get_u32(Spot::Superblock, 0x0).unwrap();
    for number in [0, 2, 8, 11, file, free, free + 1, u32::MAX] {
        let mut image = base.clone();
        image.set_u32(Spot::Superblock, 0x280, number).unwrap();
        let fs = open(&image).unwrap();
        let report = fs.volume().recovery().unwrap();
        assert_eq!(report.orphans_deleted, 0);
        assert!(!report.orphan_damage.is_empty(), "{number}");
        unrelated_reads_right(&fs);
    }
    for mode in [0x41ed, 0xa1ff, 0x1180] {
        let mut image = base.clone();
        image.set_u16(Spot::Inode(inode), 0, mode).unwrap();
        treated(&image, 0, &["orphan.block"]);
    }
}

/// An error that the journal has kept counts as one of the superblock: orphans are left alone, in
/// memory and on the image.
#[test]
fn row_49_the_journal_has_kept_an_error() {
    for (error, deleted) in [(0, 1), (5, 0), (u32::MAX, 0)] {
        let mut image = Dirty::three(EXT4, LogFormat::new(LogChecksum::V3, true)).image;
        let inode = orphan(&mut image, "/dir", "a", 0);
        set_head(&mut image, inode);
        let superblock = Spot::Block(image.journal_superblock().unwrap());
        image.set_be32(superblock, 0x20, error).unwrap();
        image.fix(Part::JournalSuperblock).unwrap();
        let fs = treated(&image, deleted, &[]);
        let (report, bytes) = recovered(&image);
        assert_eq!(Some(&report.unwrap()), fs.volume().recovery());
        let after = ImageEditor::new(bytes);
        let state = after.get_u16(Spot::Superblock, 0x3a).unwrap();
        assert_eq!(state & 2 != 0, error != 0);
        let fs = open(&after).unwrap();
        assert!(fs.volume().recovery().is_none());
        unrelated_reads_right(&fs);
    }
}

/// With errors in the superblock entries of the orphan file stay. Nothing is written for them.
#[test]
fn row_50_left_alone() {
    let mut image = image(ORPHAN_FILE);
    let ro_compat = image.get_u32(Spot::Superblock, 0x64).unwrap();
    image.set_u32(Spot::Superblock, 0x64, ro_compat | PRESENT).unwrap();
    image.set_u16(Spot::Superblock, 0x3a, 3).unwrap();
    let (report, bytes) = recovered(&image);
    assert_eq!(report.unwrap().orphans_deleted, 0);
    assert!(bytes == image.bytes(), "recovery wrote");
}
