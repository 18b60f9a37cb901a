//! The values of each option.

/// Sizes of images in KiB; they are sparse.
pub(super) const SIZES: &[u64] = &[
    512, 1024, 2048, 4096, 4097, 6143, 8192, 8193, 10_001, 16_384, 16_385, 20_000, 32_768, 40_960,
    65_536, 100_000, 131_072, 262_144,
];

/// A flag and its value.
pub(super) type Flag = (&'static str, &'static str);

/// Flags that are taken one of a row at a time.
pub(super) const FLAGS: &[&[Flag]] = &[
    &[("-I", "128"), ("-I", "256"), ("-I", "512"), ("-I", "1024"), ("-I", "2048"), ("-I", "4096")],
    &[("-i", "1024"), ("-i", "4096"), ("-i", "8192"), ("-i", "65536"), ("-i", "1048576")],
    &[("-N", "16"), ("-N", "100"), ("-N", "1000"), ("-N", "1023"), ("-N", "5000")],
    &[("-m", "0"), ("-m", "1"), ("-m", "2.5"), ("-m", "50")],
    &[("-g", "256"), ("-g", "1000"), ("-g", "1024"), ("-g", "4096"), ("-g", "8192")],
    &[("-G", "1"), ("-G", "2"), ("-G", "4"), ("-G", "32"), ("-G", "1024")],
    &[("-L", "label"), ("-L", "sixteen-bytes-xx"), ("-M", "/mnt/somewhere")],
    &[
        ("-U", "clear"),
        ("-U", "random"),
        ("-U", "time"),
        ("-U", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    ],
    &[("-e", "continue"), ("-e", "remount-ro"), ("-e", "panic")],
    &[("-o", "linux"), ("-o", "hurd"), ("-o", "freebsd")],
    &[("-T", "small"), ("-T", "news"), ("-T", "largefile"), ("-T", "largefile4"), ("-T", "huge")],
];

/// Features, and what must come with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    /// In mke2fs' names, with `^` to leave out.
    pub(super) features: &'static str,
    /// Options that go with them.
    pub(super) with: &'static [Flag],
}

const fn plain(features: &'static str) -> Features {
    Features { features, with: &[] }
}

const fn with(features: &'static str, with: &'static [Flag]) -> Features {
    Features { features, with }
}

/// Left out, or the older form.
pub(super) const FEATURES: &[Features] = &[
    plain("none"),
    plain("^resize_inode"),
    plain("^dir_index"),
    plain("^filetype"),
    plain("^sparse_super,^resize_inode"),
    plain("^sparse_super"),
    plain("^large_file"),
    plain("^has_journal"),
    plain("^extent,^64bit"),
    plain("^64bit"),
    plain("^flex_bg"),
    plain("^huge_file"),
    plain("^metadata_csum"),
    plain("^metadata_csum,uninit_bg"),
    plain("^metadata_csum,uninit_bg,^64bit"),
    plain("^dir_nlink"),
    plain("^extra_isize"),
    plain("^ext_attr"),
];

/// Added to what the type has.
pub(super) const ADDITIONS: &[Features] = &[
    plain("extent"),
    plain("has_journal"),
    plain("64bit,extent"),
    plain("metadata_csum"),
    plain("flex_bg"),
    plain("meta_bg,^resize_inode"),
    plain("meta_bg,^resize_inode,^flex_bg"),
    plain("sparse_super2"),
    with("sparse_super2,^resize_inode", &[("-E", "num_backup_sb=0")]),
    with("sparse_super2", &[("-E", "num_backup_sb=1")]),
    with("sparse_super2", &[("-E", "num_backup_sb=2")]),
    plain("bigalloc,extent"),
    with("bigalloc,extent", &[("-C", "8192")]),
    with("bigalloc,extent", &[("-C", "16384")]),
    with("bigalloc,extent", &[("-C", "262144")]),
    plain("inline_data"),
    plain("inline_data,ext_attr,extent"),
    plain("large_dir"),
    plain("ea_inode"),
    plain("orphan_file,has_journal"),
    with("orphan_file,has_journal", &[("-E", "orphan_file_size=65536")]),
    with("orphan_file,has_journal", &[("-E", "orphan_file_size=1048576")]),
    plain("fast_commit,has_journal"),
    with("fast_commit,has_journal", &[("-J", "size=4,fast_commit_size=256")]),
    plain("metadata_csum,metadata_csum_seed"),
    plain("mmp"),
    with("mmp", &[("-E", "mmp_update_interval=1")]),
    plain("encrypt"),
    plain("verity,extent"),
    plain("stable_inodes"),
    plain("casefold"),
    with("casefold", &[("-E", "encoding=utf8,encoding_flags=strict")]),
    plain("encrypt,casefold"),
    plain("quota"),
    with("quota", &[("-E", "quotatype=usrquota")]),
    with("quota", &[("-E", "quotatype=grpquota")]),
    with("quota,project", &[("-E", "quotatype=usrquota:grpquota:prjquota")]),
    with("quota,project", &[("-E", "quotatype=prjquota")]),
    plain("project,quota"),
    plain("dir_index,filetype,sparse_super,large_file,ext_attr"),
];

/// Extended options.
pub(super) const EXTENDED: &[&str] = &[
    "stride=4",
    "stride=16,stripe_width=64",
    "resize=20000",
    "resize=1000000",
    "resize=100000000",
    "lazy_itable_init=0",
    "lazy_itable_init=1",
    "lazy_journal_init=0",
    "lazy_journal_init=1",
    "nodiscard",
    "discard",
    "packed_meta_blocks=1",
    "root_owner=1000:2000",
    "root_owner=70000:4000000",
    "hash_seed=8c5f4a1e-2b77-4d0e-9a53-6f1d2c3b4a59",
    "desc_size=64",
    "desc_size=128",
    "test_fs",
];

/// Journals.
pub(super) const JOURNALS: &[&str] =
    &["size=1", "size=2", "size=4", "size=16", "size=4,location=900", "size=4,fast_commit_size=64"];
