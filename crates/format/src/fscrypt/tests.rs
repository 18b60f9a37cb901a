use proptest::prelude::*;

use super::*;
use crate::{CorruptKind, Place};

fn ciphertext(len: u8) -> Vec<u8> {
    (0..len).collect()
}

#[test]
fn contexts_of_both_versions() {
    let v1: Vec<u8> = [1, 1, 4, 2].into_iter().chain([7; 8]).chain([9; 16]).collect();
    let context = EncryptionContext::parse(&v1, Place::default()).unwrap();
    assert_eq!(context.key, KeyId::Descriptor([7; 8]));
    assert_eq!((context.version(), context.name_padding(), context.nonce), (1, 16, [9; 16]));
    let v2: Vec<u8> =
        [2, 9, 10, 3, 12, 0, 0, 0].into_iter().chain([7; 16]).chain([9; 16]).collect();
    let context = EncryptionContext::parse(&v2, Place::default()).unwrap();
    assert_eq!(context.key, KeyId::Identifier([7; 16]));
    assert_eq!((context.version(), context.name_padding()), (2, 32));
    assert_eq!((context.contents_mode, context.filenames_mode, context.flags), (9, 10, 3));
    assert_eq!((context.log2_data_unit_size, context.nonce), (12, [9; 16]));
    assert_eq!(EncryptionContext::mode_name(9), Some("Adiantum"));
    assert_eq!(EncryptionContext::mode_name(0), None);
}

#[test]
fn contexts_of_other_sizes_or_versions_are_refused() {
    for version in 0..=3 {
        for size in 0..50 {
            let value = vec![version; size];
            let result = EncryptionContext::parse(&value, Place::default());
            let good = [(1, 28), (2, 40)].contains(&(version, size));
            assert_eq!(
                result.map(|_| ()).map_err(|c| c.kind),
                if good { Ok(()) } else { Err(CorruptKind::EncryptionContext) }
            );
        }
    }
}

#[test]
fn nokey_names_match_vectors_made_with_python() {
    // base64.urlsafe_b64encode(pack("<II", ...) + ct[:149] + sha256(ct[149:]).digest())
    let name = |len| String::from_utf8(nokey_name(0x1234_5678, 0x9abc_def0, &ciphertext(len)));
    let cases = [
        (16, 32, "eFY0EvDevJoAAQIDBAUGBwgJCgsMDQ4P"),
        (149, 210, "cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo-QkZKTlA"),
        (150, 252, "-QkZKTlFutDREyrBUs9le-iRiuFjV4RI1W1A3vmlkP49yrDDOb"),
        (255, 252, "-QkZKTlImiuSwUMtoEfkeCyftHDMZ2aEw7Y8IN_0wXTdI58HNa"),
    ];
    for (len, characters, end) in cases {
        let name = name(len).unwrap();
        assert_eq!(name.len(), characters);
        assert!(name.starts_with("eFY0EvDevJoAAQIDBAUGBwgJCgsMDQ4P"));
        assert!(name.ends_with(end), "{name}");
    }
}

#[test]
fn decoded_names_match_only_their_ciphertext() {
    for len in [16, 17, 18, 148, 149, 150, 151, 255] {
        let bytes = ciphertext(len);
        let decoded = NokeyName::decode(&nokey_name(5, 6, &bytes)).unwrap();
        assert_eq!((decoded.hash, decoded.minor_hash), (5, 6));
        assert!(decoded.matches(&bytes));
        let last = bytes.len() - 1;
        assert!(!decoded.matches(&bytes[..last]));
        assert!(!decoded.matches(&[&bytes[..], b"x"].concat()));
        for at in [0, last] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(!decoded.matches(&other), "{len} {at}");
        }
    }
}

#[test]
fn names_that_are_no_nokey_names() {
    let good = nokey_name(0, 0, &ciphertext(16));
    assert!(NokeyName::decode(&good).is_some());
    let longest = nokey_name(0, 0, &ciphertext(255));
    assert_eq!(longest.len(), MAX_ENCODED);
    // 13 bytes in 18 characters leave four bits, which must be clear.
    assert!(NokeyName::decode(b"AAAAAAAAAAAAAAAAAA").is_some());
    let cases: [(&str, &[u8]); 7] = [
        ("empty", b""),
        ("hashes alone", b"AAAAAAAAAAA"),
        ("one character left", b"AAAAAAAAAAAAA"),
        ("bits past the end", b"AAAAAAAAAAAAAAAAAB"),
        ("padding", b"AAAAAAAAAAAA===="),
        ("old alphabet", b"AAAAAAAAAAAAAA,+"),
        ("half a digest", &longest[..longest.len() - 4]),
    ];
    assert!(NokeyName::decode(b"AAAAAAAAAAAA").is_some());
    for (what, name) in cases {
        assert_eq!(NokeyName::decode(name), None, "{what}");
    }
    assert_eq!(NokeyName::decode(&[&longest[..], b"AAAA"].concat()), None);
}

#[test]
fn symlink_targets() {
    let stored = |len: u16, bytes: &[u8]| [&len.to_le_bytes()[..], bytes].concat();
    let target = |stored: &[u8]| symlink_target(stored, Place::default()).map_err(|c| c.kind);
    let shown = target(&stored(16, &[&ciphertext(16)[..], &[0xee; 42]].concat()));
    assert_eq!(shown.unwrap(), b"AAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4P");
    let cases = [
        (Vec::new(), CorruptKind::SymlinkTarget),
        (stored(0, &[1; 58]), CorruptKind::SymlinkTarget),
        (stored(59, &[1; 58]), CorruptKind::SymlinkTarget),
        (stored(0xffff, &[1; 58]), CorruptKind::SymlinkTarget),
        (stored(15, &[1; 58]), CorruptKind::EncryptedName),
    ];
    for (bytes, kind) in cases {
        assert_eq!(target(&bytes), Err(kind));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = EncryptionContext::parse(&bytes, Place::default());
        let _ = symlink_target(&bytes, Place::default());
        let _ = NokeyName::decode(&bytes);
        let name = nokey_name(1, 2, &bytes);
        prop_assert!(name.len() <= MAX_ENCODED && !name.contains(&b'/'));
        let decoded = NokeyName::decode(&name);
        prop_assert_eq!(decoded.is_some_and(|decoded| decoded.matches(&bytes)), !bytes.is_empty());
    }
}
