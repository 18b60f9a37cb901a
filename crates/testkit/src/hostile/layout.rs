//! Where structures are: descriptors, inodes, mapped blocks, names.

use super::{ImageEditor, SUPERBLOCK, Spot};
use crate::error::{Error, Result};

/// Incompatible feature: 64-bit block numbers.
const INCOMPAT_64BIT: u32 = 0x80;
/// Incompatible feature: descriptors spread over meta groups.
const INCOMPAT_META_BG: u32 = 0x10;
/// Read-only feature: backups only in groups 0, 1 and powers of 3, 5, 7.
const RO_SPARSE_SUPER: u32 = 0x1;
/// Inode flag: the map is an extent tree.
const EXTENTS_FL: u32 = 0x8_0000;
/// Byte offset of the map in an inode.
const I_BLOCK: u64 = 0x28;

impl ImageEditor {
    /// The byte offset of `spot` in the image.
    ///
    /// # Errors
    /// If the group or the inode number is too large for the image.
    pub fn locate(&self, spot: Spot) -> Result<u64> {
        match spot {
            Spot::Superblock => Ok(SUPERBLOCK),
            Spot::Backup(0) => Ok(SUPERBLOCK),
            Spot::Backup(group) => Ok(self.group_start(group)? * self.block_size()?),
            Spot::Group(group) => self.descriptor_offset(group),
            Spot::Inode(inode) => self.inode_offset(inode),
            Spot::Block(block) => Ok(block * self.block_size()?),
            Spot::Image => Ok(0),
        }
    }

    pub(super) fn sb32(&self, offset: u64) -> Result<u32> {
        self.get_u32(Spot::Superblock, offset)
    }

    /// Block size in bytes.
    ///
    /// # Errors
    /// If the image is too short for a superblock, or the field is broken already.
    pub fn block_size(&self) -> Result<u64> {
        let log = self.sb32(0x18)?;
        let size = 1024_u64.checked_shl(log).filter(|_| log <= 6);
        size.ok_or_else(|| Error::Image(format!("s_log_block_size is {log}")))
    }

    /// Block size in bytes, for slices.
    pub(super) fn block_bytes(&self) -> Result<usize> {
        self.block_size().map(|size| usize::try_from(size).unwrap_or_default())
    }

    /// Inode size in bytes: 128 on revision 0.
    ///
    /// # Errors
    /// If the image is too short.
    pub fn inode_size(&self) -> Result<usize> {
        let size = self.get_u16(Spot::Superblock, 0x58)?;
        Ok(if self.sb32(0x4c)? == 0 { 128 } else { usize::from(size) })
    }

    /// Descriptor size in bytes.
    ///
    /// # Errors
    /// If the image is too short.
    pub fn descriptor_size(&self) -> Result<usize> {
        let wide = self.sb32(0x60)? & INCOMPAT_64BIT != 0;
        Ok(if wide { usize::from(self.get_u16(Spot::Superblock, 0xfe)?) } else { 32 })
    }

    /// The number of groups.
    ///
    /// # Errors
    /// If the image is too short, or blocks per group is zero.
    pub fn group_count(&self) -> Result<u32> {
        let blocks = self.sb32(0x4)?.saturating_sub(self.sb32(0x14)?);
        match self.sb32(0x20)? {
            0 => Err(Error::Image("s_blocks_per_group is 0".to_owned())),
            per_group => Ok(blocks.div_ceil(per_group)),
        }
    }

    fn group_start(&self, group: u32) -> Result<u64> {
        Ok(u64::from(self.sb32(0x14)?) + u64::from(group) * u64::from(self.sb32(0x20)?))
    }

    /// Whether `group` begins with a copy of the superblock. Not for `sparse_super2`.
    fn has_super(&self, group: u32) -> Result<bool> {
        let power_of = |base: u32| {
            std::iter::successors(Some(base), |power| power.checked_mul(base))
                .take_while(|&power| power <= group)
                .any(|power| power == group)
        };
        let sparse = self.sb32(0x64)? & RO_SPARSE_SUPER != 0;
        Ok(!sparse || group <= 1 || [3, 5, 7].into_iter().any(power_of))
    }

