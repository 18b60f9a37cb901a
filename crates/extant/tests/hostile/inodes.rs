//! Rows 9, 17 to 21, 42 and 58: inodes.

use extant::{CorruptKind, FileType, Follow, InodeNr, IoFlags, Place, Timestamp};
use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{
    EXT2, EXT4, I_BLOCK, PLAIN, checksum_met, entry, failure, image, only, read, refused_at, walked,
};

/// Sets a field of `path`'s inode in 2 bytes.
fn set16(editor: &mut ImageEditor, path: &str, at: u64, value: u16) {
    let inode = editor.lookup(path).unwrap();
    editor.set_u16(Spot::Inode(inode), at, value).unwrap();
}

/// Sets a field of `path`'s inode in 4 bytes.
fn set32(editor: &mut ImageEditor, path: &str, at: u64, value: u32) {
    let inode = editor.lookup(path).unwrap();
    editor.set_u32(Spot::Inode(inode), at, value).unwrap();
}

#[test]
fn row_09_reserved_inodes_are_not_reachable_by_name() {
    for number in [1, 3, 4, 5, 6, 7, 8, 9, 10] {
        let mut editor = image(EXT4);
        let (spot, at, part) = entry(&editor, "/", "tiny");
        editor.set_u32(spot, at, number).unwrap();
        editor.fix(part).unwrap();
        only(&editor, &[("/tiny", "inode.number")]);
    }
    let mut editor = image(EXT4);
    let (spot, at, part) = entry(&editor, "/dir", "b");
    for number in [2049, u32::MAX] {
        editor.set_u32(spot, at, number).unwrap();
        editor.fix(part).unwrap();
        only(&editor, &[("/dir", "dir.inode")]);
    }
}

#[test]
fn row_17_root_inode() {
    let root = Place::inode(InodeNr::ROOT);
    let breaks: [fn(&mut ImageEditor); 5] = [
        |e| e.set_bytes(Spot::Inode(2), 0, &[0; 256]).unwrap(),
        |e| e.set_u16(Spot::Inode(2), 0, 0o100_755).unwrap(),
        |e| e.set_u16(Spot::Inode(2), 0, 0o120_777).unwrap(),
        |e| e.set_u16(Spot::Inode(2), 0x1a, 0).unwrap(),
        |e| {
            e.set_u16(Spot::Inode(2), 0, 0).unwrap();
            e.set_u16(Spot::Inode(2), 0x1a, 0).unwrap();
        },
    ];
    for args in [EXT4, PLAIN, EXT2] {
        for change in breaks {
            let mut editor = image(args);
            change(&mut editor);
            refused_at(&editor, CorruptKind::RootInode, root);
        }
        let mut editor = image(args);
        editor.set_u16(Spot::Inode(2), 0, 0o755).unwrap();
        refused_at(&editor, CorruptKind::InodeMode, root);
    }
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    editor.set_u16(Spot::Inode(2), 0x1a, 0).unwrap();
    refused_at(&editor, CorruptKind::InodeChecksum, root);
}

#[test]
fn row_18_extra_isize() {
    for size in [1, 2, 3, 30, 33, 129, 132, 256, 0x8000, 0xffff] {
        for args in [EXT4, PLAIN] {
            let mut editor = image(args);
            set16(&mut editor, "/tiny", 0x80, size);
            println!("{size}");
            only(&editor, &[("/tiny", "inode.extra_isize")]);
        }
    }
    // All of the slot, or none of it: legal.
    for size in [0, 4, 28, 128] {
        let mut editor = image(EXT4);
        set16(&mut editor, "/tiny", 0x80, size);
        only(&editor, &[]);
    }
    // What new inodes should get concerns nobody who reads.
    let mut editor = image(EXT4);
    editor.set_u16(Spot::Superblock, 0x15c, 0xffff).unwrap();
    editor.set_u16(Spot::Superblock, 0x15e, 0xffff).unwrap();
    only(&editor, &[]);
}

#[test]
fn row_18_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    set16(&mut editor, "/tiny", 0x80, 28);
    checksum_met(&editor, &[("/tiny", "inode.checksum")]);
}

