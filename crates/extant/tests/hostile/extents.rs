//! Rows 22 to 26: extent trees. `/fragmented` has a tree of depth 2: a root in the inode, an index
//! block, leaves.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{EXT4, I_BLOCK, INLINE, PLAIN, child_block, image, inline_child, only, read};

const VICTIM: &str = "/fragmented";

/// The parts of the victim's tree.
struct Tree {
    editor: ImageEditor,
    inode: u32,
    /// The index block below the root.
    index: u64,
    /// The first leaf.
    leaf: u64,
}

impl Tree {
    fn new(args: &[&str]) -> Self {
        let editor = image(args);
        let inode = editor.lookup(VICTIM).unwrap();
        assert_eq!(editor.get_u16(Spot::Inode(inode), I_BLOCK + 6).unwrap(), 2, "depth");
        let index = child_block(&editor, Spot::Inode(inode), I_BLOCK, 0);
        let leaf = child_block(&editor, Spot::Block(index), 0, 0);
        Self { editor, inode, index, leaf }
    }

    fn root(&self) -> Spot {
        Spot::Inode(self.inode)
    }

    fn set_root16(mut self, at: u64, value: u16) -> Self {
        self.editor.set_u16(self.root(), I_BLOCK + at, value).unwrap();
        self
    }

    fn set_root32(mut self, at: u64, value: u32) -> Self {
        self.editor.set_u32(self.root(), I_BLOCK + at, value).unwrap();
        self
    }

    fn set16(mut self, block: u64, at: u64, value: u16) -> Self {
        self.editor.set_u16(Spot::Block(block), at, value).unwrap();
        self.editor.fix(Part::ExtentBlock { inode: self.inode, block }).unwrap();
        self
    }

    fn set32(mut self, block: u64, at: u64, value: u32) -> Self {
        self.editor.set_u32(Spot::Block(block), at, value).unwrap();
        self.editor.fix(Part::ExtentBlock { inode: self.inode, block }).unwrap();
        self
    }

    /// Entry `index` of a node in a block.
    fn entry(&self, block: u64, index: u64, field: u64) -> u32 {
        self.editor.get_u32(Spot::Block(block), 12 + 12 * index + field).unwrap()
    }

    fn fails(&self, id: &str) {
        only(&self.editor, &[(VICTIM, id)]);
    }
}

/// The break gives `id` with and without checksums in the file system.
fn each(id: &str, change: impl Fn(Tree) -> Tree) {
    for args in [EXT4, PLAIN] {
        println!("{args:?}");
        change(Tree::new(args)).fails(id);
    }
}

#[test]
fn row_22_magic() {
    each("extent.magic", |tree| tree.set_root16(0, 0));
    each("extent.magic", |tree| tree.set_root16(0, 0x0af3));
    each("extent.magic", |tree| {
        let index = tree.index;
        tree.set16(index, 0, 0xf30b)
    });
    each("extent.magic", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 0, 0)
    });
}

#[test]
fn row_22_max_and_entries() {
    for max in [0, 5, 0xffff] {
        each("extent.max", |tree| tree.set_root16(4, max));
    }
    for entries in [0, 5, 0xffff] {
        each("extent.entries", |tree| tree.set_root16(2, entries));
    }
    // The end of the block is no place for an entry.
    for max in [0, 85, 0xffff] {
        each("extent.max", |tree| {
            let leaf = tree.leaf;
            tree.set16(leaf, 4, max)
        });
    }
    for entries in [85, 0xffff] {
        each("extent.entries", |tree| {
            let leaf = tree.leaf;
            tree.set16(leaf, 2, entries)
        });
    }
    each("extent.entries", |tree| {
        let index = tree.index;
        tree.set16(index, 2, 0)
    });
}

#[test]
fn row_22_depth() {
    for depth in [6, 7, 0x8000, 0xffff] {
        each("extent.depth", |tree| tree.set_root16(6, depth));
    }
    // Children that are not one less deep.
    for depth in [1, 3, 4, 5] {
        each("extent.depth", |tree| tree.set_root16(6, depth));
    }
    for depth in [0, 2, 5, 0xffff] {
        each("extent.depth", |tree| {
            let index = tree.index;
            tree.set16(index, 6, depth)
        });
    }
    each("extent.depth", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 6, 1)
    });
}

