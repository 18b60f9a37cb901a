//! Rows 34 and 35: hash trees. A damaged tree costs time, never names: look-ups scan instead.

use std::collections::BTreeSet;

use extant::{Filesystem, IoFlags};
use extant_testkit::hostile::{ImageEditor, Part, Spot};

use crate::support::{EXT4, PLAIN, bounded, image, only, open, walked};

/// The indexed directory, its root block, and a spot for it.
struct Tree {
    editor: ImageEditor,
    inode: u32,
    root: u64,
}

impl Tree {
    fn new(args: &[&str]) -> Self {
        let editor = image(args);
        let inode = editor.lookup("/many").unwrap();
        assert_ne!(editor.get_u32(Spot::Inode(inode), 0x20).unwrap() & 0x1000, 0, "indexed");
        let root = editor.map_block(inode, 0).unwrap().unwrap();
        Self { editor, inode, root }
    }

    fn get32(&self, at: u64) -> u32 {
        self.editor.get_u32(Spot::Block(self.root), at).unwrap()
    }

    fn count(&self) -> u64 {
        self.editor.get_u16(Spot::Block(self.root), 0x22).unwrap().into()
    }

    /// Changes the root.
    fn set(mut self, at: u64, bytes: &[u8]) -> Self {
        self.editor.set_bytes(Spot::Block(self.root), at, bytes).unwrap();
        self
    }

    fn fix(mut self) -> Self {
        self.editor.fix(Part::DxRoot { inode: self.inode, block: self.root }).unwrap();
        self
    }

    /// All names are listed and found, and nothing is said to be wrong.
    fn falls_back(&self) {
        let fs = only(&self.editor, &[]);
        all_names(&fs);
    }
}

/// The 300 names of `/many` are listed once each, and each is found.
fn all_names(fs: &Filesystem) {
    let fs = fs.clone();
    let names = bounded(move || {
        let dir = fs.open_dir(b"/many", IoFlags::NONE).unwrap();
        let entries: Vec<_> =
            dir.entries(IoFlags::NONE).map(Result::unwrap).filter(|e| !e.is_dot()).collect();
        for entry in &entries {
            assert_eq!(dir.lookup(&entry.name, IoFlags::NONE).unwrap(), Some(entry.ino));
        }
        assert_eq!(dir.lookup(b"name-300", IoFlags::NONE).unwrap(), None);
        entries.into_iter().map(|entry| entry.name).collect::<BTreeSet<_>>()
    });
    assert_eq!(names.len(), 300);
}

/// The break is got around with and without checksums.
fn each(change: impl Fn(Tree) -> Tree) {
    for args in [EXT4, PLAIN] {
        change(Tree::new(args)).fix().falls_back();
    }
}

#[test]
fn row_34_limit_and_count() {
    for limit in [0_u16, 1, 5, 500] {
        // Too small a limit is below the count; with a sum its place is in the pairs.
        Tree::new(PLAIN).set(0x20, &limit.to_le_bytes()).falls_back();
    }
    for limit in [0xffff_u16, 125] {
        Tree::new(PLAIN).set(0x20, &limit.to_le_bytes()).falls_back();
    }
    for count in [0_u16, 124, 0xffff] {
        Tree::new(PLAIN).set(0x22, &count.to_le_bytes()).falls_back();
    }
    each(|tree| tree.set(0x22, &[0, 0]));
}

/// A node whose sum lies outside of it: the block cannot be verified, so its `.` and `..` are
/// lost, but no name.
#[test]
fn row_34_limit_and_count_with_checksums() {
    for (at, value) in [(0x20, 0xffff_u16), (0x20, 200), (0x22, 0xffff)] {
        let tree = Tree::new(EXT4).set(at, &value.to_le_bytes());
        let (report, _) = walked(&tree.editor);
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["/many htree.limit"], "{at:#x}");
        assert_eq!(report.entries, 316);
    }
}

#[test]
fn row_34_info() {
    for version in [3, 4, 5, 7, 255] {
        each(|tree| tree.set(0x1c, &[version]));
    }
    for levels in [1, 2, 3, 255] {
        each(|tree| tree.set(0x1e, &[levels]));
    }
    each(|tree| tree.set(0x1f, &[1]));
    each(|tree| tree.set(0x1f, &[0xff]));
}

/// An info that is none: the block is no root then, but a leaf without a tail.
#[test]
fn row_34_a_root_that_is_none() {
    for (at, byte) in [(0x1d, 7), (0x18, 1)] {
        let tree = Tree::new(PLAIN).set(at, &[byte]);
        tree.falls_back();
        let tree = Tree::new(EXT4).set(at, &[byte]);
        let (report, _) = walked(&tree.editor);
        assert!(!report.findings.is_empty());
        let ids: BTreeSet<_> = report.findings.iter().map(|f| f.what.as_str()).collect();
        assert!(ids.iter().all(|id| ["dir.tail", "dir.checksum"].contains(id)), "{ids:?}");
    }
    // The flag on a directory that has no tree.
    let mut editor = image(EXT4);
    let dir = editor.lookup("/dir").unwrap();
    let flags = editor.get_u32(Spot::Inode(dir), 0x20).unwrap();
    editor.set_u32(Spot::Inode(dir), 0x20, flags | 0x1000).unwrap();
    only(&editor, &[]);
}

