//! Attribute values in inodes of their own.

use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

use crate::support::{found, image, only};

const EA_INODE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "ea_inode"];
const I_MODE: u64 = 0x0;
const I_SIZE: u64 = 0x4;
const I_ATIME: u64 = 0x8;
const I_CTIME: u64 = 0xc;
const I_MTIME: u64 = 0x10;
const I_LINKS: u64 = 0x1a;
const I_BLOCKS: u64 = 0x1c;
const I_FLAGS: u64 = 0x20;
const I_VERSION: u64 = 0x24;
const FLAG: u32 = 0x20_0000;
/// The size of the value, and what two blocks of it are in the count of its owner.
const SIZE: u32 = 2000;
const VALUE_BLOCKS: u32 = 4;
/// Offsets in an entry.
const E_INODE: u64 = 4;
const E_SIZE: u64 = 8;
const E_HASH: u64 = 12;

/// The image, the owner `/tiny`, its entry for the value and the value's inode.
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
        let mut editor = ImageEditor::new(small_image(&recipe).unwrap());
        let owner = editor.lookup("/tiny").unwrap();
        let block = editor.xattr_block(owner).unwrap();
        let entry = if block == 0 { (Spot::Inode(owner), 0xa4) } else { (Spot::Block(block), 32) };
        let holder = editor.get_u32(entry.0, entry.1 + E_INODE).unwrap();
        assert_ne!(holder, 0);
        // The tool leaves the value out of the owner's count.
        let blocks = 2 + VALUE_BLOCKS + if block == 0 { 0 } else { 2 };
        editor.set_u32(Spot::Inode(owner), I_BLOCKS, blocks).unwrap();
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

    /// Sets 16 bits of the value's inode.
    fn half(mut self, at: u64, value: u16) -> Self {
        self.editor.set_u16(Spot::Inode(self.holder), at, value).unwrap();
        self
    }

    fn flags(&self) -> u32 {
        self.editor.get_u32(Spot::Inode(self.holder), I_FLAGS).unwrap()
    }

    fn hash(&self) -> u32 {
        self.editor.get_u32(self.entry.0, self.entry.1 + E_HASH).unwrap()
    }

    /// Gives `/empty` the same value, and its count of blocks.
    fn shared(mut self) -> Self {
        let (spot, start) = self.entry;
        let bytes = self.editor.get_bytes(spot, start, 20).unwrap().to_vec();
        let inode = Spot::Inode(self.editor.lookup("/empty").unwrap());
        self.editor.set_u32(inode, 0xa0, 0xea02_0000).unwrap();
        self.editor.set_bytes(inode, 0xa4, &bytes).unwrap();
        self.editor.set_u32(inode, I_BLOCKS, VALUE_BLOCKS).unwrap();
        self
    }

    fn only(&self, expected: &[&str]) {
        only(&self.editor, expected);
    }
}

#[test]
fn a_sound_value() {
    Huge::new().only(&[]);
    Huge::new().shared().holder(I_VERSION, 2).only(&[]);
    // Only the hash counts of the times.
    Huge::new().holder(I_MTIME, 5).only(&[]);
}

#[test]
fn xattr_value_inode() {
    // Nobody refers to the value then.
    let ids = &["xattr.value_inode", "xattr.value_unused"];
    let base = Huge::new();
    let files = ["/file", "/dir", "/link", "/fifo"].map(|path| base.editor.lookup(path).unwrap());
    let numbers = [1, 2, 5, 7, 8, 10, 11, 2000, 2048, 2049, u32::MAX, base.owner];
    for number in numbers.into_iter().chain(files) {
        println!("{number}");
        Huge::new().entry(E_INODE, number).only(ids);
    }
    let flags = base.flags();
    Huge::new().holder(I_FLAGS, flags & !FLAG).only(&["xattr.value_inode"]);
    let fifo = Huge::new().half(I_MODE, 0o010_600);
    let report = found(&fifo.editor, &["inode.flags", "xattr.value_inode"]);
    assert_eq!(report.errors(), 2);
}

#[test]
fn xattr_hash_of_values() {
    Huge::new().entry(E_HASH, 5).only(&["xattr.hash"]);
    Huge::new().entry(E_HASH, 0).only(&["xattr.hash"]);
    Huge::new().holder(I_ATIME, 5).only(&["xattr.hash"]);
}

#[test]
fn xattr_value_size() {
    for size in [1, 1999, 2001, 2048] {
        let huge = Huge::new().holder(I_SIZE, size);
        let ids = ["xattr.value_content", "xattr.value_size", "inode.size"];
        // The inode has two blocks.
        let count = if size == 1 { 3 } else { 2 };
        found(&huge.editor, &ids[..count]);
    }
    Huge::new().entry(E_SIZE, SIZE - 1).only(&["xattr.value_size"]);
    // Another number of blocks.
    Huge::new().entry(E_SIZE, SIZE + 1000).only(&["xattr.value_size", "inode.blocks"]);
    Huge::new().entry(E_SIZE, 1 << 24).only(&["xattr.value_size", "inode.blocks"]);
    let huge = Huge::new().entry(E_SIZE, 1 + (1 << 24));
    found(
        &huge.editor,
        &[if matches!(huge.entry.0, Spot::Block(_)) { "xattr.block" } else { "xattr.list" }],
    );
}

