//! The usual directory hash: MD4 (RFC 1320) with half of each round, for blocks of 32 bytes
//! instead of 64. It has no length block; the padding of the last chunk tells the length.

use super::DirHash;
use super::pack::{Bytes, words};

/// The half-MD4 hash from `seed`: major from the second word of the state, minor from the third.
pub(super) fn hash(name: &[u8], bytes: Bytes, seed: [u32; 4]) -> DirHash {
    let [_, major, minor, _] =
        name.chunks(32).fold(seed, |state, chunk| absorb(state, words(chunk, bytes)));
    DirHash::new(major, minor)
}

/// The state after one chunk.
#[inline]
pub(super) const fn absorb(state: [u32; 4], w: [u32; 8]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = state;

    a = choose(a, [b, c, d], w[0], 3);
    d = choose(d, [a, b, c], w[1], 7);
    c = choose(c, [d, a, b], w[2], 11);
    b = choose(b, [c, d, a], w[3], 19);
    a = choose(a, [b, c, d], w[4], 3);
    d = choose(d, [a, b, c], w[5], 7);
    c = choose(c, [d, a, b], w[6], 11);
    b = choose(b, [c, d, a], w[7], 19);

    a = majority(a, [b, c, d], w[1], 3);
    d = majority(d, [a, b, c], w[3], 5);
    c = majority(c, [d, a, b], w[5], 9);
    b = majority(b, [c, d, a], w[7], 13);
    a = majority(a, [b, c, d], w[0], 3);
    d = majority(d, [a, b, c], w[2], 5);
    c = majority(c, [d, a, b], w[4], 9);
    b = majority(b, [c, d, a], w[6], 13);

    a = parity(a, [b, c, d], w[3], 3);
    d = parity(d, [a, b, c], w[7], 9);
    c = parity(c, [d, a, b], w[2], 11);
    b = parity(b, [c, d, a], w[6], 15);
    a = parity(a, [b, c, d], w[1], 3);
    d = parity(d, [a, b, c], w[5], 9);
    c = parity(c, [d, a, b], w[0], 11);
    b = parity(b, [c, d, a], w[4], 15);

    let [a0, b0, c0, d0] = state;
    [a0.wrapping_add(a), b0.wrapping_add(b), c0.wrapping_add(c), d0.wrapping_add(d)]
}

/// A step of the first round: bits of `y` where `x` is set, else of `z`.
const fn choose(word: u32, [x, y, z]: [u32; 3], input: u32, turn: u32) -> u32 {
    step(word, z ^ (x & (y ^ z)), input, turn)
}

/// A step of the second round: bits set in two of three, as a sum, so that only `x`, the word of
/// the step before, is waited for. The constant is that of RFC 1320.
const fn majority(word: u32, [x, y, z]: [u32; 3], input: u32, turn: u32) -> u32 {
    let ready = word.wrapping_add(input).wrapping_add(0x5a82_7999).wrapping_add(y & z);
    ready.wrapping_add(x & (y ^ z)).rotate_left(turn)
}

/// A step of the third round: bits set in one or three. The constant is that of RFC 1320.
const fn parity(word: u32, [x, y, z]: [u32; 3], input: u32, turn: u32) -> u32 {
    step(word, x ^ (y ^ z), input.wrapping_add(0x6ed9_eba1), turn)
}

const fn step(word: u32, mixed: u32, input: u32, turn: u32) -> u32 {
    word.wrapping_add(input).wrapping_add(mixed).rotate_left(turn)
}
