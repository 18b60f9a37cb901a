//! The journal's blocks by their number in the journal, wherever they lie.

use crate::error::{Error, Result};
use crate::hostile::ImageEditor;

/// First word of journal blocks.
pub(super) const MAGIC: u32 = 0xc03b_3998;
/// The inode of the journal.
const JOURNAL_INODE: u32 = 8;

/// All blocks of a journal.
pub(super) struct Blocks {
    image: Vec<u8>,
    /// Byte offsets of the blocks in `image`.
    places: Vec<u64>,
    size: u64,
    superblock: usize,
}

impl Blocks {
    /// An external journal: block numbers count from the start of the device; its own superblock
    /// is in the block after the one at byte 1,024.
    pub(super) fn device(image: Vec<u8>, size: u64) -> Self {
        let count = image.len() as u64 / size;
        let superblock = if size == 1024 { 2 } else { 1 };
        Self { image, places: (0..count).map(|block| block * size).collect(), size, superblock }
    }

    /// The journal in its inode.
    pub(super) fn inode(editor: &ImageEditor) -> Result<Self> {
        let size = editor.block_size()?;
        let count = editor.file_size(JOURNAL_INODE)? / size;
        let count = u32::try_from(count).unwrap_or_default();
        let mut places = Vec::new();
        for logical in 0..count {
            let block = editor.map_block(JOURNAL_INODE, logical)?;
            let block = block.ok_or_else(|| Error::Image("the journal has a hole".to_owned()))?;
            places.push(block * size);
        }
        Ok(Self { image: editor.bytes().to_vec(), places, size, superblock: 0 })
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn superblock(&self) -> &[u8] {
        self.bytes_at(self.superblock_at())
    }

    pub(super) fn superblock_at(&self) -> u64 {
        self.places.get(self.superblock).copied().unwrap_or(u64::MAX)
    }

    /// Byte offset and content of block `number`; empty beyond the end.
    pub(super) fn block(&self, number: u32) -> (u64, &[u8]) {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.places.get(index).map_or((0, &[]), |&at| (at, self.bytes_at(at)))
    }

    /// The block at byte `at` of the image.
    pub(super) fn bytes_at(&self, at: u64) -> &[u8] {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let length = usize::try_from(self.size).unwrap_or_default();
        self.image.get(start..start.saturating_add(length)).unwrap_or_default()
    }
}

/// The big-endian word at `at`, 0 beyond the end.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..at + 4).and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_be_bytes)
}

/// The little-endian word at `at`, 0 beyond the end.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    be32(bytes, at).swap_bytes()
}

/// The little-endian half-word at `at`, 0 beyond the end.
pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    let field = bytes.get(at..at + 2).and_then(|field| field.try_into().ok());
    field.map_or(0, u16::from_le_bytes)
}
