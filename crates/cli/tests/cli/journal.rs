//! `dump journal`, compared with `logdump` of debugfs.

use std::fs;

use serde_json::Value;

use crate::dirty::{BLOCK, CHECKSUMS, Dirty, FORMS, SUMS, block, dirty, files, log_block};
use crate::support::{Copy, debugfs, run};

/// The lines of a dump of the journal in `image`.
fn dump(image: &Copy, options: &str) -> Vec<Value> {
    let text = image.run(&format!("dump --json @ journal{options}")).ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn structures<'v>(lines: &'v [Value], name: &str) -> Vec<&'v Value> {
    lines.iter().filter(|line| line["structure"] == name).collect()
}

/// What `logdump -a` prints, from our records.
fn as_logdump(lines: &[Value]) -> Vec<String> {
    let mut text = Vec::new();
    for line in lines.iter().filter(|line| line["is_old"] == false) {
        let found = |what: &str| {
            let (sequence, block) = (&line["sequence"], &line["block"]);
            format!("Found expected sequence {sequence}, type {what} at block {block}")
        };
        if let Some(copies) = line["copies"].as_array() {
            text.push(found("1 (descriptor block)"));
            text.extend(copies.iter().map(|copy| {
                let (home, block) = (&copy["home_block"], &copy["block"]);
                let flags = copy["flags"].as_u64().unwrap();
                format!("  FS block {home} logged at journal block {block} (flags {flags:#x})")
            }));
        } else if let Some(blocks) = line["revoked_blocks"].as_array() {
            text.push(found("5 (revoke table)"));
            text.extend(blocks.iter().map(|block| format!("  Revoke FS block {block}")));
        } else {
            text.push(found("2 (commit block)"));
        }
    }
    text
}

fn assert_same_as_logdump(image: &Copy) {
    let Some(output) = debugfs("logdump -a", &image.path) else { return };
    let theirs = String::from_utf8(output).unwrap();
    let theirs: Vec<&str> = theirs
        .lines()
        .filter(|line| line.starts_with("Found ") || line.starts_with("  "))
        .collect();
    assert!(theirs.len() > 10, "{theirs:?}");
    assert_eq!(as_logdump(&dump(image, "")), theirs);
}

#[test]
fn records_are_those_of_logdump() {
    for (features, open) in FORMS {
        let Some(Dirty { image, blocks, .. }) = dirty(features, open, files) else { return };
        assert_same_as_logdump(&image);
        let lines = dump(&image, "");
        assert_eq!(lines[0]["structure"], "journal");
        assert_eq!(lines.last().unwrap()["structure"], "journal_end");
        let copies: Vec<u64> = structures(&lines, "journal_descriptor")
            .iter()
            .flat_map(|line| line["copies"].as_array().unwrap())
            .map(|copy| copy["home_block"].as_u64().unwrap())
            .collect();
        assert_eq!(copies, blocks.iter().map(|nr| *nr as u64).collect::<Vec<_>>());
        for line in &lines[1..] {
            let wrong = line["checksum_ok"] == false
                || line["copies"]
                    .as_array()
                    .is_some_and(|copies| copies.iter().any(|copy| copy["checksum_ok"] == false));
            assert!(!wrong, "{features} {open}: {line}");
        }
    }
}

#[test]
fn text_says_what_json_says() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let text = image.run("dump @ journal").ok();
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        "start_block:        1",
        "1: descriptor, transaction 1, 3 blocks, checksum ok",
        "6: revoke, transaction 2, checksum ok",
        "  16000 16001",
    ] {
        assert!(lines.contains(&line), "{line:?} not in {text}");
    }
    assert!(lines.iter().any(|l| l.starts_with("  2 -> ") && l.ends_with("checksum ok")), "{text}");
    let commit = lines.iter().find(|line| line.starts_with("5: commit, transaction 1, ")).unwrap();
    assert!(commit.ends_with(", checksum ok"), "{text}");
    let end = lines.last().unwrap();
    assert!(end.starts_with("end of the log: block "), "{text}");
}

