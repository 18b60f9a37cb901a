//! Images with one damaged field: of what e2fsck finds, the checker finds at least 99 of 100.
//!
//! `EXTANT_SEED` starts at another seed, `EXTANT_CASES` sets how many cases the long test takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checker;

use std::ops::Range;

use checker::{able, blind, extant, nervous, setting};
use extant_testkit::verdict::corruptions::judge;

fn passes(seeds: Range<u64>) {
    if !able() {
        return;
    }
    let report = judge(seeds, extant).unwrap();
    println!("{report}");
    report.verdict().unwrap();
}

#[test]
fn what_e2fsck_finds_is_found() {
    let start = setting("EXTANT_SEED", 0);
    passes(start..start + 216);
}

#[test]
#[ignore = "long: ./test --long fsck"]
fn long_fsck_corruptions() {
    let start = setting("EXTANT_SEED", 1000);
    passes(start..start + setting("EXTANT_CASES", 10_000));
}

#[test]
fn wrong_checkers_are_refused() {
    if !able() {
        return;
    }
    let missed = judge(0..72, blind).unwrap();
    assert!(missed.verdict().unwrap_err().contains("missed"), "{missed}");
    assert!(missed.misses().count() > 30);
    let unfounded = judge(0..8, nervous).unwrap();
    assert!(unfounded.verdict().unwrap_err().contains("without damage"), "{unfounded}");
}