    fn descriptor_offset(&self, group: u32) -> Result<u64> {
        let (block, size) = (self.block_size()?, self.descriptor_size()? as u64);
        let per_block = block / size.max(1);
        let table_block = u64::from(group) / per_block.max(1);
        let within = u64::from(group) % per_block.max(1) * size;
        let meta = self.sb32(0x60)? & INCOMPAT_META_BG != 0;
        if meta && table_block >= u64::from(self.sb32(0x104)?) {
            let first = u32::try_from(table_block * per_block).unwrap_or(u32::MAX);
            let mut skip = u64::from(self.has_super(first)?);
            // bigalloc begins group 0 at block 0 even with blocks of 1 KiB: the superblock is then
            // in the group's second block.
            skip += u64::from(first == 0 && block == SUPERBLOCK && self.sb32(0x14)? == 0);
            return Ok((self.group_start(first)? + skip) * block + within);
        }
        Ok((SUPERBLOCK / block + 1 + table_block) * block + within)
    }

    fn inode_offset(&self, inode: u32) -> Result<u64> {
        let per_group = self.sb32(0x28)?;
        let index = inode.checked_sub(1).filter(|_| per_group > 0);
        let index = index.ok_or_else(|| Error::Image(format!("no inode {inode}")))?;
        let table = self.group_block(index / per_group, 0x8)?;
        let within = u64::from(index % per_group) * self.inode_size()? as u64;
        Ok(table * self.block_size()? + within)
    }

    /// The block number whose low half is at `offset` of a group's descriptor: 0x0 block bitmap,
    /// 0x4 inode bitmap, 0x8 inode table.
    ///
    /// # Errors
    /// If the group is not in the image.
    pub fn group_block(&self, group: u32, offset: u64) -> Result<u64> {
        let spot = Spot::Group(group);
        let low = u64::from(self.get_u32(spot, offset)?);
        let wide = self.descriptor_size()? >= 64;
        let high = if wide { self.get_u32(spot, offset + 0x20)? } else { 0 };
        Ok(low | u64::from(high) << 32)
    }

    /// The block that the attribute block pointer of `inode` names; 0 if none.
    ///
    /// # Errors
    /// If the inode is not in the image.
    pub fn xattr_block(&self, inode: u32) -> Result<u64> {
        let low = u64::from(self.get_u32(Spot::Inode(inode), 0x68)?);
        Ok(low | u64::from(self.get_u16(Spot::Inode(inode), 0x76)?) << 32)
    }

    /// The block that holds logical block `logical` of `inode`, through extents or the block map up
    /// to double indirect; `None` for a hole.
    ///
    /// # Errors
    /// If a structure on the way is not in the image.
    pub fn map_block(&self, inode: u32, logical: u32) -> Result<Option<u64>> {
        if self.get_u32(Spot::Inode(inode), 0x20)? & EXTENTS_FL == 0 {
            return self.map_indirect(inode, logical);
        }
        let (mut spot, mut base) = (Spot::Inode(inode), I_BLOCK);
        loop {
            let depth = self.get_u16(spot, base + 6)?;
            let Some(entry) = self.extent_entry(spot, base, logical)? else { return Ok(None) };
            if depth == 0 {
                return self.extent_block(spot, entry, logical);
            }
            let high = u64::from(self.get_u16(spot, entry + 8)?);
            let child = u64::from(self.get_u32(spot, entry + 4)?) | high << 32;
            (spot, base) = (Spot::Block(child), 0);
        }
    }

    /// The blocks of the extent tree of `inode` below its root, parents first.
    ///
    /// # Errors
    /// If a structure on the way is not in the image.
    pub fn extent_blocks(&self, inode: u32) -> Result<Vec<u64>> {
        let mut found = Vec::new();
        if self.get_u32(Spot::Inode(inode), 0x20)? & EXTENTS_FL == 0 {
            return Ok(found);
        }
        let mut open = vec![(Spot::Inode(inode), I_BLOCK)];
        while let Some((spot, base)) = open.pop() {
            let count = u64::from(self.get_u16(spot, base + 2)?);
            for entry in (0..count).map(|number| base + 12 + 12 * number) {
                if self.get_u16(spot, base + 6)? > 0 {
                    let high = u64::from(self.get_u16(spot, entry + 8)?);
                    let child = u64::from(self.get_u32(spot, entry + 4)?) | high << 32;
                    found.push(child);
                    open.push((Spot::Block(child), 0));
                }
            }
        }
        Ok(found)
    }

