//! The table of file systems that are left dirty: a profile of mkfs, a small journal, and mount
//! options.

use super::generate::Mix;
use crate::error::{Error, Result};
use crate::profile::{Profile, named};

/// A way to make a dirty file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirtyProfile {
    /// Unique; also part of the image's file name.
    pub name: &'static str,
    /// The profile of [`crate::profile`] that it is made by.
    pub base: &'static str,
    /// Features instead of the base's, if there are any.
    pub features: &'static [&'static str],
    /// The journal is in an image of its own, also if the base's is not.
    pub external_journal: bool,
    /// Arguments of mke2fs instead of the base's `extra`.
    pub extra: &'static [&'static str],
    /// Mount options beside the commit interval.
    pub options: &'static str,
    /// Size in MiB.
    pub mib: u64,
    /// The workloads that seeds choose from.
    pub mixes: &'static [Mix],
}

const SMALL: &[&str] = &["-J", "size=1"];
const MEDIUM: &[&str] = &["-J", "size=4"];
const FAST: &[&str] = &["-J", "size=4,fast_commit_size=256"];

impl DirtyProfile {
    const fn new(name: &'static str, base: &'static str) -> Self {
        Self {
            name,
            base,
            features: &[],
            external_journal: false,
            extra: MEDIUM,
            options: "",
            mib: 24,
            mixes: Mix::PLAIN,
        }
    }

    /// Blocks of 1 KiB and an area of fast commits of a size of its own.
    pub(super) const fn fast_area(name: &'static str, extra: &'static [&'static str]) -> Self {
        let mut profile = Self::small(name, "ext4-1k").features(&["fast_commit"]).extra(extra);
        profile.mib = 8;
        profile
    }

    /// For blocks of 1 KiB.
    const fn small(name: &'static str, base: &'static str) -> Self {
        let mut profile = Self::new(name, base);
        profile.extra = SMALL;
        profile.mib = 16;
        profile
    }

    const fn extra(mut self, extra: &'static [&'static str]) -> Self {
        self.extra = extra;
        self
    }

    const fn features(mut self, features: &'static [&'static str]) -> Self {
        self.features = features;
        self
    }

    const fn external_journal(mut self) -> Self {
        self.external_journal = true;
        self.extra = &[];
        self
    }

    const fn options(mut self, options: &'static str) -> Self {
        self.options = options;
        self
    }

    const fn mixes(mut self, mixes: &'static [Mix]) -> Self {
        self.mixes = mixes;
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
        let external_journal = base.external_journal || self.external_journal;
        Ok(Profile { name: self.name, features, external_journal, extra: self.extra, ..*base })
    }

    /// True if it has fast commits.
    #[must_use]
    pub fn fast_commits(&self) -> bool {
        self.mkfs().is_ok_and(|profile| profile.has("fast_commit"))
    }

    /// Whether the kernel may recover its images, and is a judge of them: it crashes over fast
    /// commits of files without extents, and with clusters it has lost names of fast commits that
    /// it had acknowledged (once in some thirty images).
    #[must_use]
    pub fn is_for_the_kernel(&self) -> bool {
        let sound = self.mkfs().is_ok_and(|one| one.has("extent") && !one.has("bigalloc"));
        sound || !self.fast_commits()
    }

    /// The profile called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DIRTY_PROFILES.iter().find(|profile| profile.name == name)
    }
}

/// Every profile.
pub const DIRTY_PROFILES: &[DirtyProfile] = &[
    DirtyProfile::small("ext3-1k", "ext3-1k-i128"),
    DirtyProfile::new("ext3-4k", "ext3-4k-i256"),
    DirtyProfile::small("ext4-1k", "ext4-1k"),
    DirtyProfile::new("ext4-2k", "ext4-2k-i512").extra(&["-J", "size=2"]),
    DirtyProfile::new("ext4-4k", "ext4-default"),
    DirtyProfile::new("no-64bit", "ext4-no-64bit"),
    DirtyProfile::new("no-csum", "ext4-no-csum"),
    DirtyProfile::new("uninit-bg", "ext4-uninit-bg-32"),
    DirtyProfile::new("checksum-v1", "ext4-no-csum").options("journal_checksum"),
    DirtyProfile::small("async-commit", "ext4-1k").options("data=writeback,journal_async_commit"),
    DirtyProfile::new("async-commit-v1", "ext4-no-csum")
        .options("data=writeback,journal_checksum,journal_async_commit"),
    DirtyProfile::new("fast-commit", "ext4-fast-commit").mixes(Mix::FAST).extra(FAST),
    DirtyProfile::small("fast-commit-1k", "ext4-1k")
        .features(&["fast_commit"])
        .mixes(Mix::FAST)
        .extra(&["-J", "size=1,fast_commit_size=100"]),
    DirtyProfile::new("fast-commit-inline", "ext4-inline-data")
        .features(&["fast_commit", "inline_data", "orphan_file"])
        .extra(FAST)
        .mixes(Mix::FAST),
    DirtyProfile::new("orphan-file", "ext4-orphan-file"),
    DirtyProfile::new("external-journal", "ext4-external-journal").external_journal(),
    DirtyProfile::small("external-journal-1k", "ext4-1k").external_journal(),
    DirtyProfile::new("bigalloc", "ext4-bigalloc").extra(&["-C", "16384", "-J", "size=4"]),
    DirtyProfile::new("inline-data", "ext4-inline-data"),
    DirtyProfile::small("ea-inode", "ext4-ea-inode-1k"),
    DirtyProfile::small("data-journal", "ext4-1k").options("data=journal"),
    DirtyProfile::new("data-journal-ext3", "ext3-4k-i256").options("data=journal"),
    DirtyProfile::small("meta-bg", "ext4-meta-bg-1k"),
    DirtyProfile::new("csum-seed", "ext4-csum-seed"),
    DirtyProfile::new("fast-commit-external", "ext4-external-journal")
        .features(&["fast_commit"])
        .mixes(Mix::FAST)
        .external_journal(),
    DirtyProfile::new("fast-commit-bigalloc", "ext4-bigalloc")
        .features(&["bigalloc", "fast_commit"])
        .mixes(Mix::FAST)
        .extra(&["-C", "16384", "-J", "size=4,fast_commit_size=256"]),
    DirtyProfile::new("fast-commit-no-extent", "ext4-no-extent")
        .features(&["^extent", "^64bit", "fast_commit"])
        .mixes(Mix::FAST)
        .extra(FAST),
    DirtyProfile::new("fast-commit-i128", "ext4-i128")
        .features(&["^extra_isize", "fast_commit"])
        .mixes(Mix::FAST)
        .extra(FAST),
];
