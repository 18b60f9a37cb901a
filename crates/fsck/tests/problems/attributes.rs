//! Attribute lists in inodes and blocks. `/xattr-small` has `user.small` in its inode,
//! `/xattr-large` has `user.large` in a block.

use extant_format::xattr::entry_hash;
use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{EXT2, EXT4, PLAIN, found, image, only};

/// Bytes for a list in an inode of 256 bytes with 32 of extra fields, without the magic number.
const IN_INODE: usize = 92;
/// Where it starts.
const LIST: u64 = 0xa4;
/// Bytes of a block, and where the entries start in it.
const IN_BLOCK: (usize, usize) = (1024, 32);
const I_FILE_ACL: u64 = 0x68;
const MAGIC: u32 = 0xea02_0000;

/// An attribute: prefix, name, offset and size of the value, hash.
#[derive(Clone, Copy)]
struct Entry {
    prefix: u8,
    name: &'static [u8],
    offset: usize,
    size: u32,
    hash: Option<u32>,
}

/// `user.NAME` with a value of 8 bytes at `offset`.
fn entry(name: &'static [u8], offset: usize) -> Entry {
    Entry { prefix: 1, name, offset, size: 8, hash: None }
}

/// The bytes of a list whose entries start at `start`: each value is `12345678`, cut to its size.
fn list(len: usize, start: usize, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for entry in entries {
        let value = &b"12345678"[..(entry.size as usize).min(8)];
        let end = (entry.offset + value.len()).min(len);
        if let Some(place) = bytes.get_mut(entry.offset..end) {
            place.copy_from_slice(&value[..place.len()]);
        }
    }
    let mut at = start;
    for entry in entries {
        let size = entry.size.next_multiple_of(4) as usize;
        let words = bytes.get(entry.offset..entry.offset + size).unwrap_or_default().to_vec();
        let hash = entry.hash.unwrap_or_else(|| entry_hash(entry.name, &words)[0]);
        bytes[at] = u8::try_from(entry.name.len()).unwrap();
        bytes[at + 1] = entry.prefix;
        let offset = u16::try_from(entry.offset).unwrap();
        bytes[at + 2..at + 4].copy_from_slice(&offset.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&entry.size.to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&hash.to_le_bytes());
        bytes[at + 16..at + 16 + entry.name.len()].copy_from_slice(entry.name);
        at += 16 + entry.name.len().next_multiple_of(4);
    }
    bytes
}

/// The image with that list in `/xattr-small`.
fn in_inode(args: &[&str], entries: impl Fn(usize, usize) -> Vec<Entry>) -> ImageEditor {
    let mut editor = image(args);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    editor.set_bytes(inode, LIST, &list(IN_INODE, 0, &entries(IN_INODE, 0))).unwrap();
    editor
}

fn block_of(editor: &ImageEditor) -> u64 {
    editor.xattr_block(editor.lookup("/xattr-large").unwrap()).unwrap()
}