/// Row 19 is about unlinking; a reader meets the inode as one that is free.
#[test]
fn row_19_no_links_but_a_name() {
    let mut editor = image(EXT4);
    set16(&mut editor, "/tiny", 0x1a, 0);
    only(&editor, &[("/tiny", "inode.unallocated")]);
    let mut editor = image(EXT4);
    let tiny = editor.lookup("/tiny").unwrap();
    editor.set_bytes(Spot::Inode(tiny), 0, &[0; 256]).unwrap();
    only(&editor, &[("/tiny", "inode.unallocated")]);
    for mode in [0o644, 0o30_644, 0o150_644, 0o170_644] {
        let mut editor = image(EXT4);
        set16(&mut editor, "/tiny", 0, mode);
        only(&editor, &[("/tiny", "inode.mode")]);
    }
}

#[test]
fn row_20_size_huge_or_negative() {
    // 2^32 blocks of 1 KiB are just too many; 2^63 is negative.
    for high in [0x400, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        for args in [EXT4, EXT2] {
            let mut editor = image(args);
            set32(&mut editor, "/tiny", 0x6c, high);
            only(&editor, &[("/tiny", "inode.size")]);
        }
    }
}

#[test]
fn row_20_size_and_blocks_disagree() {
    let mut editor = image(EXT4);
    // The largest that extents hold: what no extent maps reads as zeroes.
    set32(&mut editor, "/tiny", 0x6c, 0x3ff);
    set32(&mut editor, "/tiny", 0x4, 0xffff_fc00);
    let fs = only(&editor, &[]);
    let file = fs.open_file(b"/tiny", IoFlags::NONE).unwrap();
    let mut buf = [1; 100];
    let end = file.size();
    assert_eq!(end, 0x3ff_ffff_fc00);
    assert_eq!(file.read_at(&mut buf, end - 40, IoFlags::NONE).unwrap(), 40);
    assert_eq!(buf[..41], [[0; 40].as_slice(), &[1]].concat());
    assert_eq!(file.seek_data(1024, IoFlags::NONE).unwrap(), None);
    // Less than is mapped, blocks in use that are none, and none that are.
    for (at, value) in [(0x4, 7), (0x1c, 0), (0x1c, u32::MAX)] {
        let mut editor = image(EXT4);
        set32(&mut editor, "/tiny", at, value);
        let fs = only(&editor, &[]);
        assert_eq!(read(&fs, "/tiny").unwrap().len(), if at == 4 { 7 } else { 20 });
    }
}

#[test]
fn row_20_directory_sizes() {
    for size in [1, 100, 1023, 1025] {
        let mut editor = image(EXT4);
        set32(&mut editor, "/dir", 0x4, size);
        only(&editor, &[("/dir", "inode.directory_size")]);
    }
    // As large as can be said: a hole behind the one block, told once and passed at once.
    let mut editor = image(EXT4);
    set32(&mut editor, "/dir", 0x4, 0xffff_fc00);
    only(&editor, &[("/dir", "dir.hole")]);
    let mut editor = image(EXT2);
    set32(&mut editor, "/dir", 0x4, 0x100_0000);
    only(&editor, &[("/dir", "dir.hole")]);
}

#[test]
fn row_20_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    set32(&mut editor, "/tiny", 0x6c, u32::MAX);
    checksum_met(&editor, &[("/tiny", "inode.checksum")]);
}

/// Points the only extent of `path` at `block`.
fn map_at(editor: &mut ImageEditor, path: &str, block: u64) {
    let inode = editor.lookup(path).unwrap();
    let spot = Spot::Inode(inode);
    assert_eq!(editor.get_u16(spot, I_BLOCK + 2).unwrap(), 1, "one extent");
    editor.set_u32(spot, I_BLOCK + 20, u32::try_from(block).unwrap()).unwrap();
}

#[test]
fn row_21_files_over_metadata() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "quota,project,orphan_file"];
    let base = image(&args);
    let of = |inode, logical| base.map_block(inode, logical).unwrap().unwrap();
    let group = |at| base.group_block(0, at).unwrap();
    let orphan = base.get_u32(Spot::Superblock, 0x280).unwrap();
    let dind = u64::from(base.get_u32(Spot::Inode(7), I_BLOCK + 4 * 13).unwrap());
    let targets = [
        ("descriptors", 2),
        ("descriptors' reserve", 3),
        ("block bitmap", group(0x0)),
        ("inode bitmap", group(0x4)),
        ("inode table", group(0x8)),
        ("inode table's end", group(0x8) + 511),
        ("journal", of(8, 0)),
        ("journal's middle", of(8, 500)),
        ("user quota", of(3, 0)),
        ("group quota", of(4, 0)),
        ("project quota", of(base.get_u32(Spot::Superblock, 0x26c).unwrap(), 0)),
        ("orphan file", of(orphan, 0)),
        ("resize inode's map", dind),
    ];
    for (what, block) in targets {
        for path in ["/tiny", "/dir", "/slow"] {
            let mut editor = base.clone();
            map_at(&mut editor, path, block);
            println!("{what} by {path}");
            let id = "map.system_zone";
            let all: &[(&str, &str)] = &[(path, id)];
            only(&editor, all);
        }
    }
    for (what, block) in [("boot block", 0), ("superblock", 1), ("the end", 8192)] {
        let mut editor = base.clone();
        map_at(&mut editor, "/tiny", block);
        println!("{what}");
        only(&editor, &[("/tiny", "extent.physical_range")]);
    }
}

