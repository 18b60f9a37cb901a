//! New values for a field.

use super::site::Kind;
use crate::random::Random;

/// What block numbers and bits are drawn from.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    /// Blocks of the file system.
    pub(super) blocks: u64,
    /// Blocks that are in use by something.
    pub(super) used: Vec<u64>,
    /// Inodes of the file system.
    pub(super) inodes: u32,
}

/// Numbers at which comparisons go wrong.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    4,
    8,
    11,
    12,
    0x7f,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX as u64,
    u64::MAX,
];

/// Other bytes for a field that now has `old`; never the same. `None` if none was found.
pub(super) fn change(kind: Kind, old: &[u8], pool: &Pool, random: &mut Random) -> Option<Vec<u8>> {
    for _ in 0..20 {
        let new = attempt(kind, old, pool, random);
        if new != old {
            return Some(new);
        }
    }
    None
}

fn attempt(kind: Kind, old: &[u8], pool: &Pool, random: &mut Random) -> Vec<u8> {
    match kind {
        Kind::Number(width) => little(number(read(old), width, pool, random), width),
        Kind::Block(width) => little(block(read(old), pool, random), width),
        Kind::Flags(width) | Kind::Sum(width) => {
            let bit = random.below(8 * width as u64);
            let random_word = kind == Kind::Sum(width) && random.one_in(2);
            let mask = if random_word { random.next() } else { 1 << bit };
            little(read(old) ^ mask, width)
        }
        Kind::Big => {
            let value = u64::from(u32::try_from(read(old)).unwrap_or_default().swap_bytes());
            let new = little(number(value, 4, pool, random), 4);
            new.into_iter().rev().collect()
        }
        Kind::Bits(_) => vec![old.first().copied().unwrap_or_default() ^ 1 << random.below(8)],
        Kind::Text => {
            let byte = u8::try_from(random.below(256)).unwrap_or_default();
            let choices = [b'/', 0, b'.', old.first().map_or(0, |old| old ^ 1), byte, byte];
            choices.get(random.index(choices.len())).map_or_else(Vec::new, |&byte| vec![byte])
        }
    }
}

fn read(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn little(value: u64, width: usize) -> Vec<u8> {
    value.to_le_bytes().into_iter().take(width).collect()
}

/// Near the old value, at an edge, or anywhere.
fn number(old: u64, width: usize, pool: &Pool, random: &mut Random) -> u64 {
    let bits = 8 * width as u64;
    match random.below(8) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => old ^ 1 << random.below(bits),
        3 => old.wrapping_add(random.between(2, 64)),
        4 => old.wrapping_sub(random.between(2, 64)),
        5 => random.below(u64::from(pool.inodes).max(1)) + 1,
        6 => EDGES.get(random.index(EDGES.len())).copied().unwrap_or_default(),
        _ => random.next() >> (64 - bits),
    }
}

/// A neighbour, a block of something else, a free one, or none of the file system's.
fn block(old: u64, pool: &Pool, random: &mut Random) -> u64 {
    match random.below(8) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => pool.blocks + random.below(3),
        3 => random.next(),
        4 => random.below(4),
        5 => random.below(pool.blocks.max(1)),
        _ => pool.used.get(random.index(pool.used.len())).copied().unwrap_or_default(),
    }
}
