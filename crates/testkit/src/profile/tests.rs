//! The table is consistent, and mke2fs makes of each line what the line says.

use super::*;
use crate::image::{Scratch, run};

#[test]
fn names_are_unique_and_there_are_enough() {
    let mut names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
    assert!(names.len() >= 28);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PROFILES.len());
    assert!(named("ext4-bigalloc").is_some() && named("ext5").is_none());
}

#[test]
fn every_profile_is_made_with_the_features_it_names() {
    let scratch = Scratch::new().unwrap();
    for profile in PROFILES {
        let path = crate::content::empty_image(&scratch, profile, 512, 2000).unwrap();
        let listed = run("dumpe2fs", &["-h", &path.display().to_string()]).unwrap();
        let features = listed.lines().find(|line| line.starts_with("Filesystem features:"));
        let features: Vec<_> = features.unwrap().split_whitespace().skip(2).collect();
        let context = format!("{}: {features:?}", profile.name);
        for name in profile.features.iter().filter(|_| !profile.system_defaults) {
            let plain = name.trim_start_matches('^');
            assert_eq!(features.contains(&plain), profile.has(plain), "{plain} {context}");
        }
        for name in ["extent", "metadata_csum", "has_journal", "64bit", "dir_index", "filetype"] {
            assert_eq!(features.contains(&name), profile.has(name), "{name} {context}");
        }
        assert!(listed.contains(&format!("Block size:               {}\n", profile.block)));
        assert!(listed.contains(&format!("Inode size:\t          {}\n", profile.inode)));
        std::fs::remove_file(path).unwrap();
    }
}
