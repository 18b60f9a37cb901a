//! The fields of structures: offsets and widths, as the kernel's `filesystems/ext4` has them.
//! Where fields repeat (entries, tags), they are found in the seed's bytes.

use super::{Class, Field};

/// A number.
const fn number(offset: usize, width: u8) -> Field {
    // Regions are blocks of a few KiB.
    #[expect(clippy::cast_possible_truncation, reason = "offsets are below 65,536")]
    Field { offset: offset as u16, width, is_pointer: false }
}

/// A number of a block or an inode.
const fn pointer(offset: usize) -> Field {
    Field { is_pointer: true, ..number(offset, 4) }
}

/// Superblock: counts, sizes, features, special inodes, geometry, and the rest word by word.
fn superblock() -> Vec<Field> {
    let words = [0x0, 0x4, 0x8, 0xc, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x48, 0x4c, 0x54, 0x5c]
        .into_iter()
        .chain([0x60, 0x64, 0x104, 0x150, 0x160, 0x170, 0x270]);
    let halves = [0x38, 0x3a, 0x3c, 0x58, 0x5a, 0xce, 0xfe, 0x15c, 0x15e, 0x27c];
    let bytes = [0xfc, 0xfd, 0x174, 0x175];
    let inodes = [0xe0, 0xe8, 0x168, 0x240, 0x244, 0x26c, 0x280, 0x10c, 0x24c];
    words
        .map(|at| number(at, 4))
        .chain(halves.map(|at| number(at, 2)))
        .chain(bytes.map(|at| number(at, 1)))
        .chain(inodes.map(pointer))
        .collect()
}

fn group(length: usize) -> Vec<Field> {
    let low = [0x0, 0x4, 0x8].map(pointer);
    let counts = [0xc, 0xe, 0x10, 0x12, 0x18, 0x1a, 0x1c].map(|at| number(at, 2));
    let high = [0x20, 0x24, 0x28].map(|at| number(at, 4));
    let all = low.into_iter().chain(counts).chain(high);
    all.filter(|field| usize::from(field.offset) < length).collect()
}

/// Inode: its own fields, its map as an extent root or as block numbers, and its attributes.
fn inode(bytes: &[u8]) -> Vec<Field> {
    let mut fields = [0x0, 0x2, 0x18, 0x1a, 0x76, 0x80].map(|at| number(at, 2)).to_vec();
    let words = [0x4, 0x8, 0x10, 0x14, 0x1c, 0x20, 0x64, 0x6c, 0x84, 0x90];
    fields.extend(words.map(|at| number(at, 4)));
    fields.push(pointer(0x68));
    fields.extend((0..15).map(|n| pointer(0x28 + 4 * n)));
    if le16(bytes, 0x28) == Some(0xf30a) {
        fields.extend([0x28, 0x2a, 0x2c, 0x2e].map(|at| number(at, 2)));
        fields.extend((0..4).flat_map(|n| extent_entry(0x34 + 12 * n)));
    }
    let attributes = 128 + usize::from(le16(bytes, 0x80).unwrap_or(0));
    if le32(bytes, attributes) == Some(0xea02_0000) {
        fields.push(number(attributes, 4));
        fields.extend(attribute_entries(bytes, attributes + 4));
    }
    fields.retain(|field| usize::from(field.offset) + usize::from(field.width) <= bytes.len());
    fields
}

fn extent_entry(at: usize) -> [Field; 5] {
    [number(at, 4), number(at + 4, 2), number(at + 6, 2), pointer(at + 8), pointer(at + 4)]
}

fn extent(bytes: &[u8]) -> Vec<Field> {
    let count = usize::from(le16(bytes, 2).unwrap_or(0)).min(8);
    let header = [0, 2, 4, 6].map(|at| number(at, 2)).into_iter();
    header.chain((0..count).flat_map(|n| extent_entry(12 + 12 * n))).collect()
}

/// Entries from `at`: name length, prefix, offset, value inode, size, hash, and first byte of the
/// name.
fn attribute_entries(bytes: &[u8], mut at: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    while le32(bytes, at).is_some_and(|word| word != 0) && fields.len() < 70 {
        fields.extend([number(at, 1), number(at + 1, 1), number(at + 2, 2), pointer(at + 4)]);
        fields.extend([number(at + 8, 4), number(at + 12, 4), number(at + 16, 1)]);
        let name = usize::from(bytes.get(at).copied().unwrap_or(0));
        at += 16 + name.next_multiple_of(4);
    }
    // The end mark.
    fields.push(number(at, 4));
    fields
}

fn xattr(bytes: &[u8]) -> Vec<Field> {
    let mut fields = [0, 4, 8, 12].map(|at| number(at, 4)).to_vec();
    fields.extend(attribute_entries(bytes, 32));
    fields
}

