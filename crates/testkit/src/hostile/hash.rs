//! The two sums of the format.

/// CRC32C continued from `seed`, without inversion on either side.
pub(super) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !::crc32c::crc32c_append(!seed, bytes)
}

/// CRC16 of polynomial 0x8005, reflected, by table of nibbles.
pub(super) fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    const NIBBLES: [u16; 16] = [
        0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401, 0xa001, 0x6c00, 0x7800,
        0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
    ];
    let step = |crc: u16, nibble: u16| {
        let index = usize::from((crc ^ nibble) & 15);
        (crc >> 4) ^ NIBBLES.get(index).copied().unwrap_or_default()
    };
    bytes.iter().fold(seed, |crc, &byte| {
        let byte = u16::from(byte);
        step(step(crc, byte & 15), byte >> 4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRCs for "123456789".
    #[test]
    fn check_values() {
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
    }
}
