use proptest::prelude::*;

use super::*;
use crate::dir::tests::rule;
use crate::{BlockSize, CorruptKind};

fn ino(n: u32) -> InodeNr {
    InodeNr::new(n)
}

fn record(n: u32, name: &[u8]) -> Vec<u8> {
    rule().record(ino(n), name, FileType::Regular).unwrap()
}

fn names(body: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let entries = DirBlock::entries(body, &rule(), Place::default()).map(Result::unwrap);
    entries.filter(|e| e.inode != 0).map(|e| (e.inode, e.name.to_vec())).collect()
}

fn edit(body: &mut [u8]) -> DirBlockMut<'_> {
    DirBlockMut::new(body, &rule(), Place::default())
}

#[test]
fn record_lengths_are_stored_as_they_are_read() {
    for block_size in [1024, 32_768, 65_536] {
        let block_size = BlockSize::from_bytes(block_size).unwrap();
        let rule = EntryRule { block_size, ..rule() };
        for len in (12..=block_size.bytes()).step_by(4) {
            let stored = rule.encode_rec_len(len as usize);
            assert_eq!(rule.decode_rec_len(stored), len);
        }
    }
}

#[test]
fn a_record_has_the_type_only_with_the_feature() {
    let with = rule().record(ino(7), b"name", FileType::Fifo).unwrap();
    assert_eq!(with, [&[7, 0, 0, 0, 12, 0, 4, 5][..], b"name"].concat());
    let without = EntryRule { has_filetype: false, ..rule() };
    assert_eq!(without.record(ino(7), b"name", FileType::Fifo).unwrap()[7], 0);
    assert_eq!(rule().record(ino(7), b"", FileType::Fifo), None);
    assert_eq!(rule().record(ino(7), &[b'n'; 256], FileType::Fifo), None);
    let keyed = EntryRule { encrypted: true, casefold: true, ..rule() };
    assert_eq!(keyed.record(ino(7), &[1; 16], FileType::Fifo), None);
    assert!(keyed.record(ino(7), b"..", FileType::Fifo).is_some());
}

#[test]
fn the_room_of_a_removed_entry_goes_to_the_one_before() {
    let mut body = [0; 48];
    assert!(edit(&mut body).pack(&[record(1, b"a"), record(2, b"b"), record(3, b"c")]));
    assert!(edit(&mut body).remove(12).unwrap());
    assert_eq!(names(&body), [(1, b"a".to_vec()), (3, b"c".to_vec())]);
    assert!(!edit(&mut body).remove(12).unwrap());
    assert!(edit(&mut body).remove(0).unwrap());
    assert!(!edit(&mut body).remove(0).unwrap());
    assert_eq!(names(&body), [(3, b"c".to_vec())]);
    // The unused first entry has 24 bytes now.
    assert!(edit(&mut body).insert(&record(4, &[b'd'; 16]), 0).unwrap());
    assert_eq!(names(&body), [(4, vec![b'd'; 16]), (3, b"c".to_vec())]);
    assert!(!edit(&mut body).insert(&record(5, &[b'e'; 16]), 0).unwrap());
    assert!(edit(&mut body).insert(&record(5, b"e"), 0).unwrap());
    assert!(!edit(&mut body).insert(&record(6, b"f"), 0).unwrap());
}

#[test]
fn room_before_a_byte_is_not_used() {
    let mut body = [0; 64];
    edit(&mut body).pack(&[record(1, b"a"), record(2, b"b"), record(3, b"c")]);
    edit(&mut body).remove(12).unwrap();
    assert!(edit(&mut body).insert(&record(4, b"d"), 24).unwrap());
    assert_eq!(names(&body).iter().map(|n| n.0).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(edit(&mut body).records(24).unwrap(), [record(3, b"c"), record(4, b"d")]);
}

#[test]
fn pack_refuses_what_does_not_fit_and_changes_nothing() {
    let mut body = [0xee; 24];
    let records = [record(1, b"a"), record(2, b"b"), record(3, b"c")];
    assert!(!edit(&mut body).pack(&records));
    assert_eq!(body, [0xee; 24]);
    assert!(edit(&mut body).pack(&records[..2]));
    assert!(!edit(&mut [0; 8]).pack(&[]));
    assert!(edit(&mut body).pack(&[]));
    assert_eq!(body[..8], [0, 0, 0, 0, 24, 0, 0, 0]);
}

#[test]
fn a_longer_body_is_covered_by_its_last_entry() {
    let mut body = [0; 60];
    edit(&mut body[..24]).pack(&[record(1, b"a"), record(2, b"b")]);
    edit(&mut body).extend(24).unwrap();
    assert_eq!(names(&body).len(), 2);
    assert!(edit(&mut body).insert(&record(3, &[b'c'; 28]), 0).unwrap());
    let mut empty = [0xee; 16];
    edit(&mut empty).extend(0).unwrap();
    assert_eq!((names(&empty).len(), empty[4]), (0, 16));
}

#[test]
fn a_broken_chain_is_not_changed() {
    let mut body = [0; 48];
    edit(&mut body).pack(&[record(1, b"a"), record(2, b"b")]);
    body[16] = 9;
    let before = body;
    let wrong = CorruptKind::DirRecLen;
    assert_eq!(edit(&mut body).insert(&record(3, b"c"), 0).unwrap_err().kind, wrong);
    assert_eq!(edit(&mut body).remove(0).unwrap_err().kind, wrong);
    assert_eq!(edit(&mut body).retarget(0, ino(9), FileType::Fifo).unwrap_err().kind, wrong);
    assert_eq!(edit(&mut body).records(0).unwrap_err().kind, wrong);
    assert_eq!(edit(&mut body).extend(48).unwrap_err().kind, wrong);
    assert_eq!(body, before);
}

#[test]
fn an_entry_is_pointed_to_another_inode() {
    let mut body = [0; 48];
    edit(&mut body).pack(&[record(1, b"a"), record(2, b"b")]);
    assert!(edit(&mut body).retarget(12, ino(90), FileType::Socket).unwrap());
    assert_eq!(names(&body), [(1, b"a".to_vec()), (90, b"b".to_vec())]);
    assert_eq!(body[19], FileType::Socket.dir_entry_byte());
    assert!(!edit(&mut body).retarget(16, ino(9), FileType::Socket).unwrap());
}

proptest! {
    #[test]
    fn a_sequence_of_changes_is_a_map(
        len in 3_usize..80,
        steps in proptest::collection::vec((1_u32..30, any::<bool>()), 0..200),
    ) {
        let mut body = vec![0; len * 4];
        edit(&mut body).pack(&[]);
        let mut model = std::collections::BTreeMap::new();
        for (n, add) in steps {
            let name = vec![b'n'; n as usize];
            let entries = DirBlock::entries(&body, &rule(), Place::default());
            let at = entries.flatten().find(|e| e.inode == n).map(|e| e.offset);
            prop_assert_eq!(at.is_some(), model.contains_key(&n));
            match at {
                Some(at) if !add => {
                    prop_assert!(edit(&mut body).remove(at).unwrap());
                    model.remove(&n);
                }
                None if add => {
                    let record = record(n, &name);
                    if edit(&mut body).insert(&record, 0).unwrap() {
                        model.insert(n, name);
                    } else {
                        let mut records = edit(&mut body).records(0).unwrap();
                        records.push(record);
                        if edit(&mut body).pack(&records) {
                            model.insert(n, name);
                        }
                    }
                }
                _ => {}
            }
            let mut found = names(&body);
            found.sort();
            prop_assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
        }
    }
}