#[test]
fn wrong_checksums_are_shown_as_such() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let mut bytes = fs::read(&image.path).unwrap();
    for log in [1, 3, 5, 6] {
        // Behind all that a reader of the block needs, and in its checksum's range.
        bytes[log_block(&image, log) + 1000] ^= 1;
    }
    fs::write(&image.path, bytes).unwrap();
    assert_same_as_logdump(&image);
    let lines = dump(&image, "");
    let of_block =
        |nr: u64| lines.iter().find(|line| line["block"] == nr && line["is_old"] == false);
    for (nr, ok) in [(1, false), (5, false), (6, false), (7, true)] {
        assert_eq!(of_block(nr).unwrap()["checksum_ok"], ok, "{nr}");
    }
    let copies = of_block(1).unwrap()["copies"].as_array().unwrap();
    let ok: Vec<&Value> = copies.iter().map(|copy| &copy["checksum_ok"]).collect();
    assert_eq!(ok, [true, false, true]);
}

#[test]
fn a_transaction_with_one_sum_is_checked_whole() {
    let Some(Dirty { image, .. }) = dirty("^metadata_csum", SUMS, files) else { return };
    let sums = |image: &Copy| {
        let lines = dump(image, "");
        let commits = structures(&lines, "journal_commit");
        commits.iter().map(|line| line["checksum_ok"].clone()).collect::<Vec<_>>()
    };
    let before = sums(&image);
    assert!(before.len() > 2 && before.iter().all(|ok| *ok == true), "{before:?}");
    let mut bytes = fs::read(&image.path).unwrap();
    bytes[log_block(&image, 3) + 1000] ^= 1;
    fs::write(&image.path, bytes).unwrap();
    let after = sums(&image);
    assert_eq!(after[0], false);
    assert_eq!(after[1..], before[1..]);
}

#[test]
fn old_records_are_shown_when_asked_for() {
    let Some(Dirty { image, blocks, .. }) = dirty("metadata_csum", CHECKSUMS, files) else {
        return;
    };
    let live = dump(&image, "");
    let Some(_) = crate::support::tool("e2fsck", ["-fy", image.name()]) else { return };
    let empty = dump(&image, "");
    assert_eq!(empty.len(), 2, "{empty:?}");
    assert_eq!(empty[0]["is_empty"], true);
    let old = dump(&image, " --all");
    let descriptors = structures(&old, "journal_descriptor");
    assert_eq!(descriptors.len(), blocks.len().div_ceil(3));
    assert!(descriptors.iter().all(|line| line["is_old"] == true));
    let without = |value: &Value| {
        let mut value = value.clone();
        for copy in value["copies"].as_array_mut().unwrap() {
            copy["checksum_ok"] = Value::Null;
        }
        value["is_old"] = false.into();
        value
    };
    let live: Vec<Value> =
        structures(&live, "journal_descriptor").into_iter().map(without).collect();
    assert_eq!(descriptors.into_iter().map(without).collect::<Vec<_>>(), live);
    let text = image.run("dump @ journal --all").ok();
    assert!(text.contains("1: old descriptor, transaction 1, 3 blocks"), "{text}");
}

#[test]
fn a_log_that_wraps_is_followed() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let start = log_block(&image, 0);
    let bytes = fs::read(&image.path).unwrap();
    let len = u32::from_be_bytes(bytes[start + 16..start + 20].try_into().unwrap());
    // Rotates the ring so that the log starts four blocks before its end.
    let mut turned = bytes.clone();
    for log in 1..u64::from(len) {
        let to = (log + u64::from(len) - 6) % (u64::from(len) - 1) + 1;
        let (from, to) = (log_block(&image, log), log_block(&image, to));
        turned[to..to + BLOCK].copy_from_slice(block(&bytes, from / BLOCK));
    }
    let first = len - 4;
    turned[start + 28..start + 32].copy_from_slice(&first.to_be_bytes());
    turned[start + 0xfc..start + 0x100].fill(0);
    let sum = extant::raw::format::journal::journal_checksum(&turned[start..start + BLOCK]);
    turned[start + 0xfc..start + 0x100].copy_from_slice(&sum.to_be_bytes());
    fs::write(&image.path, turned).unwrap();
    assert_eq!(dump(&image, "")[1]["block"], first);
    assert_same_as_logdump(&image);
}

#[test]
fn file_systems_without_a_journal_have_none_to_show() {
    let Some(image) = crate::dirty::fresh("^has_journal") else { return };
    image.run("dump @ journal").fails(1, "has no journal");
    let lines = run("dump demo: journal").ok();
    assert!(lines.contains("is_empty:           true"), "{lines}");
}
