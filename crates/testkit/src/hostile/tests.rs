//! On unmodified images every checksum is the stored one; e2fsck judges edited ones.

use super::*;
use crate::image::{Scratch, e2fsck, run};

const EXT4: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
/// Features of the image that gets MMP too.
const MMP: &str = "metadata_csum,64bit,orphan_file";
const MANY: &[&[&str]] = &[
    EXT4,
    &["-t", "ext4", "-b", "1024", "-O", MMP],
    &["-t", "ext4", "-b", "2048", "-I", "128", "-O", "^64bit"],
    &["-t", "ext4", "-b", "1024", "-O", "metadata_csum_seed,^flex_bg"],
    &["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode", "-g", "1024"],
    &["-t", "ext4", "-b", "4096", "-I", "1024"],
    &["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"],
    &["-t", "ext4", "-b", "1024", "-O", "bigalloc,meta_bg,^resize_inode", "-C", "4096"],
    &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"],
    &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit,uninit_bg"],
];

fn image(args: &'static [&'static str]) -> ImageEditor {
    let tune2fs: &[&str] = if args.contains(&MMP) { &["-O", "mmp"] } else { &[] };
    ImageEditor::new(small_image(&SmallImage { tune2fs, ..SmallImage::new(args) }).unwrap())
}

/// Every part of the standard tree that can have a checksum.
fn parts(editor: &ImageEditor) -> Vec<Part> {
    let mut parts = vec![Part::Superblock];
    for group in 0..editor.group_count().unwrap() {
        parts.push(Part::Group(group));
        let flags = editor.get_u16(Spot::Group(group), 0x12).unwrap();
        if flags & 1 == 0 {
            parts.push(Part::InodeBitmap(group));
        }
        if flags & 2 == 0 {
            parts.push(Part::BlockBitmap(group));
        }
    }
    for name in ["/", "/file", "/fragmented", "/dir", "/many", "/slow", "/fifo", "/tiny"] {
        let inode = editor.lookup(name).unwrap();
        parts.push(Part::Inode(inode));
        for block in editor.extent_blocks(inode).unwrap() {
            parts.push(Part::ExtentBlock { inode, block });
        }
    }
    parts.extend(directory_parts(editor));
    let block = editor.xattr_block(editor.lookup("/xattr-large").unwrap()).unwrap();
    if block != 0 {
        parts.push(Part::XattrBlock(block));
    }
    let has_mmp = editor.get_u32(Spot::Superblock, 0x60).unwrap() & 0x100 != 0;
    parts.extend(has_mmp.then_some(Part::Mmp));
    let orphan = editor.get_u32(Spot::Superblock, 0x280).unwrap();
    if orphan != 0 {
        let block = editor.map_block(orphan, 0).unwrap().unwrap();
        parts.push(Part::OrphanBlock { inode: orphan, block });
    }
    parts
}

fn directory_parts(editor: &ImageEditor) -> Vec<Part> {
    let inode = editor.lookup("/many").unwrap();
    let root = editor.map_block(inode, 0).unwrap().unwrap();
    let leaf = editor.map_block(inode, 1).unwrap().unwrap();
    let dir = editor.lookup("/dir").unwrap();
    let block = editor.map_block(dir, 0).unwrap().unwrap();
    vec![
        Part::DxRoot { inode, block: root },
        Part::DirLeaf { inode, block: leaf },
        Part::DirLeaf { inode: dir, block },
    ]
}

#[test]
fn checksums_of_unmodified_images_are_right() {
    for args in MANY {
        let editor = image(args);
        let metadata = editor.get_u32(Spot::Superblock, 0x64).unwrap() & 0x400 != 0;
        let parts = parts(&editor);
        assert!(parts.len() > 12, "{parts:?}");
        for part in parts {
            let sums = editor.checksums(part).unwrap();
            assert_eq!(sums.is_some(), metadata || matches!(part, Part::Group(_)), "{part:?}");
            let equal = sums.is_none_or(|(stored, right)| stored == right);
            assert!(equal, "{args:?} {part:?} {sums:x?}");
        }
    }
}

