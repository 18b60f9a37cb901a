//! The verity descriptor: 256 bytes, then an optional signature.

use sha2::Digest as _;
use sha2::{Sha256, Sha512};

use super::{Digest, MerkleTree};
use crate::le::{bytes_at, u32_at, u64_at};
use crate::{BlockSize, Corrupt, CorruptKind, Place, to_usize};

/// Bytes before the signature.
const SIZE: usize = 256;
/// Where the size of the signature is, a `le32`.
const SIGNATURE_SIZE: usize = 4;
const ROOT_HASH: usize = 16;
const SALT: usize = 80;
const MAX_SALT: usize = 32;
const RESERVED: usize = 112;
/// The tree starts at a multiple of this.
const TREE_ALIGNMENT: u64 = 65_536;

/// Hash functions, by their number on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashAlgorithm {
    /// 1
    Sha256,
    /// 2
    Sha512,
}

impl HashAlgorithm {
    /// The name as `fsverity` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of a digest.
    #[must_use]
    pub const fn digest_size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Bytes that the function takes at a time; the salt is padded to a multiple.
    #[must_use]
    pub const fn input_size(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The digest of the parts, one after the other.
    pub(super) fn digest(self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::Sha256 => {
                let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
                Digest::new(&hash.finalize())
            }
            Self::Sha512 => {
                let hash = parts.iter().fold(Sha512::new(), |hash, part| hash.chain_update(part));
                Digest::new(&hash.finalize())
            }
        }
    }
}

/// A checked verity descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerityDescriptor {
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// log2 of the bytes of a data or tree block, 10 to 16.
    pub block_bits: u32,
    /// Bytes of the file.
    pub data_size: u64,
    /// The hash of the tree's top block; of the only data block if there is but one; zeros for an
    /// empty file.
    pub root_hash: Digest,
    /// The descriptor as stored, signature size zeroed: what the file digest covers.
    unsigned: [u8; SIZE],
    /// The salt with zeros to the input size of the hash function; empty without a salt.
    padded_salt: Vec<u8>,
    signature: Vec<u8>,
}

impl VerityDescriptor {
    /// Checks a descriptor with its signature, `bytes` being exactly as long as its stored size
    /// says, of a file of `file_size` bytes.
    ///
    /// # Errors
    /// [`CorruptKind::VerityDescriptor`].
    pub fn parse(bytes: &[u8], file_size: u64, at: Place) -> Result<Self, Corrupt> {
        Self::checked(bytes, file_size).ok_or(Corrupt::new(CorruptKind::VerityDescriptor, at))
    }

    fn checked(bytes: &[u8], file_size: u64) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<SIZE>()?;
        let [1, algorithm, block_bits, salt_size, ..] = *fixed else { return None };
        let algorithm = match algorithm {
            1 => HashAlgorithm::Sha256,
            2 => HashAlgorithm::Sha512,
            _ => return None,
        };
        let data_size = u64_at(fixed, 8)?;
        let salt_size = usize::from(salt_size);
        let reserved_clear = fixed.get(RESERVED..)?.iter().all(|byte| *byte == 0);
        if data_size != file_size
            || salt_size > MAX_SALT
            || !reserved_clear
            || !(10..=16).contains(&block_bits)
        {
            return None;
        }
        let signature = rest.get(..to_usize(u32_at(fixed, SIGNATURE_SIZE)?.into()))?;
        let mut padded_salt = bytes_at(fixed, SALT, salt_size)?.to_vec();
        padded_salt.resize(salt_size.next_multiple_of(algorithm.input_size()), 0);
        let mut unsigned = *fixed;
        unsigned.get_mut(SIGNATURE_SIZE..SIGNATURE_SIZE + 4)?.fill(0);
        Some(Self {
            algorithm,
            block_bits: block_bits.into(),
            data_size,
            root_hash: Digest::new(bytes_at(fixed, ROOT_HASH, algorithm.digest_size())?),
            unsigned,
            padded_salt,
            signature: signature.to_vec(),
        })
    }

    /// Bytes of a data or tree block; may differ from the file system's block size.
    #[must_use]
    pub const fn block_bytes(&self) -> usize {
        1 << self.block_bits
    }

    /// The signature, empty if there is none. It is not judged here.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The shape of the tree.
    #[must_use]
    pub fn tree(&self) -> MerkleTree {
        MerkleTree::new(self.data_size, self.block_bits, self.algorithm.digest_size())
    }

    /// The salted hash of a data or tree block of [`block_bytes`](Self::block_bytes) bytes; the
    /// last data block is to be filled with zeros.
    #[must_use]
    pub fn hash_block(&self, block: &[u8]) -> Digest {
        self.algorithm.digest(&[&self.padded_salt, block])
    }

    /// Checks a data or tree block against the hash stored above it.
    ///
    /// # Errors
    /// [`CorruptKind::VerityHash`].
    pub fn verify_block(&self, block: &[u8], expected: &[u8], at: Place) -> Result<(), Corrupt> {
        if self.hash_block(block).as_bytes() == expected {
            Ok(())
        } else {
            Err(Corrupt::new(CorruptKind::VerityHash, at))
        }
    }

    /// The digest that names the whole file, as `fsverity digest` and `FS_IOC_MEASURE_VERITY` give
    /// it: the unsalted hash of the descriptor without its signature.
    #[must_use]
    pub fn file_digest(&self) -> Digest {
        self.algorithm.digest(&[&self.unsigned])
    }
}

/// Byte offset of the Merkle tree in a file of `file_size` bytes; `None` past `u64`.
#[must_use]
pub const fn tree_offset(file_size: u64) -> Option<u64> {
    file_size.checked_next_multiple_of(TREE_ALIGNMENT)
}

/// Byte offset in the file of a descriptor of `descriptor_size` bytes (the `le32` before
/// `mapped_end`), `mapped_end` being the end of the last block that the file maps.
///
/// # Errors
/// [`CorruptKind::VerityDescriptor`] if it would lie outside the metadata.
pub fn descriptor_offset(
    file_size: u64,
    mapped_end: u64,
    descriptor_size: u32,
    block_size: BlockSize,
    at: Place,
) -> Result<u64, Corrupt> {
    let start = mapped_end
        .checked_sub(4 + u64::from(descriptor_size))
        .map(|start| start - start % block_size.bytes64());
    let metadata = tree_offset(file_size);
    start
        .filter(|start| metadata.is_some_and(|metadata| *start >= metadata))
        .ok_or(Corrupt::new(CorruptKind::VerityDescriptor, at))
}