/// The image with that list in the block of `/xattr-large`.
fn in_block(args: &[&str], entries: impl Fn(usize, usize) -> Vec<Entry>) -> ImageEditor {
    let mut editor = image(args);
    let block = block_of(&editor);
    let (len, start) = IN_BLOCK;
    let mut bytes = list(len, start, &entries(len, start));
    for (word, value) in [MAGIC, 1, 1].into_iter().enumerate() {
        bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    editor.set_bytes(Spot::Block(block), 0, &bytes).unwrap();
    editor.fix(Part::XattrBlock(block)).unwrap();
    editor
}

/// The list, made for its size and where its entries start, gives `ids` in the inode and the
/// block.
fn each(entries: impl Fn(usize, usize) -> Vec<Entry>, inode: &[&str], block: &[&str]) {
    for args in [EXT4, PLAIN] {
        only(&in_inode(args, &entries), inode);
        only(&in_block(args, &entries), block);
    }
}

/// The image with fields of the block changed, its checksum right.
fn header(changes: &[(u64, u32)]) -> ImageEditor {
    let mut editor = image(EXT4);
    let block = block_of(&editor);
    for (at, value) in changes {
        editor.set_u32(Spot::Block(block), *at, *value).unwrap();
    }
    editor.fix(Part::XattrBlock(block)).unwrap();
    editor
}

#[test]
fn sound_lists() {
    each(|len, _| vec![entry(b"a", len - 8)], &[], &[]);
    // Unsorted; not aligned; with a prefix that nobody knows; without a name.
    each(|len, _| vec![entry(b"b", len - 8), entry(b"a", len - 16)], &[], &[]);
    each(|len, _| vec![entry(b"a", len - 9)], &[], &[]);
    each(|len, _| vec![Entry { prefix: 99, ..entry(b"", len - 8) }], &[], &[]);
    each(|_, start| vec![entry(b"a", start + 24)], &[], &[]);
    each(|_, _| vec![], &[], &[]);
    let signed = |len: usize| {
        let hash = Some(entry_hash(b"\xe1", b"12345678")[1]);
        vec![Entry { hash, ..entry(b"\xe1", len - 8) }]
    };
    each(|len, _| signed(len), &[], &[]);
    // The hash covers what stands behind the value in its last word.
    each(
        |len, _| {
            vec![entry(b"a", len - 8), Entry { size: 6, hash: Some(0), ..entry(b"b", len - 16) }]
        },
        &[],
        &["xattr.hash"],
    );
    only(&header(&[(12, 77), (20, 5)]), &[]);
}

#[test]
fn xattr_list_and_block() {
    let (list, block) = (&["xattr.list"], &["xattr.block"]);
    // Values over entries or the end mark, and past the end.
    each(|_, start| vec![entry(b"a", start + 16)], list, block);
    each(|_, start| vec![Entry { size: 4, ..entry(b"a", start + 20) }], list, block);
    each(|len, _| vec![entry(b"a", len - 4)], list, block);
    each(|len, _| vec![Entry { size: 5, ..entry(b"a", len - 5) }], list, block);
    for size in [2000, 65_536, 65_537, 1 << 31, u32::MAX - 15] {
        each(|len, _| vec![Entry { size, ..entry(b"a", len - 8) }], list, block);
    }
    // Linux refuses lists that e2fsck has nothing against.
    found(&in_inode(EXT4, |len, _| vec![entry(b"a\0b", len - 8)]), list);
    found(&in_block(EXT4, |len, _| vec![entry(b"a\0b", len - 8)]), block);
    for (at, value) in [(8, 0), (8, 2), (0, MAGIC + 1), (0, 0)] {
        only(&header(&[(at, value)]), block);
    }
}

/// No end mark: the entries fill the area.
#[test]
fn xattr_list_without_an_end() {
    const NAME: [u8; 76] = [b'n'; 76];
    let full = |_, _| vec![Entry { size: 0, ..entry(&NAME, 0) }];
    only(&in_inode(EXT4, full), &["xattr.list"]);
    let ends = |_, _| vec![Entry { size: 0, ..entry(&NAME[..72], 0) }];
    only(&in_inode(EXT4, ends), &[]);
    let mut editor = image(EXT4);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    editor.set_u8(inode, LIST, 255).unwrap();
    only(&editor, &["xattr.list"]);
}

#[test]
fn xattr_overlap() {
    let ids = &["xattr.overlap"];
    let twice = |name, offset| Entry { size: 4, ..entry(name, offset) };
    each(|len, _| vec![twice(b"a", len - 8), twice(b"b", len - 8)], ids, ids);
    each(|len, _| vec![twice(b"a", len - 8), twice(b"b", len - 6)], ids, ids);
    // An empty value has no place; but in a block one outside is noticed.
    let empty = |offset| Entry { size: 0, ..entry(b"a", offset) };
    each(|len, _| vec![empty(len)], &[], &[]);
    each(|len, _| vec![empty(len + 4)], &[], ids);
}

#[test]
fn xattr_prefix() {
    each(|len, _| vec![Entry { prefix: 0, ..entry(b"a", len - 8) }], &[], &["xattr.prefix"]);
}

#[test]
fn xattr_hash() {
    let with = |hash| move |len, _| vec![Entry { hash: Some(hash), ..entry(b"a", len - 8) }];
    each(with(99), &["xattr.hash"], &["xattr.hash"]);
    // In inodes it may be left out.
    each(with(0), &[], &["xattr.hash"]);
}

#[test]
fn xattr_duplicate() {
    let twice = |len, _| vec![entry(b"a", len - 8), entry(b"a", len - 16)];
    for args in [EXT4, PLAIN] {
        found(&in_inode(args, twice), &["xattr.duplicate"]);
        found(&in_block(args, twice), &["xattr.duplicate"]);
    }
}

#[test]
fn acl_malformed() {
    let acl = |prefix| move |len, _| vec![Entry { prefix, ..entry(b"", len - 8) }];
    each(acl(2), &["acl.malformed"], &["acl.malformed"]);
    each(acl(3), &["acl.malformed"], &["acl.malformed"]);
}

#[test]
fn xattr_block_checksum() {
    let mut editor = image(EXT4);
    let block = block_of(&editor);
    let sum = editor.get_u32(Spot::Block(block), 16).unwrap();
    editor.set_u32(Spot::Block(block), 16, sum ^ 1).unwrap();
    only(&editor, &["xattr.block_checksum"]);
}

#[test]
fn xattr_block_number() {
    for args in [EXT4, EXT2] {
        for block in [8192, 1 << 31] {
            let mut editor = image(args);
            let inode = Spot::Inode(editor.lookup("/xattr-large").unwrap());
            editor.set_u32(inode, I_FILE_ACL, block).unwrap();
            only(&editor, &["xattr.block_number"]);
        }
    }
    let mut editor = image(EXT4);
    let features = editor.get_u32(Spot::Superblock, 0x5c).unwrap();
    editor.set_u32(Spot::Superblock, 0x5c, features & !8).unwrap();
    only(&editor, &["xattr.block_number"]);
}

#[test]
fn xattr_read() {
    let mut editor = image(EXT4);
    let inode = Spot::Inode(editor.lookup("/xattr-large").unwrap());
    editor.set_u32(inode, I_FILE_ACL, 8191).unwrap();
    let mut bytes = editor.into_bytes();
    bytes.truncate(bytes.len() - 1024);
    let ids = ["superblock.device_size", "xattr.read"];
    found(&ImageEditor::new(bytes), &ids);
}

/// The pointer names metadata, or a block of a file.
#[test]
fn xattr_block_elsewhere() {
    let victim = image(EXT4).lookup("/file").unwrap();
    let data = u32::try_from(image(EXT4).map_block(victim, 0).unwrap().unwrap()).unwrap();
    for block in [1, 2, 4, data] {
        let mut editor = image(EXT4);
        let inode = Spot::Inode(editor.lookup("/xattr-large").unwrap());
        editor.set_u32(inode, I_FILE_ACL, block).unwrap();
        only(&editor, &["xattr.block"]);
    }
}

/// The attribute block is also content of a file.
#[test]
fn xattr_block_of_a_file() {
    let mut editor = image(EXT4);
    let block = block_of(&editor);
    let inode = Spot::Inode(editor.lookup("/tiny").unwrap());
    editor.set_u32(inode, 0x28 + 20, u32::try_from(block).unwrap()).unwrap();
    let report = crate::support::report(&editor);
    let shared: Vec<_> = report.problems.iter().filter(|p| p.id() == "shared.blocks").collect();
    assert_eq!(shared.len(), 2, "{:?}", report.problems);
}

/// The image with `/file` as one more user of the block, which says that it has `count`.
fn shared(count: u32) -> ImageEditor {
    let mut editor = header(&[(4, count)]);
    let block = block_of(&editor);
    let inode = Spot::Inode(editor.lookup("/file").unwrap());
    editor.set_u32(inode, I_FILE_ACL, u32::try_from(block).unwrap()).unwrap();
    let blocks = editor.get_u32(inode, 0x1c).unwrap();
    editor.set_u32(inode, 0x1c, blocks + 2).unwrap();
    editor
}

#[test]
fn xattr_block_references() {
    let ids = &["xattr.block_references"];
    for count in [0, 2, 1024, 1025, 1 << 31] {
        only(&header(&[(4, count)]), ids);
    }
    only(&shared(2), &[]);
    for count in [0, 1, 3] {
        only(&shared(count), ids);
    }
}

/// What is wrong with a block is told once, for the first of its users.
#[test]
fn a_shared_block_is_told_of_once() {
    let mut editor = shared(2);
    let block = block_of(&editor);
    editor.set_u32(Spot::Block(block), 0, 0).unwrap();
    editor.fix(Part::XattrBlock(block)).unwrap();
    let first = editor.lookup("/file").unwrap().min(editor.lookup("/xattr-large").unwrap());
    let report = found(&editor, &["xattr.block"]);
    let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
    assert_eq!((problem.at.inode, problem.at.block), (Some(first), Some(block)));
}
