use proptest::prelude::*;

use super::*;

fn folded(name: &str) -> String {
    String::from_utf8(fold(name.as_bytes()).unwrap()).unwrap()
}

#[test]
fn case_and_composition_are_folded() {
    let table = [
        ("", ""),
        ("README.TXT", "readme.txt"),
        ("Stra\u{df}e", "strasse"),
        ("\u{c9}", "e\u{301}"),
        ("\u{212b}", "a\u{30a}"),
        ("\u{1d7ca}\u{1d7cb}", "\u{1d7ca}\u{1d7cb}"),
        ("\u{130}", "i\u{307}"),
        ("\u{1f82}", "\u{3b1}\u{313}\u{300}\u{3b9}"),
        ("\u{ff21}", "\u{ff41}"),
        ("\u{13a0}\u{ab70}", "\u{13a0}\u{13a0}"),
        ("\u{f900}\u{2f800}", "\u{8c48}\u{4e3d}"),
    ];
    for (name, expected) in table {
        assert_eq!(folded(name), expected, "{name:?}");
    }
}

#[test]
fn hangul_is_decomposed() {
    assert_eq!(folded("\u{ac00}"), "\u{1100}\u{1161}");
    assert_eq!(folded("\u{d7a3}"), "\u{1112}\u{1175}\u{11c2}");
    assert_eq!(folded("\u{abff}\u{d7a4}"), "\u{abff}\u{d7a4}");
}

#[test]
fn marks_are_ordered_but_not_across_an_ignored_code_point() {
    assert_eq!(folded("a\u{301}\u{323}"), "a\u{323}\u{301}");
    assert_eq!(folded("\u{1e69}"), folded("s\u{307}\u{323}"));
    assert_eq!(folded("a\u{301}\u{300}"), "a\u{301}\u{300}");
    assert_eq!(folded("a\u{301}\u{200d}\u{323}"), "a\u{301}\u{323}");
    assert_eq!(folded("a\u{ad}b\u{feff}"), "ab");
}

#[test]
fn properties_newer_than_12_1_do_not_count() {
    // Folded since 14.0, a mark since 13.0, ignorable since 14.0.
    for newer in ["\u{2c2f}", "\u{a7c7}", "a\u{1abf}\u{323}", "\u{180f}"] {
        assert_eq!(folded(newer), newer);
    }
    assert_eq!(folded("\u{2065}\u{fff0}\u{e0fff}"), "", "ignorable though unassigned");
}

#[test]
fn names_that_are_not_utf8_are_their_bytes() {
    let bad: [&[u8]; 5] =
        [b"A\xff", b"\xed\xa0\x80", b"\xc1\x81", b"\xf4\x90\x80\x80", b"\xe2\x82"];
    for name in bad {
        assert_eq!(fold(name), Err(InvalidUtf8));
        assert!(eq(name, name));
        let version = HashVersion::HalfMd4;
        assert_eq!(hash_name(version, name, None), dir_hash(version, name, None));
    }
    assert!(!eq(b"A\xff", b"a\xff"));
}

#[test]
fn nul_ends_a_name() {
    assert_eq!(fold(b"A\0\xff").unwrap(), b"a");
}

#[test]
fn hashes_are_those_of_the_folded_name() {
    let (version, key) = (HashVersion::Tea, &[7; 16]);
    assert_eq!(hash_name(version, b"ABC", None), dir_hash(version, b"abc", None));
    assert_eq!(hash_name_keyed(key, b"ABC"), dir_hash_keyed(key, b"abc"));
}

#[test]
fn what_stands_for_a_code_point_stays() {
    for c in '\u{1}'..=char::MAX {
        let once = folded(c.encode_utf8(&mut [0; 4]));
        assert_eq!(folded(&once), once, "{c:?}");
        assert!(once.len() <= 3 * c.len_utf8(), "{c:?}");
    }
}

#[test]
fn the_tables_are_sound() {
    assert!(tables::RANGES.is_sorted_by_key(|&(first, _)| first));
    assert!(tables::OFFSETS.is_sorted());
    assert!(tables::OFFSETS.iter().all(|&at| tables::TEXT.is_char_boundary(usize::from(at))));
    assert_eq!(tables::OFFSETS.last().map(|&end| usize::from(end)), Some(tables::TEXT.len()));
    for replaced in tables::TEXT.chars() {
        assert!(matches!(Class::of(replaced), Class::Plain | Class::Mark(_)), "{replaced:?}");
    }
}

/// Names with many marks, cases and syllables.
fn dense_name() -> impl Strategy<Value = String> {
    "[A-Fa-f\u{c0}-\u{17f}\u{300}-\u{345}\u{391}-\u{3a9}\u{ac00}-\u{ac40}\u{1f80}-\u{1faf}]{0,24}"
}

proptest! {
    #[test]
    fn fold_takes_any_bytes(name: Vec<u8>) {
        let text = name.split(|&byte| byte == 0).next().unwrap();
        prop_assert_eq!(fold(&name).is_ok(), str::from_utf8(text).is_ok());
    }

    #[test]
    fn fold_twice_is_fold(name in prop_oneof![dense_name(), ".{0,20}"]) {
        let kept: String = name.chars().filter(|&c| Class::of(c) != Class::Ignored).collect();
        let once = folded(&kept);
        prop_assert_eq!(folded(&once), once);
    }

    #[test]
    fn eq_is_sameness_of_folded_names(a in dense_name(), b in dense_name()) {
        prop_assert!(eq(a.as_bytes(), folded(&a).as_bytes()));
        prop_assert_eq!(eq(a.as_bytes(), b.as_bytes()), eq(b.as_bytes(), a.as_bytes()));
        prop_assert_eq!(eq(a.as_bytes(), b.as_bytes()), folded(&a) == folded(&b));
    }
}
