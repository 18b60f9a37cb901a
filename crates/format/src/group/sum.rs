//! CRC32C of group descriptors one after another, each from its difference to the one before.
//!
//! A sum is linear: two messages of one length that differ by D (their XOR) have sums that differ
//! by the sum of D from seed zero. Neighbours in the descriptor table differ in a few words, and
//! half a word's part in the sum is four look-ups, so this takes a fraction of the instructions of
//! summing each descriptor. Only the low half of a sum is stored, so only it is worked out.

use super::low_half;
use crate::checksum::{ChecksumSeed, crc32c};

/// The words of a descriptor: 4 or 8.
pub(super) type Words<const N: usize> = [[u8; 8]; N];

/// Words of the largest message: one for the group number, and a descriptor of 64 bytes.
const WORDS: usize = 1 + 64 / 8;
/// The word of a descriptor whose last two bytes are the checksum, and what of it is summed.
const CHECKSUM_WORD: usize = super::CHECKSUM_OFFSET / 8;
const NOT_CHECKSUM: u64 = u64::MAX >> 16;
const _: () = assert!(super::CHECKSUM_OFFSET % 8 == 8 - 2);

/// The part of each byte of half a word in the sum of the message.
type HalfRows = [[u16; 256]; 4];
/// Of both halves of a word, lower bytes first.
type WordRows = [HalfRows; 2];

/// Of all words; a message of fewer words ends where this ends, since zeroes before a message do
/// not change its sum from seed zero.
static ROWS: [WordRows; WORDS] = rows();

/// Adds the sums of `descs` to `sums`, the first that of group `first`.
pub(super) fn running_sums<const N: usize>(
    descs: &[Words<N>],
    first: u32,
    seed: ChecksumSeed,
    sums: &mut Vec<u16>,
) {
    let (head, rows) = const { rows_of::<N>() };
    // As if a descriptor of zeroes of the same group came before the first.
    let (mut before, mut last) = (&[[0; 8]; N], first);
    let mut sum = low_half(crc32c(seed.sum(&first.to_le_bytes()), before.as_flattened()));
    let mut group = first;
    sums.extend(descs.iter().map(|now| {
        sum ^= half_word(head, last ^ group) ^ change(rows, before, now);
        (before, last) = (now, group);
        group = group.wrapping_add(1);
        sum
    }));
}

/// Of the group number, and of the words of a descriptor.
#[expect(clippy::panic, reason = "evaluated by the compiler")]
const fn rows_of<const N: usize>() -> (&'static HalfRows, &'static [WordRows; N]) {
    let (head, words) = ROWS.split_at(WORDS - N);
    match (head.last(), words.first_chunk()) {
        (Some([_, head]), Some(words)) => (head, words),
        _ => panic!("no descriptor is larger"),
    }
}

/// What changes in the sum where a descriptor changes from `before` to `now`.
#[inline]
fn change<const N: usize>(rows: &[WordRows; N], before: &Words<N>, now: &Words<N>) -> u16 {
    let mut sum = 0;
    for (n, ((rows, before), now)) in rows.iter().zip(before).zip(now).enumerate() {
        let kept = if n == CHECKSUM_WORD { NOT_CHECKSUM } else { u64::MAX };
        sum ^= word(rows, (u64::from_le_bytes(*before) ^ u64::from_le_bytes(*now)) & kept);
    }
    sum
}

/// What changes in the sum where a word changes by `difference`.
#[inline]
fn word([low, high]: &WordRows, difference: u64) -> u16 {
    if difference == 0 {
        return 0;
    }
    half_word(low, lower(difference)) ^ half_word(high, lower(difference >> 32))
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

    fn running_sums_are_plain_sums_in<const N: usize>() {
        let seed = ChecksumSeed::stored(0x1234_5678);
        let mut bytes = vec![0_u8; N * 8];
        let mut descs = Vec::new();
        for n in 0..2000_u32 {
            let place = n as usize * 5 % bytes.len();
            bytes[place] ^= (n >> 3).to_le_bytes()[0] | 1;
            if n % 100 == 0 {
                bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(n.to_le_bytes()[0]));
            }
            descs.extend_from_slice(&bytes);
        }
        for first in [0, 255, 65_000, u32::MAX - 2001] {
            let mut sums = Vec::new();
            running_sums::<N>(descs.as_chunks().0.as_chunks().0, first, seed, &mut sums);
            assert_eq!(sums.len(), 2000);
            for ((n, sum), desc) in (first..).zip(sums).zip(descs.chunks(N * 8)) {
                assert_eq!(sum, plain(desc, n, seed), "group {n}, {N} words");
            }
        }
    }

    #[test]
    fn running_sums_are_plain_sums() {
        running_sums_are_plain_sums_in::<4>();
        running_sums_are_plain_sums_in::<8>();
    }
}
