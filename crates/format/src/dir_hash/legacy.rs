//! The first directory hash: two words chained by a multiplication for each byte.

use super::DirHash;
use super::pack::Bytes;

/// The legacy hash; the minor one is 0. It knows no seed.
pub(super) fn hash(name: &[u8], bytes: Bytes) -> DirHash {
    let (last, _) = name.iter().fold((0x12a3_fe2d, 0x37ab_e8f9), |(last, before), &byte| {
        (mix(last, before, bytes.value(byte)), last)
    });
    DirHash::new(last << 1, 0)
}

/// The next word from the two last ones: kept below 2^31 by taking off 2^31 - 1.
const fn mix(last: u32, before: u32, byte: u32) -> u32 {
    let sum = before.wrapping_add(last ^ byte.wrapping_mul(7_152_373));
    if sum >> 31 == 1 { sum - 0x7fff_ffff } else { sum }
}
