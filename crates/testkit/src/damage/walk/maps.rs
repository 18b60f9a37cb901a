//! Extent trees and indirect blocks.

use super::inodes::I_BLOCK;
use super::{Structure, Walk};
use crate::damage::fields::{EXTENT, EXTENT_HEADER, EXTENT_INDEX};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

impl Walk<'_> {
    pub(super) fn extents(&mut self, inode: u32) -> Result<()> {
        let title = self.title(inode);
        let at = self.editor.locate(Spot::Inode(inode))?;
        let root = Structure::new(Class::ExtentHeader, title.as_str(), Some(Part::Inode(inode)));
        let mut open = vec![(root, at + I_BLOCK)];
        while let Some((node, base)) = open.pop() {
            for block in self.extent_node(&node, base)? {
                let part = Part::ExtentBlock { inode, block };
                let owner = format!("{title}, extent block {block}");
                self.used.insert(block);
                open.push((
                    Structure::new(Class::ExtentHeader, owner, Some(part)),
                    block * self.block,
                ));
            }
        }
        Ok(())
    }

    /// Adds a node, and returns its children.
    fn extent_node(&mut self, node: &Structure, base: u64) -> Result<Vec<u64>> {
        self.add(node, base, EXTENT_HEADER);
        let (count, most) = (u64::from(self.u16(base + 2)?), u64::from(self.u16(base + 4)?));
        let leaf = self.u16(base + 6)? == 0;
        let class = if leaf { Class::Extent } else { Class::ExtentIndex };
        let mut children = Vec::new();
        for entry in (0..count).map(|number| base + 12 + 12 * number) {
            self.add(&node.class(class), entry, if leaf { EXTENT } else { EXTENT_INDEX });
            if !leaf {
                children.push(u64::from(self.u32(entry + 4)?));
            }
        }
        if matches!(node.part, Some(Part::ExtentBlock { .. })) {
            self.sum(node, "et_checksum", base + 12 + 12 * most, 4);
        }
        Ok(children)
    }

    pub(super) fn indirect(&mut self, inode: u32) -> Result<()> {
        const DIRECT: [&str; 15] = [
            "i_block[0]",
            "i_block[1]",
            "i_block[2]",
            "i_block[3]",
            "i_block[4]",
            "i_block[5]",
            "i_block[6]",
            "i_block[7]",
            "i_block[8]",
            "i_block[9]",
            "i_block[10]",
            "i_block[11]",
            "i_block[12]",
            "i_block[13]",
            "i_block[14]",
        ];
        let title = self.title(inode);
        let at = self.editor.locate(Spot::Inode(inode))? + I_BLOCK;
        let class = if inode == 7 { Class::ResizeInode } else { Class::Indirect };
        let root = Structure::new(class, title.as_str(), Some(Part::Inode(inode)));
        for (index, field) in (0_u32..).zip(DIRECT) {
            let place = at + 4 * u64::from(index);
            self.add(&root, place, &[(field, 0, Kind::Block(4))]);
            let block = u64::from(self.u32(place)?);
            if block != 0 && index >= 12 {
                self.indirect_block(&root, block, index - 12)?;
            }
        }
        Ok(())
    }

    /// All pointers that are set, and one that is not.
    fn indirect_block(&mut self, root: &Structure, block: u64, level: u32) -> Result<()> {
        const FIELDS: [&str; 3] = ["pointer to block", "pointer to indirect", "pointer to double"];
        let base = block * self.block;
        self.used.insert(block);
        let field = FIELDS.get(level as usize).copied().unwrap_or("pointer");
        let node = Structure { part: None, ..root.clone() };
        let mut holes = 0;
        for place in (0..self.block / 4).map(|index| base + 4 * index) {
            let child = u64::from(self.u32(place)?);
            holes += u32::from(child == 0);
            if child == 0 && holes > 1 {
                continue;
            }
            self.add(&node, place, &[(field, 0, Kind::Block(4))]);
            if child != 0 && level > 0 {
                self.indirect_block(root, child, level - 1)?;
            }
        }
        Ok(())
    }
}