/// The deepest tree that there may be is read: three index nodes put above the root's child.
#[test]
fn row_22_depth_5_is_read() {
    let mut tree = Tree::new(PLAIN);
    let expected = read(&only(&tree.editor, &[]), VICTIM).unwrap();
    let spare = tree.editor.map_block(tree.editor.lookup("/file").unwrap(), 0).unwrap().unwrap();
    let mut child = tree.index;
    for depth in 2..=4_u16 {
        let block = spare + u64::from(depth);
        let mut node = [0; 1024];
        node[..2].copy_from_slice(&0xf30a_u16.to_le_bytes());
        node[2] = 1;
        node[4] = 84;
        node[6] = depth.to_le_bytes()[0];
        node[16..24].copy_from_slice(&child.to_le_bytes());
        tree.editor.set_bytes(Spot::Block(block), 0, &node).unwrap();
        child = block;
    }
    tree = tree.set_root16(6, 5).set_root16(2, 1).set_root32(16, u32::try_from(child).unwrap());
    let (report, fs) = crate::support::walked(&tree.editor);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(read(&fs, VICTIM).unwrap(), expected);
}

#[test]
fn row_22_without_the_fix_it_is_the_checksum() {
    for block in [0, 1] {
        let mut tree = Tree::new(EXT4);
        let block = [tree.index, tree.leaf][block];
        // The unused generation changes nothing but the sum.
        tree.editor.set_u32(Spot::Block(block), 8, 99).unwrap();
        tree.fails("extent.checksum");
        let inode = tree.inode;
        tree.editor.fix(Part::ExtentBlock { inode, block }).unwrap();
        only(&tree.editor, &[]);
    }
    // A sum of another inode: nodes cannot be lent.
    let mut tree = Tree::new(EXT4);
    let other = tree.editor.lookup("/tiny").unwrap();
    tree.editor.fix(Part::ExtentBlock { inode: other, block: tree.leaf }).unwrap();
    tree.fails("extent.checksum");
}

#[test]
fn row_23_cycles() {
    each("extent.cycle", |tree| {
        let index = tree.index;
        tree.set32(index, 16, u32::try_from(index).unwrap())
    });
    // To the leaf of a neighbour: a child that does not begin where it should.
    each("extent.index_start", |tree| {
        let (index, second) = (tree.index, tree.entry(tree.index, 1, 4));
        tree.set32(index, 16, second)
    });
    // The root's child claims to be as deep as the root.
    each("extent.depth", |tree| {
        let index = tree.index;
        tree.set16(index, 6, 2).set32(index, 16, u32::try_from(index).unwrap())
    });
}

#[test]
fn row_24_order_and_overlap() {
    // Of the first leaf: entry 1 at entry 0's place, before it, and entry 0 grown over entry 1.
    each("extent.order", |tree| {
        let (leaf, first) = (tree.leaf, tree.entry(tree.leaf, 0, 0));
        tree.set32(leaf, 24, first)
    });
    each("extent.order", |tree| {
        let (leaf, third) = (tree.leaf, tree.entry(tree.leaf, 2, 0));
        tree.set32(leaf, 24, third)
    });
    each("extent.order", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 16, 3)
    });
    each("extent.order", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 16, 32_768 + 3)
    });
    // Index entries that do not rise.
    each("extent.order", |tree| {
        let (index, first) = (tree.index, tree.entry(tree.index, 0, 0));
        tree.set32(index, 24, first)
    });
}

#[test]
fn row_24_lengths() {
    each("extent.length", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 16, 0)
    });
    // 32,768 is the longest written extent: here it runs out of the leaf's range.
    each("extent.logical_range", |tree| {
        let leaf = tree.leaf;
        tree.set16(leaf, 16, 32_768)
    });
    // Raw 32,769 is an unwritten extent of one block: legal, and reads as zeroes.
    for args in [EXT4, PLAIN] {
        let tree = Tree::new(args);
        let leaf = tree.leaf;
        let fs = only(&tree.set16(leaf, 16, 32_769).editor, &[]);
        let bytes = read(&fs, VICTIM).unwrap();
        assert!(bytes[..2048].iter().all(|&byte| byte == 0) && bytes[2048] != 0);
    }
}

/// The one extent of a small file.
fn tiny(args: &[&str], changes: &[(u64, u32)]) -> ImageEditor {
    let mut editor = image(args);
    let inode = editor.lookup("/tiny").unwrap();
    for (at, value) in changes {
        editor.set_u32(Spot::Inode(inode), I_BLOCK + at, *value).unwrap();
    }
    editor
}

