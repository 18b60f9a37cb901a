//! Rows 43, 44 and 51: the journal's inode, its superblock, and what replay does to the rest.

use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::journal::{LogChecksum, LogFormat, Transaction};

use crate::dirty::{Dirty, TIME, refused_as, stopped};
use crate::support::{EXT4, I_BLOCK, PLAIN, failure, only, open, walked};

const V3: LogFormat = LogFormat::new(LogChecksum::V3, true);
/// A journal with a block map instead of extents.
const EXT3: &[&str] = &["-t", "ext3", "-b", "1024", "-I", "256"];

/// A dirty image whose journal's inode is edited.
fn inode_edited(args: &[&str], edit: impl FnOnce(&mut ImageEditor, Spot)) -> ImageEditor {
    let mut dirty = Dirty::three(args, V3);
    dirty.replays(3);
    edit(&mut dirty.image, Spot::Inode(8));
    dirty.image
}

#[test]
fn row_43_not_a_regular_file() {
    for mode in [0x41ed, 0xa1ff, 0x1180, 0x6180] {
        for args in [EXT4, PLAIN, EXT3] {
            let image = inode_edited(args, |image, inode| image.set_u16(inode, 0, mode).unwrap());
            stopped(&image, "journal.map");
        }
    }
    let image = inode_edited(EXT4, |image, inode| image.set_u16(inode, 0, 0).unwrap());
    stopped(&image, "inode.mode");
    let deleted = inode_edited(EXT4, |image, inode| image.set_u16(inode, 0x1a, 0).unwrap());
    stopped(&deleted, "journal.map");
    let mut image = inode_edited(EXT4, |_, _| ());
    image.set_fixing(false);
    image.set_u16(Spot::Inode(8), 0, 0x41ed).unwrap();
    stopped(&image, "inode.checksum");
}

#[test]
fn row_43_holes() {
    // The first extent ends one block early.
    let image = inode_edited(EXT4, |image, inode| {
        let length = image.get_u16(inode, I_BLOCK + 16).unwrap();
        image.set_u16(inode, I_BLOCK + 16, length - 1).unwrap();
    });
    stopped(&image, "journal.map");
    // Unwritten blocks have no content.
    let image = inode_edited(EXT4, |image, inode| {
        let length = image.get_u16(inode, I_BLOCK + 16).unwrap();
        image.set_u16(inode, I_BLOCK + 16, length | 0x8000).unwrap();
    });
    stopped(&image, "journal.map");
    // The third block of a block map.
    let image = inode_edited(EXT3, |image, inode| {
        image.set_u32(inode, I_BLOCK + 8, 0).unwrap();
    });
    stopped(&image, "journal.map");
}

#[test]
fn row_43_blocks_outside() {
    for block in [8192_u32, 8191, u32::MAX] {
        let image = inode_edited(EXT4, |image, inode| {
            image.set_u32(inode, I_BLOCK + 20, block).unwrap();
        });
        stopped(&image, "extent.physical_range");
        let image = inode_edited(EXT3, |image, inode| {
            image.set_u32(inode, I_BLOCK, block).unwrap();
        });
        let id = if block == 8191 { "journal.superblock" } else { "map.indirect_range" };
        stopped(&image, id);
    }
}

/// A block of metadata, or one that it has already: what is written there would be lost.
#[test]
fn row_43_blocks_of_something_else() {
    let own = |image: &ImageEditor| image.get_u32(Spot::Inode(8), I_BLOCK + 20).unwrap();
    let bitmap = |image: &ImageEditor| image.get_u32(Spot::Group(0), 0).unwrap();
    let table = |image: &ImageEditor| image.get_u32(Spot::Group(0), 8).unwrap();
    let targets: [&dyn Fn(&ImageEditor) -> u32; 4] =
        [&own, &|_| 2, &bitmap, &|image| table(image) + 1];
    for target in targets {
        let image = inode_edited(EXT4, |image, inode| {
            let block = target(image);
            // The last block is another, far from what was logged.
            let count = image.get_u16(inode, I_BLOCK + 2).unwrap();
            let at = |n: u64| I_BLOCK + 12 * (u64::from(count) + n);
            let old = [0, 4, 8].map(|field| image.get_u32(inode, at(0) + field).unwrap());
            let [logical, len, start] = old;
            let extents = [[logical, len - 1, start], [logical + len - 1, 1, block]];
            for (n, values) in (0..).zip(extents) {
                for (field, value) in [0, 4, 8].into_iter().zip(values) {
                    image.set_u32(inode, at(n) + field, value).unwrap();
                }
            }
            image.set_u16(inode, I_BLOCK + 2, count + 1).unwrap();
        });
        stopped(&image, "journal.map");
    }
}