    /// The offset of the last entry that begins at or before `logical`.
    fn extent_entry(&self, spot: Spot, base: u64, logical: u32) -> Result<Option<u64>> {
        let count = u64::from(self.get_u16(spot, base + 2)?);
        let mut last = None;
        for entry in (0..count).map(|number| base + 12 + 12 * number) {
            if self.get_u32(spot, entry)? <= logical {
                last = Some(entry);
            }
        }
        Ok(last)
    }

    fn extent_block(&self, spot: Spot, entry: u64, logical: u32) -> Result<Option<u64>> {
        let within = logical - self.get_u32(spot, entry)?;
        let raw = self.get_u16(spot, entry + 4)?;
        let length = if raw > 32768 { raw - 32768 } else { raw };
        let high = u64::from(self.get_u16(spot, entry + 6)?);
        let start = u64::from(self.get_u32(spot, entry + 8)?) | high << 32;
        Ok((within < u32::from(length)).then_some(start + u64::from(within)))
    }

    fn map_indirect(&self, inode: u32, logical: u32) -> Result<Option<u64>> {
        let fanout = u32::try_from(self.block_size()? / 4).unwrap_or(1);
        let node = Spot::Inode(inode);
        let path = if logical < 12 {
            vec![logical]
        } else if logical - 12 < fanout {
            vec![12, logical - 12]
        } else {
            let rest = logical - 12 - fanout;
            vec![13, rest / fanout, rest % fanout]
        };
        let (mut spot, mut base, mut found) = (node, I_BLOCK, 0);
        for index in path {
            found = u64::from(self.get_u32(spot, base + 4 * u64::from(index))?);
            if found == 0 {
                return Ok(None);
            }
            (spot, base) = (Spot::Block(found), 0);
        }
        Ok(Some(found))
    }

    /// `i_size` of `inode` in bytes.
    ///
    /// # Errors
    /// If the inode is not in the image.
    pub fn file_size(&self, inode: u32) -> Result<u64> {
        let spot = Spot::Inode(inode);
        Ok(u64::from(self.get_u32(spot, 4)?) | u64::from(self.get_u32(spot, 0x6c)?) << 32)
    }

    /// Where the entry `name` of directory `inode` is: its block and its offset in the block.
    /// Looks through all blocks in order; not into inline directories.
    ///
    /// # Errors
    /// If there is no such entry, or a structure on the way is not in the image.
    pub fn find_entry(&self, inode: u32, name: &[u8]) -> Result<(u64, u64)> {
        let blocks = self.file_size(inode)? / self.block_size()?;
        for logical in 0..u32::try_from(blocks).unwrap_or(u32::MAX) {
            let Some(block) = self.map_block(inode, logical)? else { continue };
            if let Some(offset) = self.entry_in_block(block, name)? {
                return Ok((block, offset));
            }
        }
        Err(Error::Image(format!("no name {} in inode {inode}", name.escape_ascii())))
    }

    fn entry_in_block(&self, block: u64, name: &[u8]) -> Result<Option<u64>> {
        let spot = Spot::Block(block);
        let mut at = 0;
        while at + 12 <= self.block_size()? {
            let used = self.get_u32(spot, at)? != 0;
            let length = usize::from(self.get_u8(spot, at + 6)?);
            if used && length == name.len() && self.get_bytes(spot, at + 8, length)? == name {
                return Ok(Some(at));
            }
            match self.get_u16(spot, at + 4)? {
                step if step >= 12 => at += u64::from(step),
                _ => break,
            }
        }
        Ok(None)
    }

    /// The inode at `path` (`/a/b`), without following symlinks.
    ///
    /// # Errors
    /// As [`find_entry`](Self::find_entry).
    pub fn lookup(&self, path: &str) -> Result<u32> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(2, |inode, name| {
            let (block, offset) = self.find_entry(inode, name.as_bytes())?;
            self.get_u32(Spot::Block(block), offset)
        })
    }
}
