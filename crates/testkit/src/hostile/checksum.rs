//! Checksums: what each structure stores, and what it should.

use super::hash::{crc16, crc32c};
use super::{ImageEditor, Spot};
use crate::error::{Error, Result};

/// Read-only feature: CRC16 in descriptors (`uninit_bg`).
const RO_GDT_CSUM: u32 = 0x10;
/// Read-only feature: CRC32C everywhere.
const RO_METADATA_CSUM: u32 = 0x400;
/// Incompatible feature: the seed is in the superblock.
const INCOMPAT_CSUM_SEED: u32 = 0x2000;

/// A structure with a checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The primary superblock.
    Superblock,
    /// The copy at the start of a group.
    Backup(u32),
    /// A group's descriptor.
    Group(u32),
    /// An inode.
    Inode(u32),
    /// A block of the extent tree of `inode`.
    ExtentBlock {
        /// The owner.
        inode: u32,
        /// The block.
        block: u64,
    },
    /// A leaf block of directory `inode`, with its 12-byte tail.
    DirLeaf {
        /// The owner.
        inode: u32,
        /// The block.
        block: u64,
    },
    /// The root of the hash tree of directory `inode`, its block 0.
    DxRoot {
        /// The owner.
        inode: u32,
        /// The block.
        block: u64,
    },
    /// An inner node of the hash tree of directory `inode`.
    DxNode {
        /// The owner.
        inode: u32,
        /// The block.
        block: u64,
    },
    /// A block of extended attributes.
    XattrBlock(u64),
    /// A group's block bitmap; its sum is in the descriptor, which is fixed too.
    BlockBitmap(u32),
    /// A group's inode bitmap; its sum is in the descriptor, which is fixed too.
    InodeBitmap(u32),
    /// The multiple mount protection block.
    Mmp,
    /// A block of the orphan file, inode `inode`.
    OrphanBlock {
        /// The orphan file.
        inode: u32,
        /// The block.
        block: u64,
    },
    /// The superblock of the journal.
    JournalSuperblock,
    /// A descriptor or revoke block of the log.
    JournalTail(u64),
    /// A commit block of the log with checksums of version 2 or 3.
    JournalCommit(u64),
    /// A tag and the copy that it names; the descriptor is fixed too.
    JournalTag {
        /// The block of the image that holds the descriptor.
        descriptor: u64,
        /// Byte offset of the tag in it.
        offset: u64,
        /// The block of the image that holds the copy.
        copy: u64,
    },
}

/// A sum and where its bytes are: two halves, or one.
pub(super) struct Sum {
    pub(super) value: u32,
    pub(super) low: (Spot, u64, usize),
    pub(super) high: Option<(Spot, u64)>,
}

impl Sum {
    pub(super) const fn word(value: u32, spot: Spot, offset: u64) -> Self {
        Self { value, low: (spot, offset, 4), high: None }
    }

    fn bytes(&self) -> [u8; 4] {
        self.value.to_le_bytes()
    }
}

impl ImageEditor {
    /// The stored and the right checksum of `part`; equal on a sound image. `None` if the file
    /// system has no checksum there.
    ///
    /// # Errors
    /// If the structure is not in the image.
    pub fn checksums(&self, part: Part) -> Result<Option<(u32, u32)>> {
        let Some(sum) = self.sum(part)? else { return Ok(None) };
        let (spot, offset, width) = sum.low;
        let low = match width {
            2 => u32::from(self.get_u16(spot, offset)?),
            _ => self.get_u32(spot, offset)?,
        };
        let (mut stored, mut right) = (low, sum.value);
        match sum.high {
            Some((spot, offset)) => stored |= u32::from(self.get_u16(spot, offset)?) << 16,
            None if width == 2 => right &= 0xffff,
            None => {}
        }
        Ok(Some((stored, right)))
    }

    /// Makes the checksum of `part` right; nothing if fixing is off or there is none.
    ///
    /// # Errors
    /// If the structure is not in the image.
    pub fn fix(&mut self, part: Part) -> Result<()> {
        if self.fixing { self.make_right(part) } else { Ok(()) }
    }

