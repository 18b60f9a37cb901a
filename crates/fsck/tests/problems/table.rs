//! Every row of the table is caused by a test of this folder, alone but for a few that cannot be.

use std::fs;
use std::path::Path;

use extant_fsck::ProblemKind;

/// Rows that no image on a sound device causes.
const UNCAUSED: &[&str] = &["journal.read"];

/// Rows that come with others, and why.
const NEVER_ALONE: &[(&str, &str)] = &[
    ("superblock.primary", "the totals of a copy are old"),
    ("superblock.reserved_gdt", "the reserve that is named counts as in use"),
    ("group.overlap", "the metadata that lies elsewhere now is in use for nobody"),
    ("group.read", "the device is too small"),
    ("inode.root", "nothing is connected to it"),
    ("xattr.read", "the device is too small"),
    ("map.read", "the device is too small"),
    ("shared.blocks", "what the owner had before is in use for nobody"),
    ("shared.metadata", "what the owner had before is in use for nobody"),
    ("dir.read", "the device is too small"),
    ("dir.hole", "what was there is in use for nobody"),
    ("dir.name_short", "an entry with another length of name has another place in the hash tree"),
];

fn tests() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let others = paths.filter(|path| path.file_name().unwrap() != "table.rs");
    others.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Lists of expected rows with one row in them name all rows but those of the two lists above,
/// which are named, too.
#[test]
fn every_row_has_a_test_that_causes_exactly_it() {
    let tests = tests();
    let ids = || ProblemKind::ALL.iter().map(|kind| kind.id());
    let alone = |id: &&str| tests.contains(&format!("[\"{id}\"]"));
    let not_alone: Vec<_> = ids().filter(|id| !alone(id)).collect();
    let known = |id: &&str| UNCAUSED.contains(id) || NEVER_ALONE.iter().any(|(row, _)| row == id);
    let expected: Vec<_> = ids().filter(known).collect();
    assert_eq!(not_alone, expected);
    for (id, why) in NEVER_ALONE {
        assert!(tests.contains(&format!("\"{id}\"")), "{id} ({why}) has no test");
    }
}
