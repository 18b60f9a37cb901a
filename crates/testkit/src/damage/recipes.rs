//! The images that are damaged: which features, and what is in them.

use super::edits::{casefold, encrypt, share_attributes, share_ea_inodes};
use crate::error::Result;
use crate::hostile::ImageEditor;

/// A change made offline before e2fsck puts the counts right.
pub(super) type Edit = fn(&mut ImageEditor) -> Result<()>;

/// How to make a base image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// Arguments of mke2fs, separated by spaces.
    pub(super) args: &'static str,
    pub(super) block: u64,
    pub(super) mib: u64,
    /// Runs of the fragmented file.
    pub(super) fragments: u64,
    /// Names of 240 bytes in `/huge`; with blocks of 1 KiB, 520 need two levels of a hash tree.
    pub(super) huge: u32,
    /// Commands of debugfs on the filled image.
    pub(super) debugfs: &'static [&'static str],
    pub(super) edits: &'static [Edit],
    /// Arguments of tune2fs, run last, separated by spaces.
    pub(super) tune2fs: &'static str,
}

impl Recipe {
    const fn new(name: &'static str, block: u64, args: &'static str) -> Self {
        let (mib, fragments) = match block {
            1024 => (8, 400),
            2048 => (12, 700),
            _ => (16, 400),
        };
        Self {
            name,
            args,
            block,
            mib,
            fragments,
            huge: 0,
            debugfs: &[],
            edits: &[share_attributes],
            tune2fs: "",
        }
    }

    const fn huge(mut self, huge: u32) -> Self {
        self.huge = huge;
        self
    }

    const fn fragments(mut self, fragments: u64) -> Self {
        self.fragments = fragments;
        self
    }

    const fn debugfs(mut self, commands: &'static [&'static str]) -> Self {
        self.debugfs = commands;
        self
    }

    const fn edits(mut self, edits: &'static [Edit]) -> Self {
        self.edits = edits;
        self
    }

    const fn tune2fs(mut self, args: &'static str) -> Self {
        self.tune2fs = args;
        self
    }
}

/// Ranges that were allocated and never written.
const UNWRITTEN: &[&str] = &["fallocate /fallocated 3 40", "fallocate /tiny-xattr 10 12"];
/// Files of projects.
const PROJECTS: &[&str] = &[
    "set_inode_field /file projid 42",
    "set_inode_field /fragmented projid 42",
    "set_inode_field /dir projid 7",
    "set_inode_field /dir/a projid 7",
];
const ENCRYPTED: &[&str] = &[
    "ea_set /crypt user.c 0123456789012345678901234567890123456789",
    "ea_set /crypt/AAAAAAAAAAAAAAAA user.c 0123456789012345678901234567890123456789",
    "ea_set /crypt/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB user.c \
     0123456789012345678901234567890123456789",
];

pub(super) const RECIPES: &[Recipe] = &[
    Recipe::new("ext4-1k", 1024, "-t ext4 -b 1024 -O metadata_csum,64bit")
        .huge(520)
        .debugfs(UNWRITTEN),
    Recipe::new("ext4-2k", 2048, "-t ext4 -b 2048 -I 512 -O metadata_csum,^64bit")
        .debugfs(UNWRITTEN),
    Recipe::new("ext4-4k", 4096, "-t ext4 -b 4096 -O metadata_csum")
        .fragments(1400)
        .debugfs(UNWRITTEN),
    Recipe::new("ext4-i128", 4096, "-t ext4 -b 4096 -I 128 -O metadata_csum,^extra_isize"),
    Recipe::new("ext2-1k", 1024, "-t ext2 -b 1024 -I 128").huge(520),
    Recipe::new("ext2-rev0", 1024, "-t ext2 -b 1024 -r 0").edits(&[]),
    Recipe::new("ext2-4k", 4096, "-t ext2 -b 4096 -I 256"),
    Recipe::new("ext3-1k", 1024, "-t ext3 -b 1024 -I 256"),
    Recipe::new("ext3-2k-i128", 2048, "-t ext3 -b 2048 -I 128"),
    Recipe::new("bigalloc-1k", 1024, "-t ext4 -b 1024 -C 4096 -O bigalloc"),
    Recipe::new("bigalloc-4k", 4096, "-t ext4 -b 4096 -C 16384 -O bigalloc,^metadata_csum"),
    Recipe::new("inline-1k", 1024, "-t ext4 -b 1024 -O inline_data"),
    Recipe::new("inline-4k-i1024", 4096, "-t ext4 -b 4096 -I 1024 -O inline_data"),
    Recipe::new("inline-plain", 1024, "-t ext4 -b 1024 -O inline_data,^metadata_csum"),
    Recipe::new("ea-inode-1k", 1024, "-t ext4 -b 1024 -O ea_inode")
        .edits(&[share_attributes, share_ea_inodes]),
    Recipe::new("ea-inode-plain", 1024, "-t ext4 -b 1024 -O ea_inode,^metadata_csum")
        .edits(&[share_attributes, share_ea_inodes]),
    Recipe::new("groups", 1024, "-t ext4 -b 1024 -g 1024 -N 2048 -O metadata_csum"),
    Recipe::new("meta-bg", 1024, "-t ext4 -b 1024 -g 1024 -N 2048 -O meta_bg,^resize_inode"),
    Recipe::new("no-flex-bg", 1024, "-t ext4 -b 1024 -g 2048 -O ^flex_bg,^metadata_csum"),
    Recipe::new("orphan-file", 1024, "-t ext4 -b 1024 -O orphan_file"),
    Recipe::new("no-csum", 1024, "-t ext4 -b 1024 -O ^metadata_csum").huge(520).debugfs(UNWRITTEN),
    Recipe::new("no-csum-4k", 4096, "-t ext4 -b 4096 -O ^metadata_csum,^64bit"),
    Recipe::new("uninit-bg", 1024, "-t ext4 -b 1024 -g 2048 -O ^metadata_csum,uninit_bg"),
    Recipe::new("quota", 1024, "-t ext4 -b 1024 -O quota"),
    Recipe::new(
        "project",
        1024,
        "-t ext4 -b 1024 -O quota,project,^metadata_csum \
         -E quotatype=usrquota:grpquota:prjquota",
    )
    .debugfs(PROJECTS),
    Recipe::new("casefold", 1024, "-t ext4 -b 1024 -O casefold -E encoding=utf8")
        .edits(&[casefold]),
    Recipe::new("encrypt", 1024, "-t ext4 -b 1024 -O encrypt").debugfs(ENCRYPTED).edits(&[encrypt]),
    Recipe::new("csum-seed", 1024, "-t ext4 -b 1024 -O metadata_csum_seed"),
    Recipe::new("mmp", 1024, "-t ext4 -b 1024").tune2fs("-O mmp"),
    Recipe::new("large-dir", 1024, "-t ext4 -b 1024 -O large_dir").huge(520),
    Recipe::new("no-journal", 1024, "-t ext4 -b 1024 -O ^has_journal"),
    Recipe::new("fast-commit", 1024, "-t ext4 -b 1024 -O fast_commit"),
    Recipe::new("no-dir-index", 1024, "-t ext4 -b 1024 -O ^dir_index"),
    Recipe::new("no-filetype", 1024, "-t ext4 -b 1024 -O ^filetype,^metadata_csum"),
    Recipe::new(
        "everything",
        1024,
        "-t ext4 -b 1024 -C 4096 -O bigalloc,inline_data,ea_inode,large_dir,orphan_file,quota",
    )
    .edits(&[share_ea_inodes]),
];
