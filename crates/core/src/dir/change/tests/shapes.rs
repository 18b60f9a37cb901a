//! Single cases: growing trees, no space, what is refused, making and moving directories.

use extant_format::HashVersion;
use extant_format::dir::htree::DxRoot;

use super::bench::Bench;
use super::init::set_parent;
use super::*;

fn add(changes: &mut Changes<'_>, bench: &Bench, name: &[u8], file: usize) -> Result<Added> {
    add_entry(changes, bench.dir, name, bench.files[file], FileType::Regular)
}

/// Levels of nodes below the root; `None` without a hash tree.
fn levels(changes: &Changes<'_>, bench: &Bench) -> Option<u8> {
    let inode = changes.inode(bench.dir).unwrap();
    let dir = Directory::new(changes.volume(), &inode);
    let block = dir.is_indexed().then(|| dir.block(LogicalBlock::ZERO, IoFlags::NONE).unwrap())?;
    let root = DxRoot::parse(block.bytes(), &dir.dx_rule(), Place::default()).unwrap();
    Some(root.indirect_levels)
}

#[test]
fn a_tree_grows_from_nothing_to_two_levels() {
    for options in [&["-t", "ext4", "-b", "1024"][..], &["-t", "ext2", "-b", "1024"]] {
        let Some(bench) = Bench::new(options) else { return };
        let volume = bench.volume();
        let mut changes = Changes::new(&volume);
        let mut entries = Vec::new();
        let mut seen = vec![levels(&changes, &bench)];
        for n in 0..2000 {
            let name = format!("{n:0>220}").into_bytes();
            assert_eq!(add(&mut changes, &bench, &name, n % 8).unwrap(), Added::New);
            entries.push((name, bench.files[n % 8]));
            let level = levels(&changes, &bench);
            if seen.last() != Some(&level) {
                seen.push(level);
                bench.compare(&changes, &entries);
            }
        }
        assert_eq!(seen, [None, Some(0), Some(1)]);
        bench.judge(changes, &entries);
    }
}

