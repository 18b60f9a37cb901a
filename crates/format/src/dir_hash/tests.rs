use std::hint::black_box;
use std::time::{Duration, Instant};

use super::pack::Bytes;
use super::*;

const VERSIONS: [HashVersion; 6] = [
    HashVersion::Legacy,
    HashVersion::HalfMd4,
    HashVersion::Tea,
    HashVersion::LegacyUnsigned,
    HashVersion::HalfMd4Unsigned,
    HashVersion::TeaUnsigned,
];
const SEED: [u32; 4] = [0x0123_4567, 0x89ab_cdef, 0x0246_8ace, 0x1357_9bdf];

/// The name of `len` bytes that `tests/data/make_dx_hash.sh` describes.
fn name(len: u32) -> Vec<u8> {
    let mut state = len.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len as usize).collect()
}

#[test]
fn d1_hashes_equal_the_known_answers_at_every_length() {
    let answers = include_str!("../../tests/data/dx_hash.txt");
    assert_eq!(answers.lines().count(), 256);
    for (len, line) in (0..).zip(answers.lines()) {
        let seed = (len % 2 == 1).then_some(SEED);
        let hashes = VERSIONS.map(|version| dir_hash(version, &name(len), seed).unwrap());
        let texts = hashes.map(|hash| format!("{:x}/{:x}", hash.major, hash.minor));
        assert_eq!(texts.join(" "), line, "length {len}");
    }
}

#[test]
fn no_seed_and_a_zero_seed_are_the_default() {
    for version in VERSIONS {
        let hash = dir_hash(version, b"name", None);
        assert_eq!(dir_hash(version, b"name", Some([0; 4])), hash);
        assert_eq!(dir_hash(version, b"name", Some(DEFAULT_SEED)), hash);
    }
    let seeded = dir_hash(HashVersion::HalfMd4, b"name", Some([0, 0, 0, 1]));
    assert_ne!(seeded, dir_hash(HashVersion::HalfMd4, b"name", None));
}

#[test]
fn the_end_of_a_directory_is_no_hash() {
    assert_eq!(DirHash::new(0xffff_ffff, 5), DirHash { major: 0xffff_fffc, minor: 5 });
    assert_eq!(DirHash::new(0xffff_fffe, 5), DirHash { major: 0xffff_fffc, minor: 5 });
    assert_eq!(DirHash::new(0xffff_fffd, 5), DirHash { major: 0xffff_fffc, minor: 5 });
    assert_eq!(DirHash::new(3, 5), DirHash { major: 2, minor: 5 });
}

#[test]
fn the_superblock_says_whether_bytes_are_signed() {
    for (byte, (signed, unsigned)) in (0..).zip(VERSIONS.iter().zip(&VERSIONS[3..])) {
        assert_eq!(HashVersion::from_disk(byte, 1), Some(*signed));
        assert_eq!(HashVersion::from_disk(byte, 4), Some(*signed));
        for flags in [2, 3, 7] {
            assert_eq!(HashVersion::from_disk(byte, flags), Some(*unsigned));
            assert_eq!(HashVersion::from_disk(byte + 3, flags), Some(*unsigned));
        }
        assert_eq!(HashVersion::from_disk(byte + 3, 1), Some(*unsigned));
    }
    assert_eq!(HashVersion::from_disk(6, 2), Some(HashVersion::SipHash));
    assert_eq!(HashVersion::from_disk(7, 1), None);
    assert_eq!(HashVersion::from_disk(255, 2), None);
}

#[test]
fn siphash_needs_a_key_and_gives_both_halves() {
    assert_eq!(dir_hash(HashVersion::SipHash, b"name", None), None);
    // The vector of 15 bytes in the SipHash paper, appendix A: 0xa129ca6149be45e5.
    let key = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let hash = dir_hash_keyed(&key, &key[..15]);
    assert_eq!(hash, DirHash { major: 0xa129_ca60, minor: 0x49be_45e5 });
}

