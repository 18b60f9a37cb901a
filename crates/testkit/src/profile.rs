//! The table of mkfs profiles: every block size, inode size and feature flag that readers meet.
//!
//! Feature lists are explicit (`-O none,...`), so that the system's mke2fs.conf does not decide
//! what is tested; the three `-default` profiles are the exception, and leave it to mke2fs.

use crate::content::Holds;

#[cfg(test)]
mod tests;

/// The family whose feature list a profile starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// ext2: no journal, block maps.
    Ext2,
    /// ext3: journal, block maps.
    Ext3,
    /// ext4 as mke2fs 1.47 makes it.
    Ext4,
}

/// What the kernel of the judging machines does with a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KernelUse {
    /// Mounts it read-write.
    ReadWrite,
    /// Mounts it read-only: it is filled before [`finish`](field@Profile::finish) sets the last
    /// features.
    ReadOnly,
    /// Does not mount it: it is filled by `mke2fs -d` and judged by e2fsprogs.
    Not,
}

/// One way to make a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Unique; also the image's file name.
    pub name: &'static str,
    /// Where the feature list starts.
    pub base: Base,
    /// Take mke2fs' own features, block and inode size for `base`.
    pub system_defaults: bool,
    /// Features to add, or with `^` to remove, in mke2fs' names.
    pub features: &'static [&'static str],
    /// Block size in bytes.
    pub block: u32,
    /// Inode size in bytes.
    pub inode: u32,
    /// Further arguments of mke2fs.
    pub extra: &'static [&'static str],
    /// Arguments of `tune2fs`, run after filling and unmounting; empty for none.
    pub finish: &'static [&'static str],
    /// The journal is in an image of its own.
    pub external_journal: bool,
    /// What the kernel does with it.
    pub kernel: KernelUse,
}

const EXT2: &[&str] =
    &["ext_attr", "resize_inode", "dir_index", "filetype", "sparse_super", "large_file"];
const EXT3: &[&str] = &["has_journal"];
const EXT4: &[&str] =
    &["extent", "64bit", "flex_bg", "huge_file", "metadata_csum", "dir_nlink", "extra_isize"];

impl Profile {
    const fn new(name: &'static str, base: Base, features: &'static [&'static str]) -> Self {
        Self {
            name,
            base,
            system_defaults: false,
            features,
            block: 4096,
            inode: 256,
            extra: &[],
            finish: &[],
            external_journal: false,
            kernel: KernelUse::ReadWrite,
        }
    }

    const fn ext4(name: &'static str, features: &'static [&'static str]) -> Self {
        Self::new(name, Base::Ext4, features)
    }

    const fn defaults(name: &'static str, base: Base) -> Self {
        let mut profile = Self::new(name, base, &[]);
        profile.system_defaults = true;
        profile
    }

    const fn sized(mut self, block: u32, inode: u32) -> Self {
        self.block = block;
        self.inode = inode;
        self
    }

    const fn extra(mut self, extra: &'static [&'static str]) -> Self {
        self.extra = extra;
        self
    }

    /// Features that the kernel only mounts read-only, set after filling.
    const fn finish(mut self, finish: &'static [&'static str]) -> Self {
        self.finish = finish;
        self.kernel = KernelUse::ReadOnly;
        self
    }

    const fn unmountable(mut self) -> Self {
        self.kernel = KernelUse::Not;
        self
    }

    const fn external_journal(mut self) -> Self {
        self.external_journal = true;
        self
    }

