//! Each kind of corruption is raised by the product and caused by a test somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use extant::CorruptKind;

/// Kinds that nothing causes yet, and why.
const NOT_DUE: &[(&str, &str)] = &[];

/// The Rust sources of the workspace's crates, but for the table itself and this file.
fn sources() -> Vec<(PathBuf, String)> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..")];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs")
                && !path.ends_with("format/src/corrupt.rs")
                && !path.ends_with("hostile/kinds.rs")
            {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// Splits a source into what the product does and what tests do.
fn split<'a>(path: &Path, text: &'a str) -> (&'a str, &'a str) {
    let in_tests = path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs");
    if in_tests {
        return ("", text);
    }
    let at = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text.split_at(at)
}

/// Whether `text` has `word` between characters that are no part of names.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

#[test]
fn every_kind_is_raised_and_caused() {
    let sources = sources();
    let parts: Vec<_> = sources.iter().map(|(path, text)| split(path, text)).collect();
    assert!(parts.iter().filter(|(_, test)| !test.is_empty()).count() > 40);
    let (mut not_raised, mut not_caused) = (Vec::new(), Vec::new());
    for kind in CorruptKind::ALL {
        let name = format!("{kind:?}");
        if !parts.iter().any(|(product, _)| has_word(product, &name)) {
            not_raised.push(kind.id());
        }
        let id = format!("\"{}\"", kind.id());
        if !parts.iter().any(|(_, test)| has_word(test, &name) || test.contains(&id)) {
            not_caused.push(kind.id());
        }
    }
    assert_eq!(not_raised, [""; 0], "raised by nothing");
    let listed: Vec<_> = NOT_DUE.iter().map(|(id, _)| *id).collect();
    assert_eq!(not_caused, listed, "caused by no test");
}
