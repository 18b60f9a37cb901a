//! Small images with maps that are huge, because they name the same blocks again and again: the
//! check costs no more than the device is large.

use std::sync::Arc;
use std::time::{Duration, Instant};

use extant_block::MemoryDevice;
use extant_fsck::{CheckOptions, Report, check};
use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};
use extant_testkit_device::CountingDevice;

use crate::support::{I_BLOCK, image};

const I_MODE: u64 = 0;
const I_SIZE: u64 = 4;
const I_FLAGS: u64 = 0x20;
const I_SIZE_HIGH: u64 = 0x6c;
/// Numbers in an indirect block.
const POINTERS: u32 = 256;
/// The tree takes what is behind: all of that is free.
const FREE: u32 = 6000;
/// Blocks of numbers at the lowest level; together they name 500,000 blocks, of 8192 that there
/// are.
const LEAVES: u32 = 2000;
/// The blocks of numbers in between.
const MIDDLES: u32 = LEAVES.div_ceil(POINTERS);

fn block(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    numbers.flat_map(u32::to_le_bytes).collect()
}

/// A tree of three levels in which every number is that of `data`. Gives its top.
fn plant(editor: &mut ImageEditor, data: u32) -> u32 {
    let mut set = |number: u32, bytes: Vec<u8>| {
        editor.set_bytes(Spot::Block(number.into()), 0, &bytes).unwrap();
    };
    let (top, leaves) = (FREE, FREE + 1 + MIDDLES);
    set(top, block((0..POINTERS).map(|n| if n < MIDDLES { top + 1 + n } else { 0 })));
    for n in 0..MIDDLES {
        let numbers = n * POINTERS..(n + 1) * POINTERS;
        set(top + 1 + n, block(numbers.map(|n| if n < LEAVES { leaves + n } else { 0 })));
    }
    for n in 0..LEAVES {
        set(leaves + n, block((0..POINTERS).map(|_| data)));
    }
    top
}

/// Makes `inode` a file that maps `top` as its tree of three levels, from its first block on.
fn bomb(editor: &mut ImageEditor, inode: u32, top: u32, first: u32) {
    let spot = Spot::Inode(inode);
    let size = u64::from(12 + POINTERS + POINTERS * POINTERS + LEAVES * POINTERS) << 10;
    editor.set_u16(spot, I_MODE, 0o100_600).unwrap();
    let flags = editor.get_u32(spot, I_FLAGS).unwrap();
    editor.set_u32(spot, I_FLAGS, flags & !0x8_0000).unwrap();
    editor.set_u32(spot, I_SIZE, u32::try_from(size & 0xffff_ffff).unwrap()).unwrap();
    editor.set_u32(spot, I_SIZE_HIGH, u32::try_from(size >> 32).unwrap()).unwrap();
    editor.set_bytes(spot, I_BLOCK, &[0; 60]).unwrap();
    editor.set_u32(spot, I_BLOCK, first).unwrap();
    editor.set_u32(spot, I_BLOCK + 56, top).unwrap();
}

