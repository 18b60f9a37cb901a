//! Inodes, and where their contents lead.

use super::{Structure, Walk};
use crate::damage::fields::{INODE, WIDE_INODE};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

const EXTENTS: u32 = 0x8_0000;
const EA_INODE: u32 = 0x20_0000;
const INLINE_DATA: u32 = 0x1000_0000;
/// Reserved inodes that mean something where their links or mode do: bad blocks, root, quota,
/// resize, journal.
const RESERVED: [u32; 6] = [1, 2, 3, 4, 7, 8];
/// Empty files that are walked.
const PLAIN: u32 = 4;
/// The inode of bad blocks.
const BAD_BLOCKS: u32 = 1;
/// The resize inode.
const RESIZE: u32 = 7;
/// Where the map is.
pub(super) const I_BLOCK: u64 = 0x28;

impl Walk<'_> {
    pub(super) fn inode(&mut self, inode: u32) -> Result<()> {
        let at = self.editor.locate(Spot::Inode(inode))?;
        let (mode, flags) = (self.u16(at)?, self.u32(at + 0x20)?);
        if inode < 11 && (!RESERVED.contains(&inode) || mode == 0 && inode != 1) {
            return Ok(());
        }
        let size = self.editor.file_size(inode)?;
        let acl = self.editor.xattr_block(inode)?;
        if mode & 0xf000 == 0x8000 && size == 0 && acl == 0 {
            self.plain += 1;
            if self.plain > PLAIN {
                return Ok(());
            }
        }
        let class = match flags & EA_INODE {
            _ if inode == RESIZE => Class::ResizeInode,
            0 => Class::Inode,
            _ => Class::EaInode,
        };
        let structure = Structure::new(class, self.title(inode), Some(Part::Inode(inode)));
        self.inode_fields(&structure, at)?;
        self.content(&structure, inode, flags)?;
        self.xattrs(&structure, inode)
    }

    fn inode_fields(&mut self, structure: &Structure, at: u64) -> Result<()> {
        self.add(structure, at, INODE);
        let links = [("i_links_count", 0x1a, Kind::Number(2))];
        self.add(&structure.class(Class::LinkCount), at, &links);
        self.sum(structure, "i_checksum_lo", at + 0x7c, 2);
        if self.editor.inode_size()? > 128 {
            let end = 128 + u64::from(self.u16(at + 0x80)?);
            let within = |&&(_, offset, kind): &&(&str, u64, Kind)| {
                offset == 0x80 || offset + kind.width() as u64 <= end
            };
            let fields: Vec<_> = WIDE_INODE.iter().filter(within).copied().collect();
            self.add(structure, at, &fields);
            if end >= 0x84 {
                self.sum(structure, "i_checksum_hi", at + 0x82, 2);
            }
        }
        Ok(())
    }

    fn content(&mut self, structure: &Structure, inode: u32, flags: u32) -> Result<()> {
        let at = self.editor.locate(Spot::Inode(inode))?;
        let kind = self.u16(at)? & 0xf000;
        let folder = kind == 0x4000;
        if flags & INLINE_DATA != 0 {
            return if folder { self.inline_directory(inode) } else { Ok(()) };
        }
        match kind {
            // Devices, pipes, sockets: numbers in place of the map.
            0x1000 | 0x2000 | 0x6000 | 0xc000 => {
                let fields =
                    [("i_block[0]", 0, Kind::Number(4)), ("i_block[1]", 4, Kind::Number(4))];
                self.add(structure, at + I_BLOCK, &fields);
                return Ok(());
            }
            0xa000 if self.editor.file_size(inode)? < 60 && flags & EXTENTS == 0 => {
                self.add(structure, at + I_BLOCK, &[("target", 0, Kind::Text)]);
                return Ok(());
            }
            _ => {}
        }
        if flags & EXTENTS != 0 {
            self.extents(inode)?;
        } else if inode != BAD_BLOCKS {
            self.indirect(inode)?;
        }
        let blocks = self.blocks_of(inode)?;
        self.used.extend(blocks.iter().take(64).map(|&(_, block)| block));
        if folder {
            self.directory(inode, &blocks)?;
        }
        Ok(())
    }
}