    /// True if the made file system has `feature` (mke2fs' name), [`finish`](field@Self::finish)
    /// not counted.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        let base = match self.base {
            Base::Ext2 => EXT2.contains(&feature),
            Base::Ext3 => EXT2.contains(&feature) || EXT3.contains(&feature),
            Base::Ext4 => [EXT2, EXT3, EXT4].concat().contains(&feature),
        };
        let said = self.features.iter().rev().find(|name| name.trim_start_matches('^') == feature);
        said.map_or(base, |name| !name.starts_with('^'))
    }

    /// All arguments of `mke2fs` but inode count, source folder and the image.
    #[must_use]
    pub fn mke2fs_args(&self) -> Vec<String> {
        let mut args: Vec<String> = ["-q", "-F", "-t"].map(str::to_owned).to_vec();
        args.push(self.type_name().to_owned());
        if !self.system_defaults {
            args.extend(["-O".to_owned(), self.feature_list()]);
        }
        args.extend(["-b".to_owned(), self.block.to_string()]);
        args.extend(["-I".to_owned(), self.inode.to_string()]);
        args.extend(["-U", UUID, "-E"].map(str::to_owned));
        args.push(format!("hash_seed={HASH_SEED}"));
        if self.has("has_journal") && !self.external_journal {
            let mib = if self.block > 16384 { "64" } else { "16" };
            args.extend(["-J".to_owned(), format!("size={mib}")]);
        }
        args.extend(self.extra.iter().map(|&arg| arg.to_owned()));
        args
    }

    const fn type_name(&self) -> &'static str {
        match self.base {
            Base::Ext2 => "ext2",
            Base::Ext3 => "ext3",
            Base::Ext4 => "ext4",
        }
    }

    fn feature_list(&self) -> String {
        let all = [EXT2, EXT3, EXT4].concat();
        let known = all.into_iter().filter(|name| self.has(name));
        let added = self.features.iter().copied().filter(|name| !name.starts_with('^'));
        let mut list = vec!["none"];
        list.extend(known);
        for name in added {
            if !list.contains(&name) {
                list.push(name);
            }
        }
        list.join(",")
    }

    /// What of the content mix this profile can hold.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds {
            block: self.block,
            extents: self.has("extent"),
            wide_inodes: self.inode > 128,
            ea_inodes: self.has("ea_inode"),
            inline_data: self.has("inline_data"),
            flags: self.kernel != KernelUse::Not,
            encryption: self.has("encrypt") && self.kernel == KernelUse::ReadWrite,
            huge_directories: self.kernel != KernelUse::Not && self.has("dir_index"),
            on_host: self.kernel == KernelUse::Not,
        }
    }
}

/// Fixed, so that images differ only where they mean to.
const UUID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
/// Fixed, so that directory hashes are the same in every run.
const HASH_SEED: &str = "8c5f4a1e-2b77-4d0e-9a53-6f1d2c3b4a59";

