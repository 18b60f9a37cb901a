//! A test for every profile that the kernel mounts; the list is checked against the test kit's.

use extant_testkit::content::Scale;
use extant_testkit::profile::{KernelUse, PROFILES, named};

use crate::compare;

macro_rules! profiles {
    ($($name:literal => fn $test:ident, fn $long:ident;)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(#[test]
        fn $test() {
            compare::profile(named($name).unwrap(), Scale::SMALL);
        })*

        $(#[test]
        #[ignore = "100,000 names: ./test --long kernel"]
        fn $long() {
            compare::profile(named($name).unwrap(), Scale::FULL);
        })*
    };
}

profiles! {
    "ext2-default" => fn ext2_default, fn long_kernel_ext2_default;
    "ext3-default" => fn ext3_default, fn long_kernel_ext3_default;
    "ext4-default" => fn ext4_default, fn long_kernel_ext4_default;
    "ext2-1k-i128" => fn ext2_1k_i128, fn long_kernel_ext2_1k_i128;
    "ext2-2k" => fn ext2_2k, fn long_kernel_ext2_2k;
    "ext2-old" => fn ext2_old, fn long_kernel_ext2_old;
    "ext3-1k-i128" => fn ext3_1k_i128, fn long_kernel_ext3_1k_i128;
    "ext3-4k-i256" => fn ext3_4k_i256, fn long_kernel_ext3_4k_i256;
    "ext4-1k" => fn ext4_1k, fn long_kernel_ext4_1k;
    "ext4-2k-i512" => fn ext4_2k_i512, fn long_kernel_ext4_2k_i512;
    "ext4-1k-i1024" => fn ext4_1k_i1024, fn long_kernel_ext4_1k_i1024;
    "ext4-i128" => fn ext4_i128, fn long_kernel_ext4_i128;
    "ext4-i1024" => fn ext4_i1024, fn long_kernel_ext4_i1024;
    "ext4-i4096" => fn ext4_i4096, fn long_kernel_ext4_i4096;
    "ext4-no-extent" => fn ext4_no_extent, fn long_kernel_ext4_no_extent;
    "ext4-no-64bit" => fn ext4_no_64bit, fn long_kernel_ext4_no_64bit;
    "ext4-uninit-bg" => fn ext4_uninit_bg, fn long_kernel_ext4_uninit_bg;
    "ext4-uninit-bg-32" => fn ext4_uninit_bg_32, fn long_kernel_ext4_uninit_bg_32;
    "ext4-no-csum" => fn ext4_no_csum, fn long_kernel_ext4_no_csum;
    "ext4-no-flex-bg" => fn ext4_no_flex_bg, fn long_kernel_ext4_no_flex_bg;
    "ext4-no-dir-nlink" => fn ext4_no_dir_nlink, fn long_kernel_ext4_no_dir_nlink;
    "ext4-no-huge-file" => fn ext4_no_huge_file, fn long_kernel_ext4_no_huge_file;
    "ext4-no-journal" => fn ext4_no_journal, fn long_kernel_ext4_no_journal;
    "ext4-no-dir-index" => fn ext4_no_dir_index, fn long_kernel_ext4_no_dir_index;
    "ext4-no-filetype" => fn ext4_no_filetype, fn long_kernel_ext4_no_filetype;
    "ext4-no-resize-inode" => fn ext4_no_resize_inode, fn long_kernel_ext4_no_resize_inode;
    "ext4-meta-bg" => fn ext4_meta_bg, fn long_kernel_ext4_meta_bg;
    "ext4-meta-bg-1k" => fn ext4_meta_bg_1k, fn long_kernel_ext4_meta_bg_1k;
    "ext4-sparse-super2" => fn ext4_sparse_super2, fn long_kernel_ext4_sparse_super2;
    "ext4-bigalloc" => fn ext4_bigalloc, fn long_kernel_ext4_bigalloc;
    "ext4-bigalloc-1k" => fn ext4_bigalloc_1k, fn long_kernel_ext4_bigalloc_1k;
    "ext4-inline-data" => fn ext4_inline_data, fn long_kernel_ext4_inline_data;
    "ext4-inline-data-i1024" => fn ext4_inline_data_i1024, fn long_kernel_ext4_inline_data_i1024;
    "ext4-inline-data-1k" => fn ext4_inline_data_1k, fn long_kernel_ext4_inline_data_1k;
    "ext4-large-dir" => fn ext4_large_dir, fn long_kernel_ext4_large_dir;
    "ext4-large-dir-1k" => fn ext4_large_dir_1k, fn long_kernel_ext4_large_dir_1k;
    "ext4-ea-inode" => fn ext4_ea_inode, fn long_kernel_ext4_ea_inode;
    "ext4-ea-inode-1k" => fn ext4_ea_inode_1k, fn long_kernel_ext4_ea_inode_1k;
    "ext4-orphan-file" => fn ext4_orphan_file, fn long_kernel_ext4_orphan_file;
    "ext4-fast-commit" => fn ext4_fast_commit, fn long_kernel_ext4_fast_commit;
    "ext4-csum-seed" => fn ext4_csum_seed, fn long_kernel_ext4_csum_seed;
    "ext4-mmp" => fn ext4_mmp, fn long_kernel_ext4_mmp;
    "ext4-encrypt" => fn ext4_encrypt, fn long_kernel_ext4_encrypt;
    "ext4-encrypt-inline" => fn ext4_encrypt_inline, fn long_kernel_ext4_encrypt_inline;
    "ext4-encrypt-ea-inode-1k" =>
        fn ext4_encrypt_ea_inode_1k, fn long_kernel_ext4_encrypt_ea_inode_1k;
    "ext4-verity" => fn ext4_verity, fn long_kernel_ext4_verity;
    "ext4-stable-inodes" => fn ext4_stable_inodes, fn long_kernel_ext4_stable_inodes;
    "ext4-external-journal" => fn ext4_external_journal, fn long_kernel_ext4_external_journal;
    "ext4-everything" => fn ext4_everything, fn long_kernel_ext4_everything;
    "ext4-quota" => fn ext4_quota, fn long_kernel_ext4_quota;
    "ext4-project" => fn ext4_project, fn long_kernel_ext4_project;
}

/// The full scale of `./test`: checksums and 4 KiB blocks, block maps, hash trees of three levels.
macro_rules! full {
    ($($name:literal => fn $test:ident;)*) => {
        $(#[test]
        fn $test() {
            compare::profile(named($name).unwrap(), Scale::FULL);
        })*
    };
}

full! {
    "ext4-default" => fn full_ext4_default;
    "ext3-1k-i128" => fn full_ext3_1k_i128;
    "ext4-large-dir-1k" => fn full_ext4_large_dir_1k;
}

#[test]
fn every_mountable_profile_is_compared() {
    let mountable = PROFILES.iter().filter(|profile| profile.kernel != KernelUse::Not);
    let names: Vec<_> = mountable.map(|profile| profile.name).collect();
    assert_eq!(NAMES, names);
    assert!(names.len() >= 24);
}
