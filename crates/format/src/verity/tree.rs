//! The shape of a Merkle tree: levels of hashes, the top one first in the file.

/// The hash of a block: 32 or 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; 64],
    len: u8,
}

impl Digest {
    /// From at most 64 bytes; more are cut off.
    pub(super) fn new(from: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let len = bytes.iter_mut().zip(from).map(|(to, from)| *to = *from).count();
        Self { bytes, len: u8::try_from(len).unwrap_or(64) }
    }

    /// The bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or(&self.bytes)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// One level of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeLevel {
    /// First block, in tree blocks from the tree's start.
    pub start: u64,
    /// How many blocks.
    pub blocks: u64,
}

/// Where a hash is in a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashPlace {
    /// The tree block, counted from the tree's start.
    pub block: u64,
    /// Byte offset of the hash in that block.
    pub offset: usize,
}

/// The shape of a tree. It has no levels if there is at most one data block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MerkleTree {
    /// Level 0 holds the hashes of data blocks; the last has one block.
    levels: Vec<TreeLevel>,
    data_blocks: u64,
    /// log2 of the hashes in a block.
    arity_bits: u32,
    digest_size: usize,
}

impl MerkleTree {
    /// The tree over `data_size` bytes; the blocks hold at least 16 hashes, so that there are at
    /// most 14 levels.
    pub(super) fn new(data_size: u64, block_bits: u32, digest_size: usize) -> Self {
        let arity_bits = block_bits - digest_size.ilog2();
        let data_blocks = data_size.div_ceil(1 << block_bits);
        let mut levels = Vec::new();
        let mut blocks = data_blocks;
        while blocks > 1 {
            blocks = blocks.div_ceil(1 << arity_bits);
            levels.push(TreeLevel { start: 0, blocks });
        }
        let mut start = 0;
        for level in levels.iter_mut().rev() {
            level.start = start;
            start += level.blocks;
        }
        Self { levels, data_blocks, arity_bits, digest_size }
    }

    /// The levels, that of the data's hashes first. In the file the last comes first.
    #[must_use]
    pub fn levels(&self) -> &[TreeLevel] {
        &self.levels
    }

    /// Data blocks that the tree proves.
    #[must_use]
    pub const fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// Blocks of the tree.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.levels.iter().map(|level| level.blocks).sum()
    }

    /// The places of the hashes that prove data block `index`, from its own upwards. Each but the
    /// first is the hash of the tree block of the one before; the hash of the last one's block, or
    /// of the data block if there are none, is the root hash.
    pub fn path(&self, index: u64) -> impl Iterator<Item = HashPlace> {
        let (bits, size) = (self.arity_bits, self.digest_size);
        let indices = std::iter::successors(Some(index), move |index| Some(index >> bits));
        self.levels.iter().zip(indices).map(move |(level, index)| HashPlace {
            block: level.start + (index >> bits),
            offset: crate::to_usize(index & ((1 << bits) - 1)) * size,
        })
    }
}
