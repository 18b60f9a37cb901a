//! What records do, judged by e2fsck.

use extant_format::inode::RawInode;
use extant_format::{FileType, InodeFlags};

use super::super::area::Record;
use super::image::{Image, NEW, add, create, link, new_inode, unlink};

const KINDS: &[&[&str]] = &[
    &["-b", "4096"],
    &["-b", "1024"],
    &["-b", "1024", "-O", "^metadata_csum,^64bit"],
    &["-b", "4096", "-O", "inline_data"],
    &["-b", "1024", "-O", "^extent,^64bit"],
    &["-b", "1024", "-O", "^dir_index"],
    &["-b", "4096", "-O", "bigalloc", "-C", "16384"],
];

/// A free inode, and one more.
const FREE: u32 = 40;
/// Free blocks, and first of clusters, in every kind.
const SPACE: u64 = 1600;

/// Replays the commits that `records` makes on images of all kinds, twice, and looks with `check`.
fn each(records: impl Fn(&Image) -> Vec<Vec<Record>>, check: impl Fn(&Image)) {
    for kind in KINDS {
        println!("{kind:?}");
        let Some(image) = Image::new(kind) else { return };
        let mut commits = records(&image);
        if kind.contains(&"^extent,^64bit") {
            commits.iter_mut().flatten().for_each(without_extents);
        }
        for _ in 0..2 {
            image.replay(commits.clone());
            check(&image);
        }
    }
}

/// The same inode on a file system without extents.
fn without_extents(record: &mut Record) {
    if let Record::Inode { bytes, .. } = record {
        let raw = RawInode::from_slot_mut(bytes).unwrap();
        if raw.flags.get() & InodeFlags::EXTENTS.bits() != 0 {
            raw.flags.set(raw.flags.get() & !InodeFlags::EXTENTS.bits());
            raw.block.fill(0);
        }
    }
}

fn links(image: &Image, path: &str) -> Option<u32> {
    image.find(path).map(|inode| inode.links)
}

#[test]
fn a_new_file_with_blocks() {
    each(
        |_| {
            let file = new_inode(FREE, 0o100_644, |raw| raw.size_lo.set(9000));
            vec![vec![file.clone(), add(FREE, 0, 3, SPACE), create(2, FREE, "new"), file]]
        },
        |image| {
            let new = image.find("new").unwrap();
            assert_eq!((new.links, new.size, new.generation), (1, 9000, NEW));
            assert!(new.blocks_512 >= 6, "{}", new.blocks_512);
            assert_eq!(image.find("").unwrap().mtime.secs, 2_000_000_000);
        },
    );
}

#[test]
fn directories_one_in_the_other() {
    each(
        |_| {
            let dir = |ino, links: u16| {
                new_inode(ino, 0o40_755, |raw| {
                    raw.links_count.set(links);
                    raw.size_lo.set(4096);
                })
            };
            // The first has its links at the end of the commit, and one more by the next.
            let first = vec![dir(40, 3), create(2, 40, "p"), dir(41, 2), create(40, 41, "q")];
            vec![first, vec![dir(42, 2), create(40, 42, "r")]]
        },
        |image| {
            assert_eq!(links(image, "p"), Some(4));
            assert_eq!((links(image, "p/q"), links(image, "p/r")), (Some(2), Some(2)));
            assert_eq!(links(image, ""), Some(5));
        },
    );
}

#[test]
fn names_of_a_file_come_and_go() {
    each(
        |image| {
            let (a, d) = (image.number("a"), image.number("d"));
            let twice = image.inode(a, |raw| raw.links_count.set(2));
            let once = image.inode(a, |raw| raw.links_count.set(1));
            vec![vec![link(d, a, "second"), twice], vec![unlink(2, a, "a"), once]]
        },
        |image| {
            assert_eq!((links(image, "a"), links(image, "d/second")), (None, Some(1)));
        },
    );
}

#[test]
fn links_are_counted_where_there_is_no_inode_record() {
    each(
        |image| {
            let (a, b) = (image.number("a"), image.number("b"));
            // The last name of b goes away, and with it b, whose blocks are free again.
            vec![vec![link(2, a, "c"), link(2, a, "d2"), unlink(2, a, "c"), unlink(2, b, "b")]]
        },
        |image| {
            assert_eq!(
                (links(image, "a"), links(image, "d2"), links(image, "b")),
                (Some(2), Some(2), None)
            );
        },
    );
}

