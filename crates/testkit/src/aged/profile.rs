//! The table of file systems that are aged.

use crate::error::{Error, Result};
use crate::profile::{Profile, named};

/// A file system to age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgedProfile {
    /// Unique; also part of the image's file name.
    pub name: &'static str,
    /// The profile of [`crate::profile`] that it is made by.
    pub base: &'static str,
    /// Features instead of the base's, if there are any.
    pub features: &'static [&'static str],
    /// Arguments of mke2fs instead of the base's `extra`.
    pub extra: &'static [&'static str],
    /// Size in MiB.
    pub mib: u64,
}

const SMALL: &[&str] = &["-J", "size=1"];
const MEDIUM: &[&str] = &["-J", "size=4"];

impl AgedProfile {
    const fn new(base: &'static str, mib: u64, extra: &'static [&'static str]) -> Self {
        Self { name: base, base, features: &[], extra, mib }
    }

    const fn variant(mut self, name: &'static str, features: &'static [&'static str]) -> Self {
        self.name = name;
        self.features = features;
        self
    }

    /// The mkfs profile, under this profile's name.
    ///
    /// # Errors
    /// If there is no such base.
    pub fn mkfs(&self) -> Result<Profile> {
        let base = named(self.base);
        let base = base.ok_or_else(|| Error::Image(format!("no profile {}", self.base)))?;
        let features = if self.features.is_empty() { base.features } else { self.features };
        Ok(Profile { name: self.name, features, extra: self.extra, ..*base })
    }
}

/// Every profile. Without `filetype` the kernel of the judging machines writes types into `.` and
/// `..` of some directories, which e2fsck objects to: that one is left out.
pub const AGED_PROFILES: &[AgedProfile] = &[
    AgedProfile::new("ext2-1k-i128", 16, &[]),
    AgedProfile::new("ext2-2k", 24, &[]),
    AgedProfile::new("ext2-old", 16, &[]),
    AgedProfile::new("ext3-1k-i128", 16, SMALL),
    AgedProfile::new("ext3-4k-i256", 32, MEDIUM),
    AgedProfile::new("ext4-1k", 16, SMALL),
    AgedProfile::new("ext4-1k", 16, &["-J", "size=1", "-g", "1024"])
        .variant("groups-1k", &["huge_file"]),
    AgedProfile::new("ext4-2k-i512", 24, &["-J", "size=2"]),
    AgedProfile::new("ext4-1k-i1024", 24, SMALL),
    AgedProfile::new("ext4-i128", 32, MEDIUM),
    AgedProfile::new("ext4-default", 32, MEDIUM),
    AgedProfile::new("ext4-no-extent", 32, MEDIUM),
    AgedProfile::new("ext4-no-64bit", 32, MEDIUM),
    AgedProfile::new("ext4-uninit-bg", 32, MEDIUM),
    AgedProfile::new("ext4-no-csum", 32, MEDIUM),
    AgedProfile::new("ext4-no-flex-bg", 32, MEDIUM),
    AgedProfile::new("ext4-no-journal", 32, &[]),
    AgedProfile::new("ext4-no-dir-index", 32, MEDIUM),
    AgedProfile::new("ext4-meta-bg-1k", 24, SMALL),
    AgedProfile::new("ext4-sparse-super2", 32, MEDIUM),
    AgedProfile::new("ext4-bigalloc", 48, &["-C", "16384", "-J", "size=4"]),
    AgedProfile::new("ext4-bigalloc-1k", 24, &["-C", "4096", "-J", "size=1"]),
    AgedProfile::new("ext4-inline-data", 32, MEDIUM),
    AgedProfile::new("ext4-inline-data-1k", 16, SMALL),
    AgedProfile::new("ext4-inline-data-i1024", 32, MEDIUM),
    AgedProfile::new("ext4-large-dir-1k", 24, SMALL),
    AgedProfile::new("ext4-ea-inode", 32, MEDIUM),
    AgedProfile::new("ext4-ea-inode-1k", 24, SMALL),
    AgedProfile::new("ext4-orphan-file", 32, MEDIUM),
    AgedProfile::new("ext4-fast-commit", 32, &["-J", "size=4,fast_commit_size=256"]),
    AgedProfile::new("ext4-csum-seed", 32, MEDIUM),
    AgedProfile::new("ext4-external-journal", 32, &[]),
    AgedProfile::new("ext4-encrypt-ea-inode-1k", 24, SMALL),
    AgedProfile::new("ext4-encrypt-inline", 32, MEDIUM),
    AgedProfile::new("ext4-quota", 32, MEDIUM),
    AgedProfile::new("ext4-project", 32, MEDIUM),
    AgedProfile::new("ext4-bigalloc-1k", 24, &["-C", "4096", "-J", "size=1"]).variant(
        "many-features",
        &["bigalloc", "inline_data", "ea_inode", "large_dir", "orphan_file", "metadata_csum_seed"],
    ),
];