    /// As [`fix`](Self::fix), whether fixing is on or not.
    pub(crate) fn make_right(&mut self, part: Part) -> Result<()> {
        if let Some(sum) = self.sum(part)? {
            let bytes = sum.bytes();
            let (spot, offset, width) = sum.low;
            let at = self.locate(spot)? + offset;
            self.overwrite(at, bytes.get(..width).unwrap_or_default())?;
            if let Some((spot, offset)) = sum.high {
                let at = self.locate(spot)? + offset;
                self.overwrite(at, bytes.get(2..).unwrap_or_default())?;
            }
        }
        match part {
            Part::BlockBitmap(group) | Part::InodeBitmap(group) => {
                self.make_right(Part::Group(group))
            }
            Part::JournalTag { descriptor, .. } => self.make_right(Part::JournalTail(descriptor)),
            _ => Ok(()),
        }
    }

    fn sum(&self, part: Part) -> Result<Option<Sum>> {
        let features = self.sb32(0x64)?;
        let metadata = features & RO_METADATA_CSUM != 0;
        match part {
            Part::JournalSuperblock
            | Part::JournalTail(_)
            | Part::JournalCommit(_)
            | Part::JournalTag { .. } => self.journal_sum(part),
            Part::Group(group) if !metadata && features & RO_GDT_CSUM != 0 => {
                self.group_crc16(group).map(Some)
            }
            _ if !metadata => Ok(None),
            Part::Superblock => self.tail_sum(Spot::Superblock, !0).map(Some),
            Part::Backup(group) => self.tail_sum(Spot::Backup(group), !0).map(Some),
            Part::Mmp => self.mmp_sum().map(Some),
            Part::Group(group) => self.group_sum(group).map(Some),
            Part::Inode(inode) => self.inode_sum(inode).map(Some),
            Part::BlockBitmap(group) => self.bitmap_sum(group, 0x0).map(Some),
            Part::InodeBitmap(group) => self.bitmap_sum(group, 0x4).map(Some),
            Part::XattrBlock(block) => self.xattr_sum(block).map(Some),
            Part::ExtentBlock { inode, block } => self.extent_sum(inode, block).map(Some),
            Part::DirLeaf { inode, block } => self.leaf_sum(inode, block).map(Some),
            Part::DxRoot { inode, block } => self.dx_sum(inode, block, 32).map(Some),
            Part::DxNode { inode, block } => self.dx_sum(inode, block, 8).map(Some),
            Part::OrphanBlock { inode, block } => self.orphan_sum(inode, block).map(Some),
        }
    }

    fn seed(&self) -> Result<u32> {
        if self.sb32(0x60)? & INCOMPAT_CSUM_SEED != 0 {
            return self.sb32(0x270);
        }
        Ok(crc32c(!0, self.get_bytes(Spot::Superblock, 0x68, 16)?))
    }

    fn inode_seed(&self, inode: u32) -> Result<u32> {
        let seed = crc32c(self.seed()?, &inode.to_le_bytes());
        Ok(crc32c(seed, self.get_bytes(Spot::Inode(inode), 0x64, 4)?))
    }

    /// Superblock and MMP block: 1,020 bytes, then the sum.
    fn tail_sum(&self, spot: Spot, seed: u32) -> Result<Sum> {
        Ok(Sum::word(crc32c(seed, self.get_bytes(spot, 0, 0x3fc)?), spot, 0x3fc))
    }

    fn mmp_sum(&self) -> Result<Sum> {
        let block = self.get_u64(Spot::Superblock, 0x168)?;
        self.tail_sum(Spot::Block(block), self.seed()?)
    }

    fn group_sum(&self, group: u32) -> Result<Sum> {
        let spot = Spot::Group(group);
        let mut bytes = self.get_bytes(spot, 0, self.descriptor_size()?)?.to_vec();
        clear(&mut bytes, 0x1e, 2);
        let seed = crc32c(self.seed()?, &group.to_le_bytes());
        Ok(Sum { value: crc32c(seed, &bytes), low: (spot, 0x1e, 2), high: None })
    }

    fn group_crc16(&self, group: u32) -> Result<Sum> {
        let spot = Spot::Group(group);
        let size = self.descriptor_size()?;
        let seed = crc16(!0, self.get_bytes(Spot::Superblock, 0x68, 16)?);
        let seed = crc16(seed, &group.to_le_bytes());
        let crc = crc16(seed, self.get_bytes(spot, 0, 0x1e)?);
        let crc = crc16(crc, self.get_bytes(spot, 0x20, size.saturating_sub(0x20))?);
        Ok(Sum { value: u32::from(crc), low: (spot, 0x1e, 2), high: None })
    }

