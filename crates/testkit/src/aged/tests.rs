//! Aged images are sound, and hold what they shall.

use super::*;
use crate::capability::{Capability, need};
use crate::oracle;

#[test]
fn kernel_ages_every_profile_and_e2fsck_is_content() {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    assert!(AGED_PROFILES.len() >= 20);
    let scratch = Scratch::new().unwrap();
    let (mut steps, mut files) = (0, 0);
    for (seed, profile) in (1000..).zip(AGED_PROFILES) {
        let path = scratch.join("aged.img");
        let done = make(&scratch, profile, seed, &path).unwrap();
        println!("{} {done:?}", profile.name);
        let verdict = oracle::check(&path, done.journal.as_deref()).unwrap();
        assert_eq!(verdict.code, 0, "{} {seed}: {}", profile.name, verdict.text);
        assert!(done.refused * 2 < done.steps, "{} {seed}: {done:?}", profile.name);
        steps += done.steps;
        files += done.files;
        std::fs::remove_file(&path).unwrap();
    }
    assert!(steps > 100 * AGED_PROFILES.len() && files > 20 * AGED_PROFILES.len());
}