#[test]
fn without_space_the_directory_stays_as_it_was() {
    let clusters = ["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "2048"];
    for options in [&["-t", "ext4", "-b", "1024"][..], &clusters] {
        let Some(bench) = Bench::sized(options, 512 << 10) else { return };
        let volume = bench.volume();
        let mut changes = Changes::new(&volume);
        let mut entries = Vec::new();
        let mut refused = 0;
        for n in 0..2500 {
            let name = format!("{n:0>250}").into_bytes();
            match add(&mut changes, &bench, &name, n % 8) {
                Ok(Added::New) => entries.push((name, bench.files[n % 8])),
                Err(Error::NoSpace) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 0 && entries.len() > 500, "{refused} {}", entries.len());
        bench.judge(changes, &entries);
    }
}

/// Names of 246 bytes that the legacy hash takes for one: three fill a leaf.
const ALIKE: [&str; 7] = ["avb60g", "bj2xte", "czjvlc", "dpqpo0", "dq8h3r", "fkuu1g", "fwgj4f"];

#[test]
fn names_of_one_hash_go_on_in_the_next_leaves() {
    let options = ["-t", "ext4", "-b", "1024"];
    let Some(bench) = Bench::new(&options) else { return };
    bench.set_hash(HashVersion::Legacy as u8, 1);
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    let alike = ALIKE.map(|end| [&[b'x'; 240][..], end.as_bytes()].concat());
    let others = (0..200).map(|n| format!("{n:0>50}").into_bytes());
    let names = others.clone().take(100).chain(alike.clone()).chain(others.skip(100));
    let mut entries = Vec::new();
    for (n, name) in names.enumerate() {
        assert_eq!(add(&mut changes, &bench, &name, n % 8).unwrap(), Added::New);
        entries.push((name, bench.files[n % 8]));
        bench.compare(&changes, &entries);
    }
    let inode = changes.inode(bench.dir).unwrap();
    let dir = Directory::new(&volume, &inode);
    let path = |name| dir.hash_path(&Wanted::stored(&dir, name), IoFlags::NONE).unwrap();
    let paths = alike.each_ref().map(|name| path(name));
    assert!(paths.iter().all(|p| p.hash == paths[0].hash && p.leaf == paths[0].leaf));
    let last = paths[0].steps.last().unwrap();
    let next = [1, 2].map(|n| last.pair_at(last.index + n).unwrap().hash);
    assert_eq!(next, [paths[0].hash | 1; 2]);
    for name in &alike[..4] {
        assert!(remove_entry(&mut changes, bench.dir, name, None).unwrap().is_some());
        entries.retain(|(other, _)| other != name);
        bench.compare(&changes, &entries);
    }
    bench.judge(changes, &entries);
}

/// A tree of two levels becomes full; with `large_dir` it gets a third.
#[test]
fn a_full_tree_is_no_space_or_gets_a_third_level() {
    for large_dir in [false, true] {
        let feature = if large_dir { "large_dir" } else { "^large_dir" };
        let options = ["-t", "ext4", "-b", "1024", "-O", feature];
        let Some(bench) = Bench::sized(&options, 32 << 20) else { return };
        let volume = bench.volume();
        let mut changes = Changes::new(&volume);
        let mut entries = Vec::new();
        let end = (0..40_000).find_map(|n| {
            let name = format!("{n:0>255}").into_bytes();
            let added = add(&mut changes, &bench, &name, n % 8);
            if added.is_ok() {
                entries.push((name, bench.files[n % 8]));
            }
            let is_deep = n % 1000 == 0 && levels(&changes, &bench) == Some(2);
            if is_deep { Some(Ok(())) } else { added.err().map(Err) }
        });
        match end.unwrap() {
            Ok(()) => assert!(large_dir),
            Err(error) => assert!(!large_dir && matches!(error, Error::NoSpace), "{error}"),
        }
        let free = changes.allocate_block(volume.geometry().superblock_block()).unwrap();
        changes.mark_blocks(free, 1, crate::changes::Mark::Free).unwrap();
        bench.judge(changes, &entries);
    }
}

#[test]
fn names_that_no_entry_may_have_are_refused() {
    let Some(bench) = Bench::new(&["-t", "ext4", "-b", "1024"]) else { return };
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0", &[b'n'; 256]] {
        let error = add(&mut changes, &bench, name, 0).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt(c) if c.kind == CorruptKind::DirName),
            "{name:?}: {error}"
        );
        assert_eq!(remove_entry(&mut changes, bench.dir, name, None).unwrap(), None);
    }
    let file = bench.files[0];
    let error = add_entry(&mut changes, file, b"a", file, FileType::Regular).unwrap_err();
    assert!(matches!(error, Error::Corrupt(c) if c.kind == CorruptKind::InodeMode));
    assert_eq!(changes.changed().len(), 0);
}

/// A name whose type was wrong or missing gets the right one, and is not new.
#[test]
fn the_type_of_an_entry_is_made_right() {
    let Some(bench) = Bench::new(&["-t", "ext4", "-b", "1024"]) else { return };
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    let file = bench.files[0];
    add_entry(&mut changes, bench.dir, b"a", file, FileType::Fifo).unwrap();
    assert_eq!(add(&mut changes, &bench, b"a", 0).unwrap(), Added::Same);
    let entries = vec![(b"a".to_vec(), file)];
    let before = changes.changed().len();
    assert_eq!(add(&mut changes, &bench, b"a", 0).unwrap(), Added::Same);
    assert_eq!(changes.changed().len(), before);
    bench.judge(changes, &entries);
}

fn set_flag(changes: &mut Changes<'_>, bench: &Bench, flag: InodeFlags) {
    let set = |slot: &mut [u8]| {
        let raw = RawInode::from_slot_mut(slot).unwrap();
        raw.flags.set(raw.flags.get() | flag.bits());
    };
    changes.change_inode(bench.dir, set).unwrap();
}