    /// The upper half is stored only where the extra size covers its field.
    fn inode_sum(&self, inode: u32) -> Result<Sum> {
        let spot = Spot::Inode(inode);
        let size = self.inode_size()?;
        let mut bytes = self.get_bytes(spot, 0, size)?.to_vec();
        let extra = if size > 128 { self.get_u16(spot, 0x80)? } else { 0 };
        let wide = extra >= 4;
        clear(&mut bytes, 0x7c, 2);
        if wide {
            clear(&mut bytes, 0x82, 2);
        }
        let value = crc32c(self.inode_seed(inode)?, &bytes);
        Ok(Sum { value, low: (spot, 0x7c, 2), high: wide.then_some((spot, 0x82)) })
    }

    fn bitmap_sum(&self, group: u32, bitmap: u64) -> Result<Sum> {
        // Clusters per group, or inodes per group.
        let bits = self.sb32(if bitmap == 0 { 0x24 } else { 0x28 })?;
        let length = usize::try_from(bits / 8).unwrap_or_default();
        let block = self.group_block(group, bitmap)?;
        let value = crc32c(self.seed()?, self.get_bytes(Spot::Block(block), 0, length)?);
        let (spot, low) = (Spot::Group(group), 0x18 + bitmap / 2);
        let high = (self.descriptor_size()? >= 64).then_some((spot, low + 0x20));
        Ok(Sum { value, low: (spot, low, 2), high })
    }

    fn xattr_sum(&self, block: u64) -> Result<Sum> {
        let mut bytes = self.get_bytes(Spot::Block(block), 0, self.block_bytes()?)?.to_vec();
        clear(&mut bytes, 0x10, 4);
        let seed = crc32c(self.seed()?, &block.to_le_bytes());
        Ok(Sum::word(crc32c(seed, &bytes), Spot::Block(block), 0x10))
    }

    /// Header and as many entries as the block could hold, then the sum.
    fn extent_sum(&self, inode: u32, block: u64) -> Result<Sum> {
        let spot = Spot::Block(block);
        let covered = 12 + 12 * usize::from(self.get_u16(spot, 4)?);
        let value = crc32c(self.inode_seed(inode)?, self.get_bytes(spot, 0, covered)?);
        Ok(Sum::word(value, spot, covered as u64))
    }

    fn leaf_sum(&self, inode: u32, block: u64) -> Result<Sum> {
        let spot = Spot::Block(block);
        let size = self.block_bytes()?;
        let value = crc32c(self.inode_seed(inode)?, self.get_bytes(spot, 0, size - 12)?);
        Ok(Sum::word(value, spot, size as u64 - 4))
    }

    /// Everything to the last entry in use, then the tail with a zero sum; the tail stands after
    /// the last entry that fits. `entries` is the offset of limit and count.
    fn dx_sum(&self, inode: u32, block: u64, entries: u64) -> Result<Sum> {
        let spot = Spot::Block(block);
        let limit = u64::from(self.get_u16(spot, entries)?);
        let count = usize::from(self.get_u16(spot, entries + 2)?);
        let used = usize::try_from(entries).unwrap_or_default() + 8 * count;
        let tail = entries + 8 * limit;
        let value = crc32c(self.inode_seed(inode)?, self.get_bytes(spot, 0, used)?);
        let value = crc32c(value, self.get_bytes(spot, tail, 4)?);
        Ok(Sum::word(crc32c(value, &[0; 4]), spot, tail + 4))
    }

    fn orphan_sum(&self, inode: u32, block: u64) -> Result<Sum> {
        let spot = Spot::Block(block);
        let size = self.block_bytes()?;
        if self.get_u32(spot, size as u64 - 8)? != 0x0b10_ca04 {
            return Err(Error::Image(format!("block {block} is not of an orphan file")));
        }
        let seed = crc32c(self.inode_seed(inode)?, &block.to_le_bytes());
        let value = crc32c(seed, self.get_bytes(spot, 0, size - 8)?);
        Ok(Sum::word(value, spot, size as u64 - 4))
    }
}

pub(super) fn clear(bytes: &mut [u8], at: usize, length: usize) {
    if let Some(field) = bytes.get_mut(at..at + length) {
        field.fill(0);
    }
}