#[test]
fn row_43_too_short() {
    for size in [0_u32, 1024, 1023 * 1024] {
        let image = inode_edited(EXT4, |image, inode| image.set_u32(inode, 4, size).unwrap());
        stopped(&image, "journal.map");
    }
    // 2^40 and 2^50 bytes: the map says otherwise, and there is no such file.
    for (high, id) in [(1 << 8, "journal.map"), (1 << 18, "inode.size")] {
        let image = inode_edited(EXT4, |image, inode| image.set_u32(inode, 0x6c, high).unwrap());
        stopped(&image, id);
    }
}

/// The root, the resize inode, another file, none.
#[test]
fn row_43_another_inode() {
    let file = Dirty::three(EXT4, V3).image.lookup("/file").unwrap();
    let table = [
        (2, "superblock.journal_inode"),
        (1, "superblock.journal_inode"),
        (7, "superblock.journal_inode"),
        (11, "journal.map"),
        (file, "journal.superblock"),
        (u32::MAX, "superblock.journal_inode"),
    ];
    let found = table.map(|(number, _)| {
        let mut dirty = Dirty::three(EXT4, V3);
        dirty.image.set_u32(Spot::Superblock, 0xe0, number).unwrap();
        let id = failure(open(&dirty.image));
        refused_as(&dirty.image, &id);
        (number, id)
    });
    assert_eq!(found, table.map(|(number, id)| (number, id.to_owned())));
}

/// An edit of a journal superblock and the failure it makes; all else stays right.
fn superblock_edited(format: LogFormat, offset: u64, value: u32) -> ImageEditor {
    let mut image = Dirty::three(EXT4, format).image;
    let superblock = Spot::Block(image.journal_superblock().unwrap());
    image.set_be32(superblock, offset, value).unwrap();
    image.fix(Part::JournalSuperblock).unwrap();
    image
}

#[test]
fn row_44_fields_out_of_range() {
    let table: &[(u64, &[u32], &str)] = &[
        // Magic number, kind.
        (0x0, &[0, 0x9839_3bc0], "journal.superblock"),
        (0x4, &[0, 1, 2, 5, u32::MAX], "journal.superblock"),
        // Block size.
        (0xc, &[0, 512, 2048, 4096, 1025, u32::MAX], "journal.superblock"),
        // Length: none, more than there is.
        (0x10, &[0, 1], "journal.superblock"),
        (0x10, &[1025, 8192, u32::MAX], "journal.map"),
        // First block of the log.
        (0x14, &[0, 1024, u32::MAX], "journal.superblock"),
        // Start of the log.
        (0x1c, &[1024, 1025, u32::MAX], "journal.superblock"),
    ];
    for format in [V3, LogFormat::new(LogChecksum::None, false)] {
        for (offset, values, id) in table {
            for value in *values {
                let image = superblock_edited(format, *offset, *value);
                let found = failure(open(&image));
                assert_eq!(found, *id, "{offset:#x} {value}");
                stopped(&image, id);
            }
        }
    }
}

#[test]
fn row_44_unknown_features() {
    for (offset, value, id) in [
        (0x28, 0x40 | 0x13, "EOPNOTSUPP"),
        (0x28, 1 << 31 | 0x13, "EOPNOTSUPP"),
        (0x2c, 1, "EOPNOTSUPP"),
        // Versions 2 and 3 at once, versions 1 and 3 at once.
        (0x28, 0x1b, "journal.superblock"),
        (0x24, 1, "journal.superblock"),
    ] {
        stopped(&superblock_edited(V3, offset, value), id);
    }
    // Compatible ones do not matter.
    open(&superblock_edited(V3, 0x24, 0x8000_0000)).unwrap();
}

#[test]
fn row_44_checksum_wrong() {
    let mut image = Dirty::three(EXT4, V3).image;
    let superblock = Spot::Block(image.journal_superblock().unwrap());
    image.set_be32(superblock, 0x60, 1).unwrap();
    stopped(&image, "journal.checksum");
    // Another kind of checksum than CRC32C.
    image.set_u8(superblock, 0x50, 1).unwrap();
    image.fix(Part::JournalSuperblock).unwrap();
    stopped(&image, "journal.superblock");
}

/// The number of users of a journal inside a file system has no meaning; an error number is not
/// an error of reading.
#[test]
fn row_44_users_and_errors() {
    for (offset, value) in [(0x40, 0), (0x40, 2), (0x40, u32::MAX), (0x20, 5), (0x20, u32::MAX)] {
        open(&superblock_edited(V3, offset, value)).unwrap();
    }
}

#[test]
fn row_44_the_sequence_wraps() {
    let home = 7000;
    for sequence in [u32::MAX, u32::MAX - 1, 0, 0x7fff_ffff] {
        let dirty = Dirty::new(EXT4, V3, |log, image| {
            log.start(log.range().0, sequence);
            for fill in 0..3 {
                let copies = vec![(home, vec![fill; 1024])];
                let time = TIME + u64::from(fill);
                let whole = Transaction { copies, time, ..Transaction::default() };
                log.transaction(image, &whole).unwrap();
            }
        });
        dirty.replays(3);
    }
}

