//! Look-ups that ignore case, by a table of pairs of our own: in a directory with an index whose
//! hashes e2fsck made of the folded names, and in one without.

use std::fs;

use extant::raw::format::casefold;
use extant::raw::format::dir_hash::HashVersion;
use extant::{Filesystem, Follow, InodeNr, OpenOptions};
use extant_testkit::capability::{Capability, need};
use extant_testkit::image::{Scratch, debugfs, e2fsck, run_accepting};
use extant_testkit::profile::named;

use crate::walker::{WAIT, open};

/// A stored name and one that is the same to a directory that folds case.
const SAME: &[(&str, &str)] = &[
    ("plain", "PLAIN"),
    ("MixedCase.TXT", "mIXEDcASE.txt"),
    ("Stra\u{df}e", "STRASSE"),
    ("\u{c5}ngstr\u{f6}m", "\u{e5}NGSTR\u{d6}M"),
    // Composed and decomposed; the Angstrom sign is a letter.
    ("cafe\u{301}", "CAF\u{c9}"),
    ("\u{212b}", "a\u{30a}"),
    // Ligatures fold to their letters.
    ("o\u{fb03}ce", "OFFICE"),
    ("\u{132}sselmeer", "\u{133}SSELMEER"),
    // Both small sigmas.
    (
        "\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
        "\u{3c3}\u{38a}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}",
    ),
    ("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}", "\u{43f}\u{420}\u{418}\u{412}\u{415}\u{422}"),
    // Ignorable code points: soft hyphen, zero-width joiner.
    ("soft\u{ad}hyphen", "SoftHyphen"),
    ("zero\u{200d}width", "ZEROWIDTH"),
    // Hangul, composed and in letters.
    ("\u{d55c}\u{ae00}", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
    // A capital I with dot is i and a dot above; the sharp s has a capital.
    ("\u{130}zmir", "i\u{307}zmir"),
    ("gro\u{1e9e}", "GROSS"),
    // Two marks in the other order.
    ("q\u{323}\u{307}", "Q\u{307}\u{323}"),
];

/// Names that no stored name is the same as.
const OTHER: &[&str] = &[
    "plai",
    "plainn",
    "strase",
    "angstrom",
    "cafe",
    "ofice",
    "\u{131}zmir",
    "izmir",
    "Izmir",
    "gros",
    "soft-hyphen",
    "zero width",
    "q\u{307}",
    "\u{445}",
];

#[test]
fn names_are_found_in_other_case() {
    if !need(Capability::KernelMount) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let source = scratch.folder("source").unwrap();
    for (folder, fillers) in [("indexed", 3_000), ("linear", 0), ("exact", 0)] {
        let folder = source.join(folder);
        fs::create_dir(&folder).unwrap();
        for (name, _) in SAME {
            fs::write(folder.join(name), name).unwrap();
        }
        for number in 0..fillers {
            fs::write(folder.join(format!("Filler{number:05}")), "").unwrap();
        }
    }
    let profile = named("ext4-casefold").unwrap();
    let image = scratch.mkfs_from(profile, 128, 8_000, Some(&source)).unwrap();
    let flags =
        ["/indexed", "/linear"].map(|folder| format!("set_inode_field {folder} flags 0x40080000"));
    debugfs(&image, &flags).unwrap();
    run_accepting("e2fsck", &["-fyD", &image.display().to_string()], &[0, 1]).unwrap();
    e2fsck(&image).unwrap();
    let stat = debugfs(&image, &["stat /indexed"]).unwrap();
    assert!(stat.contains("Flags: 0x40081000"), "{stat}");
    let fs = open(&image, &OpenOptions::default()).unwrap();
    for _ in ["cold", "warm"] {
        folded(&fs, "/indexed");
        folded(&fs, "/linear");
        exact(&fs);
    }
    for number in 0..3_000 {
        assert!(find(&fs, &format!("/indexed/fILLER{number:05}")).is_some(), "{number}");
        assert!(find(&fs, &format!("/indexed/filler {number:05}")).is_none(), "{number}");
    }
}

fn find(fs: &Filesystem, path: &str) -> Option<InodeNr> {
    match fs.stat(path.as_bytes(), Follow::No, WAIT) {
        Ok(stat) => Some(stat.ino),
        Err(extant::Error::NotFound) => None,
        Err(error) => panic!("{path}: {error}"),
    }
}

fn folded(fs: &Filesystem, folder: &str) {
    for (stored, other) in SAME {
        let ino = find(fs, &format!("{folder}/{stored}"));
        assert!(ino.is_some(), "{stored}");
        assert_eq!(find(fs, &format!("{folder}/{other}")), ino, "{other}");
        let upper = stored.to_uppercase();
        assert_eq!(find(fs, &format!("{folder}/{upper}")), ino, "{upper}");
    }
    for name in OTHER {
        assert_eq!(find(fs, &format!("{folder}/{name}")), None, "{name}");
    }
}

/// A directory without the flag takes names byte by byte.
fn exact(fs: &Filesystem) {
    for (stored, other) in SAME {
        assert!(find(fs, &format!("/exact/{stored}")).is_some(), "{stored}");
        assert_eq!(find(fs, &format!("/exact/{other}")), None, "{other}");
    }
}

/// The index alone would lead to the names: both have the hash that debugfs computes. (A look-up
/// that does not find a name through the index looks at all entries, so the test above would not
/// see a wrong hash.)
#[test]
fn hashes_of_folded_names_are_those_of_debugfs() {
    if !need(Capability::Tool("debugfs")) {
        return;
    }
    const SEED: &str = "8c5f4a1e-2b77-4d0e-9a53-6f1d2c3b4a59";
    let seed = [0x1e4a_5f8c, 0x0e4d_772b, 0x1d6f_539a, 0x594a_3b2c];
    let scratch = Scratch::new().unwrap();
    let image = scratch.mkfs(named("ext4-casefold").unwrap(), 64, 100).unwrap();
    let names: Vec<&str> = SAME.iter().flat_map(|(stored, other)| [*stored, *other]).collect();
    let command = |name: &&str| format!("dx_hash -c -e utf8 -h half_md4 -s {SEED} -- \"{name}\"");
    let text = debugfs(&image, &names.iter().map(command).collect::<Vec<_>>()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Hash of ")).collect();
    assert_eq!(lines.len(), names.len());
    for (name, line) in names.iter().zip(lines) {
        let hash = casefold::hash_name(HashVersion::HalfMd4, name.as_bytes(), Some(seed)).unwrap();
        let shown = format!("is {:#x} (minor {:#x})", hash.major, hash.minor);
        assert!(line.ends_with(&shown), "{line}, ours {shown}");
    }
}