#[test]
fn row_34_children() {
    // The root itself, the first block behind the directory, far behind.
    let blocks = {
        let tree = Tree::new(EXT4);
        u32::try_from(tree.editor.file_size(tree.inode).unwrap() / 1024).unwrap()
    };
    for child in [0, blocks, 0x0fff_ffff] {
        for pair in [0, 3] {
            each(|tree| tree.set(0x24 + 8 * pair, &child.to_le_bytes()));
        }
    }
}

#[test]
fn row_34_unsorted() {
    each(|tree| {
        let (second, third) = (tree.get32(0x28), tree.get32(0x30));
        tree.set(0x28, &third.to_le_bytes()).set(0x30, &second.to_le_bytes())
    });
    each(|tree| tree.set(0x28, &u32::MAX.to_le_bytes()));
}

/// An inner node that is its own child.
#[test]
fn row_34_a_loop_of_inner_nodes() {
    for (args, limit) in [(EXT4, 126_u16), (PLAIN, 127)] {
        let mut tree = Tree::new(args);
        let last = u32::try_from(tree.editor.file_size(tree.inode).unwrap() / 1024 - 1).unwrap();
        let block = tree.editor.map_block(tree.inode, last).unwrap().unwrap();
        // The names in that block are lost.
        let mut node = vec![0; 1024];
        node[4..6].copy_from_slice(&1024_u16.to_le_bytes());
        node[8..10].copy_from_slice(&limit.to_le_bytes());
        node[10] = 1;
        node[12..16].copy_from_slice(&last.to_le_bytes());
        tree.editor.set_bytes(Spot::Block(block), 0, &node).unwrap();
        tree.editor.fix(Part::DxNode { inode: tree.inode, block }).unwrap();
        tree = tree.set(0x1e, &[1]).set(0x22, &[1, 0]).set(0x24, &last.to_le_bytes()).fix();
        let (report, _) = walked(&tree.editor);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert!((280..316).contains(&report.entries), "{}", report.entries);
    }
}

/// Every leaf said to continue the one before: look-ups go through all of them, once.
#[test]
fn row_34_a_collision_run_over_everything() {
    for args in [EXT4, PLAIN] {
        let mut tree = Tree::new(args);
        for pair in 1..tree.count() {
            tree = tree.set(0x20 + 8 * pair, &1_u32.to_le_bytes());
        }
        let tree = tree.fix();
        let (report, fs) = walked(&tree.editor);
        assert_eq!(report.entries, 316);
        // Names that hash elsewhere are not where they should be: that is all.
        assert!(report.findings.iter().all(|f| f.what == "listed, not found"));
        let dir = fs.open_dir(b"/many", IoFlags::NONE).unwrap();
        assert_eq!(dir.lookup(b"none", IoFlags::NONE).unwrap(), None);
    }
}

#[test]
fn row_34_without_the_fix_it_is_the_checksum() {
    let tree = Tree::new(EXT4).set(0x1e, &[1]);
    let (report, fs) = walked(&tree.editor);
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["/many htree.checksum"]);
    assert_eq!(report.entries, 316);
    let dir = fs.open_dir(b"/many", IoFlags::NONE).unwrap();
    let name = b"name-042-xxxxxxxxxxxxxxxxxxxx";
    assert!(dir.lookup(name, IoFlags::NONE).unwrap().is_some());
}

/// A keyed hash where no key can be: names are still found, by scanning.
#[test]
fn row_35_siphash_without_a_key() {
    each(|tree| tree.set(0x1c, &[6]));
    // In a casefolded directory too.
    let args = ["-t", "ext4", "-b", "1024", "-O", "casefold"];
    let mut tree = Tree::new(&args);
    let flags = tree.editor.get_u32(Spot::Inode(tree.inode), 0x20).unwrap();
    tree.editor.set_u32(Spot::Inode(tree.inode), 0x20, flags | 0x4000_0000).unwrap();
    tree.set(0x1c, &[6]).fix().falls_back();
}

/// Encrypted and casefolded, without keys: the hash is in the name that is shown.
#[test]
fn row_35_encrypted_and_casefolded_without_a_key() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "casefold,encrypt"];
    for version in [1, 6] {
        let mut tree = Tree::new(&args);
        let flags = tree.editor.get_u32(Spot::Inode(tree.inode), 0x20).unwrap();
        tree.editor.set_u32(Spot::Inode(tree.inode), 0x20, flags | 0x4000_0800).unwrap();
        let tree = tree.set(0x1c, &[version]).fix();
        let (report, fs) = walked(&tree.editor);
        let ids: BTreeSet<_> = report.findings.iter().map(|f| f.what.as_str()).collect();
        // The entries have no room for the hashes that such a directory stores, and no context.
        let allowed = ["dir.rec_len", "crypt.name", "crypt.context", "listed, not found"];
        assert!(ids.iter().all(|id| allowed.contains(id)), "{ids:?}");
        crate::support::unrelated_reads_right(&fs);
        assert!(open(&tree.editor).is_ok());
    }
}
