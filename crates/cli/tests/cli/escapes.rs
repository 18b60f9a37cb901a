//! Row 61: labels and names that would command a terminal are shown as text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::support::{Copy, extant, tool};

const LABEL: &str = "a\x1b[31m\u{202e}b";
const NAMES: [&[u8]; 6] = [
    b"\x1b[2J\x07red",
    b"line\nbreak\ttab\rreturn",
    b"not-utf8-\xff\xc3",
    b"c1-\xc2\x9b31m",
    "bidi-\u{202e}gpj.exe\u{2066}".as_bytes(),
    b"del-\x7f-back\\slash",
];

fn hostile_image() -> Option<Copy> {
    let tree = TempDir::new().unwrap();
    for name in NAMES {
        fs::create_dir(tree.path().join(OsStr::from_bytes(name))).unwrap();
        let inner = tree.path().join(OsStr::from_bytes(name)).join(OsStr::from_bytes(name));
        symlink(OsStr::from_bytes(name), inner).unwrap();
    }
    let copy = Copy::of(&[]);
    let source = tree.path().to_str().unwrap();
    tool("mke2fs", ["-q", "-F", "-L", LABEL, "-M", LABEL, "-d", source, copy.name(), "2M"])?;
    Some(copy)
}

fn assert_harmless(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: not UTF-8"));
    let bad = text.chars().find(|&c| {
        (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}'
    });
    assert_eq!(bad, None, "{what}: {text:?}");
}

#[test]
fn row_61_nothing_of_an_image_reaches_the_terminal_raw() {
    let Some(copy) = hostile_image() else { return };
    for line in [
        "info @",
        "ls @",
        "ls -lRai @",
        "tree @",
        "stat @ / <12> <13> <14> <15> <16> <17> <18> <19> <20> <21> <22> <23>",
        "digest --manifest @",
        "dump @ superblock",
        "dump @ inode 13",
    ] {
        let ran = copy.run(line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        assert_harmless(&ran.stdout, line);
        assert!(!ran.stdout.is_empty());
        let json = copy.run(&format!("{line} --json"));
        assert!(!json.stdout.iter().any(|&b| b < b' ' && b != b'\n'), "{line} --json");
    }
    let text = copy.run("ls @").text();
    for shown in [
        r"\x1b[2J\x07red",
        r"line\x0abreak\x09tab\x0dreturn",
        r"not-utf8-\xff\xc3",
        r"c1-\u{9b}31m",
        r"bidi-\u{202e}gpj.exe\u{2066}",
        r"del-\x7f-back\\slash",
    ] {
        assert!(text.lines().any(|line| line == shown), "{shown} not in {text}");
    }
    assert!(copy.run("info @").text().contains(r"a\x1b[31m\u{202e}b"));
}

#[test]
fn row_61_messages_are_harmless_too() {
    let name = OsStr::from_bytes(b"/\x1b[31m\xff");
    let ran = extant([OsStr::new("stat"), OsStr::new("demo:"), name]);
    assert_harmless(ran.stderr.as_bytes(), "path");
    ran.fails(1, r"demo: /\x1b[31m\xff: no such file");
    let ran = extant([OsStr::new("info"), name]);
    assert_harmless(ran.stderr.as_bytes(), "image");
    ran.fails(3, r"/\x1b[31m\xff: cannot open");
}

#[test]
fn names_that_are_not_utf8_can_be_asked_for() {
    let path = OsStr::from_bytes(b"/names/latin-\xe9\xe8");
    assert_eq!(extant([OsStr::new("cat"), OsStr::new("demo:"), path]).ok(), "not UTF-8\n");
    let json = extant([OsStr::new("stat"), OsStr::new("--json"), OsStr::new("demo:"), path]).ok();
    assert!(json.contains(r#""path":{"hex":"2f6e616d65732f6c6174696e2de9e8"}"#), "{json}");
}
