use proptest::prelude::*;

use super::*;
use crate::{BlockNr, ChecksumSeed, Corrupt, CorruptKind, Place};

const SEED: ChecksumSeed = ChecksumSeed::stored(0x1234_5678);

#[derive(Clone, Copy)]
struct Raw<'a> {
    index: u8,
    name: &'a [u8],
    offset: u16,
    inode: u32,
    size: u32,
}

impl Raw<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(self.name.len()).unwrap(), self.index];
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.inode.to_le_bytes());
        bytes.extend(self.size.to_le_bytes());
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(self.name);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
}

const USER: Raw<'static> = Raw { index: 1, name: b"abc", offset: 88, inode: 0, size: 5 };

/// An area of 96 bytes behind the magic number, with "value" in its last 8 bytes.
fn ibody(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut area: Vec<u8> = entries.iter().flat_map(Raw::bytes).collect();
    area.resize(96, 0);
    area[88..93].copy_from_slice(b"value");
    [&MAGIC.to_le_bytes()[..], &area].concat()
}

fn block(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [MAGIC, 1, 1, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    bytes.extend(entries.iter().flat_map(Raw::bytes));
    bytes.resize(1024, 0);
    bytes[88..93].copy_from_slice(b"value");
    seal(&mut bytes);
    bytes
}

fn seal(bytes: &mut [u8]) {
    let sum = block_checksum(bytes, BlockNr::new(77), SEED).unwrap();
    bytes[16..20].copy_from_slice(&sum.to_le_bytes());
}

fn parse_block(bytes: &[u8]) -> Result<BlockXattrs<'_>, CorruptKind> {
    BlockXattrs::parse(bytes, BlockNr::new(77), Some(SEED), Place::default()).map_err(|c| c.kind)
}

#[test]
fn both_areas_give_names_and_values() {
    let area = ibody(&[Raw { index: 7, name: b"data", size: 0, ..USER }, USER]);
    let found = IbodyXattrs::parse(&area, Place::default()).unwrap();
    assert_eq!(found.entries.len(), 2);
    assert_eq!(found.inline_data().unwrap().value, Some(&b""[..]));
    let entry = found.find(1, b"abc").unwrap();
    assert_eq!(entry.value, Some(&b"value"[..]));
    assert_eq!(entry.full_name().unwrap(), b"user.abc");
    assert_eq!(entry.hash, 0x0403_0201);

    let bytes = block(&[USER]);
    let found = parse_block(&bytes).unwrap();
    assert_eq!((found.refcount, found.hash), (1, 0));
    assert_eq!(found.find(1, b"abc").unwrap().value, Some(&b"value"[..]));
    assert_eq!(found.find(1, b"ab"), None);
}

#[test]
fn no_magic_is_no_attributes() {
    for area in [&[][..], &[0; 3], &[0; 96]] {
        assert_eq!(IbodyXattrs::parse(area, Place::default()), Ok(IbodyXattrs::default()));
    }
}

#[test]
fn unsorted_entries_and_odd_offsets_of_empty_values_are_legal() {
    let area = ibody(&[USER, Raw { name: b"a", size: 0, offset: 0xffff, ..USER }]);
    let found = IbodyXattrs::parse(&area, Place::default()).unwrap();
    assert_eq!(found.entries[1].value, Some(&b""[..]));
}

