//! Sound images: aged by the kernel, and made by mke2fs in hundreds of ways. The checker has no
//! complaint about any.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checker;

use std::ops::Range;
use std::path::Path;

use checker::{able, nervous, setting, silent};
use extant_testkit::aged::{self, AGED_PROFILES};
use extant_testkit::capability::{Capability, need};
use extant_testkit::image::Scratch;
use extant_testkit::matrix::{OptionSet, option_sets};
use extant_testkit::verdict::Checker;
use extant_testkit::verdict::soundness::{Made, Report, judge};

/// Every aged profile with each of `seeds`.
fn aged(seeds: Range<u64>, checker: Checker) -> Report {
    let profiles = AGED_PROFILES.len();
    let count = profiles * usize::try_from(seeds.end - seeds.start).unwrap();
    let of =
        |index: usize| (&AGED_PROFILES[index % profiles], seeds.start + (index / profiles) as u64);
    let name = |index| format!("{} seed {}", of(index).0.name, of(index).1);
    let make = |index, scratch: &Scratch, path: &Path| {
        let (profile, seed) = of(index);
        let done = aged::make(scratch, profile, seed, path)?;
        Ok(done.journal.map_or(Made::Image, Made::WithJournal))
    };
    judge(count, name, make, checker).unwrap()
}

fn aged_images_are_clean(seeds: Range<u64>) {
    if !able() || !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    let seeds = seeds.start + setting("EXTANT_SEED", 0)..seeds.end + setting("EXTANT_SEED", 0);
    let least = AGED_PROFILES.len() * usize::try_from(seeds.end - seeds.start).unwrap();
    let report = aged(seeds, silent);
    println!("{report}");
    report.verdict(least).unwrap();
}

fn matrix(sets: &[OptionSet], checker: Checker) -> Report {
    let make = |index: usize, scratch: &Scratch, path: &Path| sets[index].make(scratch, path);
    judge(sets.len(), |index| sets[index].name(), make, checker).unwrap()
}

fn made_images_are_clean(step: usize, least: usize) {
    if !able() {
        return;
    }
    let sets: Vec<_> = option_sets().into_iter().step_by(step).collect();
    let report = matrix(&sets, silent);
    println!("{report}");
    report.verdict(least).unwrap();
}

#[test]
fn kernel_aged_images_are_clean() {
    aged_images_are_clean(0..1);
}

#[test]
#[ignore = "long: ./test --long fsck"]
fn long_fsck_aged_images() {
    aged_images_are_clean(1..51);
}

#[test]
fn images_of_mke2fs_are_clean() {
    made_images_are_clean(11, 60);
}

#[test]
#[ignore = "long: ./test --long fsck"]
fn long_fsck_images_of_mke2fs() {
    made_images_are_clean(1, 500);
}

#[test]
fn false_alarms_are_refused() {
    if !able() {
        return;
    }
    let sets: Vec<_> = option_sets().into_iter().take(8).collect();
    let report = matrix(&sets, nervous);
    assert!(report.verdict(8).unwrap_err().contains("false alarms"), "{report}");
}