/// A boot loader inode in use: its blocks are its own.
#[test]
fn row_21_files_over_the_boot_loader() {
    let mut editor = image(EXT4);
    let tiny = editor.lookup("/tiny").unwrap();
    let bytes = editor.get_bytes(Spot::Inode(tiny), 0, 256).unwrap().to_vec();
    editor.set_bytes(Spot::Inode(5), 0, &bytes).unwrap();
    only(&editor, &[("/tiny", "map.system_zone")]);
}

/// A run that begins in front of metadata and ends in it.
#[test]
fn row_21_a_run_into_metadata() {
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "^has_journal"]);
    let table = editor.group_block(0, 0x8).unwrap();
    let tiny = editor.lookup("/tiny").unwrap();
    map_at(&mut editor, "/tiny", table - 2);
    editor.set_u16(Spot::Inode(tiny), I_BLOCK + 16, 1).unwrap();
    only(&editor, &[]);
    editor.set_u16(Spot::Inode(tiny), I_BLOCK + 16, 3).unwrap();
    only(&editor, &[("/tiny", "map.system_zone")]);
    // Unwritten or not.
    editor.set_u16(Spot::Inode(tiny), I_BLOCK + 16, 32_768 + 3).unwrap();
    only(&editor, &[("/tiny", "map.system_zone")]);
}

#[test]
fn row_21_extent_nodes_and_attribute_blocks_over_metadata() {
    let base = image(EXT4);
    let journal = u32::try_from(base.map_block(8, 3).unwrap().unwrap()).unwrap();
    let mut editor = base.clone();
    set32(&mut editor, "/fragmented", I_BLOCK + 16, journal);
    only(&editor, &[("/fragmented", "map.system_zone")]);
    let mut editor = base.clone();
    set32(&mut editor, "/xattr-large", 0x68, journal);
    only(&editor, &[("/xattr-large", "xattr.block")]);
}

/// A mode, words of the inode, and what stat(2) shows: the type and the device.
type Special<'a> = (u16, &'a [(u64, u32)], FileType, Option<(u32, u32)>);

#[test]
fn row_42_special_files_are_shown_and_never_opened() {
    let fifo = |mode: u16, words: &[(u64, u32)]| {
        let mut editor = image(EXT4);
        set16(&mut editor, "/fifo", 0, mode);
        for (at, value) in words {
            set32(&mut editor, "/fifo", *at, *value);
        }
        editor
    };
    let extents =
        &[(0x20, 0x8_0000), (0x28, 0x1_f30a), (0x2c, 4), (0x38, 1), (0x3c, 2), (0x4, 1 << 20)];
    let rows: [Special<'_>; 6] = [
        (0o010_644, extents, FileType::Fifo, None),
        (0o140_644, extents, FileType::Socket, None),
        (0o140_644, &[(0x4, 4096), (0x28, 2)], FileType::Socket, None),
        (0o020_644, &[(0x28, 0x0105)], FileType::CharDevice, Some((1, 5))),
        (0o060_644, &[(0x28, 0), (0x2c, u32::MAX)], FileType::BlockDevice, Some((0xfff, 0xf_ffff))),
        (0o060_644, &[(0x28, u32::MAX)], FileType::BlockDevice, Some((0xff, 0xff))),
    ];
    for (mode, words, file_type, device) in rows {
        let fs = only(&fifo(mode, words), &[]);
        let stat = fs.stat(b"/fifo", Follow::Yes, IoFlags::NONE).unwrap();
        assert_eq!((stat.file_type, stat.device), (file_type, device));
        assert_eq!(failure(fs.open_file(b"/fifo", IoFlags::NONE)), "EINVAL");
        assert_eq!(failure(fs.open_dir(b"/fifo", IoFlags::NONE)), "ENOTDIR");
        let node = fs.resolve(b"/fifo", Follow::No, IoFlags::NONE).unwrap();
        assert_eq!(failure(node.map(0, IoFlags::NONE)), "EINVAL");
    }
    // The flag of an old system's directories has no effect.
    let mut editor = image(EXT4);
    set32(&mut editor, "/tiny", 0x20, 0x8_2000);
    only(&editor, &[]);
}