/// The report, with how often the device was read.
fn counted(editor: &ImageEditor) -> (Report, u64) {
    let start = Instant::now();
    let memory = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    let device = Arc::new(CountingDevice::new(memory));
    let report = check(Arc::clone(&device) as _, &CheckOptions::default()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    (report, device.counts().reads)
}

/// How many problems of the kind `id` there are.
fn count(report: &Report, id: &str) -> u64 {
    report.counts.iter().find(|(kind, _)| kind.id() == id).map_or(0, |(_, count)| *count)
}

/// The blocks of the tree are read by the phase of inodes, and by the one that looks for the owners
/// of shared blocks; who needs the content stops early.
const MOST_READS: u64 = 2 * (LEAVES + MIDDLES + 1) as u64 + 500;

/// A file of the file system's own: the check ends with its blocks, which are shared.
fn own(args: &[&str], inode: u32) {
    let mut editor = image(args);
    let data = u32::try_from(editor.map_block(inode, 0).unwrap().unwrap()).unwrap();
    let top = plant(&mut editor, data);
    bomb(&mut editor, inode, top, data);
    let (report, reads) = counted(&editor);
    assert_eq!(count(&report, "shared.blocks"), 1);
    assert!(reads < MOST_READS, "{reads}");
}

#[test]
fn quota_files() {
    own(&["-t", "ext2", "-b", "1024", "-I", "256", "-O", "quota"], 3);
}

#[test]
fn journals() {
    own(&["-t", "ext3", "-b", "1024", "-I", "256"], 8);
}

/// One of many files with the same map owns it; for the others nothing is read.
#[test]
fn verity_files() {
    let mut editor =
        image(&["-t", "ext4", "-b", "1024", "-O", "verity,^metadata_csum,^uninit_bg,^64bit"]);
    let file = editor.lookup("/file").unwrap();
    let data = u32::try_from(editor.map_block(file, 0).unwrap().unwrap()).unwrap();
    let top = plant(&mut editor, data);
    bomb(&mut editor, file, top, data);
    let flags = editor.get_u32(Spot::Inode(file), I_FLAGS).unwrap();
    editor.set_u32(Spot::Inode(file), I_FLAGS, flags | 0x10_0000).unwrap();
    let slot = editor.get_bytes(Spot::Inode(file), 0, 256).unwrap().to_vec();
    for inode in file + 400..file + 600 {
        editor.set_bytes(Spot::Inode(inode), 0, &slot).unwrap();
    }
    let (report, reads) = counted(&editor);
    assert_eq!(count(&report, "shared.blocks"), 201);
    assert_eq!(count(&report, "verity.descriptor"), 1);
    assert!(reads < MOST_READS + 1000, "{reads}");
}

#[test]
fn values() {
    let command = format!("ea_set /tiny user.huge {}", "0123456789".repeat(200));
    let args = &["-t", "ext4", "-b", "1024", "-O", "ea_inode,^metadata_csum,^uninit_bg"];
    let recipe = SmallImage { debugfs: &[&command], ..SmallImage::new(args) };
    let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
    let owner = editor.lookup("/tiny").unwrap();
    let entry = match editor.xattr_block(owner).unwrap() {
        0 => (Spot::Inode(owner), 0xa4),
        block => (Spot::Block(block), 32),
    };
    let value = editor.get_u32(entry.0, entry.1 + 4).unwrap();
    let data = u32::try_from(editor.map_block(value, 0).unwrap().unwrap()).unwrap();
    let size = editor.get_u32(Spot::Inode(value), I_SIZE).unwrap();
    let top = plant(&mut editor, data);
    bomb(&mut editor, value, top, data);
    editor.set_u32(Spot::Inode(value), I_SIZE, size).unwrap();
    let (report, reads) = counted(&editor);
    assert_eq!(count(&report, "shared.blocks"), 1);
    assert_eq!(count(&report, "xattr.value_inode"), 0);
    assert!(reads < MOST_READS, "{reads}");
}

/// The image, and its orphan file with `entries` in its first block.
fn orphan_file(entries: impl Iterator<Item = u32>) -> (ImageEditor, u32, u32) {
    let features = "orphan_file,^metadata_csum,^uninit_bg,^64bit";
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", features]);
    let file = editor.get_u32(Spot::Superblock, 0x280).unwrap();
    let data = editor.map_block(file, 0).unwrap().unwrap();
    editor.set_bytes(Spot::Block(data), 0, &block(entries.take(254))).unwrap();
    editor.fix(Part::OrphanBlock { inode: file, block: data }).unwrap();
    let features = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    editor.set_u32(Spot::Superblock, 0x64, features | 0x1_0000).unwrap();
    (editor, file, u32::try_from(data).unwrap())
}

/// An orphan file of one block again and again, as long as the file system.
#[test]
fn orphan_files() {
    let (mut editor, file, data) = orphan_file(std::iter::repeat(12));
    plant(&mut editor, data);
    bomb(&mut editor, file, 0, data);
    let spot = Spot::Inode(file);
    let (leaf, middle) = (FREE + 1 + MIDDLES, FREE + 1);
    editor.set_bytes(spot, I_BLOCK, &block((0..12).map(|_| data))).unwrap();
    editor.set_u32(spot, I_BLOCK + 48, leaf + LEAVES - 1).unwrap();
    editor.set_u32(spot, I_BLOCK + 52, middle).unwrap();
    let blocks = |leaves: u32| block((0..POINTERS).map(|n| if n < leaves { leaf + n } else { 0 }));
    editor.set_bytes(Spot::Block(middle.into()), 0, &blocks(30)).unwrap();
    editor.set_u32(spot, I_SIZE, (12 + 31 * POINTERS) << 10).unwrap();
    editor.set_u32(spot, I_SIZE_HIGH, 0).unwrap();
    let (report, reads) = counted(&editor);
    assert_eq!(count(&report, "orphans.file"), 1);
    assert_eq!(count(&report, "orphans.entry"), 0);
    assert_eq!(count(&report, "shared.blocks"), 1);
    assert!(reads < 1000, "{reads}");
}

/// An inode that is named again and again is read once.
#[test]
fn orphans_named_again() {
    let (once, _, _) = orphan_file(std::iter::once(2000).chain(std::iter::repeat(0)));
    let (again, _, _) = orphan_file(std::iter::repeat(2000));
    let ((one, few), (all, many)) = (counted(&once), counted(&again));
    assert_eq!([&one, &all].map(|report| count(report, "orphans.entry")), [1, 254]);
    assert_eq!(few, many);
}

/// Without `sparse_super`, all groups have copies of the descriptors of all groups. The first 64
/// tables are compared, and the superblocks of all.
#[test]
fn copies_everywhere() {
    let features = "^sparse_super,^resize_inode,^flex_bg";
    let args = &["-t", "ext2", "-b", "1024", "-g", "256", "-I", "256", "-O", features];
    let recipe = SmallImage { kib: 24 << 10, ..SmallImage::new(args) };
    let sound = ImageEditor::new(small_image(&recipe).unwrap());
    let damaged = |group: u32, block: u64, at: u64| {
        let mut editor = sound.clone();
        let copy = editor.locate(Spot::Backup(group)).unwrap() / 1024;
        editor.set_u32(Spot::Block(copy + block), at, 5).unwrap();
        counted(&editor).0
    };
    let (_, reads) = counted(&sound);
    assert!(reads < 2000, "{reads}");
    for group in [1, 2, 64] {
        assert_eq!(count(&damaged(group, 1, 64), "group.copy"), 1);
    }
    assert_eq!(count(&damaged(65, 1, 64), "group.copy"), 0);
    // The identity of the file system.
    assert_eq!(count(&damaged(95, 0, 0x68), "superblock.copy"), 1);
}
