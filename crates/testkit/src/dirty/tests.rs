//! The workloads leave what they say, and the judges agree about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::fast::{SMALL_AREAS, follow, without_folder_times};
use super::log::{Checksum, FastTag, Role};
use super::torn::{Loss, tear};
use super::*;
use crate::capability::{Capability, need};
use crate::manifest::{Manifest, host_manifest};
use crate::mount::{Access, LoopMount};
use crate::observe::HashKind;
use crate::oracle;

fn able() -> bool {
    need(Capability::KernelMount) && need(Capability::Compiler)
}

fn tree(image: &Path) -> Manifest {
    let mount = LoopMount::new(image, Access::ReadOnly).unwrap();
    let tree = host_manifest(mount.path(), HashKind::Xxh3).unwrap();
    mount.unmount().unwrap();
    tree
}

#[test]
fn a_seed_gives_the_same_operations() {
    assert!(DIRTY_PROFILES.len() >= 14);
    for profile in DIRTY_PROFILES {
        for seed in 0..20 {
            assert_eq!(operations(profile, seed), operations(profile, seed));
            assert_ne!(operations(profile, seed), operations(profile, seed + 100));
        }
    }
}

#[test]
fn the_kernel_gets_no_fast_commits_of_files_without_extents() {
    let kept = DIRTY_PROFILES.iter().chain(SMALL_AREAS).filter(|one| !one.is_for_the_kernel());
    let names: Vec<_> = kept.map(|one| one.name).collect();
    assert_eq!(names, ["fast-commit-bigalloc", "fast-commit-no-extent"]);
}

fn expected_checksum(profile: &DirtyProfile) -> Checksum {
    match profile.name {
        name if name.ends_with("-v1") => Checksum::V1,
        name if name.contains("ext3") || name == "no-csum" || name == "uninit-bg" => Checksum::None,
        _ => Checksum::V3,
    }
}

#[test]
fn every_profile_comes_out_dirty_with_transactions_and_revokes() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let (mut orphans, mut wraps, mut escaped) = (0, 0, 0);
    for profile in DIRTY_PROFILES {
        let (mut revokes, mut decisive) = (0, 0);
        for seed in [0, 4, 5] {
            let made = make(&scratch, profile, seed, Stop::of(profile, seed)).unwrap();
            let log = &made.log;
            assert!(log.transactions.len() >= 3, "{}", made.name());
            assert_eq!(log.checksum, expected_checksum(profile), "{}", made.name());
            assert_eq!(log.async_commit, profile.options.contains("async"), "{}", made.name());
            assert_eq!(log.fast.is_some(), profile.fast_commits(), "{}", made.name());
            revokes += log.revokes();
            decisive += log.decisive_revokes;
            escaped += log.escaped();
            orphans += usize::from(log.orphans);
            wraps += usize::from(log.wraps);
            made.remove().unwrap();
        }
        // With data=journal nothing is revoked: whatever takes the block is in the log, too.
        assert_eq!(revokes == 0, profile.options.contains("data=journal"), "{}", profile.name);
        assert_eq!(decisive == 0, revokes == 0, "{}: {revokes}", profile.name);
    }
    assert!(orphans > 0 && wraps > 0 && escaped > 0, "{orphans} {wraps} {escaped}");
}

#[test]
fn a_frozen_file_system_has_orphans_and_no_log() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let profile = DirtyProfile::named("ext4-1k").unwrap();
    let seed = 7;
    assert!(operations(profile, seed).iter().any(|one| matches!(one, Operation::Orphan(_))));
    let made = make(&scratch, profile, seed, Stop::Frozen).unwrap();
    assert_eq!((made.log.start, made.log.needs_recovery), (0, false));
    assert!(made.log.orphans);
}

/// What e2fsck does with orphans tells those to be cut from those to be removed.
#[test]
fn a_truncate_in_progress_leaves_an_orphan_with_a_name() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let mut cut = 0;
    for name in ["ext3-1k", "ext4-1k", "ext4-4k", "orphan-file"] {
        let profile = DirtyProfile::named(name).unwrap();
        for seed in [3, 12, 21] {
            let made = make(&scratch, profile, seed, Stop::NoLogFlush).unwrap();
            let text = oracle::repair(&made.image, None).unwrap().text;
            cut += text.matches("Truncating orphaned inode").count();
        }
    }
    assert!(cut >= 3, "{cut} of 12");
}

#[test]
fn every_record_of_fast_commits_occurs() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let mut records = BTreeMap::new();
    for profile in DIRTY_PROFILES.iter().filter(|profile| profile.fast_commits()) {
        for seed in (0..10).filter(|seed| seed % 3 != 2) {
            let made = make(&scratch, profile, seed, Stop::NoLogFlush).unwrap();
            let fast = made.log.fast.clone().unwrap();
            for (tag, count) in &fast.records {
                *records.entry(*tag).or_insert(0) += count;
            }
            made.remove().unwrap();
        }
    }
    println!("{records:?}");
    let seen: BTreeSet<_> = records.keys().copied().collect();
    assert_eq!(seen, BTreeSet::from(FastTag::ALL), "{records:?}");
}

