use proptest::prelude::*;

use super::*;
use crate::{ChecksumSeed, InodeNr};

pub(super) fn rule() -> EntryRule {
    EntryRule {
        block_size: BlockSize::from_bytes(1024).unwrap(),
        inodes_count: 100,
        has_filetype: true,
        encrypted: false,
        casefold: false,
    }
}

fn encrypted() -> EntryRule {
    EntryRule { encrypted: true, ..rule() }
}

fn hashed() -> EntryRule {
    EntryRule { encrypted: true, casefold: true, ..rule() }
}

fn entry(inode: u32, rec_len: u16, name: &[u8]) -> Vec<u8> {
    let mut bytes = inode.to_le_bytes().to_vec();
    bytes.extend(rec_len.to_le_bytes());
    bytes.extend([u8::try_from(name.len()).unwrap(), 1]);
    bytes.extend(name);
    bytes.resize(bytes.len().max(rec_len.into()), 0);
    bytes
}

fn scan<'a>(bytes: &'a [u8], rule: &EntryRule) -> Vec<Result<DirEntry<'a>, Corrupt>> {
    DirBlock::entries(bytes, rule, Place::default()).collect()
}

fn names(bytes: &[u8], rule: &EntryRule) -> Vec<(u32, Vec<u8>)> {
    scan(bytes, rule).into_iter().map(|e| e.unwrap()).map(|e| (e.inode, e.name.into())).collect()
}

#[test]
fn entries_follow_each_other_and_unused_ones_are_seen() {
    let bytes =
        [entry(2, 12, b"."), entry(2, 16, b".."), entry(0, 16, b"old"), entry(12, 980, b"file")]
            .concat();
    let found = names(&bytes, &rule());
    assert_eq!(
        found,
        [(2, b".".to_vec()), (2, b"..".to_vec()), (0, b"old".to_vec()), (12, b"file".to_vec())]
    );
    let last = scan(&bytes, &rule())[3].unwrap();
    assert_eq!((last.offset, last.rec_len, last.file_type), (44, 980, 1));
    let from = DirBlock::entries(&bytes, &rule(), Place::default()).from_offset(28);
    assert_eq!(from.count(), 2);
}

/// `tune2fs -O ^filetype` leaves the types where they are; they were taken for the high byte of the
/// name's length, and no directory could be read.
#[test]
fn without_filetype_the_type_is_ignored() {
    let rule = EntryRule { has_filetype: false, ..rule() };
    let mut bytes = entry(5, 1024, b"x");
    for file_type in [0, 1, 2] {
        bytes[7] = file_type;
        let found = scan(&bytes, &rule)[0].unwrap();
        assert_eq!((found.name, found.file_type), (&b"x"[..], 0));
    }
}

#[test]
fn record_lengths_of_64k_blocks() {
    let big = EntryRule { block_size: BlockSize::from_bytes(65_536).unwrap(), ..rule() };
    for (raw, decoded) in [(0, 65_536), (0xffff, 65_536), (12, 12), (65_532, 65_532)] {
        assert_eq!(big.decode_rec_len(raw), decoded);
    }
    assert_eq!(rule().decode_rec_len(0xffff), 0xffff);
    for raw in [0, 0xffff] {
        let mut block = entry(9, raw, b"a");
        block.resize(65_536, 0);
        assert_eq!(names(&block, &big), [(9, b"a".to_vec())]);
    }
}

#[test]
fn stored_hashes_follow_the_padded_name_but_not_dots() {
    let mut named = entry(12, 1000, &[7; 17]);
    named[28..36].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
    let bytes = [entry(2, 12, b"."), entry(2, 12, b".."), named].concat();
    let found = scan(&bytes, &hashed());
    assert_eq!(found[1].unwrap().hash_suffix, None);
    assert_eq!(found[2].unwrap().hash_suffix, Some((1, 2)));
    assert_eq!(scan(&bytes, &encrypted())[2].unwrap().hash_suffix, None);
}

#[test]
fn each_bad_entry_is_its_kind_and_ends_the_scan() {
    use CorruptKind::{DirInode, DirNameLen, DirRecLen};
    let mut long_name = entry(12, 16, b"file");
    long_name[6] = 9;
    let cases = [
        ("zero", entry(12, 0, b"a"), rule(), DirRecLen),
        ("below the minimum", entry(0, 8, b""), rule(), DirRecLen),
        ("unaligned", entry(12, 13, b"a"), rule(), DirRecLen),
        ("past the block", entry(12, 44, b"a"), rule(), DirRecLen),
        ("no room for a header behind", entry(12, 32, b"a"), rule(), DirRecLen),
        ("no room for hashes", entry(12, 28, &[7; 17]), hashed(), DirRecLen),
        ("name too long", long_name, rule(), DirNameLen),
        ("no name", entry(12, 12, b""), rule(), DirNameLen),
        ("inode", entry(101, 12, b"a"), rule(), DirInode),
    ];
    for (what, bad, rule, kind) in cases {
        let mut bytes = [entry(2, 12, b"."), bad].concat();
        bytes.resize(52, 0);
        let found = scan(&bytes, &rule);
        assert_eq!(found.len(), 2, "{what}");
        assert!(found[0].is_ok(), "{what}");
        assert_eq!(found[1], Err(Corrupt::new(kind, Place::default().offset(12))), "{what}");
    }
}