#[test]
fn ciphertext_is_any_bytes() {
    let options = ["-t", "ext4", "-b", "1024", "-O", "encrypt"];
    let Some(bench) = Bench::new(&options) else { return };
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    set_flag(&mut changes, &bench, InodeFlags::ENCRYPT);
    let name = |n: u8| -> Vec<u8> {
        (0..32).map(|i: u8| n.wrapping_mul(47) ^ i.wrapping_mul(n)).collect()
    };
    for n in 1..200 {
        assert_eq!(add(&mut changes, &bench, &name(n), usize::from(n % 8)).unwrap(), Added::New);
    }
    assert_eq!(levels(&changes, &bench), Some(0));
    assert_eq!(bench.list(&changes).len(), 199);
    let error = add(&mut changes, &bench, b"short", 0).unwrap_err();
    assert!(matches!(error, Error::Corrupt(c) if c.kind == CorruptKind::EncryptedName));
    for n in 1..200 {
        let file = Some(bench.files[usize::from(n % 8)]);
        assert_eq!(remove_entry(&mut changes, bench.dir, &name(n), None).unwrap(), file);
    }
    assert_eq!(bench.list(&changes), []);
}

#[test]
fn a_new_name_that_needs_a_key_is_refused() {
    let options = ["-t", "ext4", "-b", "1024", "-O", "encrypt,casefold"];
    let Some(bench) = Bench::new(&options) else { return };
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    set_flag(&mut changes, &bench, InodeFlags::ENCRYPT.union(InodeFlags::CASEFOLD));
    let error = add(&mut changes, &bench, &[7; 32], 0).unwrap_err();
    let Error::Unsupported { features } = error else { panic!("{error}") };
    assert_eq!(features, ["encrypt+casefold"]);
}

/// A leaf whose names its hash tree does not lead to is not divided further.
#[test]
fn a_leaf_with_names_of_other_hashes_is_refused() {
    let Some(bench) = Bench::new(&["-t", "ext4", "-b", "1024"]) else { return };
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    for n in 0..200 {
        add(&mut changes, &bench, format!("name{n:0>60}").as_bytes(), 0).unwrap();
    }
    let mut edit = DirEdit::open(&mut changes, bench.dir).unwrap();
    let [one, two] = [1, 2].map(|n| edit.records(LogicalBlock::new(n)).unwrap());
    let [at_one, at_two] = [1, 2].map(|n| edit.block_nr(LogicalBlock::new(n)).unwrap());
    edit.write_leaf(at_one, &two).unwrap();
    edit.write_leaf(at_two, &one).unwrap();
    let mut results =
        (200..400).map(|n| add(&mut changes, &bench, format!("name{n:0>60}").as_bytes(), 0));
    let error = results.find_map(Result::err).unwrap();
    assert!(matches!(error, Error::Corrupt(c) if c.kind == CorruptKind::HtreeOrder), "{error}");
}

/// What recovery has before the directory is there: an inode, marked, with or without size.
fn new_inode(changes: &mut Changes<'_>, bench: &Bench, size: u32, flags: InodeFlags) -> InodeNr {
    let ino = bench.files.iter().max().unwrap().get() + 1;
    let ino = changes.volume().geometry().inode(ino).unwrap();
    changes.mark_inode(ino, crate::changes::Mark::Used, true).unwrap();
    let template = changes.inode(bench.dir).unwrap().bytes().to_vec();
    changes
        .change_inode(ino, |slot| {
            slot.copy_from_slice(&template);
            let raw = RawInode::from_slot_mut(slot).unwrap();
            raw.size_lo.set(size);
            raw.blocks_lo.set(0);
            raw.links_count.set(2);
            raw.flags.set(flags.bits());
            raw.block = [0; 60];
            if flags.contains(InodeFlags::EXTENTS) {
                let map = extant_format::inode::map_bytes_mut(slot);
                assert!(extant_format::extent::NodeBuf::for_block(0, 60, false).write(map));
            }
        })
        .unwrap();
    ino
}

