//! Directory hashes: where a name stands in the order of a hash tree directory.
//!
//! Six hashes, three functions with signed or unsigned name bytes, depend on the name and the
//! superblock's seed; the seventh, SipHash, needs the key of an encrypted directory. A hash has a
//! major part, which orders the tree and whose lowest bit is left to mark collisions, and a minor
//! part that orders names of one major hash in `readdir`.
//! Invariant (D1): equal to the kernel's for every name of 0 to 255 bytes.
//! Format: the kernel's `Documentation/filesystems/ext4/directory.rst`, "Hash Tree Directories".

mod half_md4;
mod legacy;
mod pack;
mod tea;

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// `s_flags`: hashes take name bytes as unsigned. It wins over flag 1, "signed".
const FLAG_UNSIGNED: u32 = 2;
/// The major hash that means "end of directory" in a `readdir` position; no name has it.
const END_OF_DIRECTORY: u32 = 0x7fff_ffff << 1;
/// The state of half-MD4 and TEA where the file system has no seed: that of MD4 (RFC 1320).
const DEFAULT_SEED: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// A hash function of directory names, with the number that stands for it on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HashVersion {
    /// The first one, without a seed; name bytes signed.
    Legacy = 0,
    /// MD4 cut down to 24 steps; name bytes signed. The usual one.
    HalfMd4 = 1,
    /// Tiny Encryption Algorithm; name bytes signed.
    Tea = 2,
    /// As `Legacy`, name bytes unsigned.
    LegacyUnsigned = 3,
    /// As `HalfMd4`, name bytes unsigned.
    HalfMd4Unsigned = 4,
    /// As `Tea`, name bytes unsigned.
    TeaUnsigned = 5,
    /// SipHash-2-4 under the directory's key, for encrypted directories that fold case.
    SipHash = 6,
}

impl HashVersion {
    /// From the number in a hash tree root or the superblock and the superblock's `s_flags`, which
    /// say whether versions 0 to 2 take bytes as unsigned; with neither flag they are signed, as
    /// on x86. `None` for an unknown number.
    #[must_use]
    pub const fn from_disk(byte: u8, superblock_flags: u32) -> Option<Self> {
        let unsigned = superblock_flags & FLAG_UNSIGNED != 0;
        Some(match (byte, unsigned) {
            (0, false) => Self::Legacy,
            (1, false) => Self::HalfMd4,
            (2, false) => Self::Tea,
            (0, true) | (3, _) => Self::LegacyUnsigned,
            (1, true) | (4, _) => Self::HalfMd4Unsigned,
            (2, true) | (5, _) => Self::TeaUnsigned,
            (6, _) => Self::SipHash,
            _ => return None,
        })
    }
}

/// The hash of a name. Ordered as in the tree: by major, then minor hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DirHash {
    /// Orders the tree. Even, and never `0xffff_fffe`.
    pub major: u32,
    /// Orders names of one major hash; 0 with the legacy hash.
    pub minor: u32,
}

impl DirHash {
    /// Makes room for the collision mark and the end of the directory.
    const fn new(major: u32, minor: u32) -> Self {
        let even = major & !1;
        let major = if even == END_OF_DIRECTORY { END_OF_DIRECTORY - 2 } else { even };
        Self { major, minor }
    }
}

/// The hash of `name` as it is on disk (not folded). `seed` is the superblock's; `None` and all
/// zero words stand for the default. `None` for [`HashVersion::SipHash`], which has a key and not
/// a seed: see [`dir_hash_keyed`].
#[must_use]
pub fn dir_hash(version: HashVersion, name: &[u8], seed: Option<[u32; 4]>) -> Option<DirHash> {
    use pack::Bytes::{Signed, Unsigned};
    let seed = seed.filter(|words| *words != [0; 4]).unwrap_or(DEFAULT_SEED);
    Some(match version {
        HashVersion::Legacy => legacy::hash(name, Signed),
        HashVersion::LegacyUnsigned => legacy::hash(name, Unsigned),
        HashVersion::HalfMd4 => half_md4::hash(name, Signed, seed),
        HashVersion::HalfMd4Unsigned => half_md4::hash(name, Unsigned, seed),
        HashVersion::Tea => tea::hash(name, Signed, seed),
        HashVersion::TeaUnsigned => tea::hash(name, Unsigned, seed),
        HashVersion::SipHash => return None,
    })
}

/// The [`HashVersion::SipHash`] of `name` (the folded plain text) under the directory's hash key:
/// the upper half of SipHash-2-4 is the major hash, the lower half the minor one.
#[must_use]
pub fn dir_hash_keyed(key: &[u8; 16], name: &[u8]) -> DirHash {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(name);
    let sum = hasher.finish();
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    DirHash::new((sum >> 32) as u32, sum as u32)
}

#[cfg(test)]
mod tests;