/// The words of a chunk made byte by byte: the plain rule that `pack::words` must match.
fn words_by_byte<const N: usize>(chunk: &[u8], bytes: Bytes) -> [u32; N] {
    let len = u32::try_from(chunk.len()).unwrap();
    let mut padding = len | len << 8;
    padding |= padding << 16;
    let (mut words, mut word) = ([padding; N], padding);
    let mut filled = 0;
    for (i, &byte) in chunk.iter().enumerate().take(4 * N) {
        let value = match bytes {
            Bytes::Signed => i32::from(byte.cast_signed()).cast_unsigned(),
            Bytes::Unsigned => u32::from(byte),
        };
        word = value.wrapping_add(word << 8);
        if i % 4 == 3 {
            words[filled] = word;
            word = padding;
            filled += 1;
        }
    }
    if filled < N {
        words[filled] = word;
    }
    words
}

#[test]
fn words_of_four_bytes_at_a_time_are_those_of_single_bytes() {
    const EDGES: [u8; 6] = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xff];
    let mut names =
        (0..6_u32.pow(5)).map(|n| [0, 1, 2, 3, 4].map(|i| EDGES[(n / 6_u32.pow(i)) as usize % 6]));
    for (len, five) in (0..=32).cycle().zip(&mut names) {
        let chunk: Vec<u8> = five.into_iter().cycle().take(len).collect();
        for bytes in [Bytes::Signed, Bytes::Unsigned] {
            assert_eq!(pack::words::<8>(&chunk, bytes), words_by_byte::<8>(&chunk, bytes));
            let head = &chunk[..len.min(16)];
            assert_eq!(pack::words::<4>(head, bytes), words_by_byte::<4>(head, bytes));
        }
    }
}

/// How often `fast` runs over long names while `slow` runs once: the fastest run of each counts.
fn ratio<T>(fast: impl Fn(&[u8]) -> T, slow: impl Fn(&[u8]) -> T) -> f64 {
    fn run<T>(names: &[Vec<u8>], hash: impl Fn(&[u8]) -> T) -> Duration {
        let start = Instant::now();
        for name in names.iter().cycle().take(500 * names.len()) {
            black_box(hash(black_box(name)));
        }
        start.elapsed()
    }
    let names: Vec<_> = (192..=255).map(name).collect();
    let (mut best_fast, mut best_slow) = (Duration::MAX, Duration::MAX);
    for _ in 0..30 {
        best_fast = best_fast.min(run(&names, &fast));
        best_slow = best_slow.min(run(&names, &slow));
    }
    best_slow.as_secs_f64() / best_fast.as_secs_f64()
}

/// Packs a whole name and does no more with it than to look at every word.
fn pack_all(name: &[u8], pack: impl Fn(&[u8], Bytes) -> [u32; 8]) -> u32 {
    name.chunks(32).flat_map(|chunk| pack(chunk, Bytes::Signed)).fold(0, |sum, word| sum ^ word)
}

#[test]
#[ignore = "a measurement: run alone, with --release and --no-capture"]
fn d1_long_names_are_packed_faster_than_byte_by_byte() {
    // Behind a pointer, as a packer chosen at run time is.
    let by_byte: fn(&[u8], Bytes) -> [u32; 8] = black_box(words_by_byte);
    let slow = |name: &[u8]| {
        let absorb = |state, chunk| half_md4::absorb(state, by_byte(chunk, Bytes::Signed));
        let [_, major, minor, _] = name.chunks(32).fold(DEFAULT_SEED, absorb);
        DirHash::new(major, minor)
    };
    let fast = |name: &[u8]| half_md4::hash(name, Bytes::Signed, DEFAULT_SEED);
    assert_eq!(fast(&name(255)), slow(&name(255)));
    let packing = ratio(|name| pack_all(name, pack::words), |name| pack_all(name, by_byte));
    let whole = ratio(fast, slow);
    println!("names of 192 to 255 bytes: packing {packing:.2} times, half-MD4 {whole:.2} times");
    assert!(packing >= 1.7, "packing is only {packing:.2} times as fast");
    assert!(whole >= 1.1, "hashing is only {whole:.2} times as fast");
}
