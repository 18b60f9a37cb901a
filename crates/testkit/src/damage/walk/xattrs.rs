//! Attributes in inodes and in blocks.

use super::{Structure, Walk};
use crate::damage::fields::{XATTR_ENTRY, XATTR_HEADER};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

/// The magic number before attributes in an inode and in a block.
const MAGIC: u32 = 0xea02_0000;

impl Walk<'_> {
    pub(super) fn xattrs(&mut self, structure: &Structure, inode: u32) -> Result<()> {
        let at = self.editor.locate(Spot::Inode(inode))?;
        let size = self.editor.inode_size()? as u64;
        if size > 128 {
            let start = 128 + u64::from(self.u16(at + 0x80)?);
            if start + 8 <= size && self.u32(at + start)? == MAGIC {
                let body = structure.class(Class::XattrInode);
                self.add(&body, at + start, &[("h_magic", 0, Kind::Number(4))]);
                self.attributes(&body, at + start + 4, at + start + 4, at + size)?;
            }
        }
        let block = self.editor.xattr_block(inode)?;
        if block == 0 || !self.xattr_blocks.insert(block) {
            return Ok(());
        }
        self.used.insert(block);
        let base = block * self.block;
        let owner = format!("{}, attribute block {block}", structure.owner);
        let header = Structure::new(Class::XattrBlock, owner, Some(Part::XattrBlock(block)));
        self.add(&header, base, XATTR_HEADER);
        self.sum(&header, "h_checksum", base + 0x10, 4);
        self.attributes(&header, base + 32, base, base + self.block)
    }

    /// Entries from `first` to the terminator; their values count from `base`.
    fn attributes(&mut self, area: &Structure, first: u64, base: u64, end: u64) -> Result<()> {
        let mut at = first;
        while at + 16 <= end && self.u32(at)? != 0 {
            let length = u64::from(self.u8(at)?);
            self.add(area, at, XATTR_ENTRY);
            if length > 0 {
                self.add(area, at + 16 + at / 4 % length, &[("name", 0, Kind::Text)]);
            }
            let (value, size) = (base + u64::from(self.u16(at + 2)?), u64::from(self.u32(at + 8)?));
            if self.u32(at + 4)? == 0 && size > 0 {
                self.add(area, value + size / 2, &[("value", 0, Kind::Text)]);
                self.inline_rest(area, at, value, value + size)?;
            }
            at += (16 + length).next_multiple_of(4);
        }
        if at + 4 <= end {
            self.add(area, at, &[("terminator", 0, Kind::Number(4))]);
        }
        Ok(())
    }

    /// `system.data` of a directory holds entries.
    fn inline_rest(&mut self, area: &Structure, at: u64, value: u64, end: u64) -> Result<()> {
        let data =
            self.u8(at + 1)? == 7 && self.editor.get_bytes(Spot::Image, at + 16, 4)? == b"data";
        let Some(Part::Inode(inode)) = area.part else { return Ok(()) };
        let folder = self.editor.get_u16(Spot::Inode(inode), 0)? & 0xf000 == 0x4000;
        if data && folder {
            self.inline_entries(&area.class(Class::InlineDirent), value, end)?;
        }
        Ok(())
    }
}