#[test]
fn invalid_names_are_marked_and_the_scan_goes_on() {
    let cases = [
        (&b"a/b"[..], rule(), Err(CorruptKind::DirName)),
        (b"a\0b", rule(), Err(CorruptKind::DirName)),
        (b"fine\xff", rule(), Ok(())),
        (b"..", encrypted(), Ok(())),
        (&[b'/'; 15], encrypted(), Err(CorruptKind::EncryptedName)),
        (&[0; 16], encrypted(), Ok(())),
    ];
    for (name, rule, result) in cases {
        let bytes = [entry(12, 24, name), entry(2, 12, b".")].concat();
        let found = scan(&bytes, &rule);
        assert_eq!(found.len(), 2);
        let first = found[0].unwrap();
        let checked = first.checked_name(&rule, Place::default());
        assert_eq!(checked.map(|_| ()).map_err(|c| c.kind), result);
        assert_eq!(first.name_valid, result.is_ok());
    }
}

#[test]
fn dot_entries_must_come_first() {
    let ino = InodeNr::new(12);
    let parse =
        |bytes: &[u8]| DotEntries::parse(bytes, ino, &rule(), Place::default()).map_err(|c| c.kind);
    let pair =
        |a: (u32, &[u8]), b: (u32, &[u8])| [entry(a.0, 12, a.1), entry(b.0, 1012, b.1)].concat();
    assert_eq!(parse(&pair((12, b"."), (2, b".."))), Ok(DotEntries { parent: 2 }));
    let wrong = [
        pair((13, b"."), (2, b"..")),
        pair((12, b"x"), (2, b"..")),
        pair((12, b"."), (2, b"x")),
        pair((12, b"."), (0, b"..")),
        entry(12, 12, b"."),
        Vec::new(),
    ];
    for bytes in wrong {
        assert_eq!(parse(&bytes), Err(CorruptKind::DirDot));
    }
    assert_eq!(parse(&pair((12, b"."), (500, b".."))), Err(CorruptKind::DirInode));
}

#[test]
fn the_tail_is_found_only_in_its_exact_form() {
    let seed = ChecksumSeed::stored(7).for_inode(InodeNr::new(12), 3);
    let body = entry(0, 1012, b"");
    let tail = |sum: u32| [&[0, 0, 0, 0, 12, 0, 0, 0xde][..], &sum.to_le_bytes()].concat();
    let good = [body.clone(), tail(seed.sum(&body))].concat();
    assert_eq!(dir_tail(&good), Some(seed.sum(&body)));
    assert_eq!(dir_body(&good), body);
    let verify =
        |block: &[u8]| verify_dir_checksum(block, seed, Place::default()).map_err(|c| c.kind);
    assert_eq!(verify(&good), Ok(()));
    for byte in 1012..1020 {
        let mut block = good.clone();
        block[byte] ^= 1;
        assert_eq!(verify(&block), Err(CorruptKind::DirTail), "{byte}");
        assert_eq!(dir_body(&block), block);
    }
    for byte in [0, 1011, 1020, 1023] {
        let mut block = good.clone();
        block[byte] ^= 1;
        assert_eq!(verify(&block), Err(CorruptKind::DirChecksum), "{byte}");
    }
    assert_eq!(verify(&[0; 11]), Err(CorruptKind::DirTail));
}

#[test]
fn a_tail_made_is_right_and_only_a_tail_is_changed() {
    let seed = ChecksumSeed::stored(7).for_inode(InodeNr::new(12), 3);
    let verify = |block: &[u8]| verify_dir_checksum(block, seed, Place::default());
    let mut block = entry(12, 1024, b"file");
    let before = block.clone();
    set_dir_checksum(&mut block, seed);
    assert_eq!(block, before);
    init_dir_tail(&mut block);
    assert_eq!(dir_body(&block), &before[..1012]);
    assert_eq!(dir_body_mut(&mut block), &before[..1012]);
    assert!(verify(&block).is_err());
    set_dir_checksum(&mut block, seed);
    assert_eq!(verify(&block), Ok(()));
    assert!(dir_body_mut(&mut [0; 11]).is_empty());
}

#[test]
fn dot_records_are_read_as_dot_entries() {
    let (ino, parent) = (InodeNr::new(12), InodeNr::new(2));
    for rule in [rule(), hashed(), EntryRule { has_filetype: false, ..rule() }] {
        let mut block = vec![0; 1024];
        let records = DotEntries::records(ino, parent, &rule);
        assert!(DirBlockMut::new(&mut block, &rule, Place::default()).pack(&records));
        let parsed = DotEntries::parse(&block, ino, &rule, Place::default());
        assert_eq!(parsed, Ok(DotEntries { parent: 2 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(12), Just(16), any::<u8>()],
            0..1024),
        encrypted: bool, casefold: bool, has_filetype: bool,
    ) {
        let rule = EntryRule { encrypted, casefold, has_filetype, ..rule() };
        let found = scan(&bytes, &rule);
        prop_assert!(found.len() <= bytes.len() / 12 + 1);
        let errors = found.iter().filter(|entry| entry.is_err()).count();
        let covered: usize = found.iter().flatten().map(|e| e.rec_len as usize).sum();
        prop_assert!(errors == 1 || (errors == 0 && covered == bytes.len()));
        let _ = DotEntries::parse(&bytes, InodeNr::ROOT, &rule, Place::default());
        let seed = ChecksumSeed::stored(1).for_inode(InodeNr::ROOT, 0);
        prop_assert!(verify_dir_checksum(&bytes, seed, Place::default()).is_err());
    }
}
