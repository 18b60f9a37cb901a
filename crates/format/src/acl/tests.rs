use proptest::prelude::*;

use super::*;

fn disk(entries: &[(u16, u16, Option<u32>)]) -> Vec<u8> {
    let mut bytes = 1_u32.to_le_bytes().to_vec();
    for (tag, perm, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.iter().flat_map(|id| id.to_le_bytes()));
    }
    bytes
}

const FULL: [(u16, u16, Option<u32>); 6] = [
    (0x01, 6, None),
    (0x02, 4, Some(1000)),
    (0x04, 4, None),
    (0x08, 7, Some(0xfffe)),
    (0x10, 6, None),
    (0x20, 0, None),
];

fn parse(bytes: &[u8]) -> Result<Acl, CorruptKind> {
    Acl::parse(bytes, Place::default()).map_err(|c| c.kind)
}

#[test]
fn a_full_list_converts_to_the_system_call_form() {
    let acl = parse(&disk(&FULL)).unwrap();
    assert_eq!(acl.entries()[1], AclEntry { tag: AclTag::User(1000), perm: 4 });
    // As getfattr -e hex shows it after setfacl -m u:1000:r,g:65534:rwx,m:rw on mode 0640.
    let expected = "02000000\
        01000600ffffffff\
        02000400e8030000\
        04000400ffffffff\
        08000700feff0000\
        10000600ffffffff\
        20000000ffffffff";
    let hex: String = acl.to_xattr_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}

#[test]
fn minimal_and_empty_lists() {
    let acl = parse(&disk(&[FULL[0], FULL[2], FULL[5]])).unwrap();
    assert_eq!(acl.entries().len(), 3);
    let empty = parse(&disk(&[])).unwrap();
    assert!(empty.is_empty() && !acl.is_empty());
    assert_eq!(empty.to_xattr_bytes(), [2, 0, 0, 0]);
}

#[test]
fn each_malformed_list_is_refused() {
    let [owner, user, group, named, mask, other] = FULL;
    let mut cut_short = disk(&FULL);
    cut_short.pop();
    let mut version = disk(&FULL);
    version[0] = 2;
    let cases = [
        ("no bytes", Vec::new()),
        ("half a header", vec![1, 0, 0]),
        ("version", version),
        ("cut short", cut_short),
        ("id cut off", disk(&[owner, (0x02, 4, None)])),
        ("unknown tag", disk(&[owner, group, other, (0x40, 7, None)])),
        ("permissions", disk(&[(0x01, 8, None), group, other])),
        ("no owner", disk(&[group, other])),
        ("no others", disk(&[owner, group])),
        ("two owners", disk(&[owner, owner, group, other])),
        ("two masks", disk(&[owner, group, mask, mask, other])),
        ("named without mask", disk(&[owner, user, group, other])),
        ("order", disk(&[owner, group, user, named, mask, other])),
        ("absurd count", disk(&[owner; 8000])),
    ];
    for (what, bytes) in cases {
        assert_eq!(parse(&bytes), Err(CorruptKind::AclMalformed), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        edits in proptest::collection::vec((0..36_usize, 0..40_u8), 0..4), len in 0..=36_usize,
    ) {
        let mut bytes = disk(&FULL);
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..len]] {
            if let Ok(acl) = parse(bytes) {
                prop_assert_eq!(acl.to_xattr_bytes().len(), 4 + 8 * acl.entries().len());
                prop_assert!(acl.entries().len() * 4 < bytes.len());
            }
        }
    }
}
