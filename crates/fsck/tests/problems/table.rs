//! Every row of the table is named in a test of this folder.

use std::fs;
use std::path::Path;

use extant_fsck::ProblemKind;

/// Rows that no image on a sound device causes.
const UNCAUSED: &[&str] = &["journal.read"];

#[test]
fn every_row_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let mut tests = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "table.rs" {
            tests += &fs::read_to_string(path).unwrap();
        }
    }
    let named = |id: &str| tests.contains(&format!("\"{id}\""));
    let missing: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.id()).collect();
    let missing: Vec<_> = missing.into_iter().filter(|id| !named(id)).collect();
    assert_eq!(missing, UNCAUSED);
}