/// The profile called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Every profile.
pub const PROFILES: &[Profile] = &[
    Profile::defaults("ext2-default", Base::Ext2),
    Profile::defaults("ext3-default", Base::Ext3),
    Profile::defaults("ext4-default", Base::Ext4),
    // Block sizes and inode sizes.
    Profile::new("ext2-1k-i128", Base::Ext2, &[]).sized(1024, 128),
    Profile::new("ext2-2k", Base::Ext2, &[]).sized(2048, 256),
    Profile::new("ext2-old", Base::Ext2, &["^dir_index", "^resize_inode", "^sparse_super"])
        .sized(1024, 128),
    Profile::new("ext3-1k-i128", Base::Ext3, &[]).sized(1024, 128),
    Profile::new("ext3-4k-i256", Base::Ext3, &[]),
    Profile::ext4("ext4-1k", &[]).sized(1024, 256),
    Profile::ext4("ext4-2k-i512", &[]).sized(2048, 512),
    Profile::ext4("ext4-1k-i1024", &[]).sized(1024, 1024),
    Profile::ext4("ext4-i128", &["^extra_isize"]).sized(4096, 128),
    Profile::ext4("ext4-i1024", &[]).sized(4096, 1024),
    Profile::ext4("ext4-i4096", &[]).sized(4096, 4096),
    // One feature off.
    Profile::ext4("ext4-no-extent", &["^extent", "^64bit"]),
    Profile::ext4("ext4-no-64bit", &["^64bit"]),
    Profile::ext4("ext4-uninit-bg", &["^metadata_csum", "uninit_bg"]),
    Profile::ext4("ext4-uninit-bg-32", &["^metadata_csum", "^64bit", "uninit_bg"]),
    Profile::ext4("ext4-no-csum", &["^metadata_csum"]),
    Profile::ext4("ext4-no-flex-bg", &["^flex_bg"]),
    Profile::ext4("ext4-no-dir-nlink", &["^dir_nlink"]),
    Profile::ext4("ext4-no-huge-file", &["^huge_file"]),
    Profile::ext4("ext4-no-journal", &["^has_journal"]),
    Profile::ext4("ext4-no-dir-index", &["^dir_index"]),
    Profile::ext4("ext4-no-filetype", &["^filetype"]),
    Profile::ext4("ext4-no-resize-inode", &["^resize_inode"]),
    // One feature more.
    Profile::ext4("ext4-meta-bg", &["meta_bg", "^resize_inode"]),
    Profile::ext4("ext4-meta-bg-1k", &["meta_bg", "^resize_inode"]).sized(1024, 256),
    Profile::ext4("ext4-sparse-super2", &["sparse_super2", "^sparse_super", "^resize_inode"]),
    Profile::ext4("ext4-bigalloc", &["bigalloc"]).extra(&["-C", "16384"]),
    Profile::ext4("ext4-bigalloc-1k", &["bigalloc"]).sized(1024, 256).extra(&["-C", "16384"]),
    Profile::ext4("ext4-inline-data", &["inline_data"]),
    Profile::ext4("ext4-inline-data-i1024", &["inline_data"]).sized(4096, 1024),
    Profile::ext4("ext4-inline-data-1k", &["inline_data"]).sized(1024, 256),
    Profile::ext4("ext4-large-dir", &["large_dir"]),
    Profile::ext4("ext4-large-dir-1k", &["large_dir"]).sized(1024, 256),
    Profile::ext4("ext4-ea-inode", &["ea_inode"]),
    Profile::ext4("ext4-ea-inode-1k", &["ea_inode"]).sized(1024, 256),
    Profile::ext4("ext4-orphan-file", &["orphan_file"]),
    Profile::ext4("ext4-fast-commit", &["fast_commit"]),
    Profile::ext4("ext4-csum-seed", &["metadata_csum_seed"]),
    Profile::ext4("ext4-mmp", &["mmp"]),
    Profile::ext4("ext4-encrypt", &["encrypt"]),
    Profile::ext4("ext4-encrypt-inline", &["encrypt", "inline_data"]),
    Profile::ext4("ext4-encrypt-ea-inode-1k", &["encrypt", "ea_inode"]).sized(1024, 256),
    Profile::ext4("ext4-verity", &["verity"]),
    Profile::ext4("ext4-stable-inodes", &["stable_inodes"]),
    Profile::ext4("ext4-external-journal", &[]).external_journal(),
    Profile::ext4(
        "ext4-everything",
        &[
            "bigalloc",
            "inline_data",
            "ea_inode",
            "large_dir",
            "orphan_file",
            "fast_commit",
            "metadata_csum_seed",
            "mmp",
            "encrypt",
            "verity",
        ],
    )
    .extra(&["-C", "16384"]),
    // Read-only for the kernel.
    Profile::ext4("ext4-quota", &[]).finish(&["-O", "quota"]),
    Profile::ext4("ext4-project", &[]).finish(&["-O", "project,quota", "-Q", "prjquota"]),
    // Not for the kernel.
    Profile::ext4("ext4-8k", &[]).sized(8192, 256).unmountable(),
    Profile::ext4("ext4-16k", &[]).sized(16384, 256).unmountable(),
    Profile::ext4("ext4-32k", &[]).sized(32768, 256).unmountable(),
    Profile::ext4("ext4-64k", &[]).sized(65536, 256).unmountable(),
    Profile::new("ext2-64k", Base::Ext2, &[]).sized(65536, 256).unmountable(),
    Profile::ext4("ext4-64k-inline", &["inline_data"]).sized(65536, 4096).unmountable(),
    Profile::ext4("ext4-casefold", &["casefold"]).extra(&["-E", "encoding=utf8"]).unmountable(),
];
