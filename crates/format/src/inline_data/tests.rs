use proptest::prelude::*;

use super::*;
use crate::BlockSize;

fn rule() -> EntryRule {
    EntryRule {
        block_size: BlockSize::from_bytes(4096).unwrap(),
        inodes_count: 100,
        has_filetype: true,
        encrypted: false,
        casefold: false,
    }
}

fn kind<T>(result: Result<T, Corrupt>) -> Result<T, CorruptKind> {
    result.map_err(|corrupt| corrupt.kind)
}

/// Parent 2, "a" in the first part; "b" in the second.
fn directory() -> ([u8; 60], [u8; 24]) {
    let mut head = [0; 60];
    head[..13].copy_from_slice(&[2, 0, 0, 0, 12, 0, 0, 0, 56, 0, 1, 1, b'a']);
    let mut tail = [0; 24];
    tail[..9].copy_from_slice(&[13, 0, 0, 0, 24, 0, 1, 2, b'b']);
    (head, tail)
}

#[test]
fn content_is_cut_to_the_size() {
    let block = [b'h'; 60];
    let new = |value, size| InlineData::new(&block, value, size, Place::default());
    let data = new(Some(&b"tail"[..]), 62).unwrap();
    assert_eq!((data.head.len(), data.tail, data.len()), (60, &b"ta"[..], 62));
    assert_eq!(data.to_vec(), [&block[..], b"ta"].concat());
    let data = new(Some(&b""[..]), 3).unwrap();
    assert_eq!((data.head, data.is_empty()), (&b"hhh"[..], false));
    assert!(new(Some(&b""[..]), 0).unwrap().is_empty());
    assert_eq!(kind(new(None, 3)), Err(CorruptKind::InlineDataMissing));
    for size in [65, 4096, u64::MAX] {
        assert_eq!(kind(new(Some(&b"tail"[..]), size)), Err(CorruptKind::InlineDataSize));
    }
}

#[test]
fn directories_have_a_parent_and_entries_in_both_parts() {
    let (head, tail) = directory();
    let data = InlineData::new(&head, Some(&tail), 84, Place::default()).unwrap();
    let dir = InlineDir::parse(data, &rule(), Place::default()).unwrap();
    assert_eq!(dir.parent, 2);
    let found: Vec<_> = dir.entries().map(|e| e.unwrap()).collect();
    let found: Vec<_> = found.iter().map(|e| (e.offset, e.inode, e.name)).collect();
    assert_eq!(found, [(4, 12, &b"a"[..]), (60, 13, b"b")]);
}

#[test]
fn bad_parents_and_short_directories_are_malformed() {
    let parse = |head: [u8; 60], size| {
        let data = InlineData::new(&head, Some(&[]), size, Place::default()).unwrap();
        kind(InlineDir::parse(data, &rule(), Place::default()).map(|dir| dir.parent))
    };
    let (good, _) = directory();
    assert_eq!(parse(good, 60), Ok(2));
    for parent in [0, 101] {
        let mut head = good;
        head[0] = parent;
        assert_eq!(parse(head, 60), Err(CorruptKind::InlineDirectory));
    }
    for size in [0, 3, 59] {
        assert_eq!(parse(good, size), Err(CorruptKind::InlineDirectory), "{size}");
    }
}

#[test]
fn damage_in_one_part_leaves_the_other() {
    let (mut head, tail) = directory();
    head[8] = 60; // past the first part
    let data = InlineData::new(&head, Some(&tail), 84, Place::default()).unwrap();
    let dir = InlineDir::parse(data, &rule(), Place::default()).unwrap();
    let found: Vec<_> = dir.entries().collect();
    let at = Place::default().offset(4);
    assert_eq!(found[0], Err(Corrupt::new(CorruptKind::DirRecLen, at)));
    assert_eq!(found[1].unwrap().name, b"b");
    assert_eq!(found.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(12), any::<u8>()], 160),
        len in 0..=100_usize, size in 0..200_u64,
    ) {
        let (head, tail) = bytes.split_first_chunk::<60>().unwrap();
        if let Ok(data) = InlineData::new(head, Some(&tail[..len]), size, Place::default()) {
            prop_assert_eq!(data.len() as u64, size);
            if let Ok(dir) = InlineDir::parse(data, &rule(), Place::default()) {
                prop_assert!(dir.entries().count() <= 16);
            }
        }
    }
}