#[test]
fn each_bad_entry_is_its_kind() {
    use CorruptKind::{XattrEntry, XattrName, XattrValue, XattrValueSize};
    // The entry with the name of 64 bytes ends at 80, its end mark at 84.
    let long = Raw { name: &[b'n'; 64], ..USER };
    let good = [USER, Raw { offset: 84, ..long }, Raw { inode: 9, size: 1 << 24, ..USER }];
    for raw in good {
        assert!(IbodyXattrs::parse(&area_of(&raw), Place::default()).is_ok(), "{:?}", raw.name);
    }
    let cases = [
        ("name past the area", Raw { name: &[b'n'; 90], ..USER }, XattrEntry),
        ("zero byte in the name", Raw { name: b"a\0b", ..USER }, XattrName),
        ("value past the area", Raw { offset: 92, ..USER }, XattrValue),
        ("value far past", Raw { offset: 0xffff, ..USER }, XattrValue),
        ("value over the entries", Raw { offset: 16, ..USER }, XattrValue),
        ("value over the end mark", Raw { offset: 80, ..long }, XattrValue),
        ("value too large", Raw { size: MAX_VALUE + 1, ..USER }, XattrValueSize),
        ("value inode too large", Raw { inode: 9, size: (1 << 24) + 1, ..USER }, XattrValueSize),
    ];
    for (what, raw, kind) in cases {
        let error = IbodyXattrs::parse(&area_of(&raw), Place::default()).unwrap_err();
        assert_eq!(error, Corrupt::new(kind, Place::default().offset(4)), "{what}");
    }
    let no_end_mark = area_of(&Raw { name: &[b'n'; 80], ..USER });
    let error = IbodyXattrs::parse(&no_end_mark, Place::default()).unwrap_err();
    assert_eq!(error, Corrupt::new(XattrEntry, Place::default().offset(100)));
}

/// The magic number and an area of 96 bytes with this entry, cut off if it is longer.
fn area_of(raw: &Raw<'_>) -> Vec<u8> {
    let mut area = [&MAGIC.to_le_bytes()[..], &raw.bytes()].concat();
    area.resize(100, 0);
    area
}

#[test]
fn each_bad_header_is_its_kind() {
    use CorruptKind::{XattrBlockCount, XattrChecksum, XattrMagic, XattrRefcount};
    let cases: [(&str, usize, u32, bool, CorruptKind); 6] = [
        ("magic", 0, 0xea01_0000, true, XattrMagic),
        ("refcount zero", 4, 0, true, XattrRefcount),
        ("refcount huge", 4, 1025, true, XattrRefcount),
        ("no blocks", 8, 0, true, XattrBlockCount),
        ("two blocks", 8, 2, true, XattrBlockCount),
        ("checksum", 28, 1, false, XattrChecksum),
    ];
    for (what, at, value, sealed, kind) in cases {
        let mut bytes = block(&[USER]);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        if sealed {
            seal(&mut bytes);
        }
        assert_eq!(parse_block(&bytes), Err(kind), "{what}");
    }
    let mut bytes = block(&[USER]);
    bytes[1023] ^= 1;
    assert_eq!(parse_block(&bytes), Err(XattrChecksum));
    assert!(BlockXattrs::parse(&bytes, BlockNr::new(77), None, Place::default()).is_ok());
    let moved = BlockXattrs::parse(&block(&[USER]), BlockNr::new(78), Some(SEED), Place::default())
        .map(|_| ());
    assert_eq!(moved.unwrap_err().kind, XattrChecksum);
    assert_eq!(parse_block(&MAGIC.to_le_bytes()), Err(XattrMagic));
}

#[test]
fn a_value_in_an_inode_has_no_bytes_here() {
    let area = ibody(&[Raw { inode: 500, size: 100_000, offset: 7, ..USER }]);
    let found = IbodyXattrs::parse(&area, Place::default()).unwrap();
    assert_eq!((found.entries[0].value_inode, found.entries[0].value), (500, None));
}

#[test]
fn names_split_and_join() {
    let cases = [
        (&b"user.a"[..], Some((1, &b"a"[..]))),
        (b"trusted.a.b", Some((4, b"a.b"))),
        (b"security.selinux", Some((6, b"selinux"))),
        (b"gnu.translator", Some((10, b"translator"))),
        (b"system.posix_acl_access", Some((2, b""))),
        (b"system.posix_acl_default", Some((3, b""))),
        (b"system.posix_acl_accessx", None),
        (b"system.data", None),
        (b"user.", None),
        (b"user", None),
        (b"", None),
    ];
    for (full, split) in cases {
        assert_eq!(split_name(full), split);
        if let Some((name_index, name)) = split {
            let area = ibody(&[Raw { index: name_index, name, ..USER }]);
            let found = IbodyXattrs::parse(&area, Place::default()).unwrap();
            assert_eq!(found.entries[0].full_name().unwrap(), full);
        }
    }
    let hidden =
        [(7, &b"data"[..]), (9, b"c"), (0, b"x"), (5, b"x"), (8, b""), (200, b"x"), (1, b"")];
    for (index, name) in hidden {
        let area = ibody(&[Raw { index, name, ..USER }]);
        let found = IbodyXattrs::parse(&area, Place::default()).unwrap();
        assert!(!found.entries[0].is_shown(), "{index}");
        assert_eq!(found.entries[0].full_name(), None);
    }
    assert_eq!(prefix(7), Some("system."));
    assert_eq!(prefix(9), None);
}

