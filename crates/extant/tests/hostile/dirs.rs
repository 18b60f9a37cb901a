//! Rows 29 to 33: directories. Listing goes on behind damage where it can, and a name that may be
//! in the damaged part is not said to be missing.

use extant::{Follow, IoFlags};
use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{EXT2, EXT4, I_BLOCK, PLAIN, entry, failure, image, only, open, read, walked};

/// Changes `bytes` at `at` of the entry `name` of `dir`.
fn change(editor: &mut ImageEditor, (dir, name): (&str, &str), at: u64, bytes: &[u8]) {
    let (spot, offset, part) = entry(editor, dir, name);
    editor.set_bytes(spot, offset + at, bytes).unwrap();
    editor.fix(part).unwrap();
}

/// The changed image, with and without checksums, fails as `expected`.
fn each(entry: (&str, &str), at: u64, bytes: &[u8], expected: &[(&str, &str)]) {
    for args in [EXT4, PLAIN, EXT2] {
        let mut editor = image(args);
        change(&mut editor, entry, at, bytes);
        println!("{args:?} {entry:?} {at} {bytes:?}");
        only(&editor, expected);
    }
}

/// The bytes of the names in a directory, sorted.
fn names(editor: &ImageEditor, path: &str) -> Vec<Vec<u8>> {
    let fs = open(editor).unwrap();
    let dir = fs.open_dir(path.as_bytes(), IoFlags::NONE).unwrap();
    let mut names: Vec<_> =
        dir.entries(IoFlags::NONE).flatten().filter(|e| !e.is_dot()).map(|e| e.name).collect();
    names.sort();
    names
}

#[test]
fn row_29_record_lengths() {
    for length in [0_u16, 1, 4, 8, 11, 13, 14, 15, 0x8000, 0xfffc, 0xffff] {
        each(("/dir", "a"), 4, &length.to_le_bytes(), &[("/dir", "dir.rec_len")]);
    }
    // Past the block by one word, and an end that leaves no room for an entry.
    for args in [PLAIN, EXT2] {
        let (_, offset, _) = entry(&image(args), "/dir", "sub");
        let to_end = u16::try_from(1024 - offset).unwrap();
        for length in [to_end + 4, to_end - 4, to_end - 8] {
            let mut editor = image(args);
            change(&mut editor, ("/dir", "sub"), 4, &length.to_le_bytes());
            only(&editor, &[("/dir", "dir.rec_len")]);
        }
    }
}

#[test]
fn row_29_names_longer_than_their_entry() {
    for length in [5, 100, 255] {
        each(("/dir", "a"), 6, &[length], &[("/dir", "dir.name_len")]);
    }
    each(("/dir", "a"), 6, &[0], &[("/dir", "dir.name_len")]);
}

#[test]
fn row_29_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    change(&mut editor, ("/dir", "a"), 4, &[0, 0]);
    only(&editor, &[("/dir", "dir.checksum")]);
}

#[test]
fn row_29_tail() {
    for (at, bytes) in [(0, 1_u32), (4, 0xde00_000b), (4, 0xdf00_000c), (4, 0)] {
        let mut editor = image(EXT4);
        let inode = editor.lookup("/dir").unwrap();
        let block = editor.map_block(inode, 0).unwrap().unwrap();
        editor.set_u32(Spot::Block(block), 1012 + at, bytes).unwrap();
        only(&editor, &[("/dir", "dir.tail")]);
    }
}

/// Damage in one block of many hides no other block.
#[test]
fn row_29_other_blocks_follow() {
    let mut editor = image(EXT2);
    change(&mut editor, ("/many", "name-150-xxxxxxxxxxxxxxxxxxxx"), 4, &[0, 0]);
    let (report, fs) = walked(&editor);
    assert!(report.findings.iter().all(|f| f.what == "dir.rec_len"), "{:?}", report.findings);
    let left = names(&editor, "/many").len();
    assert!((260..300).contains(&left), "{left}");
    let lost = fs.stat(b"/many/name-150-xxxxxxxxxxxxxxxxxxxx", Follow::No, IoFlags::NONE);
    assert_eq!(failure(lost), "dir.rec_len");
}

