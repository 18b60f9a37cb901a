//! Damage is what it says: one field, the same by the same seed, in every kind of structure.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::capability::{Capability, need};

fn able() -> bool {
    ["mke2fs", "debugfs", "e2fsck"].into_iter().all(|tool| need(Capability::Tool(tool)))
}

/// Every kind of structure is in some image.
#[test]
fn every_class_is_met() {
    if !able() {
        return;
    }
    let mut met: BTreeMap<Class, BTreeSet<&str>> = BTreeMap::new();
    for index in 0..base_count() {
        let base = base(index).unwrap();
        for (class, fields) in &base.index {
            let sites: usize =
                fields.values().flat_map(|owners| owners.values().map(Vec::len)).sum();
            println!("{:16} {class:?}: {} fields, {sites} sites", base.name(), fields.len());
            met.entry(*class).or_default().insert(base.name());
        }
    }
    assert_eq!(met.len(), 25, "{met:?}");
    for class in [Class::EaInode, Class::Quota, Class::Orphan, Class::HtreeNode] {
        assert!(met[&class].len() > 1, "{class:?}: {met:?}");
    }
}

#[test]
fn a_seed_damages_the_same_field_again() {
    if !able() {
        return;
    }
    let base = base(0).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let (one, two) = (base.damage(seed).unwrap(), base.damage(seed).unwrap());
        assert_eq!(one.description, two.description);
        assert!(one.image == two.image);
        assert_eq!(one.description.lines().count(), 1);
        seen.insert(one.description);
    }
    assert_eq!(seen.len(), 50);
}

/// The field itself takes at most eight bytes, checksums and the descriptor of a bitmap a few more.
#[test]
fn damage_is_small() {
    if !able() {
        return;
    }
    for index in [0, 4, 12] {
        let base = base(index).unwrap();
        for seed in 0..100 {
            let damage = base.damage(seed).unwrap();
            let bytes = damage.image.iter().zip(base.image());
            let changed = bytes.filter(|(new, old)| new != old).count();
            assert!((1..=18).contains(&changed), "{}: {changed}", damage.description);
        }
    }
}
