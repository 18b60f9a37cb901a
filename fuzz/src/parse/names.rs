//! Names: case folding, hashes, encrypted names as they are shown.

use extant_format::casefold::{eq, fold, hash_name, hash_name_keyed};
use extant_format::dir_hash::{dir_hash, dir_hash_keyed};
use extant_format::fscrypt::{NokeyName, nokey_name, symlink_target};
use extant_format::{HashVersion, Timestamp};

use super::{System, at};

pub(super) fn folding(_: &System, body: &[u8]) {
    let (one, two) = body.split_at(body.len() / 2);
    let folded = fold(one);
    if let Ok(folded) = &folded {
        assert!(folded.len() <= 18 * one.len().max(1));
        refold(one, folded);
    }
    assert!(eq(one, one));
    assert_eq!(eq(one, two), eq(two, one));
    if let (Ok(one), Ok(other)) = (folded, fold(two)) {
        assert_eq!(one == other, eq(body.split_at(body.len() / 2).0, two));
    }
}

/// A folded name stays as it is; but an ignored code point, which is gone, may have kept marks from
/// being put in order.
fn refold(name: &[u8], folded: &[u8]) {
    let again = fold(folded).expect("folded names can be folded");
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(&again), sorted(folded), "{}", name.escape_ascii());
    assert_eq!(fold(&again).as_ref(), Ok(&again), "{}", name.escape_ascii());
    assert_eq!(eq(name, folded), again == folded, "{}", name.escape_ascii());
}

pub(super) fn hashes(system: &System, body: &[u8]) {
    let flags = u32::from(system.options >> 4);
    let seed = (system.options & 1 != 0).then_some([1, 2, 3, 4]);
    for byte in 0..=7 {
        let Some(version) = HashVersion::from_disk(byte, flags) else { continue };
        let hash = dir_hash(version, body, seed);
        // Bit 0 is the collision mark, and the largest hash is the end of a directory.
        assert!(
            hash.is_none_or(|hash| hash.major & 1 == 0 && hash.major != 0xffff_fffe),
            "{hash:?}"
        );
        assert_eq!(hash, dir_hash(version, body, seed));
        let _ = hash_name(version, body, seed);
    }
    let key = [system.options; 16];
    let _ = (dir_hash_keyed(&key, body), hash_name_keyed(&key, body));
    let word = |at: usize| body.get(at..).and_then(|rest| rest.first_chunk()).copied();
    let words = (word(0).map(u32::from_le_bytes), word(4).map(u32::from_le_bytes));
    if let (Some(base), extra) = words {
        let time = Timestamp::decode(base, extra);
        assert!(time.nanos < 1_000_000_000, "{time:?}");
        let (again, more) = time.encode();
        assert_eq!(Timestamp::decode(again, Some(more)), time);
    }
}

pub(super) fn encrypted(system: &System, body: &[u8]) {
    let hash = u32::try_from(system.number).unwrap_or(0);
    let ciphertext = body.get(..body.len().min(255)).unwrap_or_default();
    let name = nokey_name(hash, 7, ciphertext);
    assert!(name.len() <= 255, "{}", name.len());
    if !ciphertext.is_empty() {
        let shown = NokeyName::decode(&name).expect("a name that was just made");
        assert!(shown.matches(ciphertext) && shown.hash == hash);
    }
    let _ = NokeyName::decode(body).map(|shown| shown.matches(body));
    if let Ok(target) = symlink_target(body, at()) {
        assert!(!target.contains(&b'/') && !target.is_empty());
    }
}
