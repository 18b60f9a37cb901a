//! Hash trees.

use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::image::{Scratch, run, run_accepting};

use crate::entries::{Block, change, many, set_flags};
use crate::support::{EXT4, PLAIN, image, only};

/// The indexed directory, and its root block.
#[derive(Clone)]
struct Tree {
    editor: ImageEditor,
    root: Block,
}

impl Tree {
    fn new(args: &[&str]) -> Self {
        let editor = image(args);
        let root = Block::of(&editor, "/many", 0);
        assert_ne!(editor.get_u32(Spot::Inode(root.inode), 0x20).unwrap() & 0x1000, 0, "indexed");
        Self { editor, root }
    }

    fn get32(&self, at: u64) -> u32 {
        self.editor.get_u32(self.root.spot(), at).unwrap()
    }

    fn count(&self) -> u64 {
        self.editor.get_u16(self.root.spot(), 0x22).unwrap().into()
    }

    fn blocks(&self) -> u32 {
        u32::try_from(self.editor.file_size(self.root.inode).unwrap() / 1024).unwrap()
    }

    /// Changes the root, and its checksum.
    fn set(mut self, at: u64, bytes: &[u8]) -> Self {
        self.editor.set_bytes(self.root.spot(), at, bytes).unwrap();
        let Block { inode, block } = self.root;
        self.editor.fix(Part::DxRoot { inode, block }).ok();
        self
    }

    fn only(&self, expected: &[&str]) {
        only(&self.editor, expected);
    }
}

/// The change gives exactly `expected`, with and without checksums.
fn each(change: impl Fn(Tree) -> Tree, expected: &[&str]) {
    for args in [EXT4, PLAIN] {
        change(Tree::new(args)).only(expected);
    }
}

#[test]
fn htree_root() {
    for version in [3, 4, 5, 6, 7, 255] {
        println!("version {version}");
        each(|tree| tree.set(0x1c, &[version]), &["htree.root"]);
    }
    for levels in [2, 3, 255] {
        println!("levels {levels}");
        each(|tree| tree.set(0x1e, &[levels]), &["htree.root"]);
    }
    println!("flags");
    each(|tree| tree.set(0x1f, &[1]), &["htree.root"]);
    // With a checksum its place moves with the limit.
    for limit in [0_u16, 1, 5, 200, 0xffff] {
        println!("limit {limit}");
        Tree::new(PLAIN).set(0x20, &limit.to_le_bytes()).only(&["htree.root"]);
    }
    for count in [0_u16, 200, 0xffff] {
        println!("count {count}");
        each(|tree| tree.set(0x22, &count.to_le_bytes()), &["htree.root"]);
    }
}

#[test]
fn htree_root_blocks() {
    let blocks = Tree::new(EXT4).blocks();
    for child in [0, blocks, 0x0fff_ffff] {
        for pair in [0, 3] {
            println!("block {child} in pair {pair}");
            each(|tree| tree.set(0x24 + 8 * pair, &child.to_le_bytes()), &["htree.root"]);
        }
    }
}

#[test]
fn htree_root_order() {
    each(
        |tree| {
            let (second, third) = (tree.get32(0x28), tree.get32(0x30));
            tree.set(0x28, &third.to_le_bytes()).set(0x30, &second.to_le_bytes())
        },
        &["htree.root"],
    );
}

#[test]
fn htree_root_is_missing() {
    for args in [EXT4, PLAIN] {
        let mut editor = image(args);
        set_flags(&mut editor, "/dir", 0x1000);
        only(&editor, &["htree.root"]);
    }
}

#[test]
fn htree_checksum() {
    let mut editor = image(EXT4);
    editor.set_fixing(false);
    let root = Block::of(&editor, "/many", 0);
    editor.set_u8(root.spot(), 1020, 9).unwrap();
    only(&editor, &["htree.checksum"]);
}

#[test]
fn htree_twice() {
    each(
        |tree| {
            let third = tree.get32(0x34);
            tree.set(0x2c, &third.to_le_bytes())
        },
        &["htree.twice"],
    );
}

#[test]
fn htree_unreferenced() {
    each(
        |tree| {
            let count = u16::try_from(tree.count() - 1).unwrap();
            tree.set(0x22, &count.to_le_bytes())
        },
        &["htree.unreferenced"],
    );
}

/// Renames of which at least one ends up in another leaf, in the place of names that are as long.
fn rename(editor: &mut ImageEditor, from: &[u8], to: &[u8]) {
    for number in 0..40 {
        let mut name = from.to_vec();
        name.extend(&many(number).as_bytes()[from.len()..]);
        change(editor, ("/many", str::from_utf8(&name).unwrap()), 8, to);
    }
}

