//! Directories: entries of leaves, hash trees, and those in inodes.

use std::collections::BTreeSet;

use super::inodes::I_BLOCK;
use super::{Structure, Walk};
use crate::damage::fields::{DIRENT, DX_COUNT, DX_ENTRY, DX_NODE, DX_ROOT};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

/// Inode flag: the directory has a hash tree.
const INDEX: u32 = 0x1000;
/// Inode flag: the content is in the inode.
const INLINE_DATA: u32 = 0x1000_0000;
/// Bits of a block number in a hash tree.
const DX_BLOCK: u32 = 0x0fff_ffff;

impl Walk<'_> {
    /// Finds a name for each inode. Names in inline directories are not looked for.
    pub(super) fn names(&mut self) -> Result<()> {
        for inode in self.live_inodes()? {
            let at = self.editor.locate(Spot::Inode(inode))?;
            let folder = self.u16(at)? & 0xf000 == 0x4000;
            if folder && self.u32(at + 0x20)? & INLINE_DATA == 0 {
                for (_, block) in self.blocks_of(inode)? {
                    self.name_entries(block * self.block)?;
                }
            }
        }
        Ok(())
    }

    fn name_entries(&mut self, base: u64) -> Result<()> {
        for at in self.entries(base, base + self.block)? {
            let length = usize::from(self.u8(at + 6)?);
            let name = self.editor.get_bytes(Spot::Image, at + 8, length)?;
            let (inode, name) = (self.u32(at)?, name.escape_ascii().to_string());
            if inode != 0 && name != "." && name != ".." {
                self.names.entry(inode).or_insert(name);
            }
        }
        Ok(())
    }

    /// The offsets of the entries between two offsets; what does not fit ends the list.
    fn entries(&self, base: u64, end: u64) -> Result<Vec<u64>> {
        let (mut at, mut found) = (base, Vec::new());
        while at + 8 <= end {
            let step = u64::from(self.u16(at + 4)?);
            if step < 8 || at + step > end || at + 8 + u64::from(self.u8(at + 6)?) > end {
                break;
            }
            found.push(at);
            at += step;
        }
        Ok(found)
    }

    pub(super) fn directory(&mut self, inode: u32, blocks: &[(u32, u64)]) -> Result<()> {
        let indexed = self.editor.get_u32(Spot::Inode(inode), 0x20)? & INDEX != 0;
        let nodes = if indexed { self.nodes(blocks)? } else { BTreeSet::new() };
        let title = self.title(inode);
        for &(logical, block) in blocks {
            let base = block * self.block;
            if indexed && logical == 0 {
                let part = Part::DxRoot { inode, block };
                let owner = format!("{title}, hash tree root");
                self.root(&Structure::new(Class::HtreeRoot, owner, Some(part)), base)?;
            } else if nodes.contains(&logical) {
                let part = Part::DxNode { inode, block };
                let owner = format!("{title}, hash tree node {logical}");
                let node = Structure::new(Class::HtreeNode, owner, Some(part));
                self.add(&node, base, DX_NODE);
                self.dx_entries(&node, base, 8)?;
            } else {
                let part = Part::DirLeaf { inode, block };
                self.leaf(&Structure::new(Class::Dirent, title.as_str(), Some(part)), base)?;
            }
        }
        Ok(())
    }

    /// Logical numbers of the inner nodes below the root.
    fn nodes(&self, blocks: &[(u32, u64)]) -> Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        let Some(&(_, root)) = blocks.first() else { return Ok(found) };
        let mut level = self.children(root * self.block, 32)?;
        for _ in 0..self.u8(root * self.block + 30)? {
            found.extend(&level);
            let mut below = Vec::new();
            for node in level {
                let place = blocks.iter().find(|&&(logical, _)| logical == node);
                if let Some(&(_, block)) = place {
                    below.extend(self.children(block * self.block, 8)?);
                }
            }
            level = below;
        }
        Ok(found)
    }

    fn children(&self, base: u64, entries: u64) -> Result<Vec<u32>> {
        let count = u64::from(self.u16(base + entries + 2)?);
        let places = (0..count).map(|number| base + entries + 8 * number + 4);
        places.map(|at| self.u32(at).map(|block| block & DX_BLOCK)).collect()
    }

    fn root(&mut self, root: &Structure, base: u64) -> Result<()> {
        self.add(&root.class(Class::Dots), base, DIRENT);
        self.add(&root.class(Class::Dots), base + 12, DIRENT);
        self.add(root, base, DX_ROOT);
        self.dx_entries(root, base, 32)
    }

    fn dx_entries(&mut self, node: &Structure, base: u64, entries: u64) -> Result<()> {
        self.add(node, base + entries, DX_COUNT);
        let limit = u64::from(self.u16(base + entries)?);
        let count = u64::from(self.u16(base + entries + 2)?);
        for number in 1..count {
            self.add(node, base + entries + 8 * number, DX_ENTRY);
        }
        self.sum(node, "dt_checksum", base + entries + 8 * limit + 4, 4);
        Ok(())
    }

    fn leaf(&mut self, leaf: &Structure, base: u64) -> Result<()> {
        let end = base + self.block - if self.summed { 12 } else { 0 };
        for at in self.entries(base, end)? {
            self.entry(leaf, at)?;
        }
        if self.summed {
            let tail = [
                ("det_reserved_zero1", 0, Kind::Number(4)),
                ("det_rec_len", 4, Kind::Number(2)),
                ("det_reserved_ft", 7, Kind::Number(1)),
            ];
            self.add(leaf, end, &tail);
            self.sum(leaf, "det_checksum", end + 8, 4);
        }
        Ok(())
    }

    /// One entry, and one byte of its name.
    fn entry(&mut self, leaf: &Structure, at: u64) -> Result<()> {
        let length = u64::from(self.u8(at + 6)?);
        let used = self.u32(at)? != 0;
        let name =
            self.editor.get_bytes(Spot::Image, at + 8, usize::try_from(length).unwrap_or(0))?;
        let dots = used && (name == b"." || name == b"..");
        let entry = if dots { leaf.class(Class::Dots) } else { leaf.clone() };
        self.add(&entry, at, DIRENT);
        if used && length > 0 {
            let byte = at / 12 % length;
            self.add(&entry, at + 8 + byte, &[("name", 0, Kind::Text)]);
        }
        Ok(())
    }

    /// The parent and the entries in the inode's map; those in its attribute come with that.
    pub(super) fn inline_directory(&mut self, inode: u32) -> Result<()> {
        let at = self.editor.locate(Spot::Inode(inode))? + I_BLOCK;
        let owner = self.title(inode);
        let structure = Structure::new(Class::InlineDirent, owner, Some(Part::Inode(inode)));
        self.add(&structure, at, &[("inline parent", 0, Kind::Number(4))]);
        self.inline_entries(&structure, at + 4, at + 60)
    }

    pub(super) fn inline_entries(
        &mut self,
        structure: &Structure,
        base: u64,
        end: u64,
    ) -> Result<()> {
        for at in self.entries(base, end)? {
            self.entry(structure, at)?;
        }
        Ok(())
    }
}