/// A log that says something else than its blocks do: empty, if their numbers are all smaller;
/// commits with larger ones say that changes are lost.
#[test]
fn row_44_start_and_sequence_elsewhere() {
    let elsewhere = |offset, value| {
        let mut dirty = Dirty::three(EXT4, V3);
        let superblock = Spot::Block(dirty.image.journal_superblock().unwrap());
        dirty.image.set_be32(superblock, offset, value).unwrap();
        dirty.image.fix(Part::JournalSuperblock).unwrap();
        dirty
    };
    for sequence in [3, 4, 1000, 1 << 31] {
        elsewhere(0x18, sequence).replays(0);
    }
    for (offset, value) in [(0x18, 0), (0x18, 2), (0x18, u32::MAX), (0x1c, 2), (0x1c, 900)] {
        stopped(&elsewhere(offset, value).image, "journal.gap");
    }
}

/// A dirty image whose log replaces the superblock by one that `edit` changed.
fn replayed_superblock(edit: impl FnOnce(&mut ImageEditor)) -> Dirty {
    Dirty::new(EXT4, V3, |log, image| {
        let mut changed = image.clone();
        let incompat = changed.get_u32(Spot::Superblock, 0x60).unwrap();
        changed.set_u32(Spot::Superblock, 0x60, incompat | 4).unwrap();
        edit(&mut changed);
        let copy = changed.get_bytes(Spot::Superblock, 0, 1024).unwrap().to_vec();
        let copies = vec![(1, copy)];
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(image, &whole).unwrap();
    })
}

#[test]
fn row_51_replay_changes_the_superblock() {
    let sb = Spot::Superblock;
    let table: &[(u64, u32, &str)] = &[
        // Block size, blocks, blocks and inodes per group.
        (0x18, 1, "superblock.cluster_size"),
        (0x4, 8193, "superblock.device_too_small"),
        (0x4, 0, "superblock.blocks_count"),
        (0x20, 8200, "superblock.blocks_per_group"),
        (0x28, 0, "superblock.inodes_per_group"),
        (0x0, 1, "superblock.inodes_count"),
        // The journal: none, another.
        (0x5c, 0x38, "journal.replay"),
        (0xe0, 12, "journal.replay"),
        (0xd0, 12, "journal.replay"),
        // The UUID, where checksums depend on it; unknown features.
        (0x68, 12, "journal.replay"),
        (0x60, 0x8000_02c6, "EOPNOTSUPP"),
    ];
    let found = table.iter().map(|(offset, value, _)| {
        let dirty = replayed_superblock(|image| image.set_u32(sb, *offset, *value).unwrap());
        let id = failure(open(&dirty.image));
        stopped(&dirty.image, &id);
        (*offset, *value, id)
    });
    let wanted = table.iter().map(|(offset, value, id)| (*offset, *value, (*id).to_owned()));
    assert_eq!(Vec::from_iter(found), Vec::from_iter(wanted));
    let dirty = replayed_superblock(|image| {
        image.set_fixing(false).set_u32(sb, 0x30, 77).unwrap();
    });
    stopped(&dirty.image, "superblock.checksum");
    let dirty = replayed_superblock(|image| image.set_bytes(sb, 0, &[0; 1024]).unwrap());
    stopped(&dirty.image, "superblock.magic");
}

/// A whole other geometry, sound in itself, is still not that of the log.
#[test]
fn row_51_replay_changes_the_block_size() {
    let dirty = replayed_superblock(|image| {
        for (offset, value) in [(0x4, 4096), (0x14, 0), (0x18, 1), (0x1c, 1)] {
            image.set_u32(Spot::Superblock, offset, value).unwrap();
        }
    });
    stopped(&dirty.image, "journal.replay");
}

/// What is sound is taken: a label, a feature that needs nothing.
#[test]
fn row_51_replay_may_change_what_does_not_matter() {
    let dirty = replayed_superblock(|image| {
        image.set_bytes(Spot::Superblock, 0x78, b"replayed\0").unwrap();
    });
    let fs = only(&dirty.image, &[]);
    assert_eq!(fs.volume().superblock().label(), b"replayed");
}

/// What replay brings is verified as what was there: here descriptors and the root.
#[test]
fn row_51_replay_breaks_metadata() {
    let broken = |block: fn(&ImageEditor) -> u64, fill: u8| {
        Dirty::new(EXT4, V3, |log, image| {
            let copies = vec![(block(image), vec![fill; 1024])];
            let whole = Transaction { copies, time: TIME, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
        })
    };
    let descriptors = broken(|_| 2, 0xff);
    assert_eq!(failure(open(&descriptors.image)), "group.inode_table");
    let table = broken(|image| image.group_block(0, 0x8).unwrap(), 0);
    assert_eq!(failure(open(&table.image)), "inode.root");
    let root = broken(|image| image.map_block(2, 0).unwrap().unwrap(), 0);
    let (report, _) = walked(&root.image);
    let found = report.findings.iter().map(|found| (found.path.as_str(), found.what.as_str()));
    assert_eq!(Vec::from_iter(found), [("/", "dir.tail")]);
}