#[test]
fn xattr_value_content() {
    let mut huge = Huge::new();
    let block = huge.editor.map_block(huge.holder, 1).unwrap().unwrap();
    huge.editor.set_u8(Spot::Block(block), 7, 0xff).unwrap();
    found(&huge.editor, &["xattr.value_content"]);
    // Behind the value.
    let mut huge = Huge::new();
    huge.editor.set_u8(Spot::Block(block), 1000, 0xff).unwrap();
    huge.only(&[]);
}

#[test]
fn xattr_value_references() {
    let ids = &["xattr.value_references"];
    for count in [0, 2, 77, u32::MAX] {
        Huge::new().holder(I_VERSION, count).only(ids);
    }
    Huge::new().holder(I_CTIME, 1).only(ids);
    Huge::new().shared().only(ids);
    Huge::new().shared().holder(I_VERSION, 3).only(ids);
    // It has one link, however many refer to it.
    Huge::new().half(I_LINKS, 2).only(&["inode.links"]);
}

#[test]
fn xattr_value_unused() {
    // The attribute is gone.
    let mut huge = Huge::new();
    let tiny = Spot::Inode(huge.owner);
    huge.editor.set_u32(tiny, 0xa4, 0).unwrap();
    match huge.entry.0 {
        Spot::Block(block) => {
            huge.editor.set_u32(Spot::Block(block), 32, 0).unwrap();
            huge.editor.fix(Part::XattrBlock(block)).unwrap();
            huge.editor.set_u32(tiny, I_BLOCKS, 4).unwrap();
        }
        _ => huge.editor.set_u32(tiny, I_BLOCKS, 2).unwrap(),
    }
    huge.only(&["xattr.value_unused"]);
}

#[test]
fn a_value_with_a_name() {
    let huge = Huge::new();
    let command = format!("ea_set /tiny user.huge {}", "0123456789".repeat(200));
    let name = format!("ln <{}> /named", huge.holder);
    let recipe = SmallImage { debugfs: &[&command, &name], ..SmallImage::new(EA_INODE) };
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    let mut named = Huge { editor, ..huge };
    let blocks = Huge::new().editor.get_u32(Spot::Inode(named.owner), I_BLOCKS).unwrap();
    named.editor.set_u32(Spot::Inode(named.owner), I_BLOCKS, blocks).unwrap();
    named.only(&["dir.inode_value"]);
}

/// The old form: no hash, no count, but the owner's number and generation.
#[test]
fn values_of_the_old_form() {
    let huge = Huge::new();
    let hash = huge.editor.get_u32(Spot::Inode(huge.holder), I_ATIME).unwrap();
    let owner = huge.owner;
    let huge = huge.holder(I_MTIME, owner).holder(I_CTIME, hash).holder(I_VERSION, 5);
    let wrong = huge.hash() ^ 1;
    // The owner does not count its blocks.
    let mut huge = huge.entry(E_HASH, wrong);
    let blocks = huge.editor.get_u32(Spot::Inode(owner), I_BLOCKS).unwrap();
    huge.editor.set_u32(Spot::Inode(owner), I_BLOCKS, blocks - VALUE_BLOCKS).unwrap();
    huge.only(&[]);
    huge.holder(0x64, 9).only(&["xattr.hash"]);
}

/// Nobody asks for the feature.
#[test]
fn values_without_the_feature() {
    let mut huge = Huge::new();
    let features = huge.editor.get_u32(Spot::Superblock, 0x60).unwrap();
    huge.editor.set_u32(Spot::Superblock, 0x60, features & !0x400).unwrap();
    huge.only(&["inode.flags_unused"]);
    assert_ne!(image(EA_INODE).bytes(), huge.editor.bytes());
}

/// A value inode with an attribute whose value is in itself.
#[test]
fn row_38_chains_end() {
    let mut huge = Huge::new();
    let (spot, start) = huge.entry;
    let bytes = huge.editor.get_bytes(spot, start, 20).unwrap().to_vec();
    let holder = Spot::Inode(huge.holder);
    huge.editor.set_u32(holder, 0xa0, 0xea02_0000).unwrap();
    huge.editor.set_bytes(holder, 0xa4, &bytes).unwrap();
    huge.only(&["xattr.value_inode"]);
}

/// A value of 16 MiB in two blocks costs no time: what is not mapped is not read.
#[test]
fn row_38_values_that_are_not_there() {
    let start = std::time::Instant::now();
    let huge = Huge::new().holder(I_SIZE, 1 << 24).entry(E_SIZE, 1 << 24);
    huge.only(&["inode.blocks", "xattr.value_content"]);
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
}