#[test]
fn every_kind_of_part_is_met() {
    let all: Vec<_> = MANY.iter().flat_map(|args| parts(&image(args))).collect();
    for (name, met) in [
        ("mmp", all.contains(&Part::Mmp)),
        ("orphan", all.iter().any(|part| matches!(part, Part::OrphanBlock { .. }))),
        ("xattr", all.iter().any(|part| matches!(part, Part::XattrBlock(_)))),
        ("extent", all.iter().any(|part| matches!(part, Part::ExtentBlock { .. }))),
    ] {
        assert!(met, "{name}");
    }
}

#[test]
fn fixing_changes_nothing_on_a_sound_image_and_mends_a_broken_one() {
    for args in MANY {
        let mut editor = image(args);
        let before = editor.bytes().to_vec();
        for part in parts(&editor) {
            editor.fix(part).unwrap();
        }
        assert!(editor.bytes() == before, "{args:?}");
    }
    let mut editor = image(EXT4);
    let inode = editor.lookup("/many").unwrap();
    let block = editor.map_block(inode, 1).unwrap().unwrap();
    let part = Part::DirLeaf { inode, block };
    editor.set_u8(Spot::Block(block), 8, b'Z').unwrap();
    let (stored, right) = editor.checksums(part).unwrap().unwrap();
    assert_ne!(stored, right);
    editor.fix(part).unwrap();
    assert_eq!(editor.checksums(part).unwrap(), Some((right, right)));
}

#[test]
fn edits_fix_unless_told_not_to() {
    let mut editor = image(EXT4);
    let file = editor.lookup("/file").unwrap();
    editor.set_u16(Spot::Inode(file), 0x2, 77).unwrap();
    let (stored, right) = editor.checksums(Part::Inode(file)).unwrap().unwrap();
    assert_eq!(stored, right);
    editor.set_fixing(false);
    editor.set_u16(Spot::Inode(file), 0x2, 78).unwrap();
    let (stored, right) = editor.checksums(Part::Inode(file)).unwrap().unwrap();
    assert_ne!(stored, right);
    editor.fix(Part::Inode(file)).unwrap();
    assert_eq!(editor.checksums(Part::Inode(file)).unwrap(), Some((stored, right)));
}

/// e2fsck is the judge: an edit with right checksums is accepted, one without is found.
#[test]
fn e2fsck_agrees() {
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("edited.img");
    let mut editor = image(EXT4);
    editor.set_bytes(Spot::Superblock, 0x78, b"edited\0").unwrap();
    editor.set_u32(Spot::Inode(editor.lookup("/file").unwrap()), 0x8, 12_345).unwrap();
    editor.write(&path).unwrap();
    e2fsck(&path).unwrap();
    let label = run("dumpe2fs", &["-h", &path.display().to_string()]).unwrap();
    assert!(label.contains("edited"));
    editor.set_fixing(false);
    editor.set_u32(Spot::Inode(editor.lookup("/file").unwrap()), 0x8, 54_321).unwrap();
    editor.write(&path).unwrap();
    assert!(e2fsck(&path).is_err());
}

#[test]
fn trees_are_deep_where_the_table_says_so() {
    let editor = image(EXT4);
    let inode = editor.lookup("/fragmented").unwrap();
    assert_eq!(editor.get_u16(Spot::Inode(inode), 0x28 + 6).unwrap(), 2);
    assert_eq!(editor.map_block(inode, 1).unwrap(), None);
    let last = editor.map_block(inode, 798).unwrap().unwrap();
    assert_eq!(editor.get_u8(Spot::Block(last), 0).unwrap(), 399_u32.to_le_bytes()[0] | 1);
    let blocks = ImageEditor::new(small_image(&SmallImage::new(&["-b", "1024"])).unwrap());
    let inode = blocks.lookup("/fragmented").unwrap();
    let last = blocks.map_block(inode, 798).unwrap().unwrap();
    assert_eq!(blocks.get_u8(Spot::Block(last), 1023).unwrap(), 399_u32.to_le_bytes()[0] | 1);
}

#[test]
fn what_is_outside_is_an_error() {
    let mut editor = image(EXT4);
    assert!(editor.lookup("/none").is_err());
    assert!(editor.get_u32(Spot::Block(u64::from(u32::MAX)), 0).is_err());
    assert!(editor.set_u8(Spot::Image, 8 << 20, 1).is_err());
    assert!(editor.get_u8(Spot::Inode(0), 0).is_err());
}