#[test]
fn htree_range() {
    for args in [EXT4, PLAIN] {
        let mut editor = image(args);
        rename(&mut editor, b"n", b"m");
        only(&editor, &["htree.range"]);
    }
    // A boundary that is moved: names of one leaf or the other are outside.
    for up in [true, false] {
        each(
            |tree| {
                let (before, at, after) = (tree.get32(0x28), tree.get32(0x30), tree.get32(0x38));
                let to = if up { after } else { before };
                tree.set(0x30, &((at / 2 + to / 2) & !1).to_le_bytes())
            },
            &["htree.range"],
        );
    }
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "casefold"]);
    set_flags(&mut editor, "/many", 0x4000_0000);
    only(&editor, &[]);
    rename(&mut editor, b"name", b"NAME");
    only(&editor, &[]);
    rename(&mut editor, b"NAME", b"MAME");
    only(&editor, &["htree.range"]);
}

/// A block that should be the root, and is none.
#[test]
fn htree_root_shape() {
    for (at, byte) in [(0x1d, 7), (0x18, 1)] {
        each(|tree| tree.set(at, &[byte]), &["htree.root"]);
    }
    for length in [0_u16, 100, 0x8000] {
        println!("{length}");
        each(|tree| tree.set(0x10, &length.to_le_bytes()), &["dir.chain"]);
    }
}

/// A pair that is changed, without its checksum: what follows from it is not told.
#[test]
fn htree_checksum_of_a_pair() {
    let mut tree = Tree::new(EXT4);
    tree.editor.set_fixing(false);
    let (at, after) = (tree.get32(0x30), tree.get32(0x38));
    tree.set(0x30, &((at / 2 + after / 2) & !1).to_le_bytes()).only(&["htree.checksum"]);
}

/// A directory of 6,000 names, whose root has inner nodes; one of these.
fn deep(args: &[&str]) -> (ImageEditor, Block) {
    let scratch = Scratch::new().unwrap();
    let source = scratch.folder("source").unwrap();
    std::fs::create_dir(source.join("deep")).unwrap();
    for number in 0..6000 {
        std::fs::write(source.join(format!("deep/{number:0100}")), b"").unwrap();
    }
    let path = scratch.sparse_file("deep.img", 32).unwrap();
    let (source, name) = (source.display().to_string(), path.display().to_string());
    let inodes = ["-q", "-F", "-N", "7000", "-d", &source];
    run("mke2fs", &[args, &inodes, &[&name]].concat()).unwrap();
    run_accepting("e2fsck", &["-fyD", &name], &[0, 1]).unwrap();
    let editor = ImageEditor::read(&path).unwrap();
    let root = Block::of(&editor, "/deep", 0);
    assert_eq!(editor.get_u8(root.spot(), 0x1e).unwrap(), 1, "levels");
    let node = Block::of(&editor, "/deep", editor.get_u32(root.spot(), 0x24).unwrap());
    (editor, node)
}

fn fix_node(editor: &mut ImageEditor, Block { inode, block }: Block) {
    editor.fix(Part::DxNode { inode, block }).unwrap();
}

#[test]
fn htree_node() {
    for args in [EXT4, PLAIN] {
        let (base, node) = deep(args);
        only(&base, &[]);
        // Count, a child outside, the root as a child.
        for (at, bytes) in [(0xa, &[0, 0][..]), (0x14, &[0xff, 0xff, 0xff]), (0x14, &[0, 0, 0, 0])]
        {
            let mut editor = base.clone();
            editor.set_bytes(node.spot(), at, bytes).unwrap();
            fix_node(&mut editor, node);
            println!("{args:?} {at:#x}");
            only(&editor, &["htree.node"]);
        }
        // Not shaped as a node.
        let mut editor = base.clone();
        editor.set_u16(node.spot(), 4, 12).unwrap();
        let report = crate::support::report(&editor);
        assert!(report.problems.iter().any(|problem| problem.id() == "htree.node"));
        // Its own child.
        let mut editor = base.clone();
        let own = editor.get_u32(Block::of(&editor, "/deep", 0).spot(), 0x24).unwrap();
        editor.set_u32(node.spot(), 0x14, own).unwrap();
        fix_node(&mut editor, node);
        only(&editor, &["htree.twice"]);
        // A boundary inside.
        let mut editor = base;
        let (at, after) = (0x18, editor.get_u32(node.spot(), 0x20).unwrap());
        let before = editor.get_u32(node.spot(), at).unwrap();
        editor.set_u32(node.spot(), at, (before / 2 + after / 2) & !1).unwrap();
        fix_node(&mut editor, node);
        only(&editor, &["htree.range"]);
    }
}

#[test]
fn htree_node_checksum() {
    let (mut editor, node) = deep(EXT4);
    editor.set_u8(node.spot(), 1020, 9).unwrap();
    only(&editor, &["htree.checksum"]);
}
