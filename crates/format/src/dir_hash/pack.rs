//! Names as the words that half-MD4 and TEA take in.
//!
//! A word is four bytes, the first one highest, each added as a signed or an unsigned number. What
//! a chunk lacks is made up by its length: in every byte of a missing word, and above the bytes of
//! a word that is not whole. Words are made from four bytes at a time: a signed byte below zero
//! is its unsigned self less 256, so it only borrows one from the byte above.

/// How the bytes of a name are taken as numbers: as the machine that made the file system did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bytes {
    /// -128 to 127.
    Signed,
    /// 0 to 255.
    Unsigned,
}

impl Bytes {
    /// The bits of a word whose byte would be below zero.
    const fn sign_bits(self) -> u32 {
        match self {
            Self::Signed => 0x8080_8080,
            Self::Unsigned => 0,
        }
    }

    /// The value of one byte, modulo 2^32.
    pub(super) const fn value(self, byte: u8) -> u32 {
        let value = byte as u32;
        value.wrapping_sub((value & self.sign_bits()) << 1)
    }

    /// The word of four bytes.
    const fn word(self, bytes: [u8; 4]) -> u32 {
        let word = u32::from_be_bytes(bytes);
        word.wrapping_sub((word & self.sign_bits()) << 1)
    }
}

/// The `N` words of `chunk`, which has at most `4 * N` bytes (later ones are left out).
#[inline]
pub(super) fn words<const N: usize>(chunk: &[u8], bytes: Bytes) -> [u32; N] {
    let (whole, rest) = chunk.as_chunks::<4>();
    if whole.len() >= N {
        let mut words = [0; N];
        words.iter_mut().zip(whole).for_each(|(word, four)| *word = bytes.word(*four));
        return words;
    }
    let mut words = [padding(chunk.len()); N];
    words.iter_mut().zip(whole).for_each(|(word, four)| *word = bytes.word(*four));
    if let Some(word) = words.get_mut(whole.len()) {
        *word = rest.iter().fold(*word, |word, &byte| (word << 8).wrapping_add(bytes.value(byte)));
    }
    words
}

/// The word that stands where a chunk of `len` bytes (below 32) has ended.
fn padding(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).wrapping_mul(0x0101_0101)
}
