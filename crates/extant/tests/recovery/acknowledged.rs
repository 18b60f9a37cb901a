//! Where kernel and e2fsck fail, the list decides: small fast-commit areas after every fsync, the
//! exactly full one included, and logs whose last transaction lost a block, with and without
//! asynchronous commits.

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::DirtyProfile;
use extant_testkit::dirty::fast::{SMALL_AREAS, Step, follow, without_folder_times};
use extant_testkit::dirty::torn::tear;
use extant_testkit::image::Scratch;
use extant_testkit::oracle;

use crate::view;

fn able() -> Option<Scratch> {
    let able = need(Capability::KernelMount) && need(Capability::Compiler);
    able.then(|| Scratch::new().unwrap())
}

/// The view of `image`, and of the image recovered in place, are the tree `told`.
fn holds(scratch: &Scratch, image: &[u8], told: &[String], fold: Fold, context: &str) {
    let fs = view::open_bytes(image).unwrap_or_else(|error| panic!("{context}: {error}"));
    let first = view::lines(&fs);
    view::assert_same_lines(&fold(told), &fold(&first), context);
    let path = scratch.join("recovered.img");
    std::fs::write(&path, image).unwrap();
    view::recover(&path, None, true);
    let verdict = oracle::check(&path, None).unwrap();
    assert_eq!(verdict.code, 0, "{context}: {}", verdict.text);
    view::assert_same_lines(&first, &view::lines(&view::open(&path, None)), context);
}

/// What of the lines is compared.
type Fold = fn(&[String]) -> Vec<String>;

fn steps(areas: &[DirtyProfile], seeds: std::ops::Range<u64>, count: usize) {
    let Some(scratch) = able() else { return };
    let is_full = |step: &Step| step.log.fast.as_ref().is_some_and(|fast| fast.is_full());
    for profile in areas {
        for seed in seeds.clone() {
            let steps = follow(&scratch, profile, seed, count).unwrap();
            let full = steps.list().iter().filter(|step| is_full(step)).count();
            let mut number = 0;
            steps.each(|image, step| {
                number += 1;
                let context =
                    format!("{} seed {seed} step {number}: {:?}", profile.name, step.operations);
                holds(&scratch, image, &step.tree.lines, without_folder_times, &context);
            });
            println!("{} seed {seed}: {number} steps, {full} with a full area", profile.name);
            assert!(full > 0 || profile.name == "fast-area-13", "{} seed {seed}", profile.name);
        }
    }
}

#[test]
fn c04_every_fsync_holds_in_small_fast_commit_areas() {
    steps(SMALL_AREAS, 0..1, 24);
}

#[test]
#[ignore = "many seeds: ./test --long recovery"]
fn long_recovery_every_fsync_holds_in_small_fast_commit_areas() {
    steps(SMALL_AREAS, 1..9, 60);
}

fn torn(names: &[&str], seeds: std::ops::Range<u64>) {
    let Some(scratch) = able() else { return };
    for name in names {
        for seed in seeds.clone() {
            let torn = tear(&scratch, DirtyProfile::named(name).unwrap(), seed).unwrap();
            let whole = format!("{name} seed {seed}");
            holds(&scratch, &torn.image, &torn.after.lines, <[String]>::to_vec, &whole);
            for variant in &torn.variants {
                let context = format!("{whole} without {:?} ({:?})", variant.role, variant.loss);
                let image = torn.damaged(variant);
                holds(&scratch, &image, &torn.before.lines, <[String]>::to_vec, &context);
            }
            println!("{whole}: {} damages", torn.variants.len());
            assert!(torn.variants.len() >= 2);
        }
    }
}

const TORN: &[&str] = &[
    "ext3-1k",
    "ext4-1k",
    "ext4-4k",
    "no-csum",
    "checksum-v1",
    "async-commit",
    "async-commit-v1",
    "orphan-file",
    "inline-data",
    "bigalloc",
];

#[test]
fn c15_a_torn_last_transaction_is_lost_whole() {
    torn(TORN, 0..1);
}

#[test]
#[ignore = "many seeds: ./test --long recovery"]
fn long_recovery_a_torn_last_transaction_is_lost_whole() {
    torn(TORN, 1..12);
}
