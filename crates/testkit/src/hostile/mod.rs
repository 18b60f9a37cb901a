//! The editor of hostile images: fields by byte offset, checksums made right again.
//!
//! It knows the format by its own table of offsets (the kernel documentation's
//! `filesystems/ext4`), and serves images made by the tests' own mke2fs: it trusts the image until
//! an edit breaks it. Edits of the superblock, a descriptor or an inode fix that structure's
//! checksum at once; for blocks the caller names the structure in [`fix`](ImageEditor::fix).
//! [`set_fixing`](ImageEditor::set_fixing) switches all of it off.

mod checksum;
mod hash;
mod layout;
mod log;
mod small;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use checksum::Part;
pub(crate) use small::plant;
pub use small::{SmallImage, small_image};

use crate::error::{Context, Error, Result};

/// Byte offset of the primary superblock.
const SUPERBLOCK: u64 = 1024;

/// What an offset of a field counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// The primary superblock.
    Superblock,
    /// The copy of the superblock at the start of a group.
    Backup(u32),
    /// The descriptor of a group, in the primary table.
    Group(u32),
    /// An inode.
    Inode(u32),
    /// A block of the file system.
    Block(u64),
    /// The image.
    Image,
}

/// An image in memory.
#[derive(Clone, Debug)]
pub struct ImageEditor {
    bytes: Vec<u8>,
    fixing: bool,
}

impl ImageEditor {
    /// An editor of `bytes`, a whole image that starts with its boot block.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, fixing: true }
    }

    /// An editor of the image file at `path`; the file stays as it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::new(std::fs::read(path).on("read", path)?))
    }

    /// Writes the image to `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, &self.bytes).on("write", path)
    }

    /// The image.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The image, ending the edit.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether edits of superblock, descriptors and inodes fix their checksums, and
    /// [`fix`](Self::fix) does anything. On at first.
    pub const fn set_fixing(&mut self, on: bool) -> &mut Self {
        self.fixing = on;
        self
    }

    /// `length` bytes at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_bytes(&self, spot: Spot, offset: u64, length: usize) -> Result<&[u8]> {
        self.slice(self.locate(spot)? + offset, length)
    }

    fn slice(&self, at: u64, length: usize) -> Result<&[u8]> {
        let range = usize::try_from(at).ok().and_then(|at| Some(at..at.checked_add(length)?));
        let found = range.and_then(|range| self.bytes.get(range));
        found.ok_or_else(|| Error::Image(format!("{length} bytes at {at} are not in the image")))
    }

    /// Replaces the bytes at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_bytes(&mut self, spot: Spot, offset: u64, bytes: &[u8]) -> Result<()> {
        let at = self.locate(spot)? + offset;
        self.overwrite(at, bytes)?;
        match spot {
            Spot::Superblock => self.fix(Part::Superblock),
            Spot::Backup(group) => self.fix(Part::Backup(group)),
            Spot::Group(group) => self.fix(Part::Group(group)),
            Spot::Inode(inode) => self.fix(Part::Inode(inode)),
            Spot::Block(_) | Spot::Image => Ok(()),
        }
    }

    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.slice(at, bytes.len())?;
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(place) = self.bytes.get_mut(start..start.saturating_add(bytes.len())) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn array<const N: usize>(&self, spot: Spot, offset: u64) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.get_bytes(spot, offset, N)?);
        Ok(array)
    }

    /// The byte at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_u8(&self, spot: Spot, offset: u64) -> Result<u8> {
        self.array(spot, offset).map(u8::from_le_bytes)
    }

    /// The little-endian u16 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_u16(&self, spot: Spot, offset: u64) -> Result<u16> {
        self.array(spot, offset).map(u16::from_le_bytes)
    }

    /// The little-endian u32 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_u32(&self, spot: Spot, offset: u64) -> Result<u32> {
        self.array(spot, offset).map(u32::from_le_bytes)
    }

    /// The little-endian u64 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_u64(&self, spot: Spot, offset: u64) -> Result<u64> {
        self.array(spot, offset).map(u64::from_le_bytes)
    }

    /// Sets the byte at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_u8(&mut self, spot: Spot, offset: u64, value: u8) -> Result<()> {
        self.set_bytes(spot, offset, &[value])
    }

    /// Sets the little-endian u16 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_u16(&mut self, spot: Spot, offset: u64, value: u16) -> Result<()> {
        self.set_bytes(spot, offset, &value.to_le_bytes())
    }

    /// Sets the little-endian u32 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_u32(&mut self, spot: Spot, offset: u64, value: u32) -> Result<()> {
        self.set_bytes(spot, offset, &value.to_le_bytes())
    }

    /// Sets the little-endian u64 at `offset` of `spot`.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_u64(&mut self, spot: Spot, offset: u64, value: u64) -> Result<()> {
        self.set_bytes(spot, offset, &value.to_le_bytes())
    }
}
