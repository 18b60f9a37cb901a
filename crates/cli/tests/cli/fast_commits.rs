//! `dump journal` of the fast-commit area.

use std::fs;

use extant_testkit::hostile::ImageEditor;
use extant_testkit::journal::{FastCommits, FcExtent, FcTag, LogBuilder, LogChecksum, LogFormat};
use serde_json::{Value, json};

use crate::support::{Copy, tool};

/// The transaction that comes after the log.
const NEXT: u32 = 41;
/// An image whose journal holds an empty transaction and the fast commits `fast`.
fn image(fast: &FastCommits) -> Option<Copy> {
    let image = Copy::of(&[]);
    let options = ["-q", "-F", "-t", "ext4", "-b", "1024", "-O", "fast_commit", "-J", "size=4"];
    let made = tool("mke2fs", options.into_iter().chain([image.name(), "32M"]))?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut editor = ImageEditor::new(fs::read(&image.path).unwrap());
    let format =
        LogFormat { fast_commit_blocks: Some(16), ..LogFormat::new(LogChecksum::V3, true) };
    let mut log = LogBuilder::new(&mut editor, format).unwrap();
    log.start(log.range().0, NEXT - 1);
    log.commit(&mut editor, 1_700_000_000).unwrap();
    log.fast_commits(&mut editor, fast).unwrap();
    log.finish(&mut editor).unwrap();
    fs::write(&image.path, editor.into_bytes()).unwrap();
    Some(image)
}

/// A fast commit with every kind of record, one with a wrong checksum, one of another transaction.
fn three() -> FastCommits {
    let mut fast = FastCommits::new(1024);
    let extent = FcExtent { logical: 5, raw_length: 0x8002, physical: 9000 };
    fast.head(0, NEXT).name(FcTag::Creat, 2, 12, b"new").name(FcTag::Link, 2, 12, b"m\xe9\x1b");
    fast.inode(12, &[7; 160]).add_range(12, extent).del_range(12, 9, 3).pad();
    fast.name(FcTag::Unlink, 2, 12, b"old").tail(NEXT, 0);
    fast.del_range(13, 0, 1).tail(NEXT, 1);
    fast.del_range(14, 0, 1).tail(NEXT - 1, 0);
    fast
}

/// The journal's block with the first record: of 16 blocks for fast commits one is not used.
fn first(image: &Copy) -> u64 {
    let text = image.run("dump --json @ journal").ok();
    let journal: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    journal["length_blocks"].as_u64().unwrap() - 15
}

/// The records of the area, without what is the same in all, and the inode's bytes cut.
fn records(image: &Copy, options: &str) -> Vec<Value> {
    let text = image.run(&format!("dump --json @ journal{options}")).ok();
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records = values.filter(|value| value["structure"] == "journal_fast_commit");
    records
        .map(|mut value| {
            assert_eq!(value["schema"], "extant.dump/1");
            let object = value.as_object_mut().unwrap();
            for key in ["schema", "structure", "offset_bytes", "checksum"] {
                object.remove(key);
            }
            if let Some(inode) = object.get_mut("inode") {
                *inode = inode["hex"].as_str().unwrap().len().into();
            }
            value
        })
        .collect()
}

#[test]
fn every_record_is_shown() {
    let Some(image) = image(&three()) else { return };
    let b = first(&image);
    let expected = [
        json!({"block": b, "record": "head", "sequence": NEXT, "features": 0}),
        json!({"block": b, "record": "create", "parent_ino": 2, "ino": 12, "name": "new"}),
        json!({"block": b, "record": "link", "parent_ino": 2, "ino": 12,
               "name": {"hex": "6de91b"}}),
        json!({"block": b, "record": "inode", "ino": 12, "inode": 320}),
        json!({"block": b, "record": "add_range", "ino": 12, "logical": 5, "len": 2,
               "physical": 9000, "unwritten": true}),
        json!({"block": b, "record": "del_range", "ino": 12, "logical": 9, "len": 3}),
        json!({"block": b, "record": "pad"}),
        json!({"block": b + 1, "record": "unlink", "parent_ino": 2, "ino": 12, "name": "old"}),
        json!({"block": b + 1, "record": "tail", "sequence": NEXT, "checksum_ok": true,
               "is_old": false}),
        json!({"block": b + 2, "record": "del_range", "ino": 13, "logical": 0, "len": 1}),
        json!({"block": b + 2, "record": "tail", "sequence": NEXT, "checksum_ok": false,
               "is_old": false}),
    ];
    assert_eq!(records(&image, ""), expected);
    let all = records(&image, " --all");
    assert_eq!(all[..expected.len()], expected);
    let old = [
        json!({"block": b + 3, "record": "del_range", "ino": 14, "logical": 0, "len": 1}),
        json!({"block": b + 3, "record": "tail", "sequence": NEXT - 1, "checksum_ok": true,
               "is_old": true}),
    ];
    assert_eq!(all[expected.len()..], old);
}

#[test]
fn text_is_escaped() {
    let Some(image) = image(&three()) else { return };
    let text = image.run("dump @ journal --all").ok();
    let b = first(&image);
    for (block, line) in [
        (0, "0: fast-commit head, transaction 41, features 0x0"),
        (0, "12: create 12 in directory 2: new"),
        (0, "27: link 12 in directory 2: m\\xe9\\x1b"),
        (1, "15: fast-commit tail, transaction 41, checksum ok"),
        (2, "16: fast-commit tail, transaction 41, checksum wrong"),
        (3, "16: old fast-commit tail, transaction 40, checksum ok"),
    ] {
        let line = format!("{}+{line}", b + block);
        assert!(text.lines().any(|l| l == line), "{line:?} not in {text}");
    }
    assert!(text.contains(": inode 12: 2 blocks from 5 -> 9000 unwritten\n"), "{text}");
    assert!(text.contains(": inode 12: 3 blocks from 9 -> hole\n"), "{text}");
    assert!(text.contains(", 2023-11-14 22:13:20.000000000 UTC, checksum ok\n"), "{text}");
}

#[test]
fn bytes_that_are_no_record_end_the_listing() {
    let mut fast = three();
    fast.bytes_mut()[2048..2052].copy_from_slice(&[0xee; 4]);
    let Some(image) = image(&fast) else { return };
    let lines = records(&image, "");
    assert_eq!((lines.len(), &lines[8]["record"]), (9, &"tail".into()));
    let all = records(&image, " --all");
    assert_eq!((all.len(), &all[10]["checksum_ok"]), (11, &true.into()), "{all:?}");
}

#[test]
fn fast_commits_of_another_transaction_are_old() {
    let mut fast = FastCommits::new(1024);
    fast.head(0, NEXT + 1).del_range(14, 0, 1).tail(NEXT + 1, 0);
    let Some(image) = image(&fast) else { return };
    assert_eq!(records(&image, ""), [] as [Value; 0]);
    assert_eq!(records(&image, " --all").len(), 3);
}

#[test]
fn fast_commits_that_cannot_be_replayed_are_reported() {
    let Some(image) = image(&three()) else { return };
    let info: Value = serde_json::from_str(&image.run("info --json @").ok()).unwrap();
    assert_eq!(info["recovery"]["fast_commit_damage"]["kind"], "journal.fast_commit");
    let done = image.run("recover @");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.contains(", fast commits left out: "), "{text}");
    assert_eq!(done.code, 1, "a part of what was durable is lost");
    assert_eq!(image.run("recover @").ok(), "clean: nothing to recover\n");
}
