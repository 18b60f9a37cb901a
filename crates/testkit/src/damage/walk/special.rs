//! Structures of their own: journal superblock, orphan file, multiple mount protection, quota.

use super::{Structure, Walk};
use crate::damage::fields::{JOURNAL, MMP, QUOTA_ENTRY, QUOTA_HEADER, QUOTA_LEAF};
use crate::damage::site::{Class, Kind};
use crate::error::Result;
use crate::hostile::{Part, Spot};

/// Bytes of a block of a quota file, whatever the file system's.
const QUOTA_BLOCK: u64 = 1024;
/// Levels of references above the leaves of a quota file.
const QUOTA_DEPTH: u32 = 4;
/// Bytes of an entry of a quota file.
const QUOTA_ENTRY_SIZE: u64 = 72;

impl Walk<'_> {
    pub(super) fn special(&mut self) -> Result<()> {
        let superblock = Spot::Superblock;
        if self.editor.get_u32(superblock, 0xe0)? != 0 {
            self.journal()?;
        }
        let orphans = self.editor.get_u32(superblock, 0x280)?;
        if self.editor.get_u32(superblock, 0x5c)? & 0x1000 != 0 && orphans != 0 {
            self.orphan_file(orphans)?;
        }
        let mmp = self.editor.get_u64(superblock, 0x168)?;
        if self.editor.get_u32(superblock, 0x60)? & 0x100 != 0 && mmp != 0 {
            let structure = Structure::new(Class::Mmp, "MMP block", Some(Part::Mmp));
            self.add(&structure, mmp * self.block, MMP);
            self.sum(&structure, "mmp_checksum", mmp * self.block + 0x3fc, 4);
        }
        for (offset, name) in [(0x240, "user"), (0x244, "group"), (0x26c, "project")] {
            let inode = self.editor.get_u32(superblock, offset)?;
            if self.editor.get_u32(superblock, 0x64)? & 0x100 != 0 && inode != 0 {
                self.quota(inode, name)?;
            }
        }
        Ok(())
    }

    fn journal(&mut self) -> Result<()> {
        let base = self.editor.journal_superblock()? * self.block;
        let part = Some(Part::JournalSuperblock);
        let structure = Structure::new(Class::Journal, "journal superblock", part);
        self.add(&structure, base, JOURNAL);
        if self.editor.checksums(Part::JournalSuperblock)?.is_some() {
            self.sum(&structure, "s_checksum", base + 0xfc, 4);
        }
        Ok(())
    }

    fn orphan_file(&mut self, inode: u32) -> Result<()> {
        for (logical, block) in self.blocks_of(inode)? {
            let base = block * self.block;
            let owner = format!("orphan file, block {logical}");
            let part = Part::OrphanBlock { inode, block };
            let structure = Structure::new(Class::Orphan, owner, Some(part));
            let fields = [
                ("entry", 0, Kind::Number(4)),
                ("entry", self.block / 8 * 4, Kind::Number(4)),
                ("ob_magic", self.block - 8, Kind::Number(4)),
            ];
            self.add(&structure, base, &fields);
            self.sum(&structure, "ob_checksum", base + self.block - 4, 4);
        }
        Ok(())
    }

    /// The byte of the image that holds byte 0 of block `number` of a quota file.
    fn quota_block(&self, inode: u32, number: u32) -> Result<Option<u64>> {
        let offset = u64::from(number) * QUOTA_BLOCK;
        let logical = u32::try_from(offset / self.block).unwrap_or(u32::MAX);
        let block = self.editor.map_block(inode, logical)?;
        Ok(block.map(|block| block * self.block + offset % self.block))
    }

    fn quota(&mut self, inode: u32, name: &str) -> Result<()> {
        let structure = Structure::new(Class::Quota, format!("{name} quota"), None);
        let Some(base) = self.quota_block(inode, 0)? else { return Ok(()) };
        self.add(&structure, base, QUOTA_HEADER);
        let mut level = vec![1];
        for depth in 0..=QUOTA_DEPTH {
            let mut below = Vec::new();
            for number in level {
                let Some(base) = self.quota_block(inode, number)? else { continue };
                if depth < QUOTA_DEPTH {
                    below.extend(self.references(&structure, base)?);
                } else {
                    self.quota_leaf(&structure, base)?;
                }
            }
            level = below;
        }
        Ok(())
    }

    /// Adds the references that are set, and returns them.
    fn references(&mut self, structure: &Structure, base: u64) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for place in (0..QUOTA_BLOCK / 4).map(|index| base + 4 * index) {
            let number = self.u32(place)?;
            if number != 0 {
                found.push(number);
                self.add(structure, place, &[("reference", 0, Kind::Number(4))]);
            }
        }
        Ok(found)
    }

    fn quota_leaf(&mut self, structure: &Structure, base: u64) -> Result<()> {
        self.add(structure, base, QUOTA_LEAF);
        for number in 0..(QUOTA_BLOCK - 16) / QUOTA_ENTRY_SIZE {
            let at = base + 16 + number * QUOTA_ENTRY_SIZE;
            let bytes = self.editor.get_bytes(Spot::Image, at, 72)?;
            if bytes.iter().any(|&byte| byte != 0) {
                self.add(structure, at, QUOTA_ENTRY);
            }
        }
        Ok(())
    }
}
