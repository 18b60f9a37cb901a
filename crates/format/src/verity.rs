//! fs-verity: files whose content is proved by a Merkle tree (feature `verity`).
//!
//! Tree and descriptor lie in the file past its size: the tree from the size rounded up to 64 KiB,
//! the descriptor at a block's start after it. The descriptor's size is a `le32` in the last four
//! bytes of the last block that the file maps. Source: kernel documentation,
//! `filesystems/fsverity.rst`.

mod descriptor;
mod tree;

pub use descriptor::{HashAlgorithm, VerityDescriptor, descriptor_offset, tree_offset};
pub use tree::{Digest, HashPlace, MerkleTree, TreeLevel};

#[cfg(test)]
mod tests;