/// Directory entries: inode, record length, name length, type, and two bytes of the name.
fn directory(bytes: &[u8]) -> Vec<Field> {
    let (mut at, mut fields) = (0, Vec::new());
    while let Some(step) = le16(bytes, at + 4).filter(|step| *step >= 12) {
        fields.extend([pointer(at), number(at + 4, 2), number(at + 6, 1), number(at + 7, 1)]);
        fields.extend([number(at + 8, 1), number(at + 9, 1)]);
        at += usize::from(step);
        if fields.len() > 240 {
            break;
        }
    }
    fields
}

/// Hash tree nodes: the fake entries, the info of a root, limit, count, and pairs.
fn htree(bytes: &[u8]) -> Vec<Field> {
    let is_root = le16(bytes, 4) == Some(12);
    let at = if is_root { 0x20 } else { 8 };
    let mut fields = vec![pointer(0), number(4, 2), number(6, 1)];
    if is_root {
        fields.extend([pointer(12), number(16, 2)]);
        fields.extend([0x18, 0x1c, 0x1d, 0x1e, 0x1f].map(|at| number(at, 1)));
    }
    fields.extend([number(at, 2), number(at + 2, 2), pointer(at + 4)]);
    let count = usize::from(le16(bytes, at + 2).unwrap_or(0)).min(24);
    fields.extend((1..count).flat_map(|n| [number(at + 8 * n, 4), pointer(at + 8 * n + 4)]));
    fields
}

fn words(bytes: &[u8], most: usize) -> Vec<Field> {
    (0..(bytes.len() / 4).min(most)).map(|n| pointer(4 * n)).collect()
}

/// Tags of 16 bytes, and of the older forms: whatever is at multiples of 2 from byte 12.
fn descriptor() -> Vec<Field> {
    let tags = (0..24).flat_map(|n| [pointer(12 + 8 * n), number(12 + 8 * n + 4, 4)]);
    let flags = (0..24).flat_map(|n| [number(12 + 8 * n + 6, 2), number(12 + 4 * n, 2)]);
    header().into_iter().chain(tags).chain(flags).collect()
}

/// Magic, kind and sequence of a block of the log.
fn header() -> [Field; 3] {
    [number(0, 4), number(4, 4), number(8, 4)]
}

fn journal_super() -> Vec<Field> {
    let numbers = [0xc, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x40, 0x54, 0x58];
    let rest = [number(0x50, 1), number(0x30, 8), number(0x38, 8)];
    header().into_iter().chain(numbers.map(|at| number(at, 4))).chain(rest).collect()
}

fn revoke() -> Vec<Field> {
    header()
        .into_iter()
        .chain([number(12, 4)])
        .chain((0..16).map(|n| pointer(16 + 4 * n)))
        .collect()
}

fn commit() -> Vec<Field> {
    let sums = [0xc, 0xd].map(|at| number(at, 1)).into_iter().chain([number(0x10, 4)]);
    header().into_iter().chain(sums).chain([number(0x30, 8), number(0x38, 4)]).collect()
}

/// Records of tag, length and value.
fn fast_commit(bytes: &[u8]) -> Vec<Field> {
    let (mut at, mut fields) = (0, Vec::new());
    while let (Some(tag), Some(len)) = (le16(bytes, at), le16(bytes, at + 2)) {
        let values = (0..usize::from(len / 4).min(4)).map(|n| pointer(at + 4 + 4 * n));
        fields.extend([number(at, 2), number(at + 2, 2)].into_iter().chain(values));
        at += 4 + usize::from(len);
        if tag == 0 || fields.len() > 300 {
            break;
        }
    }
    fields
}

/// The fields of a structure of `class` whose bytes are `bytes`.
pub(super) fn fields(class: Class, bytes: &[u8]) -> Vec<Field> {
    let mut fields = match class {
        Class::JournalSuper => journal_super(),
        Class::JournalDescriptor => descriptor(),
        Class::JournalRevoke => revoke(),
        Class::JournalCommit => commit(),
        Class::JournalCopy | Class::Bitmap => Vec::new(),
        Class::FastCommit => fast_commit(bytes),
        Class::Extent => extent(bytes),
        Class::Indirect | Class::Orphan => words(bytes, 64),
        Class::Directory => directory(bytes),
        Class::Htree => htree(bytes),
        Class::Xattr => xattr(bytes),
        Class::Mmp => words(bytes, 32),
        Class::Inode => inode(bytes),
        Class::Group => group(bytes.len()),
        Class::Superblock => superblock(),
    };
    fields.retain(|field| usize::from(field.offset) + usize::from(field.width) <= bytes.len());
    fields
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
