//! Fast commits: the kernel's own bytes, and e2fsck as the judge.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::*;
use crate::capability::{Capability, need};
use crate::hostile::{ImageEditor, SmallImage, Spot, small_image};
use crate::image::{Scratch, debugfs, run};
use crate::ioctls::{ShutdownMode, shutdown};
use crate::mount::{Access, LoopMount};

const FAST: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "fast_commit"];

fn synced(path: &Path, bytes: usize) {
    let mut file = File::create(path).unwrap();
    file.write_all(&vec![b'x'; bytes]).unwrap();
    file.sync_all().unwrap();
}

/// A workload with fast commits of one block and of several, stopped by a crash.
fn crashed(scratch: &Scratch) -> ImageEditor {
    let path = scratch.sparse_file("fast.img", 64).unwrap();
    run("mke2fs", &[&["-q"], FAST, &[&path.display().to_string()]].concat()).unwrap();
    let mount = LoopMount::with_options(&path, Access::ReadWrite, "commit=300").unwrap();
    synced(&mount.path().join("first"), 1);
    run("sync", &["-f", &mount.path().display().to_string()]).unwrap();
    for number in 0..20 {
        File::create(mount.path().join(format!("file-{number}-{}", "n".repeat(number)))).unwrap();
    }
    synced(&mount.path().join("synced"), 3000);
    std::fs::hard_link(mount.path().join("synced"), mount.path().join("linked")).unwrap();
    std::fs::remove_file(mount.path().join("file-3-nnn")).unwrap();
    let file = File::options().write(true).open(mount.path().join("synced")).unwrap();
    file.set_len(1000).unwrap();
    file.sync_all().unwrap();
    drop(file);
    shutdown(mount.path(), ShutdownMode::NoLogFlush).unwrap();
    mount.unmount().unwrap();
    ImageEditor::read(&path).unwrap()
}

/// The fast-commit area of the journal, from its first usable block to its last block in use.
fn area(image: &ImageEditor) -> Vec<u8> {
    let superblock = Spot::Block(image.journal_superblock().unwrap());
    let [length, fast] = [0x10, 0x54].map(|at| image.get_be32(superblock, at).unwrap());
    let blocks = (length - fast + 1..length).map(|number| {
        let block = Spot::Block(image.journal_block(number).unwrap());
        image.get_bytes(block, 0, 1024).unwrap()
    });
    blocks.take_while(|block| block.iter().any(|byte| *byte != 0)).collect::<Vec<_>>().concat()
}

/// Reads the kernel's records and writes them again; gives the kinds met.
fn rewritten(area: &[u8], fast: &mut FastCommits) -> Vec<u16> {
    let (mut at, mut kinds) = (0, Vec::new());
    let half = |at: usize| u16::from_le_bytes([area[at], area[at + 1]]);
    let word = |at: usize| u32::from_le_bytes(area[at..at + 4].try_into().unwrap());
    while at < area.len() {
        let (tag, length) = (half(at), usize::from(half(at + 2)));
        let value = &area[at + 4..at + 4 + length];
        kinds.push(tag);
        match tag {
            1 => fast.add_range(
                word(at + 4),
                FcExtent {
                    logical: word(at + 8),
                    raw_length: half(at + 12),
                    physical: u64::from(half(at + 14)) << 32 | u64::from(word(at + 16)),
                },
            ),
            2 => fast.del_range(word(at + 4), word(at + 8), word(at + 12)),
            3 => fast.name(FcTag::Creat, word(at + 4), word(at + 8), &value[8..]),
            4 => fast.name(FcTag::Link, word(at + 4), word(at + 8), &value[8..]),
            5 => fast.name(FcTag::Unlink, word(at + 4), word(at + 8), &value[8..]),
            6 => fast.inode(word(at + 4), &value[4..]),
            // Padding comes by itself, where a record does not fit.
            7 => fast,
            8 => fast.tail(word(at + 4), 0),
            9 => fast.head(word(at + 4), word(at + 8)),
            other => panic!("tag {other} at {at}"),
        };
        at += 4 + length;
    }
    kinds
}

