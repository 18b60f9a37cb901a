//! Rows 36 to 38 and 40: extended attributes. `/xattr-small` has `user.small` in its inode,
//! `/xattr-large` has `user.large` in a block.

use extant::{Filesystem, Follow, IoFlags};
use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

use crate::support::{EXT4, PLAIN, failure, image, only, open};

/// The first entry in an inode with 32 bytes of extra fields: name length, prefix, value's offset,
/// inode, size, hash, name. Offsets of values count from here.
const IN_INODE: u64 = 0xa4;
/// The first entry in a block.
const IN_BLOCK: u64 = 32;
/// Files with an attribute value in an inode of its own.
const EA_INODE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "ea_inode"];

type Change<'a> = (u64, &'a [u8]);

/// The image with bytes of the small file's inode changed, from the first entry on.
fn in_inode(args: &[&str], changes: &[Change<'_>]) -> ImageEditor {
    let mut editor = image(args);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    assert_eq!(editor.get_bytes(inode, IN_INODE, 2).unwrap(), [5, 1]);
    for (at, bytes) in changes {
        editor.set_bytes(inode, IN_INODE + at, bytes).unwrap();
    }
    editor
}

/// The image with bytes of the large file's attribute block changed.
fn in_block(args: &[&str], changes: &[Change<'_>]) -> ImageEditor {
    let mut editor = image(args);
    let block = editor.xattr_block(editor.lookup("/xattr-large").unwrap()).unwrap();
    assert_eq!(editor.get_bytes(Spot::Block(block), IN_BLOCK, 2).unwrap(), [5, 1]);
    for (at, bytes) in changes {
        editor.set_bytes(Spot::Block(block), *at, bytes).unwrap();
    }
    editor.fix(Part::XattrBlock(block)).unwrap();
    editor
}

fn value(fs: &Filesystem, path: &str, name: &str) -> Result<Vec<u8>, extant::Error> {
    let node = fs.resolve(path.as_bytes(), Follow::No, IoFlags::NONE)?;
    node.xattr(name.as_bytes(), IoFlags::NONE)
}

/// Each break of an entry, at its offset in the entry, is met in the inode and in a block.
fn each_entry(changes: &[Change<'_>], id: &str) {
    for args in [EXT4, PLAIN] {
        println!("{args:?} {changes:x?}");
        only(&in_inode(args, changes), &[("/xattr-small", id)]);
        let moved: Vec<_> = changes.iter().map(|(at, bytes)| (at + IN_BLOCK, *bytes)).collect();
        only(&in_block(args, &moved), &[("/xattr-large", id)]);
    }
}

#[test]
fn row_36_names() {
    // To the end of the area, and past the end of a block.
    only(&in_inode(EXT4, &[(0, &[70])]), &[("/xattr-small", "xattr.name")]);
    only(&in_inode(EXT4, &[(0, &[255])]), &[("/xattr-small", "xattr.entry")]);
    each_entry(&[(16, b"s\0")], "xattr.name");
    each_entry(&[(0, &[6])], "xattr.name");
}

#[test]
fn row_36_values_out_of_the_area() {
    for offset in [1020_u16, 1024, 0x7ffc, 0xffff] {
        each_entry(&[(2, &offset.to_le_bytes())], "xattr.value");
    }
    for size in [1024_u32, 0xffff, 0x1_0000] {
        each_entry(&[(8, &size.to_le_bytes())], "xattr.value");
    }
    for size in [0x1_0001, 0x8000_0000, u32::MAX] {
        each_entry(&[(8, &size.to_le_bytes())], "xattr.value_size");
    }
    // Offset and size that wrap together.
    each_entry(&[(2, &[0xfc, 0xff]), (8, &[8, 0, 0, 0])], "xattr.value");
}

#[test]
fn row_36_values_over_entries() {
    for offset in [0_u16, 4, 20] {
        each_entry(&[(2, &offset.to_le_bytes())], "xattr.value");
    }
}

#[test]
fn row_36_no_end_mark() {
    // Entries of empty values without end, in all of the inode's 92 bytes.
    let entry: Vec<u8> = [&[1, 1][..], &[0; 14], b"x\0\0\0"].concat();
    let mut editor = in_inode(EXT4, &[]);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    editor.set_bytes(inode, IN_INODE, &entry.repeat(5)[..92]).unwrap();
    only(&editor, &[("/xattr-small", "xattr.entry")]);
    let block: Vec<u8> = entry.repeat(50)[..992].to_vec();
    only(&in_block(EXT4, &[(IN_BLOCK, &block)]), &[("/xattr-large", "xattr.entry")]);
}

#[test]
fn row_36_an_empty_value_has_no_place() {
    for args in [EXT4, PLAIN] {
        let changes: &[Change<'_>] = &[(2, &[0xff, 0xff]), (8, &[0; 4])];
        let fs = only(&in_inode(args, changes), &[]);
        assert_eq!(value(&fs, "/xattr-small", "user.small").unwrap(), b"");
    }
}

#[test]
fn row_36_unsorted_entries_are_found() {
    let command = format!("ea_set /xattr-large user.a {}", "9".repeat(200));
    let recipe = SmallImage { debugfs: &[&command], ..SmallImage::new(EXT4) };
    let base = ImageEditor::new(small_image(&recipe).unwrap());
    let block = base.xattr_block(base.lookup("/xattr-large").unwrap()).unwrap();
    let spot = Spot::Block(block);
    let first = usize::from(base.get_u8(spot, IN_BLOCK).unwrap()).next_multiple_of(4) + 16;
    let entries = base.get_bytes(spot, IN_BLOCK, 64).unwrap().to_vec();
    let second = first + 16 + usize::from(entries[first]).next_multiple_of(4);
    let swapped = [&entries[first..second], &entries[..first]].concat();
    let mut editor = base;
    editor.set_bytes(spot, IN_BLOCK, &swapped).unwrap();
    editor.fix(Part::XattrBlock(block)).unwrap();
    let fs = only(&editor, &[]);
    assert_eq!(value(&fs, "/xattr-large", "user.a").unwrap(), "9".repeat(200).as_bytes());
    assert_eq!(value(&fs, "/xattr-large", "user.large").unwrap().len(), 500);
}

/// Prefixes that nobody knows are not shown, and no attribute is what its name is not.
#[test]
fn row_36_prefixes() {
    for prefix in [0, 2, 3, 5, 7, 8, 9, 11, 255] {
        let fs = only(&in_inode(EXT4, &[(1, &[prefix])]), &[]);
        let node = fs.resolve(b"/xattr-small", Follow::No, IoFlags::NONE).unwrap();
        assert!(node.xattr_names(IoFlags::NONE).unwrap().is_empty(), "{prefix}");
        assert_eq!(failure(value(&fs, "/xattr-small", "user.small")), "ENODATA");
    }
}

#[test]
fn row_36_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    editor.set_u8(inode, IN_INODE, 255).unwrap();
    only(&editor, &[("/xattr-small", "inode.checksum")]);
}

#[test]
fn row_37_headers() {
    let rows: [(u64, u32, &str); 7] = [
        (0, 0, "xattr.magic"),
        (0, 0xea01_0000, "xattr.magic"),
        (4, 0, "xattr.refcount"),
        (4, 1025, "xattr.refcount"),
        (4, u32::MAX, "xattr.refcount"),
        (8, 0, "xattr.block_count"),
        (8, 2, "xattr.block_count"),
    ];
    for args in [EXT4, PLAIN] {
        for (at, word, id) in rows {
            println!("{at} {word:#x}");
            only(&in_block(args, &[(at, &word.to_le_bytes())]), &[("/xattr-large", id)]);
        }
        // Hashes serve only those who share blocks.
        only(&in_block(args, &[(12, &[1, 2, 3, 4])]), &[]);
        only(&in_block(args, &[(IN_BLOCK + 12, &[1, 2, 3, 4])]), &[]);
    }
}

#[test]
fn row_37_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    let block = editor.xattr_block(editor.lookup("/xattr-large").unwrap()).unwrap();
    editor.set_u8(Spot::Block(block), 1000, 0xaa).unwrap();
    only(&editor, &[("/xattr-large", "xattr.checksum")]);
}

#[test]
fn row_37_the_block_is_elsewhere() {
    let base = image(EXT4);
    let inode = Spot::Inode(base.lookup("/xattr-large").unwrap());
    let table = u32::try_from(base.group_block(0, 0x8).unwrap()).unwrap();
    for block in [1, 2, 3, table, 8192, u32::MAX] {
        let mut editor = base.clone();
        editor.set_u32(inode, 0x68, block).unwrap();
        only(&editor, &[("/xattr-large", "xattr.block")]);
    }
    let mut editor = base.clone();
    editor.set_u16(inode, 0x76, 1).unwrap();
    only(&editor, &[("/xattr-large", "xattr.block")]);
    // A block of a file: no attributes there.
    let file = base.map_block(base.lookup("/file").unwrap(), 0).unwrap().unwrap();
    let mut editor = base;
    editor.set_u32(inode, 0x68, u32::try_from(file).unwrap()).unwrap();
    only(&editor, &[("/xattr-large", "xattr.magic")]);
}

/// A block that more inodes name than it counts reads the same for all of them.
#[test]
fn row_37_shared_by_non_owners() {
    let mut editor = image(EXT4);
    let block = editor.xattr_block(editor.lookup("/xattr-large").unwrap()).unwrap();
    let tiny = Spot::Inode(editor.lookup("/tiny").unwrap());
    editor.set_u32(tiny, 0x68, u32::try_from(block).unwrap()).unwrap();
    let fs = only(&editor, &[]);
    let of = |path| value(&fs, path, "user.large").unwrap();
    assert_eq!(of("/tiny"), of("/xattr-large"));
}

/// The image, the attribute's owner, its entry for the huge value and the value's inode.
struct Huge {
    editor: ImageEditor,
    owner: u32,
    entry: (Spot, u64),
    holder: u32,
}

impl Huge {
    fn new() -> Self {
        let command = format!("ea_set /tiny user.huge {}", "0123456789".repeat(200));
        let recipe = SmallImage { debugfs: &[&command], ..SmallImage::new(EA_INODE) };
        let editor = ImageEditor::new(small_image(&recipe).unwrap());
        let owner = editor.lookup("/tiny").unwrap();
        let block = editor.xattr_block(owner).unwrap();
        let entry = if block == 0 {
            (Spot::Inode(owner), IN_INODE)
        } else {
            (Spot::Block(block), IN_BLOCK)
        };
        assert_eq!(editor.get_bytes(entry.0, entry.1, 2).unwrap(), [4, 1]);
        let holder = editor.get_u32(entry.0, entry.1 + 4).unwrap();
        assert_ne!(holder, 0);
        Self { editor, owner, entry, holder }
    }

    /// Changes the entry.
    fn entry(mut self, at: u64, value: u32) -> Self {
        let (spot, start) = self.entry;
        self.editor.set_u32(spot, start + at, value).unwrap();
        if let Spot::Block(block) = spot {
            self.editor.fix(Part::XattrBlock(block)).unwrap();
        }
        self
    }

    /// Changes the value's inode.
    fn holder(mut self, at: u64, value: u32) -> Self {
        self.editor.set_u32(Spot::Inode(self.holder), at, value).unwrap();
        self
    }

    fn fails(&self, id: &str) {
        only(&self.editor, &[("/tiny", id)]);
    }

    fn reads(&self) {
        let fs = only(&self.editor, &[]);
        assert_eq!(value(&fs, "/tiny", "user.huge").unwrap(), b"0123456789".repeat(200));
    }
}

#[test]
fn row_38_the_value_is_elsewhere() {
    Huge::new().reads();
    let owner = Huge::new().owner;
    Huge::new().entry(4, owner).fails("xattr.ea_inode");
    for inode in [2049, u32::MAX] {
        Huge::new().entry(4, inode).fails("xattr.ea_inode");
    }
    // A file, a directory, a reserved inode.
    let base = Huge::new().editor;
    for path in ["/file", "/dir"] {
        Huge::new().entry(4, base.lookup(path).unwrap()).fails("xattr.ea_inode");
    }
    for inode in [1, 7, 8] {
        Huge::new().entry(4, inode).fails("inode.number");
    }
    Huge::new().entry(4, 2).fails("xattr.ea_inode");
    Huge::new().entry(4, 2000).fails("inode.unallocated");
}

#[test]
fn row_38_the_inode_is_no_value() {
    let flags = Huge::new();
    let word = flags.editor.get_u32(Spot::Inode(flags.holder), 0x20).unwrap();
    assert_ne!(word & 0x20_0000, 0);
    Huge::new().holder(0x20, word & !0x20_0000).fails("xattr.ea_inode");
    for size in [0, 1999, 2001, 0x7fff_ffff] {
        Huge::new().holder(4, size).fails("xattr.ea_inode");
    }
    for size in [1, 1999, 2001, 0x1_0000] {
        Huge::new().entry(8, size).fails("xattr.ea_inode");
    }
    Huge::new().entry(8, 0x100_0001).fails("xattr.value_size");
    // A directory, a symlink, nothing.
    for mode in [0o040_600, 0o120_777] {
        let mut huge = Huge::new();
        huge.editor.set_u16(Spot::Inode(huge.holder), 0, mode).unwrap();
        let (report, _) = crate::support::walked(&huge.editor);
        let found: Vec<_> = report.findings.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(found, ["/tiny"]);
    }
    let mut huge = Huge::new();
    huge.editor.set_bytes(Spot::Inode(huge.holder), 0, &[0; 256]).unwrap();
    huge.fails("inode.unallocated");
}

/// Two hundred attributes with one empty inode of 16 MiB for a value took 3 GiB to read. System
/// calls know no value above 64 KiB.
#[test]
fn row_38_values_that_no_call_can_get() {
    for size in [0x1_0001, 0x100_0000] {
        Huge::new().entry(8, size).holder(4, size).fails("xattr.value_size");
    }
}

#[test]
fn row_38_hashes() {
    let mut huge = Huge::new();
    let block = huge.editor.map_block(huge.holder, 1).unwrap().unwrap();
    huge.editor.set_u8(Spot::Block(block), 7, 0xff).unwrap();
    huge.fails("xattr.ea_inode_hash");
    Huge::new().holder(0x8, 0x1234_5678).fails("xattr.ea_inode_hash");
    Huge::new().entry(12, 0x1234_5678).fails("xattr.hash");
}

/// Counts of references matter to who lets go of one; the value is proved by its hash.
#[test]
fn row_38_refcounts_do_not_matter_to_readers() {
    for (high, low) in [(0, 0), (0, 77), (u32::MAX, u32::MAX)] {
        Huge::new().holder(0xc, high).holder(0x24, low).reads();
    }
}

#[test]
fn row_38_a_value_under_a_name() {
    let mut huge = Huge::new();
    let (spot, at, part) = crate::support::entry(&huge.editor, "/dir", "b");
    huge.editor.set_u32(spot, at, huge.holder).unwrap();
    huge.editor.fix(part).unwrap();
    only(&huge.editor, &[("/dir/b", "xattr.ea_inode")]);
}

/// A value's inode that has attributes, among them itself: nobody looks at them.
#[test]
fn row_38_a_chain() {
    let mut huge = Huge::new();
    let bytes = huge.editor.get_bytes(Spot::Inode(huge.owner), 0x68, 4).unwrap().to_vec();
    huge.editor.set_bytes(Spot::Inode(huge.holder), 0x68, &bytes).unwrap();
    let body = huge.editor.get_bytes(Spot::Inode(huge.owner), 0xa0, 96).unwrap().to_vec();
    huge.editor.set_bytes(Spot::Inode(huge.holder), 0xa0, &body).unwrap();
    huge.reads();
}

/// The value in the block becomes an ACL of these bytes.
fn acl(value: &[u8]) -> ImageEditor {
    let size = u32::try_from(value.len()).unwrap().to_le_bytes();
    let offset = (1024 - value.len().next_multiple_of(4)) as u64;
    let at = u16::try_from(offset).unwrap().to_le_bytes();
    in_block(
        EXT4,
        &[
            (IN_BLOCK, &[0, 2]),
            (IN_BLOCK + 2, &at),
            (IN_BLOCK + 8, &size),
            (IN_BLOCK + 16, &[0; 8]),
            (offset, value),
        ],
    )
}

#[test]
fn row_40_access_control_lists() {
    let entry = |tag: u8, id: Option<u32>| {
        let id = id.map(|id| id.to_le_bytes().to_vec()).unwrap_or_default();
        [vec![tag, 0, 7, 0], id].concat()
    };
    let list = |entries: &[Vec<u8>]| [vec![1, 0, 0, 0], entries.concat()].concat();
    let base = [entry(1, None), entry(4, None), entry(0x20, None)];
    let fs = only(&acl(&list(&base)), &[]);
    let shown = value(&fs, "/xattr-large", "system.posix_acl_access").unwrap();
    assert_eq!(shown.len(), 4 + 3 * 8);

    let named: Vec<_> = (0..100).map(|id| entry(2, Some(id))).collect();
    let many =
        [vec![entry(1, None)], named, vec![entry(4, None), entry(0x10, None), entry(0x20, None)]];
    let fs = only(&acl(&list(&many.concat())), &[]);
    assert_eq!(value(&fs, "/xattr-large", "system.posix_acl_access").unwrap().len(), 4 + 104 * 8);

    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("absurd count", list(&vec![entry(0x20, None); 200])),
        ("no count at all", vec![1, 0, 0]),
        ("version", vec![2, 0, 0, 0, 1, 0, 7, 0]),
        ("half an entry", list(&[base.concat(), vec![1, 0]])),
        ("half an id", list(&[base.concat(), vec![2, 0, 7, 0, 1, 0]])),
        ("unknown tag", list(&[base.concat(), entry(0x40, None)])),
        ("permissions", list(&[vec![1, 0, 8, 0], entry(4, None), entry(0x20, None)])),
        ("order", list(&[entry(4, None), entry(1, None), entry(0x20, None)])),
        ("no mask", list(&[entry(1, None), entry(2, Some(0)), entry(4, None), entry(0x20, None)])),
        ("garbage", vec![0xa5; 600]),
    ];
    for (what, value) in bad {
        println!("{what}");
        let editor = acl(&value);
        only(&editor, &[("/xattr-large", "acl.malformed")]);
        assert!(open(&editor).is_ok());
    }
}