#[test]
fn entry_hashes_mix_name_and_value_words() {
    // By hand: 'a' = 0x61; "ab": (0x61 << 5) ^ 0x62 = 0xc42.
    assert_eq!(entry_hash(b"ab", b""), [0xc42; 2]);
    // rotl(0xc42, 16) ^ le32("1234" and zero padding).
    assert_eq!(entry_hash(b"ab", b"1234")[0], 0x0c42_0000 ^ 0x3433_3231);
    assert_eq!(entry_hash(b"ab", b"1")[0], 0x0c42_0000 ^ 0x31);
    assert_eq!(entry_hash(b"\xff", b""), [0xff, 0xffff_ffff]);
}

#[test]
fn value_inodes_are_checked_against_both_hashes() {
    let value = b"a large value";
    let stored = ea_inode_hash(SEED, value);
    let area = ibody(&[Raw { inode: 500, name: b"\xe4", ..USER }]);
    let mut entry = IbodyXattrs::parse(&area, Place::default()).unwrap().entries[0];
    let verify = |entry: &XattrEntry<'_>, value: &[u8]| {
        verify_ea_inode_value(entry, value, stored, SEED, Place::default()).map_err(|c| c.kind)
    };
    let hashes = entry_hash(b"\xe4", &stored.to_le_bytes());
    assert_ne!(hashes[0], hashes[1]);
    for hash in hashes {
        entry.hash = hash;
        assert_eq!(verify(&entry, value), Ok(()));
        assert_eq!(verify(&entry, b"a large valuf"), Err(CorruptKind::EaInodeHash));
        entry.hash = hash ^ 1;
        assert_eq!(verify(&entry, value), Err(CorruptKind::XattrHash));
    }
}

#[test]
fn value_inode_fields() {
    let inode = EaInode::from_fields(1, 2, 3, 4, 5);
    assert_eq!((inode.refcount, inode.hash), (0x1_0000_0002, 3));
    assert!(inode.is_owned_by(4, 5));
    assert!(!inode.is_owned_by(4, 6) && !inode.is_owned_by(3, 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        edits in proptest::collection::vec((4..100_usize, any::<u8>()), 0..8),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut area = ibody(&[USER, Raw { name: b"a", ..USER }]);
        for &(at, byte) in &edits {
            area[at] = byte;
        }
        let noise = [&MAGIC.to_le_bytes()[..], &noise].concat();
        for area in [&area, &noise] {
            if let Ok(found) = IbodyXattrs::parse(area, Place::default()) {
                prop_assert!(found.entries.len() <= area.len() / 16);
            }
        }
        let mut bytes = block(&[USER, Raw { name: b"a", ..USER }]);
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        for bytes in [&bytes, &noise] {
            let _ = BlockXattrs::parse(bytes, BlockNr::new(1), None, Place::default());
        }
    }
}

#[test]
fn a_reference_count_set_is_the_one_read() {
    let mut bytes = block(&[USER]);
    set_block_refcount(&mut bytes, BlockNr::new(77), Some(SEED), 9);
    assert_eq!(parse_block(&bytes).unwrap().refcount, 9);
    let before = bytes.clone();
    set_block_refcount(&mut bytes, BlockNr::new(77), None, 10);
    assert_eq!(bytes[..4], before[..4]);
    assert_eq!(bytes[8..], before[8..], "without checksums only the count changes");

    let mut raw = crate::inode::RawInode::default();
    EaInode::set_refcount(&mut raw, 0x5_0000_0003);
    let fields = (raw.ctime.get(), raw.version_lo.get());
    assert_eq!(EaInode::from_fields(fields.0, fields.1, 0, 0, 0).refcount, 0x5_0000_0003);
}
