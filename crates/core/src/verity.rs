//! fs-verity: finding a file's descriptor and Merkle tree, and verifying blocks as they are read.
//!
//! Hashes of tree blocks are kept as verified bytes, not as marks on cached blocks: what the
//! image holds later does not matter (row 59).

use extant_block::IoFlags;
use extant_format::verity::{
    HashPlace, MerkleTree, VerityDescriptor, descriptor_offset, tree_offset,
};
use extant_format::{Corrupt, CorruptKind, Inode, LogicalBlock, Place, to_usize};
use extant_sync::{Arc, Rank, ShardedCache, hash_number};

use crate::{MapKind, Result, Volume};

/// The largest descriptor with its signature.
const MAX_DESCRIPTOR: u32 = 16 << 10;
/// Runs to look at behind the end of the file: tree and descriptor are a few.
const MAX_RUNS: u32 = 1 << 16;
/// Verified tree blocks to keep for one file.
const KEPT_BLOCKS: usize = 256;

/// What proves the content of one file.
#[derive(Debug)]
pub struct VerityFile {
    descriptor: VerityDescriptor,
    tree: MerkleTree,
    tree_offset: u64,
    verified: ShardedCache<(u64, Arc<[u8]>)>,
}

impl VerityFile {
    /// The descriptor.
    #[must_use]
    pub fn descriptor(&self) -> &VerityDescriptor {
        &self.descriptor
    }

    /// Verifies data block `index`: `data` is its bytes, zero-filled to a whole Merkle block.
    ///
    /// # Errors
    /// [`CorruptKind::VerityHash`]; those of reading the tree.
    pub fn verify(
        &self,
        volume: &Volume,
        inode: &Inode,
        (index, data): (u64, &[u8]),
        flags: IoFlags,
    ) -> Result<()> {
        let path: Vec<HashPlace> = self.tree.path(index).collect();
        let at = Place::inode(inode.ino).offset(to_usize(index << self.descriptor.block_bits));
        let expected = self.expected(volume, inode, &path, flags)?;
        Ok(self.descriptor.verify_block(data, &expected, at)?)
    }

    /// The hash stored at the first place of `path`, or the root hash above the last.
    fn expected(
        &self,
        volume: &Volume,
        inode: &Inode,
        path: &[HashPlace],
        flags: IoFlags,
    ) -> Result<Vec<u8>> {
        let Some((place, above)) = path.split_first() else {
            return Ok(self.descriptor.root_hash.as_bytes().to_vec());
        };
        let block = match self.cached(place.block) {
            Some(block) => block,
            None => self.tree_block(volume, inode, (place, above), flags)?,
        };
        let end = place.offset + self.descriptor.algorithm.digest_size();
        Ok(block.get(place.offset..end).unwrap_or_default().to_vec())
    }

    /// Reads a tree block and verifies it by the blocks above it; at most 14 levels.
    fn tree_block(
        &self,
        volume: &Volume,
        inode: &Inode,
        (place, above): (&HashPlace, &[HashPlace]),
        flags: IoFlags,
    ) -> Result<Arc<[u8]>> {
        let at = Place::inode(inode.ino);
        let wrong = Corrupt::new(CorruptKind::VerityDescriptor, at);
        let offset = place
            .block
            .checked_mul(self.descriptor.block_bytes() as u64)
            .and_then(|offset| offset.checked_add(self.tree_offset))
            .ok_or(wrong)?;
        let bytes = volume.file_bytes(inode, offset, self.descriptor.block_bytes(), flags)?;
        let expected = self.expected(volume, inode, above, flags)?;
        self.descriptor.verify_block(&bytes, &expected, at.offset(to_usize(offset)))?;
        let block: Arc<[u8]> = bytes.into();
        let value = (place.block, block);
        Ok(self.verified.insert(
            hash_number(place.block),
            |(nr, _)| *nr == place.block,
            value,
            |(_, block)| Arc::clone(block),
        ))
    }

    fn cached(&self, nr: u64) -> Option<Arc<[u8]>> {
        self.verified.find(hash_number(nr), |(n, _)| *n == nr, |(_, block)| Arc::clone(block))
    }
}

impl Volume {
    /// Finds and checks the descriptor of a verity file.
    ///
    /// # Errors
    /// [`CorruptKind::VerityDescriptor`] where it is missing or malformed; those of the map and
    /// of block reads.
    pub fn verity(&self, inode: &Inode, flags: IoFlags) -> Result<VerityFile> {
        let at = Place::inode(inode.ino);
        let wrong = Corrupt::new(CorruptKind::VerityDescriptor, at);
        let tree_offset = tree_offset(inode.size).ok_or(wrong)?;
        let end = self.mapped_end(inode, tree_offset, flags)?.ok_or(wrong)?;
        let size = self.file_bytes(inode, end.saturating_sub(4), 4, flags)?;
        let size = size.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        if size > MAX_DESCRIPTOR {
            return Err(wrong.into());
        }
        let offset = descriptor_offset(inode.size, end, size, self.block_size(), at)?;
        let bytes = self.file_bytes(inode, offset, size as usize, flags)?;
        let descriptor = VerityDescriptor::parse(&bytes, inode.size, at)?;
        Ok(VerityFile {
            tree: descriptor.tree(),
            descriptor,
            tree_offset,
            verified: ShardedCache::new(Rank::Leaf, KEPT_BLOCKS, |_| false),
        })
    }

    /// The end of the last block that the file maps at or behind byte `from`.
    fn mapped_end(&self, inode: &Inode, from: u64, flags: IoFlags) -> Result<Option<u64>> {
        let size = self.block_size();
        let mut end = None;
        let Some(mut next) = LogicalBlock::containing(from, size) else { return Ok(None) };
        for _ in 0..MAX_RUNS {
            let map = self.map_blocks(inode, next, flags)?;
            let behind = map.end();
            if matches!(map.kind, MapKind::Mapped(_)) {
                end = behind.map(|block| block.byte_offset(size));
            }
            match behind {
                Some(block) if block < LogicalBlock::MAX => next = block,
                _ => break,
            }
        }
        Ok(end)
    }
}