#[test]
fn small_areas_run_full_and_the_kernel_agrees_before_that() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    for (seed, profile) in (0..).zip(SMALL_AREAS) {
        let (mut full, mut judged, mut number) = (0, 0, 0);
        follow(&scratch, profile, seed, 40).unwrap().each(|image, step| {
            number += 1;
            let fast = step.log.fast.as_ref().unwrap();
            if fast.is_full() {
                full += 1;
            } else if number % 3 != 0 {
                let path = scratch.join(&format!("{}-{number}.img", profile.name));
                std::fs::write(&path, image).unwrap();
                oracle::kernel_recover(&path, None).unwrap();
                let seen = without_folder_times(&tree(&path).lines);
                let told = without_folder_times(&step.tree.lines);
                for (theirs, told) in seen.iter().zip(&told) {
                    assert_eq!(theirs, told, "step {number}: {:?}", step.operations);
                }
                assert_eq!(seen.len(), told.len());
                judged += usize::from(fast.commits() > 0);
                std::fs::remove_file(&path).unwrap();
            }
        });
        println!("{}: {full} full, {judged} judged", profile.name);
        assert!(full > 0, "{}", profile.name);
        assert!(judged > 0 || profile.name.ends_with("-2"), "{}", profile.name);
    }
}

#[test]
fn a_torn_log_has_two_trees() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("torn.img");
    for name in ["ext4-1k", "async-commit", "checksum-v1", "async-commit-v1", "ext3-1k"] {
        let torn = tear(&scratch, DirtyProfile::named(name).unwrap(), 2).unwrap();
        assert_ne!(torn.before.lines, torn.after.lines);
        std::fs::write(&path, &torn.image).unwrap();
        oracle::kernel_recover(&path, None).unwrap();
        for (theirs, told) in tree(&path).lines.iter().zip(&torn.after.lines) {
            assert_eq!(theirs, told, "{name}");
        }
        let roles: Vec<_> = torn.variants.iter().map(|one| (one.role, one.loss)).collect();
        for role in [Role::Commit, Role::Descriptor] {
            assert!(roles.contains(&(role, Loss::Zero)), "{name}: {roles:?}");
        }
        let copies = roles.iter().any(|(role, _)| matches!(role, Role::Copy { .. }));
        assert_eq!(copies, name != "ext3-1k");
        let lost = torn.variants.iter().find(|one| one.role == Role::Commit).unwrap();
        std::fs::write(&path, torn.damaged(lost)).unwrap();
        let verdict = oracle::journal_only(&path, None).unwrap();
        assert_eq!(tree(&path).lines, torn.before.lines, "{}", verdict.text);
    }
}

/// Lines of [`names`] without the link counts of directories, which the kernel's replay of fast
/// commits leaves wrong.
fn without_folder_links(lines: &[String]) -> Vec<String> {
    let strip = |line: &String| {
        let mut fields: Vec<_> = line.split(' ').collect();
        if fields[1] == "d" {
            fields.remove(5);
        }
        fields.join(" ")
    };
    lines.iter().map(strip).collect()
}

/// Recovered by the kernel, an image is sound and has the names that were acknowledged; replayed by
/// e2fsck, its log is empty.
#[test]
fn the_judges_agree() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    for (seed, profile) in (0..).zip(DIRTY_PROFILES) {
        let made = make(&scratch, profile, seed, Stop::of(profile, seed)).unwrap();
        let fast = made.has_fast_commits();
        if !profile.is_for_the_kernel() {
            made.remove().unwrap();
            continue;
        }
        let (kernel, journal) = made.copy("kernel").unwrap();
        oracle::kernel_recover(&kernel, journal.as_deref()).unwrap();
        let verdict = oracle::check(&kernel, journal.as_deref()).unwrap();
        assert!(verdict.code == 0 || fast, "{}: {}", made.name(), verdict.text);
        if let (Some(told), None) = (&made.names, &journal) {
            let seen = without_folder_links(&names(&tree(&kernel).lines));
            assert_eq!(seen, without_folder_links(told), "{}", made.name());
        }
        let (replayed, journal) = made.copy("replayed").unwrap();
        let verdict = oracle::journal_only(&replayed, journal.as_deref()).unwrap();
        if !fast {
            assert!(verdict.code <= 1, "{}: {}", made.name(), verdict.text);
            let log = log::read(&replayed, journal.as_deref()).unwrap();
            assert_eq!((log.needs_recovery, log.start), (false, 0), "{}", made.name());
        }
        for path in [Some(kernel), Some(replayed), journal].into_iter().flatten() {
            std::fs::remove_file(path).unwrap();
        }
        made.remove().unwrap();
    }
}
