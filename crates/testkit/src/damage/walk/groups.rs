//! Superblock, descriptors, bitmaps, and the inodes that are in use.

use super::{Structure, Walk};
use crate::damage::fields::{DESCRIPTOR, SUPERBLOCK, WIDE_DESCRIPTOR};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

/// `EXT4_BG_INODE_UNINIT`.
const INODE_UNINIT: u16 = 1;
/// `EXT4_BG_BLOCK_UNINIT`.
const BLOCK_UNINIT: u16 = 2;

impl Walk<'_> {
    pub(super) fn groups(&mut self) -> Result<()> {
        let structure = Structure::new(Class::Superblock, "superblock", Some(Part::Superblock));
        self.add(&structure, 1024, SUPERBLOCK);
        self.sum(&structure, "s_checksum", 1024 + 0x3fc, 4);
        for group in 0..self.editor.group_count()? {
            self.group(group)?;
        }
        self.backup()
    }

    /// The first copy of the superblock, where it is plain to see.
    fn backup(&mut self) -> Result<()> {
        if self.editor.group_count()? < 2 {
            return Ok(());
        }
        let (part, spot) = (Part::Backup(1), Spot::Backup(1));
        if self.editor.get_u16(spot, 0x38)? == 0xef53 {
            let base = self.editor.locate(spot)?;
            let structure = Structure::new(Class::Backup, "superblock of group 1", Some(part));
            self.add(&structure, base, SUPERBLOCK);
        }
        Ok(())
    }

    fn group(&mut self, group: u32) -> Result<()> {
        let at = self.editor.locate(Spot::Group(group))?;
        let structure =
            Structure::new(Class::Descriptor, format!("group {group}"), Some(Part::Group(group)));
        self.add(&structure, at, DESCRIPTOR);
        let wide = self.editor.descriptor_size()? >= 64;
        if wide {
            self.add(&structure, at, WIDE_DESCRIPTOR);
        }
        let gdt_sums = self.editor.get_u32(Spot::Superblock, 0x64)? & 0x410 != 0;
        if gdt_sums {
            let sum = [("bg_checksum", 0x1e, Kind::Sum(2))];
            let alone = Structure { part: None, ..structure.class(Class::Checksum) };
            self.add(&alone, at, &sum);
        }
        self.bitmaps(group, at, wide)?;
        let start = self.editor.group_block(group, 0x8)?;
        self.used.extend([start, start + 1]);
        Ok(())
    }

    fn bitmaps(&mut self, group: u32, at: u64, wide: bool) -> Result<()> {
        let flags = self.u16(at + 0x12)?;
        // Clusters per group; the last group ends before its bitmap does.
        let (clusters, inodes) = (self.per_group(0x24)?, self.per_group(0x28)?);
        let both = [
            (Class::BlockBitmap, BLOCK_UNINIT, 0x0, clusters),
            (Class::InodeBitmap, INODE_UNINIT, 0x4, inodes),
        ];
        for (class, uninit, offset, bits) in both {
            let block = self.editor.group_block(group, offset)?;
            self.used.insert(block);
            if flags & uninit != 0 {
                continue;
            }
            let blocks = class == Class::BlockBitmap;
            let part = if blocks { Part::BlockBitmap(group) } else { Part::InodeBitmap(group) };
            let structure = Structure::new(class, format!("group {group}"), Some(part));
            let padding = u32::try_from(8 * self.block).unwrap_or_default().saturating_sub(bits);
            self.add(&structure, block * self.block, &[("bitmap", 0, Kind::Bits(bits))]);
            if padding >= 8 {
                let after = u64::from(bits / 8);
                let field = ("bitmap padding", after, Kind::Bits(padding));
                self.add(&structure, block * self.block, &[field]);
            }
            let name = if blocks { "bg_block_bitmap_csum" } else { "bg_inode_bitmap_csum" };
            self.sum(&structure, name, at + 0x18 + offset / 2, 2);
            if wide {
                self.sum(&structure, name, at + 0x38 + offset / 2, 2);
            }
        }
        Ok(())
    }

    fn per_group(&self, offset: u64) -> Result<u32> {
        self.editor.get_u32(Spot::Superblock, offset)
    }

    /// The inodes whose bits are set, in order.
    pub(super) fn live_inodes(&self) -> Result<Vec<u32>> {
        let per_group = self.per_group(0x28)?;
        let mut found = Vec::new();
        for group in 0..self.editor.group_count()? {
            let spot = Spot::Group(group);
            if self.editor.get_u16(spot, 0x12)? & INODE_UNINIT != 0 {
                continue;
            }
            let base = self.editor.group_block(group, 0x4)? * self.block;
            for bit in 0..per_group {
                if self.u8(base + u64::from(bit / 8))? & 1 << (bit % 8) != 0 {
                    found.push(group * per_group + bit + 1);
                }
            }
        }
        Ok(found)
    }
}