#[test]
fn a_rename_over_another_file() {
    each(
        |image| {
            let (a, b) = (image.number("a"), image.number("b"));
            let moved = image.inode(a, |raw| raw.ctime.set(7));
            vec![vec![unlink(2, b, "b"), link(2, a, "b"), unlink(2, a, "a"), moved]]
        },
        |image| {
            assert_eq!((links(image, "a"), links(image, "b")), (None, Some(1)));
        },
    );
}

#[test]
fn a_name_may_be_taken_over_without_being_removed() {
    each(
        |image| {
            let (a, b) = (image.number("a"), image.number("b"));
            vec![
                vec![link(2, a, "b"), unlink(2, a, "a"), image.inode(a, |_| ())],
                vec![unlink(2, b, "gone")],
            ]
        },
        |image| {
            assert_eq!((links(image, "a"), links(image, "b")), (None, Some(1)));
        },
    );
}

#[test]
fn a_directory_moves_and_another_goes_away() {
    each(
        |image| {
            let (d, e) = (image.number("d"), image.number("d/e"));
            let dir = new_inode(FREE, 0o40_755, |raw| raw.links_count.set(2));
            let empty = vec![unlink(d, e, "e"), dir, create(2, FREE, "p"), link(FREE, d, "in")];
            vec![empty, vec![unlink(2, d, "d")]]
        },
        |image| {
            assert_eq!(
                (links(image, "d"), links(image, "p"), links(image, "p/in")),
                (None, Some(3), Some(2))
            );
        },
    );
    each(
        |image| {
            let (d, e) = (image.number("d"), image.number("d/e"));
            vec![vec![unlink(d, e, "e"), unlink(2, d, "d")]]
        },
        |image| {
            assert_eq!((links(image, "d"), links(image, "")), (None, Some(3)));
        },
    );
}

#[test]
fn an_inode_that_is_used_again() {
    each(
        |image| {
            // The directory is a file in the same commit, and the file a directory.
            let (d, e, a) = (image.number("d"), image.number("d/e"), image.number("a"));
            let file = new_inode(d, 0o10_644, |raw| raw.flags.set(0));
            let dir = new_inode(a, 0o40_755, |raw| raw.links_count.set(2));
            vec![vec![
                unlink(d, e, "e"),
                unlink(2, d, "d"),
                file,
                create(2, d, "fifo"),
                unlink(2, a, "a"),
                dir,
                create(2, a, "dir"),
            ]]
        },
        |image| {
            assert_eq!((links(image, "a"), links(image, "d")), (None, None));
            assert_eq!(image.find("fifo").unwrap().file_type, FileType::Fifo);
            assert_eq!((links(image, "dir"), links(image, "")), (Some(2), Some(4)));
        },
    );
}

#[test]
fn what_was_made_and_removed_again_is_not_there() {
    each(
        |image| {
            let a = image.number("a");
            // The directory 40 and the file 41 were removed before the commit was written.
            let names = vec![
                create(40, 42, "x"),
                link(2, 41, "gone"),
                link(40, a, "a2"),
                unlink(40, a, "a2"),
                unlink(2, 41, "gone"),
                unlink(2, 40, "dir"),
            ];
            vec![names]
        },
        |image| {
            assert_eq!(
                (links(image, "a"), links(image, "gone"), links(image, "dir")),
                (Some(1), None, None)
            );
        },
    );
}

#[test]
fn a_file_without_a_name_is_deleted() {
    each(
        |_| {
            let file = new_inode(FREE, 0o100_600, |raw| raw.links_count.set(0));
            let named = new_inode(41, 0o10_600, |raw| raw.flags.set(0));
            let unnamed = new_inode(41, 0o10_600, |raw| {
                raw.flags.set(0);
                raw.links_count.set(0);
            });
            vec![vec![file, unnamed], vec![link(2, 41, "late"), named]]
        },
        |image| {
            let volume = image.volume();
            let changes = crate::changes::Changes::new(&volume);
            assert!(!changes.inode_in_use(volume.geometry().inode(FREE).unwrap()).unwrap());
            assert_eq!(links(image, "late"), Some(1));
        },
    );
}