/// Blocks of 64 KiB: a record of a whole block does not fit 16 bits.
#[test]
fn row_29_records_of_64_kib() {
    let args = ["-t", "ext4", "-b", "65536", "-N", "1024", "-O", "^metadata_csum,^uninit_bg"];
    let base = image(&args);
    let inode = base.lookup("/lost+found").unwrap();
    let block = base.map_block(inode, 1).unwrap().unwrap();
    let spot = Spot::Block(block);
    assert_eq!(base.get_u32(spot, 0).unwrap(), 0, "an unused entry");
    // All three say 65,536: two by name, one by its low bits.
    for raw in [0, 0xffff, 1] {
        let mut editor = base.clone();
        editor.set_u16(spot, 4, raw).unwrap();
        println!("{raw}");
        only(&editor, &[]);
    }
    for raw in [4, 8, 2, 3, 0xfffd] {
        let mut editor = base.clone();
        editor.set_u16(spot, 4, raw).unwrap();
        println!("{raw}");
        only(&editor, &[("/lost+found", "dir.rec_len")]);
    }
}

#[test]
fn row_30_names_that_no_file_can_have() {
    // Hidden, reported, and the others are there.
    let expected = &[("/dir", "dir.name")];
    for name in [&b"/"[..], b"\0"] {
        each(("/dir", "a"), 8, name, expected);
    }
    each(("/dir", "sub"), 8, b"s/b", expected);
    each(("/dir", "sub"), 8, b"../", expected);
    each(("/dir", "sub"), 8, b"su\0", expected);
    each(("/dir", "a"), 8, b".", expected);
    each(("/dir", "sub"), 6, &[2, 2, b'.', b'.'], expected);
    let mut editor = image(EXT4);
    change(&mut editor, ("/dir", "a"), 8, b"/");
    assert_eq!(names(&editor, "/dir"), [&b"b"[..], b"sub"]);
    // Not by walking either: a slash separates.
    let fs = open(&editor).unwrap();
    let dir = fs.open_dir(b"/dir", IoFlags::NONE).unwrap();
    assert_eq!(dir.lookup(b"/", IoFlags::NONE).unwrap_or(None), None);
    assert_eq!(dir.lookup(b".", IoFlags::NONE).unwrap_or(None), None);
}

#[test]
fn row_30_names_that_are_legal() {
    let long = "n".repeat(255);
    let command = format!("symlink /dir/{long} target");
    let recipe = SmallImage { debugfs: &[&command], ..SmallImage::new(EXT4) };
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    only(&editor, &[]);
    assert!(names(&editor, "/dir").contains(&long.into_bytes()));
    for name in [&b"\xff\xfe!"[..], b"\x1b[2", b"a b", b"..."] {
        each(("/dir", "sub"), 8, name, &[]);
    }
}

/// Bytes that are not UTF-8 in a casefolded directory are compared as they are.
#[test]
fn row_30_invalid_utf8_under_casefold() {
    let folding = ["-t", "ext4", "-b", "1024", "-O", "casefold"];
    let mut editor = image(&folding);
    let dir = editor.lookup("/dir").unwrap();
    let flags = editor.get_u32(Spot::Inode(dir), 0x20).unwrap();
    editor.set_u32(Spot::Inode(dir), 0x20, flags | 0x4000_0000).unwrap();
    change(&mut editor, ("/dir", "sub"), 8, b"S\xffB");
    let fs = only(&editor, &[]);
    let dir = fs.open_dir(b"/dir", IoFlags::NONE).unwrap();
    let known = |name: &[u8]| dir.lookup(name, IoFlags::NONE).unwrap().is_some();
    assert!(known(b"S\xffB") && known(b"a") && known(b"A"));
    assert!(!known(b"s\xffB") && !known(b"S\xfeB"));
}

#[test]
fn row_30_short_encrypted_names() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "encrypt"];
    let mut editor = image(&args);
    let dir = editor.lookup("/dir").unwrap();
    let flags = editor.get_u32(Spot::Inode(dir), 0x20).unwrap();
    editor.set_u32(Spot::Inode(dir), 0x20, flags | 0x800).unwrap();
    // Names of 1 and 3 bytes, where ciphertext has 16; and no context.
    only(&editor, &[("/dir", "crypt.name"), ("/dir", "crypt.context")]);
}

