//! The two hashes of the digest under one interface.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

/// Which hash a digest uses, for lines and for contents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Hash {
    /// BLAKE3, 32 bytes: nobody can make two trees with one digest.
    #[default]
    Blake3,
    /// XXH3-64 with seed 0: faster, and no defence against intent.
    Xxh3,
}

impl Hash {
    /// Its name in a digest and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Xxh3 => "xxh3",
        }
    }
}

/// The bytes of a hash: 32 of BLAKE3, or the 8 of XXH3, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HashValue {
    Blake3([u8; 32]),
    Xxh3([u8; 8]),
}

impl AsRef<[u8]> for HashValue {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Blake3(bytes) => bytes,
            Self::Xxh3(bytes) => bytes,
        }
    }
}

/// A hash in the making.
pub(crate) enum Hasher {
    Blake3(Box<Staged>),
    Xxh3(Box<XxHash3_64>),
}

impl Hasher {
    pub(crate) fn new(hash: Hash) -> Self {
        match hash {
            Hash::Blake3 => Self::Blake3(Box::default()),
            Hash::Xxh3 => Self::Xxh3(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(state) => state.update(bytes),
            Self::Xxh3(state) => state.write(bytes),
        }
    }

    /// The hash of everything since the start; starts anew.
    pub(crate) fn finish(&mut self) -> HashValue {
        match self {
            Self::Blake3(state) => HashValue::Blake3(state.finish()),
            Self::Xxh3(state) => {
                let value = state.finish();
                **state = XxHash3_64::new();
                HashValue::Xxh3(value.to_be_bytes())
            }
        }
    }
}

/// BLAKE3 fed in large pieces of a power of two: only those use all lanes of the processor, and
/// the chunks of a file come with 8 bytes between them.
#[derive(Default)]
pub(crate) struct Staged {
    hasher: blake3::Hasher,
    staged: Vec<u8>,
}

/// Bytes of a large piece.
const STAGE: usize = 64 << 10;

impl Staged {
    fn update(&mut self, bytes: &[u8]) {
        self.staged.extend_from_slice(bytes);
        let whole = self.staged.len() / STAGE * STAGE;
        if whole > 0 {
            self.hasher.update(self.staged.get(..whole).unwrap_or_default());
            self.staged.drain(..whole);
        }
    }

    fn finish(&mut self) -> [u8; 32] {
        self.hasher.update(&self.staged);
        self.staged.clear();
        let value = *self.hasher.finalize().as_bytes();
        self.hasher.reset();
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_no_difference() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[0] ^ 0x5a).collect();
        for (hash, expected) in [
            (Hash::Blake3, blake3::hash(&bytes).as_bytes().to_vec()),
            (Hash::Xxh3, xxhash_rust::xxh3::xxh3_64(&bytes).to_be_bytes().to_vec()),
        ] {
            let mut hasher = Hasher::new(hash);
            for _ in 0..2 {
                bytes.chunks(4104).for_each(|piece| hasher.update(piece));
                assert_eq!(hasher.finish().as_ref(), expected);
            }
        }
    }

    /// The values for the empty stream that the specifications of the two hashes give.
    #[test]
    fn empty_streams_have_the_published_hashes() {
        let xxh3 = Hasher::new(Hash::Xxh3).finish();
        assert_eq!(xxh3.as_ref(), 0x2d06_8005_38d3_94c2_u64.to_be_bytes());
        let blake3 = Hasher::new(Hash::Blake3).finish();
        assert_eq!(blake3.as_ref()[..4], [0xaf, 0x13, 0x49, 0xb9]);
    }
}
