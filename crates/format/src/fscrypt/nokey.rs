//! No-key names: what an encrypted name is shown as without its key, and found by again.
//!
//! The base64url text (without padding) of: the directory hash and minor hash as `le32`, the first
//! 149 bytes of the ciphertext, and if there is more, the SHA-256 of that rest.

use sha2::{Digest, Sha256};

use super::MIN_NAME;
use crate::le::{bytes_at, u16_at, u32_at};
use crate::{Corrupt, CorruptKind, Place, to_usize};

/// Bytes of both hashes.
const HASHES: usize = 8;
/// Bytes of ciphertext that a name holds as they are.
const WHOLE: usize = 149;
const DIGEST: usize = 32;
/// The longest no-key name, in characters.
pub const MAX_ENCODED: usize = (HASHES + WHOLE + DIGEST) * 4 / 3;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A decoded no-key name, for look-ups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NokeyName {
    /// The directory hash of the ciphertext; 0 if the directory was read without an index.
    pub hash: u32,
    /// The minor hash.
    pub minor_hash: u32,
    /// 1 to 149 bytes, which are the whole ciphertext unless there is a digest.
    start: Vec<u8>,
    /// SHA-256 of the ciphertext from byte 149.
    rest: Option<[u8; DIGEST]>,
}

impl NokeyName {
    /// Decodes a name of an encrypted directory; `None` if it is not a no-key name, so no entry
    /// has it.
    #[must_use]
    pub fn decode(name: &[u8]) -> Option<Self> {
        let bytes = if name.len() <= MAX_ENCODED { decode_base64url(name)? } else { return None };
        let start = bytes.get(HASHES..).filter(|start| !start.is_empty())?;
        let (start, rest) = match start.split_at_checked(WHOLE) {
            None | Some((_, [])) => (start, None),
            Some((start, digest)) => (start, Some(digest.try_into().ok()?)),
        };
        Some(Self {
            hash: u32_at(&bytes, 0)?,
            minor_hash: u32_at(&bytes, 4)?,
            start: start.to_vec(),
            rest,
        })
    }

    /// Whether this stands for the entry of that ciphertext.
    #[must_use]
    pub fn matches(&self, ciphertext: &[u8]) -> bool {
        match (self.rest, ciphertext.split_at_checked(WHOLE)) {
            (None, _) => self.start == ciphertext,
            (Some(digest), Some((start, rest))) => {
                !rest.is_empty() && start == self.start && digest == *Sha256::digest(rest)
            }
            (Some(_), None) => false,
        }
    }
}

/// The no-key name of a ciphertext of at least [`MIN_NAME`] bytes (see
/// [`DirEntry::name_valid`](crate::dir::DirEntry)). Not for `.` and `..`, which are not encrypted.
///
/// Linux gives the hashes of the directory's hash function when it reads through the index, the
/// stored ones ([`DirEntry::hash_suffix`](crate::dir::DirEntry)) in casefolded directories, and
/// zeros otherwise.
#[must_use]
pub fn nokey_name(hash: u32, minor_hash: u32, ciphertext: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HASHES + WHOLE + DIGEST);
    bytes.extend_from_slice(&hash.to_le_bytes());
    bytes.extend_from_slice(&minor_hash.to_le_bytes());
    let (start, rest) = ciphertext.split_at_checked(WHOLE).unwrap_or((ciphertext, &[]));
    bytes.extend_from_slice(start);
    if !rest.is_empty() {
        bytes.extend_from_slice(&Sha256::digest(rest));
    }
    encode_base64url(&bytes)
}

/// What an encrypted symbolic link's target is shown as. `stored` is the bytes that may hold it, up
/// to the end of the block map or block: a `le16` length, then the ciphertext.
///
/// # Errors
/// [`CorruptKind::SymlinkTarget`] if the length is 0 or runs past `stored`,
/// [`CorruptKind::EncryptedName`] if it is below [`MIN_NAME`].
pub fn symlink_target(stored: &[u8], at: Place) -> Result<Vec<u8>, Corrupt> {
    let wrong = Corrupt::new(CorruptKind::SymlinkTarget, at);
    let len = u16_at(stored, 0).filter(|len| *len > 0).ok_or(wrong)?;
    let ciphertext = bytes_at(stored, 2, to_usize(len.into())).ok_or(wrong)?;
    if ciphertext.len() < MIN_NAME {
        return Err(Corrupt::new(CorruptKind::EncryptedName, at));
    }
    Ok(nokey_name(0, 0, ciphertext))
}

fn encode_base64url(bytes: &[u8]) -> Vec<u8> {
    let digit = |group: u32, index: usize| {
        let value = to_usize(u64::from(group >> (18 - 6 * index)) & 0x3f);
        ALPHABET.get(value).copied().unwrap_or(b'A')
    };
    let encode = |chunk: &[u8]| {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = (at(0) << 16) | (at(1) << 8) | at(2);
        (0..=chunk.len()).map(move |index| digit(group, index)).collect::<Vec<_>>()
    };
    bytes.chunks(3).flat_map(encode).collect()
}

/// Strict: no padding, no other characters, no set bits past the last byte.
fn decode_base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let missing = 4 - chunk.len();
        let group = chunk.iter().try_fold(0, |group, byte| {
            let value = ALPHABET.iter().position(|digit| digit == byte)?;
            Some((group << 6) | u32::try_from(value).ok()?)
        })? << (6 * missing);
        let [_, decoded @ ..] = group.to_be_bytes();
        let (used, unused) = decoded.split_at_checked(3_usize.checked_sub(missing)?)?;
        if used.is_empty() || unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(used);
    }
    Some(bytes)
}