#[test]
fn the_kernel_writes_the_same_bytes() {
    if !(need(Capability::KernelMount) && need(Capability::Compiler)) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let area = area(&crashed(&scratch));
    let mut fast = FastCommits::new(1024);
    let kinds = rewritten(&area, &mut fast);
    assert!((1..10).all(|tag| kinds.contains(&tag)), "{kinds:?}");
    let differs = fast.bytes().iter().zip(&area).position(|(ours, theirs)| ours != theirs);
    assert_eq!((differs, fast.bytes().len()), (None, area.len()));
}

fn names(image: &ImageEditor) -> String {
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("list.img");
    image.write(&path).unwrap();
    debugfs(&path, &["ls -p /dir"]).unwrap()
}

/// A log of one empty transaction, and `/dir/a` linked as `/dir/fast` in a fast commit for the
/// transaction `ahead` after it.
fn linked(ahead: u32, damage: u32) -> ImageEditor {
    let mut image = ImageEditor::new(small_image(&SmallImage::new(FAST)).unwrap());
    let format =
        LogFormat { fast_commit_blocks: Some(16), ..LogFormat::new(LogChecksum::V3, true) };
    let mut log = LogBuilder::new(&mut image, format).unwrap();
    log.start(log.range().0, 40);
    log.commit(&mut image, 1_700_000_000).unwrap();
    let (dir, inode) = (image.lookup("/dir").unwrap(), image.lookup("/dir/a").unwrap());
    let mut raw = image.get_bytes(Spot::Inode(inode), 0, 160).unwrap().to_vec();
    raw[0x1a] = 2;
    let mut fast = FastCommits::new(1024);
    fast.head(0, 40 + ahead).name(FcTag::Link, dir, inode, b"fast").inode(inode, &raw);
    fast.tail(40 + ahead, damage);
    assert_eq!((log.fast_commit_room(&image).unwrap(), fast.blocks()), (15, 1));
    log.fast_commits(&mut image, &fast).unwrap();
    log.finish(&mut image).unwrap();
    image
}

#[test]
fn e2fsck_replays_a_right_fast_commit_only() {
    for (ahead, damage, there) in [(1, 0, true), (1, 1, false), (0, 0, false), (2, 0, false)] {
        let replayed = e2fsck_replay(&linked(ahead, damage)).unwrap();
        let names = names(&replayed.image);
        let found = names.contains("/fast/");
        assert_eq!(found, there, "{ahead} {damage} {names} {}", replayed.output);
    }
}

#[test]
fn blocks_are_padded_and_the_area_has_an_end() {
    let mut fast = FastCommits::new(1024);
    fast.head(0, 1).inode(12, &[7; 256]).inode(13, &[7; 256]).inode(14, &[7; 256]);
    assert_eq!((fast.blocks(), fast.room()), (1, 1024 - 12 - 3 * 264));
    fast.inode(15, &[7; 256]);
    assert_eq!((fast.blocks(), fast.room()), (2, 1024 - 264));
    assert_eq!(&fast.bytes()[804..808], [7, 0, 216, 0]);
    fast.tail(1, 0);
    assert_eq!((fast.blocks(), fast.bytes().len()), (2, 2048));
    assert_eq!(&fast.bytes()[1024 + 264..][..8], [8, 0, 244, 2, 1, 0, 0, 0]);
    let mut image = ImageEditor::new(small_image(&SmallImage::new(FAST)).unwrap());
    for (blocks, fits) in [(2, false), (3, true)] {
        let format = LogFormat {
            fast_commit_blocks: Some(blocks),
            ..LogFormat::new(LogChecksum::None, false)
        };
        let log = LogBuilder::new(&mut image, format).unwrap();
        assert_eq!(log.fast_commits(&mut image, &fast).is_ok(), fits);
    }
}