#[test]
fn row_58_timestamps() {
    let words = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    for seconds in words {
        for extra in [0, 1, 2, 3, 4, 0xee6b_27fc, 0xee6b_2800, u32::MAX - 3, u32::MAX] {
            let mut editor = image(EXT4);
            let bases = [0x8, 0xc, 0x10, 0x90];
            bases.iter().for_each(|at| set32(&mut editor, "/tiny", *at, seconds));
            [0x84, 0x88, 0x8c, 0x94].iter().for_each(|at| set32(&mut editor, "/tiny", *at, extra));
            let fs = only(&editor, &[]);
            let stat = fs.stat(b"/tiny", Follow::No, IoFlags::NONE).unwrap();
            for time in [stat.atime, stat.mtime, stat.ctime, stat.btime.unwrap()] {
                let low = u32::try_from(time.secs & 0xffff_ffff).unwrap();
                assert_eq!(low, seconds);
                assert!((Timestamp::MIN..=Timestamp::MAX).contains(&time), "{time:?}");
                assert!(time.nanos < 1_000_000_000);
            }
        }
    }
}

/// Before 1970 with epoch bits that an old kernel wrote as ones.
#[test]
fn row_58_before_1970() {
    let mut editor = image(EXT4);
    set32(&mut editor, "/tiny", 0x10, 0xffff_ffff);
    set32(&mut editor, "/tiny", 0x88, 0);
    let stat = |editor: &ImageEditor| {
        only(editor, &[]).stat(b"/tiny", Follow::No, IoFlags::NONE).unwrap().mtime
    };
    assert_eq!(stat(&editor), Timestamp { secs: -1, nanos: 0 });
    set32(&mut editor, "/tiny", 0x88, 3);
    assert_eq!(stat(&editor).secs, (3 << 32) - 1);
}

/// Bigalloc: two files that share a cluster cannot be told from one that does not by reading.
#[test]
fn row_56_clusters_shared_or_counted_in_part() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"];
    let base = image(&args);
    let owner = base.lookup("/file").unwrap();
    let start = base.map_block(owner, 0).unwrap().unwrap();
    // The same blocks, and the rest of the cluster, which is not the start of one.
    for shift in [0, 1, 3] {
        let mut editor = base.clone();
        map_at(&mut editor, "/tiny", start + shift);
        let fs = only(&editor, &[]);
        let bytes = read(&fs, "/file").unwrap();
        let at = usize::try_from(shift).unwrap() * 1024;
        assert_eq!(read(&fs, "/tiny").unwrap(), bytes[at..at + 20]);
    }
    // Blocks in use that are no whole clusters.
    let mut editor = base.clone();
    set32(&mut editor, "/tiny", 0x1c, 3);
    only(&editor, &[]);
    // A cluster that metadata shares is metadata where the metadata is, and free behind it.
    let mut editor = base.clone();
    map_at(&mut editor, "/tiny", base.group_block(0, 0x0).unwrap());
    only(&editor, &[("/tiny", "map.system_zone")]);
    // A run that ends behind the last cluster.
    let mut editor = base;
    let tiny = editor.lookup("/tiny").unwrap();
    map_at(&mut editor, "/tiny", 8188);
    editor.set_u16(Spot::Inode(tiny), I_BLOCK + 16, 5).unwrap();
    only(&editor, &[("/tiny", "extent.physical_range")]);
}

/// What e2fsck does not mend by itself must not stop a reader: the whole tree in one go.
#[test]
fn unmodified_images_have_no_findings() {
    let all: [&[&str]; 6] = [
        EXT4,
        PLAIN,
        EXT2,
        &["-t", "ext4", "-b", "4096", "-I", "1024"],
        &["-t", "ext4", "-b", "65536", "-N", "1024"],
        &["-t", "ext3", "-b", "2048", "-I", "128"],
    ];
    for args in all {
        let (report, fs) = walked(&image(args));
        assert!(report.findings.is_empty(), "{args:?} {:?}", report.findings);
        assert!(report.entries == 316 && report.directories == 5, "{report:?}");
        assert_eq!(fs.volume().damage().1, 0);
    }
}
