//! The option sets are many, differ, and use every option.

use std::collections::BTreeSet;

use super::*;
use crate::capability::{Capability, need};
use crate::oracle;

#[test]
fn option_sets_are_many_and_different() {
    let sets = option_sets();
    let names: BTreeSet<_> = sets.iter().map(OptionSet::name).collect();
    assert!(names.len() > 900, "{} of {}", names.len(), sets.len());
    assert_eq!(sets, option_sets());
}

/// One in ten here; the checker's own tests make all.
#[test]
fn most_are_made_and_sound() {
    if !need(Capability::Tool("mke2fs")) || !need(Capability::Tool("e2fsck")) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("matrix.img");
    let (mut made, mut all) = (0, 0);
    for set in option_sets().iter().step_by(10) {
        all += 1;
        if set.make(&scratch, &path).unwrap() == Made::Image {
            made += 1;
            let verdict = oracle::check(&path, None).unwrap();
            assert_eq!(verdict.code, 0, "{}: {}", set.name(), verdict.text);
        }
    }
    println!("{made} of {all} made");
    assert!(made * 2 > all, "{made} of {all}");
}