#[test]
fn a_directory_is_made_once_and_moved() {
    let inline = InodeFlags::INLINE_DATA;
    let kinds = [
        (&["-t", "ext4", "-b", "1024"][..], InodeFlags::EXTENTS.union(InodeFlags::INDEX), 0),
        (&["-t", "ext4", "-b", "1024"], InodeFlags::EXTENTS, 3072),
        (&["-t", "ext3", "-b", "1024"], InodeFlags::from_bits(0), 0),
        (&["-t", "ext4", "-b", "1024", "-O", "inline_data"], inline, 0),
        (&["-t", "ext4", "-O", "bigalloc"], InodeFlags::EXTENTS, 0),
    ];
    for (options, flags, size) in kinds {
        let Some(bench) = Bench::new(options) else { return };
        let volume = bench.volume();
        let mut changes = Changes::new(&volume);
        let ino = new_inode(&mut changes, &bench, size, flags);
        init_directory(&mut changes, ino, InodeNr::ROOT).unwrap();
        let first = changes.inode(ino).unwrap();
        init_directory(&mut changes, ino, InodeNr::ROOT).unwrap();
        assert_eq!(changes.inode(ino).unwrap(), first);
        let size = if flags.contains(inline) { 60 } else { volume.block_size().bytes64() };
        assert_eq!((first.size, first.flags), (size, flags.without(InodeFlags::INDEX)));

        let file = bench.files[0];
        add_entry(&mut changes, ino, b"inside", file, FileType::Regular).unwrap();
        // Now below `d`, by both ways.
        set_parent(&mut changes, ino, bench.dir).unwrap();
        init_directory(&mut changes, ino, InodeNr::ROOT).unwrap();
        init_directory(&mut changes, ino, bench.dir).unwrap();
        let inode = changes.inode(ino).unwrap();
        let dir = Directory::new(&volume, &inode);
        assert_eq!(dir.parent(IoFlags::NONE).unwrap(), bench.dir);
        assert_eq!(dir.lookup(b"inside", IoFlags::NONE).unwrap().unwrap().ino, file);

        assert_eq!(remove_entry(&mut changes, ino, b"inside", None).unwrap(), Some(file));
        add_entry(&mut changes, bench.dir, b"sub", ino, FileType::Directory).unwrap();
        let links = |slot: &mut [u8]| RawInode::from_slot_mut(slot).unwrap().links_count.set(3);
        changes.change_inode(bench.dir, links).unwrap();
        bench.judge(changes, &vec![(b"sub".to_vec(), ino)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the blocks hold, changes end, and with no panic. Without checksums nothing else
    /// keeps the bytes away.
    #[test]
    fn any_bytes_in_blocks_end(
        bytes in proptest::collection::vec((0_u32..40, 0_usize..1024, any::<u8>()), 1..60),
        inline: bool,
    ) {
        let inline = if inline { "^metadata_csum,inline_data" } else { "^metadata_csum" };
        let Some(bench) = Bench::new(&["-b", "1024", "-I", "256", "-O", inline]) else {
            return Ok(());
        };
        let volume = bench.volume();
        let mut changes = Changes::new(&volume);
        for n in 0..100 {
            add(&mut changes, &bench, format!("{n:0>80}").as_bytes(), 0).unwrap();
        }
        for &(logical, offset, byte) in &bytes {
            // The first bytes of each block are the ones that say most.
            let offset = if offset % 2 == 0 { offset % 64 } else { offset };
            let edit = DirEdit::open(&mut changes, bench.dir).unwrap();
            let block = logical % edit.dir().blocks();
            let nr = edit.block_nr(LogicalBlock::new(block)).unwrap();
            changes.change(nr, |block| block[offset] = byte).unwrap();
        }
        for n in 0..200 {
            let name = format!("{n:0>80}").into_bytes();
            let _ = add(&mut changes, &bench, &name, 1);
            let _ = remove_entry(&mut changes, bench.dir, &name, None);
            let _ = add(&mut changes, &bench, &name, 2);
        }
        let _ = init::set_parent(&mut changes, bench.dir, bench.files[0]);
        let _ = init_directory(&mut changes, bench.dir, InodeNr::ROOT);
        let inode = changes.inode(bench.dir).unwrap();
        prop_assert!(Directory::new(&volume, &inode).blocks() < 2000);
    }
}
