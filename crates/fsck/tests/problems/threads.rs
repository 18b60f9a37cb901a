//! The report is the same on any number of threads.

use std::sync::Arc;

use extant_block::MemoryDevice;
use extant_fsck::{CheckOptions, Phase, Progress, Report, check};
use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};
use std::sync::Mutex;

use crate::support::{EXT2, EXT4, I_BLOCK, found, image, only};

/// Eight groups.
const GROUPS: &[&str] = &["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "16384"];

fn with(editor: &ImageEditor, threads: usize) -> Report {
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    check(device, &CheckOptions { threads, ..CheckOptions::default() }).unwrap()
}

fn same(editor: &ImageEditor) -> Report {
    let one = with(editor, 1);
    for threads in [2, 4] {
        for _ in 0..5 {
            assert_eq!(with(editor, threads), one);
        }
    }
    one
}

/// All inodes of the table are copies of one file.
fn clones(args: &[&str], path: &str, kib: u64) -> (ImageEditor, u32) {
    let recipe = SmallImage { kib, ..SmallImage::new(args) };
    let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
    let file = editor.lookup(path).unwrap();
    let slot = editor.get_bytes(Spot::Inode(file), 0, 256).unwrap().to_vec();
    let inodes = editor.get_u32(Spot::Superblock, 0).unwrap();
    for group in 0..editor.group_count().unwrap() {
        editor.set_u16(Spot::Group(group), 0x1c, 0).unwrap();
        let flags = editor.get_u16(Spot::Group(group), 0x12).unwrap();
        editor.set_u16(Spot::Group(group), 0x12, flags & !1).unwrap();
    }
    for inode in inodes / 4..inodes {
        editor.set_bytes(Spot::Inode(inode), 0, &slot).unwrap();
    }
    (editor, inodes - inodes / 4)
}

/// More problems than are kept: those that are do not depend on who was first.
#[test]
fn of_many_problems_the_first_are_kept() {
    let (mut editor, count) = clones(GROUPS, "/tiny", 24 << 10);
    assert!(count > 12_000);
    editor.set_fixing(false);
    let inodes = editor.get_u32(Spot::Superblock, 0).unwrap();
    for inode in inodes - count..inodes {
        editor.set_u16(Spot::Inode(inode), 0x7c, 1).unwrap();
    }
    let report = same(&editor);
    assert_eq!(report.problems.len(), 10_000);
    assert!(report.counts.values().sum::<u64>() > 12_000);
}

/// Files that share blocks of their maps, which are told of with the first.
#[test]
fn shared_nodes_are_those_of_the_first() {
    let (mut editor, _) = clones(GROUPS, "/fragmented", 24 << 10);
    let file = editor.lookup("/fragmented").unwrap();
    let node = editor.get_u32(Spot::Inode(file), I_BLOCK + 16).unwrap();
    let sum = editor.get_u32(Spot::Block(node.into()), 1020).unwrap();
    editor.set_u32(Spot::Block(node.into()), 1020, !sum).unwrap();
    same(&editor);
}

#[test]
fn sound_images() {
    for args in [EXT4, EXT2, GROUPS] {
        assert!(same(&image(args)).is_clean());
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<(Phase, u64, u64)>>);

impl Progress for Told {
    fn advance(&self, phase: Phase, done: u64, total: u64) {
        self.0.lock().unwrap().push((phase, done, total));
    }
}

#[test]
fn progress_ends_with_all() {
    let told = Arc::new(Told::default());
    let progress = Some(Arc::clone(&told) as Arc<dyn Progress>);
    let device = Arc::new(MemoryDevice::from_vec(image(GROUPS).into_bytes()));
    let options = CheckOptions { threads: 1, progress, ..CheckOptions::default() };
    assert!(check(device, &options).unwrap().is_clean());
    let told = told.0.lock().unwrap();
    for phase in [Phase::Inodes, Phase::Directories, Phase::Groups] {
        let of: Vec<_> = told.iter().filter(|(of, _, _)| *of == phase).collect();
        assert!(of.len() <= 300 && of.is_sorted());
        assert!(of.last().is_some_and(|(_, done, total)| done == total), "{phase:?}");
    }
}

/// A superblock that claims far more than the device has sizes nothing.
#[test]
fn superblock_device_size() {
    let mut editor = image(EXT4);
    let inodes = editor.get_u32(Spot::Superblock, 0x28).unwrap();
    editor.set_u32(Spot::Superblock, 0x150, 0x10).unwrap();
    let groups = ((0x10_u64 << 32) + 8192 - 1).div_ceil(8192);
    let count = u32::try_from(groups * u64::from(inodes)).unwrap_or(u32::MAX);
    editor.set_u32(Spot::Superblock, 0, count).unwrap();
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    if let Ok(report) = check(device, &CheckOptions::default()) {
        assert_eq!(report.counts.len(), 1, "{:?}", report.problems);
    }
    let mut bytes = image(EXT4).into_bytes();
    bytes.truncate(8000 << 10);
    let report = found(&ImageEditor::new(bytes), &["superblock.device_size"]);
    assert!(!report.is_clean());
}

/// With `shared_blocks` nobody is told of shared blocks, but a shared map hides what is in use.
#[test]
fn check_incomplete() {
    let mut editor = image(EXT2);
    let features = editor.get_u32(Spot::Superblock, 0x64).unwrap();
    editor.set_u32(Spot::Superblock, 0x64, features | 0x4000).unwrap();
    let one = editor.lookup("/fragmented").unwrap();
    let two = editor.lookup("/dir/a").unwrap();
    let slot = editor.get_bytes(Spot::Inode(one), 0, 256).unwrap().to_vec();
    editor.set_bytes(Spot::Inode(two), 0, &slot).unwrap();
    only(&editor, &["check.incomplete"]);
}
