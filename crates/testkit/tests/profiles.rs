//! The content mix goes into every profile, and e2fsck accepts the result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use extant_testkit::capability::{Capability, need};
use extant_testkit::content::{Scale, build};
use extant_testkit::image::{Scratch, e2fsck};
use extant_testkit::observe::{diff, observe_dir, statfs};
use extant_testkit::profile::{KernelUse, PROFILES, Profile};

/// Fills, checks, and looks twice: what is seen must not depend on the look.
fn holds_the_mix(profile: &Profile) {
    let scratch = Scratch::new().unwrap();
    let built =
        build(&scratch, profile, Scale::TINY).unwrap_or_else(|e| panic!("{}: {e}", profile.name));
    if built.journal.is_none() {
        e2fsck(&built.image).unwrap();
    }
    if profile.kernel == KernelUse::Not {
        return;
    }
    let mount = built.mount().unwrap();
    let seen = observe_dir(mount.path()).unwrap();
    assert!(seen.len() > 1_000, "{}: {} entries", profile.name, seen.len());
    assert_eq!(statfs(mount.path()).unwrap().block_size, u64::from(profile.block));
    mount.unmount().unwrap();
    let mount = built.mount().unwrap();
    let again = observe_dir(mount.path()).unwrap();
    assert_eq!(diff(&seen, &again), Vec::<String>::new());
    mount.unmount().unwrap();
}

#[test]
fn every_profile_holds_the_mix() {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    for profile in PROFILES {
        holds_the_mix(profile);
    }
}

/// The full scale is filled and looked at by the product's long tests; here only that it fits.
#[test]
fn the_full_scale_fits() {
    if !need(Capability::KernelMount) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let profile = extant_testkit::profile::named("ext4-default").unwrap();
    let built = build(&scratch, profile, Scale::FULL).unwrap();
    let mount = built.mount().unwrap();
    let names = std::fs::read_dir(mount.path().join("many")).unwrap().count();
    assert_eq!(names, 100_000);
    let fragmented = std::fs::metadata(mount.path().join("files/fragmented")).unwrap();
    assert!(std::os::unix::fs::MetadataExt::blocks(&fragmented) / 8 > 10_000);
    mount.unmount().unwrap();
}