#[test]
fn row_24_ranges_that_wrap() {
    let logical = "extent.logical_range";
    let physical = "extent.physical_range";
    let rows: [(&[(u64, u32)], &str); 8] = [
        // The first logical block, the length below the upper half of the start, the start.
        (&[(12, u32::MAX)], logical),
        (&[(12, u32::MAX - 7), (16, 100)], logical),
        (&[(12, 0xffff_8000), (16, 0x8000), (20, 100)], logical),
        (&[(20, 8192)], physical),
        (&[(20, 8191), (16, 2)], physical),
        (&[(20, u32::MAX)], physical),
        (&[(16, 0xffff_0001)], physical),
        (&[(16, 0xffff_ffff), (20, u32::MAX)], physical),
    ];
    for args in [EXT4, PLAIN] {
        for (changes, id) in rows {
            println!("{changes:?}");
            only(&tiny(args, changes), &[("/tiny", id)]);
        }
    }
}

#[test]
fn row_24_without_the_fix_it_is_the_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let inode = editor.lookup("/tiny").unwrap();
    editor.set_u16(Spot::Inode(inode), I_BLOCK + 16, 0).unwrap();
    only(&editor, &[("/tiny", "inode.checksum")]);
}

#[test]
fn row_25_first_blocks_disagree() {
    each("extent.index_start", |tree| {
        let (leaf, first) = (tree.leaf, tree.entry(tree.leaf, 0, 0));
        tree.set32(leaf, 12, first + 1)
    });
    each("extent.index_start", |tree| {
        let (index, second) = (tree.index, tree.entry(tree.index, 1, 0));
        tree.set32(index, 24, second - 1)
    });
    each("extent.index_start", |tree| {
        let index = tree.index;
        tree.set32(index, 12, 1)
    });
    // Entries behind the range that the parent gave.
    each("extent.logical_range", |tree| {
        let (leaf, next) = (tree.leaf, tree.entry(tree.index, 1, 0));
        let last = u64::from(tree.editor.get_u16(Spot::Block(leaf), 2).unwrap()) - 1;
        tree.set32(leaf, 12 + 12 * last, next)
    });
    each("extent.logical_range", |tree| {
        let index = tree.index;
        let last = u64::from(tree.editor.get_u16(Spot::Block(index), 2).unwrap()) - 1;
        tree.set32(index, 12 + 12 * last, u32::MAX)
    });
}

#[test]
fn row_25_index_past_the_end() {
    for child in [0, 1, 8192, u32::MAX] {
        each("extent.index_block", |tree| tree.set_root32(16, child));
        each("extent.index_block", |tree| {
            let index = tree.index;
            tree.set32(index, 16, child)
        });
    }
    each("extent.index_block", |tree| tree.set_root16(20, 0xffff));
    // Into metadata: descriptors, an inode table.
    let table = image(EXT4).group_block(0, 0x8).unwrap();
    for child in [2, u32::try_from(table).unwrap()] {
        each("map.system_zone", |tree| tree.set_root32(16, child));
    }
}

#[test]
fn row_26_extents_and_inline_data() {
    for (path, name) in [("/tiny", ""), ("/dir", ""), ("/dir/sub", "sub")] {
        let mut editor = image(INLINE);
        let inode = match name {
            "" => editor.lookup(path).unwrap(),
            name => inline_child(&editor, "/dir", name).0,
        };
        let flags = editor.get_u32(Spot::Inode(inode), 0x20).unwrap();
        assert_eq!(flags & 0x1000_0000, 0x1000_0000, "inline");
        editor.set_u32(Spot::Inode(inode), 0x20, flags | 0x8_0000).unwrap();
        only(&editor, &[(path, "inode.flags")]);
    }
    // A file of extents that says it is inline, too.
    let mut editor = image(INLINE);
    let inode = editor.lookup(VICTIM).unwrap();
    let flags = editor.get_u32(Spot::Inode(inode), 0x20).unwrap();
    editor.set_u32(Spot::Inode(inode), 0x20, flags | 0x1000_0000).unwrap();
    only(&editor, &[(VICTIM, "inode.flags")]);
    // Without the feature.
    let mut editor = image(EXT4);
    let inode = editor.lookup("/tiny").unwrap();
    editor.set_u32(Spot::Inode(inode), 0x20, 0x1000_0000).unwrap();
    only(&editor, &[("/tiny", "inode.flags")]);
}