#[test]
fn row_31_dot_entries() {
    let tiny = image(EXT4).lookup("/tiny").unwrap();
    // Wrong number, other name, unused.
    each(("/dir", "."), 0, &tiny.to_le_bytes(), &[("/dir", "dir.dot")]);
    each(("/dir", "."), 0, &[0; 4], &[("/dir", "dir.dot")]);
    each(("/dir", "."), 8, b"x", &[("/dir", "dir.dot"), ("/dir/x", "dir.loop")]);
    each(("/dir", ".."), 0, &[0; 4], &[("/dir", "dir.dot")]);
    each(("/dir", ".."), 8, b".x", &[("/dir", "dir.dot"), ("/dir/.x", "dir.loop")]);
    each(("/dir", ".."), 0, &u32::MAX.to_le_bytes(), &[("/dir", "dir.inode")]);
    // Lengths out of bounds.
    each(("/dir", ".."), 4, &[0xff, 0xff], &[("/dir", "dir.rec_len")]);
    each(("/dir", "."), 4, &[0, 0], &[("/dir", "dir.rec_len")]);
}

/// `.` takes the whole block, so that `..` would be in the next.
#[test]
fn row_31_dotdot_in_the_wrong_block() {
    for (args, length) in [(EXT4, 1012_u16), (PLAIN, 1024)] {
        let mut editor = image(args);
        change(&mut editor, ("/dir/sub", "."), 4, &length.to_le_bytes());
        only(&editor, &[("/dir/sub", "dir.dot")]);
    }
}

#[test]
fn row_31_dotdot_leads_elsewhere() {
    let editor = image(EXT4);
    let (dir, sub) = (editor.lookup("/dir").unwrap(), editor.lookup("/dir/sub").unwrap());
    // A parent that does not know the child, itself, a file.
    for parent in [2, sub, editor.lookup("/tiny").unwrap()] {
        let mut editor = editor.clone();
        change(&mut editor, ("/dir/sub", ".."), 0, &parent.to_le_bytes());
        let (report, _) = walked(&editor);
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert!(found.contains(&"/dir/sub dir.loop".to_owned()), "{parent} {found:?}");
    }
    assert_ne!(dir, sub);
}

/// A directory under a name in another one: it has one parent, and knows which.
#[test]
fn row_32_hard_linked_directories() {
    let editor = image(EXT4);
    let sub = editor.lookup("/dir/sub").unwrap();
    let mut linked = editor.clone();
    change(&mut linked, ("/", "tiny"), 0, &sub.to_le_bytes());
    change(&mut linked, ("/", "tiny"), 7, &[2]);
    only(&linked, &[("/tiny", "dir.loop")]);
    // Whatever the entry says of the type: the inode decides.
    let mut lying = editor;
    change(&mut lying, ("/", "tiny"), 0, &sub.to_le_bytes());
    let fs = open(&lying).unwrap();
    let deeper = fs.stat(b"/tiny/.", Follow::No, IoFlags::NONE);
    assert_eq!(failure(deeper), "ENOTDIR");
}

#[test]
fn row_32_loops() {
    let editor = image(EXT4);
    let dir = editor.lookup("/dir").unwrap();
    for (number, name) in [(dir, "itself"), (2, "the root")] {
        let mut editor = editor.clone();
        change(&mut editor, ("/dir", "a"), 0, &number.to_le_bytes());
        change(&mut editor, ("/dir", "a"), 7, &[2]);
        println!("{name}");
        let fs = only(&editor, &[("/dir/a", "dir.loop")]);
        let deep = [b"/dir".to_vec(), b"/a".repeat(10_000)].concat();
        assert_eq!(failure(fs.stat(&deep, Follow::No, IoFlags::NONE)), "dir.loop");
    }
    // In its own descendant.
    let mut deeper = image(EXT4);
    let sub = deeper.lookup("/dir/sub").unwrap();
    change(&mut deeper, ("/dir/sub", ".."), 4, &[16, 0]);
    let (spot, offset, part) = entry(&deeper, "/dir/sub", "..");
    let mut child = dir.to_le_bytes().to_vec();
    child.extend((1012 - 28_u16).to_le_bytes());
    child.extend([1, 2, b'c', 0, 0, 0]);
    deeper.set_bytes(spot, offset + 16, &child).unwrap();
    deeper.fix(part).unwrap();
    only(&deeper, &[("/dir/sub/c", "dir.loop")]);
    assert_ne!(sub, dir);
}

