//! The corpora: the checker's verdict is e2fsck's but for the cases below, nothing panics, nothing
//! takes longer than ten seconds. Both look at the same copy, which e2fsck replayed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checker;

use checker::{able, blind, extant, nervous};
use extant_testkit::corpus::{self, Case};
use extant_testkit::verdict::corpora::{Difference, judge};

/// Where the verdicts differ, and why. A row that is no longer true fails the test.
const DIFFERENCES: &[Difference] = &[];

fn family(name: &str) -> Option<Vec<Case>> {
    if !able() {
        return None;
    }
    let cases = corpus::cases().unwrap()?;
    Some(cases.into_iter().filter(|case| case.name.starts_with(name)).collect())
}

fn agrees(name: &str, least: usize) {
    let Some(cases) = family(name) else { return };
    let report = judge(cases.iter(), extant).unwrap();
    println!("{report}");
    assert!(report.entries.len() >= least, "{}", report.entries.len());
    let explained = DIFFERENCES.iter().filter(|row| row.name.starts_with(name)).copied();
    report.verdict(&explained.collect::<Vec<_>>()).unwrap();
}

#[test]
fn verdicts_on_e2fsprogs_images_agree() {
    agrees("e2fsprogs/", 100);
}

#[test]
fn verdicts_on_syzkaller_images_agree() {
    agrees("syzkaller/", 60);
}

#[test]
fn wrong_verdicts_are_refused() {
    let Some(cases) = family("e2fsprogs/") else { return };
    for wrong in [blind, nervous] {
        let report = judge(cases.iter(), wrong).unwrap();
        assert!(report.verdict(DIFFERENCES).is_err(), "{report}");
    }
}
