//! The directory hash made with the Tiny Encryption Algorithm: each 16 bytes of the name are a key
//! that encrypts the first half of the state, 16 rounds, and the result is added to it.

use super::DirHash;
use super::pack::{Bytes, words};

/// The algorithm's constant: 2^32 over the golden ratio.
const DELTA: u32 = 0x9e37_79b9;

/// The TEA hash from `seed`: major from the first word of the state, minor from the second.
pub(super) fn hash(name: &[u8], bytes: Bytes, seed: [u32; 4]) -> DirHash {
    let [x, y, ..] = seed;
    let (x, y) = name.chunks(16).fold((x, y), |state, chunk| absorb(state, words(chunk, bytes)));
    DirHash::new(x, y)
}

/// The state after one chunk.
pub(super) const fn absorb((x, y): (u32, u32), key: [u32; 4]) -> (u32, u32) {
    let (mut p, mut q) = (x, y);
    let mut sum = 0_u32;
    let mut round = 0;
    while round < 16 {
        sum = sum.wrapping_add(DELTA);
        p = p.wrapping_add(mix(q, sum, key[0], key[1]));
        q = q.wrapping_add(mix(p, sum, key[2], key[3]));
        round += 1;
    }
    (x.wrapping_add(p), y.wrapping_add(q))
}

/// What one half of the block adds to the other.
const fn mix(half: u32, sum: u32, key_left: u32, key_right: u32) -> u32 {
    (half << 4).wrapping_add(key_left)
        ^ half.wrapping_add(sum)
        ^ (half >> 5).wrapping_add(key_right)
}