/// A path may be long, and `..` of the root is the root.
#[test]
fn row_32_long_paths_end() {
    let fs = open(&image(EXT4)).unwrap();
    let path = [b"/dir/sub/../..".repeat(3000), b"/tiny".to_vec()].concat();
    assert!(fs.stat(&path, Follow::Yes, IoFlags::NONE).is_ok());
    let up = [b"/..".repeat(20_000), b"/tiny".to_vec()].concat();
    assert!(fs.stat(&up, Follow::Yes, IoFlags::NONE).is_ok());
    let name = [b"/".to_vec(), vec![b'n'; 256]].concat();
    assert_eq!(failure(fs.stat(&name, Follow::Yes, IoFlags::NONE)), "ENAMETOOLONG");
}

#[test]
fn row_33_holes() {
    // Direct slot 1 of a directory of many blocks.
    let mut editor = image(EXT2);
    let many = editor.lookup("/many").unwrap();
    editor.set_u32(Spot::Inode(many), I_BLOCK + 4, 0).unwrap();
    let (report, _) = walked(&editor);
    assert!(!report.findings.is_empty());
    assert!(report.findings.iter().all(|f| f.what == "dir.hole"), "{:?}", report.findings);
    assert!(names(&editor, "/many").len() > 250);
    // The first block: no dot entries, the others are listed.
    editor.set_u32(Spot::Inode(many), I_BLOCK, 0).unwrap();
    assert!(names(&editor, "/many").len() > 220);
    // All of it, by extents: not mapped, and not written.
    for raw in [0x8001_u16, 0x8002] {
        let mut editor = image(EXT4);
        let dir = editor.lookup("/dir").unwrap();
        editor.set_u16(Spot::Inode(dir), I_BLOCK + 16, raw).unwrap();
        println!("{raw:#x}");
        only(&editor, &[("/dir", "dir.hole")]);
    }
    let mut editor = image(EXT4);
    let dir = editor.lookup("/dir").unwrap();
    editor.set_u16(Spot::Inode(dir), I_BLOCK + 2, 0).unwrap();
    only(&editor, &[("/dir", "dir.hole")]);
}

#[test]
fn row_33_empty_directories() {
    for args in [EXT4, EXT2] {
        let mut editor = image(args);
        let dir = editor.lookup("/dir").unwrap();
        editor.set_u32(Spot::Inode(dir), 4, 0).unwrap();
        only(&editor, &[("/dir", "inode.directory_size")]);
    }
    // A block of zeroes holds nothing, not even an entry.
    let mut editor = image(PLAIN);
    let dir = editor.lookup("/dir").unwrap();
    let block = editor.map_block(dir, 0).unwrap().unwrap();
    editor.set_bytes(Spot::Block(block), 0, &[0; 1024]).unwrap();
    let fs = only(&editor, &[("/dir", "dir.rec_len")]);
    assert_eq!(failure(read(&fs, "/dir/a")), "dir.rec_len");
}

/// A map that repeats a few blocks made a directory of a million blocks from an image of a few
/// mebibytes: listing it took all memory.
#[test]
fn row_33_blocks_that_come_twice() {
    for args in [EXT2, &["-t", "ext4", "-b", "1024", "-O", "^extent,^64bit"]] {
        let mut editor = image(args);
        let inode = Spot::Inode(editor.lookup("/lost+found").unwrap());
        let second = editor.get_u32(inode, I_BLOCK + 4).unwrap();
        editor.set_u32(inode, I_BLOCK + 16, second).unwrap();
        let fs = only(&editor, &[("/lost+found", "dir.repeat")]);
        let absent = fs.stat(b"/lost+found/absent", Follow::No, IoFlags::NONE);
        assert_eq!(failure(absent), "dir.repeat");
    }
}

/// The image made with `args` and changed by tune2fs reads as it did before.
fn tuned(args: &[&str], tune2fs: &[&str]) {
    let mut recipe = SmallImage::new(args);
    let before = names(&ImageEditor::new(small_image(&recipe).unwrap()), "/");
    recipe.tune2fs = tune2fs;
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    only(&editor, &[]);
    assert_eq!(names(&editor, "/"), before);
    assert_eq!(names(&editor, "/many").len(), 300);
}

/// tune2fs lets the last entry of a block grow over the tail, whose bytes stay: they were still
/// taken for a tail, and the entry for one that runs past the block.
#[test]
fn checksums_that_were_turned_off() {
    tuned(EXT4, &["-O", "^metadata_csum"]);
}

/// The types of entries stay where they are when their feature is removed.
#[test]
fn types_that_were_turned_off() {
    tuned(PLAIN, &["-O", "^filetype"]);
}
