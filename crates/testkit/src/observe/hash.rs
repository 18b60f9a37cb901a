//! The two hashes of docs/digest.md over streams of bytes.

use std::fmt::Write;

use xxhash_rust::xxh3::Xxh3;

/// Which hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashKind {
    /// BLAKE3, 32 bytes.
    Blake3,
    /// XXH3-64, seed 0.
    Xxh3,
}

impl HashKind {
    /// The name in the digest's prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Xxh3 => "xxh3",
        }
    }
}

/// The content hash of docs/digest.md in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ContentDigest(pub String);

/// A hash being fed.
pub(crate) enum StreamHash {
    Blake3(Box<blake3::Hasher>),
    Xxh3(Box<Xxh3>),
}

impl StreamHash {
    pub(crate) fn new(kind: HashKind) -> Self {
        match kind {
            HashKind::Blake3 => Self::Blake3(Box::default()),
            HashKind::Xxh3 => Self::Xxh3(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hash) => {
                hash.update(bytes);
            }
            Self::Xxh3(hash) => hash.update(bytes),
        }
    }

    /// In hexadecimal.
    pub(crate) fn finish(&self) -> String {
        hex(&self.bytes())
    }

    /// 32 bytes, or 8 with the most significant first.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Blake3(hash) => hash.finalize().as_bytes().to_vec(),
            Self::Xxh3(hash) => hash.digest().to_be_bytes().to_vec(),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