#[test]
fn blocks_that_one_file_frees_and_another_takes() {
    for kind in [&["-b", "4096"], &["-b", "1024"]] {
        let Some(image) = Image::new(kind) else { return };
        let (a, b) = (image.find("a").unwrap(), image.find("b").unwrap());
        let first = u64::from(u32::from_le_bytes(a.map_bytes()[20..24].try_into().unwrap()));
        let (a, b) = (a.ino.get(), b.ino.get());
        let hole = |ino| Record::DelRange { ino, logical: 0, len: u32::MAX };
        let take = vec![add(b, 0, 2, first), hole(a), image.inode(a, |raw| raw.size_lo.set(0))];
        image.replay(vec![take.clone()]);
        image.replay(vec![take]);
        let (a, b) = (image.find("a").unwrap(), image.find("b").unwrap());
        assert!(a.blocks_512 == 0 && b.blocks_512 > 0);
    }
}

#[test]
fn attributes_in_the_inode_stay() {
    let Some(image) = Image::new(&["-b", "4096", "-O", "inline_data"]) else { return };
    // Inline data is kept with the attributes: a record of 160 bytes does not reach them.
    let e = image.find("d/e").unwrap();
    let mode = image.inode(e.ino.get(), |raw| raw.mode.set(0o100_600));
    image.replay(vec![vec![mode]]);
    let after = image.find("d/e").unwrap();
    assert_eq!((after.mode, after.bytes()[160..].to_vec()), (0o100_600, e.bytes()[160..].to_vec()));
    // Another inode in the same slot has none of them.
    let other = new_inode(e.ino.get(), 0o100_644, |_| ());
    let d = image.number("d");
    image.replay(vec![vec![unlink(d, e.ino.get(), "e"), other, create(d, e.ino.get(), "f")]]);
    assert!(image.find("d/f").unwrap().bytes()[160..].iter().all(|byte| *byte == 0));
}

#[test]
fn inline_data_that_moves_out_takes_the_recorded_extent() {
    let Some(image) = Image::new(&["-b", "4096", "-O", "inline_data"]) else { return };
    let e = image.number("d/e");
    let moved = image.inode(e, |raw| {
        raw.flags.set(0x8_0000);
        raw.size_lo.set(100);
        raw.block.fill(0);
        raw.block[..8].copy_from_slice(&[0x0a, 0xf3, 1, 0, 4, 0, 0, 0]);
        raw.block[16] = 1;
        raw.block[20..24].copy_from_slice(&1600_u32.to_le_bytes());
    });
    image.replay(vec![vec![moved]]);
    let after = image.find("d/e").unwrap();
    assert_eq!(
        (after.blocks_512, after.map_bytes()[20..24].to_vec()),
        (8, 1600_u32.to_le_bytes().to_vec())
    );
    assert!(after.bytes()[160..].iter().all(|byte| *byte == 0), "no system.data");
}

#[test]
fn an_orphan_of_the_list_keeps_its_link_to_the_next() {
    let Some(image) = Image::new(&["-b", "4096"]) else { return };
    let (a, b) = (image.number("a"), image.number("b"));
    let volume = image.volume();
    let mut changes = crate::changes::Changes::new(&volume);
    changes.change_superblock(|raw| raw.last_orphan.set(a)).unwrap();
    changes
        .change_inode(volume.geometry().inode(a).unwrap(), |slot| {
            slot[0x14..0x18].copy_from_slice(&b.to_le_bytes());
        })
        .unwrap();
    drop(changes);
    drop(volume);
    // A mount would finish them: the volume is looked at as it is.
    let options = crate::OpenOptions { inspect: true, ..crate::OpenOptions::default() };
    let volume = image.volume_with(&options);
    let mut changes = crate::changes::Changes::new(&volume);
    let records = vec![
        unlink(2, a, "a"),
        new_inode(a, 0o10_644, |raw| raw.flags.set(0)),
        create(2, a, "fifo"),
        unlink(2, b, "b"),
    ];
    let commits = super::super::area::FastCommits { commits: vec![records] };
    super::super::replay::replay(&mut changes, &commits).unwrap();
    let inode = |n| changes.inode(volume.geometry().inode(n).unwrap()).unwrap();
    assert_eq!((inode(a).file_type, inode(a).dtime), (FileType::Fifo, b));
    assert_eq!((inode(b).links, inode(b).dtime), (0, 0), "left for the orphans to be finished");
}
