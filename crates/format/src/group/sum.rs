//! CRC32C of group descriptors one after another, each from its difference to the one before.
//!
//! A sum is linear: two messages of one length that differ by D (their XOR) have sums that differ
//! by the sum of D from seed zero. Neighbours in the descriptor table differ in a few words, and
//! half a word's part in the sum is four look-ups, so this takes a fraction of the instructions of
//! summing each descriptor. Only the low half of a sum is stored, so only it is worked out.

use std::mem;

use super::low_half;
use crate::checksum::{ChecksumSeed, crc32c};
use crate::{GroupNr, Superblock};

/// Words of the largest message: one for the group number, and a descriptor of 64 bytes.
const WORDS: usize = 1 + 64 / 8;
/// What is summed of the fourth word, whose last two bytes are the checksum.
const NOT_CHECKSUM: u64 = u64::MAX >> 16;
const _: () = assert!(super::CHECKSUM_OFFSET == 4 * 8 - 2);

/// The part of each byte of half a word in the sum of the message.
type HalfRows = [[u16; 256]; 4];
/// Of both halves of a word, lower bytes first.
type WordRows = [HalfRows; 2];
/// Of 32 bytes.
type PartRows = [WordRows; 4];
/// 32 bytes of a descriptor as words, the first first.
type Part = [u64; 4];

/// Of all words; a message of fewer words ends where this ends, since zeroes before a message do
/// not change its sum from seed zero.
static ROWS: [WordRows; WORDS] = rows();

/// The sum of the descriptor seen last.
#[derive(Debug)]
pub(super) struct RunningSum {
    /// Of the group number, and of each 32 bytes of the descriptor. A descriptor of 32 bytes has
    /// no second part: it never differs, and its rows are not read.
    rows: (&'static HalfRows, [&'static PartRows; 2]),
    group: u32,
    parts: [Part; 2],
    sum: u16,
}

impl RunningSum {
    /// For descriptors of `sb` if they carry CRC32C and have one of the two usual sizes.
    pub(super) fn new(sb: &Superblock) -> Option<Self> {
        let size = sb.geometry().desc_size();
        let known = sb.features().metadata_csum() && (size == 32 || size == 64);
        if known { Self::of_size(size as usize, sb.seed()) } else { None }
    }

    fn of_size(bytes: usize, seed: ChecksumSeed) -> Option<Self> {
        let zeroes = [0; 4 + 64];
        let ([_, head], rows) = ROWS.get(WORDS - 1 - bytes / 8..)?.split_first()?;
        Some(Self {
            rows: (head, [rows.first_chunk()?, rows.last_chunk()?]),
            group: 0,
            parts: [[0; 4]; 2],
            sum: low_half(crc32c(seed.get(), zeroes.get(..4 + bytes)?)),
        })
    }

    /// The sum of `bytes`, the whole descriptor of `group`.
    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8], group: GroupNr) -> u16 {
        let (head, rows) = self.rows;
        let mut change = half_word(head, mem::replace(&mut self.group, group.get()) ^ group.get());
        let mut kept = NOT_CHECKSUM;
        for ((rows, before), now) in rows.iter().zip(&mut self.parts).zip(bytes.as_chunks().0) {
            let now = words(now);
            let mut difference = differences(mem::replace(before, now), now);
            if let [.., last] = &mut difference {
                *last &= kept;
            }
            change ^= part(rows, difference);
            kept = u64::MAX;
        }
        self.sum ^= change;
        self.sum
    }
}

#[inline]
fn words(bytes: &[u8; 32]) -> Part {
    let mut words = [0; 4];
    let from = bytes.as_chunks::<8>().0;
    words.iter_mut().zip(from).for_each(|(to, from)| *to = u64::from_le_bytes(*from));
    words
}

#[inline]
fn differences([a, b, c, d]: Part, [e, f, g, h]: Part) -> Part {
    [a ^ e, b ^ f, c ^ g, d ^ h]
}

/// What changes in the sum where a part changes by `difference`. Words that stay as they are cost
/// nothing, nor does a part of which none changes.
#[inline]
fn part(rows: &PartRows, difference: Part) -> u16 {
    let mut sum = 0;
    if difference.iter().fold(0, |any, word| any | word) == 0 {
        return sum;
    }
    for ([low, high], word) in rows.iter().zip(difference) {
        if word != 0 {
            sum ^= half_word(low, lower(word)) ^ half_word(high, lower(word >> 32));
        }
    }
    sum
}

/// What changes in the sum where half a word changes by `difference`. Most changes are small: the
/// upper bytes are looked up only if there is one.
#[inline]
fn half_word(rows: &HalfRows, difference: u32) -> u16 {
    let [a, b, c, d] = rows;
    let [w, x, y, z] = difference.to_le_bytes().map(usize::from);
    let of = |row: &[u16; 256], byte: usize| *row.get(byte).unwrap_or(&0);
    let sum = of(a, w) ^ of(b, x);
    if difference >> 16 == 0 { sum } else { sum ^ of(c, y) ^ of(d, z) }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
const fn lower(word: u64) -> u32 {
    word as u32
}

/// From the last byte of a message back: each place further adds a zero byte to the sum.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks it")]
const fn rows() -> [WordRows; WORDS] {
    let mut table = [[[[0; 256]; 4]; 2]; WORDS];
    let mut value = 0_u32;
    while value < 256 {
        let mut crc = value;
        let mut place = WORDS * 8;
        while place > 0 {
            place -= 1;
            crc = shift_byte(crc);
            table[place / 8][place % 8 / 4][place % 4][value as usize] = low_half(crc);
        }
        value += 1;
    }
    table
}

/// The sum, from seed `crc`, of one zero byte.
const fn shift_byte(mut crc: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        bit += 1;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum as the format defines it, in one piece.
    fn plain(bytes: &[u8], group: u32, seed: ChecksumSeed) -> u16 {
        let mut message = group.to_le_bytes().to_vec();
        message.extend(bytes);
        message[4 + 0x1e..4 + 0x20].fill(0);
        low_half(seed.sum(&message))
    }

    #[test]
    fn running_sums_are_plain_sums() {
        let seed = ChecksumSeed::stored(0x1234_5678);
        for size in [32, 64] {
            let mut running = RunningSum::of_size(size, seed).unwrap();
            let mut bytes = vec![0_u8; size];
            for n in 0..2000_u32 {
                let group = if n % 7 == 0 { n.wrapping_mul(0x9e37_79b9) } else { n };
                let place = n as usize * 5 % size;
                bytes[place] ^= (n >> 3).to_le_bytes()[0] | 1;
                if n % 100 == 0 {
                    bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(n.to_le_bytes()[0]));
                }
                let sum = running.next(&bytes, GroupNr::new(group));
                assert_eq!(sum, plain(&bytes, group, seed), "{n}, {size}");
            }
        }
    }
}
