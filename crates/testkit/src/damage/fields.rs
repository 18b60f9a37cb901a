//! The fields of each structure by byte offset (the kernel documentation's `filesystems/ext4`).

use super::site::Field;
use super::site::Kind::{Big, Block, Flags, Number, Sum};

pub(super) const SUPERBLOCK: &[Field] = &[
    ("s_inodes_count", 0x0, Number(4)),
    ("s_blocks_count_lo", 0x4, Number(4)),
    ("s_r_blocks_count_lo", 0x8, Number(4)),
    ("s_free_blocks_count_lo", 0xc, Number(4)),
    ("s_free_inodes_count", 0x10, Number(4)),
    ("s_first_data_block", 0x14, Number(4)),
    ("s_log_block_size", 0x18, Number(4)),
    ("s_log_cluster_size", 0x1c, Number(4)),
    ("s_blocks_per_group", 0x20, Number(4)),
    ("s_clusters_per_group", 0x24, Number(4)),
    ("s_inodes_per_group", 0x28, Number(4)),
    ("s_mtime", 0x2c, Number(4)),
    ("s_wtime", 0x30, Number(4)),
    ("s_mnt_count", 0x34, Number(2)),
    ("s_max_mnt_count", 0x36, Number(2)),
    ("s_magic", 0x38, Number(2)),
    ("s_state", 0x3a, Flags(2)),
    ("s_errors", 0x3c, Number(2)),
    ("s_minor_rev_level", 0x3e, Number(2)),
    ("s_lastcheck", 0x40, Number(4)),
    ("s_checkinterval", 0x44, Number(4)),
    ("s_creator_os", 0x48, Number(4)),
    ("s_rev_level", 0x4c, Number(4)),
    ("s_def_resuid", 0x50, Number(2)),
    ("s_first_ino", 0x54, Number(4)),
    ("s_inode_size", 0x58, Number(2)),
    ("s_block_group_nr", 0x5a, Number(2)),
    ("s_feature_compat", 0x5c, Flags(4)),
    ("s_feature_incompat", 0x60, Flags(4)),
    ("s_feature_ro_compat", 0x64, Flags(4)),
    ("s_uuid", 0x68, Number(4)),
    ("s_volume_name", 0x78, Number(4)),
    ("s_reserved_gdt_blocks", 0xce, Number(2)),
    ("s_journal_uuid", 0xd0, Number(4)),
    ("s_journal_inum", 0xe0, Number(4)),
    ("s_journal_dev", 0xe4, Number(4)),
    ("s_last_orphan", 0xe8, Number(4)),
    ("s_hash_seed", 0xec, Number(4)),
    ("s_def_hash_version", 0xfc, Number(1)),
    ("s_jnl_backup_type", 0xfd, Number(1)),
    ("s_desc_size", 0xfe, Number(2)),
    ("s_default_mount_opts", 0x100, Flags(4)),
    ("s_first_meta_bg", 0x104, Number(4)),
    ("s_jnl_blocks", 0x10c, Number(4)),
    ("s_blocks_count_hi", 0x150, Number(4)),
    ("s_r_blocks_count_hi", 0x154, Number(4)),
    ("s_free_blocks_count_hi", 0x158, Number(4)),
    ("s_min_extra_isize", 0x15c, Number(2)),
    ("s_want_extra_isize", 0x15e, Number(2)),
    ("s_flags", 0x160, Flags(4)),
    ("s_mmp_update_interval", 0x166, Number(2)),
    ("s_mmp_block", 0x168, Block(8)),
    ("s_log_groups_per_flex", 0x174, Number(1)),
    ("s_checksum_type", 0x175, Number(1)),
    ("s_error_count", 0x194, Number(4)),
    ("s_usr_quota_inum", 0x240, Number(4)),
    ("s_grp_quota_inum", 0x244, Number(4)),
    ("s_overhead_blocks", 0x248, Number(4)),
    ("s_backup_bgs", 0x24c, Number(4)),
    ("s_lpf_ino", 0x268, Number(4)),
    ("s_prj_quota_inum", 0x26c, Number(4)),
    ("s_checksum_seed", 0x270, Number(4)),
    ("s_encoding", 0x27c, Number(2)),
    ("s_orphan_file_inum", 0x280, Number(4)),
];

pub(super) const DESCRIPTOR: &[Field] = &[
    ("bg_block_bitmap_lo", 0x0, Block(4)),
    ("bg_inode_bitmap_lo", 0x4, Block(4)),
    ("bg_inode_table_lo", 0x8, Block(4)),
    ("bg_free_blocks_count_lo", 0xc, Number(2)),
    ("bg_free_inodes_count_lo", 0xe, Number(2)),
    ("bg_used_dirs_count_lo", 0x10, Number(2)),
    ("bg_flags", 0x12, Flags(2)),
    ("bg_exclude_bitmap_lo", 0x14, Number(4)),
    ("bg_itable_unused_lo", 0x1c, Number(2)),
];

/// Of descriptors of 64 bytes.
pub(super) const WIDE_DESCRIPTOR: &[Field] = &[
    ("bg_block_bitmap_hi", 0x20, Number(4)),
    ("bg_inode_bitmap_hi", 0x24, Number(4)),
    ("bg_inode_table_hi", 0x28, Number(4)),
    ("bg_free_blocks_count_hi", 0x2c, Number(2)),
    ("bg_free_inodes_count_hi", 0x2e, Number(2)),
    ("bg_used_dirs_count_hi", 0x30, Number(2)),
    ("bg_itable_unused_hi", 0x32, Number(2)),
];

pub(super) const INODE: &[Field] = &[
    ("i_mode", 0x0, Number(2)),
    ("i_uid", 0x2, Number(2)),
    ("i_size_lo", 0x4, Number(4)),
    ("i_atime", 0x8, Number(4)),
    ("i_ctime", 0xc, Number(4)),
    ("i_mtime", 0x10, Number(4)),
    ("i_dtime", 0x14, Number(4)),
    ("i_gid", 0x18, Number(2)),
    ("i_blocks_lo", 0x1c, Number(4)),
    ("i_flags", 0x20, Flags(4)),
    ("i_version", 0x24, Number(4)),
    ("i_generation", 0x64, Number(4)),
    ("i_file_acl_lo", 0x68, Block(4)),
    ("i_size_high", 0x6c, Number(4)),
    ("i_faddr", 0x70, Number(4)),
    ("i_blocks_high", 0x74, Number(2)),
    ("i_file_acl_high", 0x76, Number(2)),
    ("i_uid_high", 0x78, Number(2)),
];

/// Beyond the first 128 bytes.
pub(super) const WIDE_INODE: &[Field] = &[
    ("i_extra_isize", 0x80, Number(2)),
    ("i_ctime_extra", 0x84, Number(4)),
    ("i_mtime_extra", 0x88, Number(4)),
    ("i_atime_extra", 0x8c, Number(4)),
    ("i_crtime", 0x90, Number(4)),
    ("i_version_hi", 0x98, Number(4)),
    ("i_projid", 0x9c, Number(4)),
];

pub(super) const EXTENT_HEADER: &[Field] = &[
    ("eh_magic", 0, Number(2)),
    ("eh_entries", 2, Number(2)),
    ("eh_max", 4, Number(2)),
    ("eh_depth", 6, Number(2)),
    ("eh_generation", 8, Number(4)),
];

pub(super) const EXTENT_INDEX: &[Field] = &[
    ("ei_block", 0, Number(4)),
    ("ei_leaf_lo", 4, Block(4)),
    ("ei_leaf_hi", 8, Number(2)),
    ("ei_unused", 10, Number(2)),
];

pub(super) const EXTENT: &[Field] = &[
    ("ee_block", 0, Number(4)),
    ("ee_len", 4, Number(2)),
    ("ee_start_hi", 6, Number(2)),
    ("ee_start_lo", 8, Block(4)),
];

pub(super) const DIRENT: &[Field] = &[
    ("inode", 0, Number(4)),
    ("rec_len", 4, Number(2)),
    ("name_len", 6, Number(1)),
    ("file_type", 7, Number(1)),
];

/// The `dx_root_info` of a hash tree, from the start of its block.
pub(super) const DX_ROOT: &[Field] = &[
    ("reserved_zero", 24, Number(4)),
    ("hash_version", 28, Number(1)),
    ("info_length", 29, Number(1)),
    ("indirect_levels", 30, Number(1)),
    ("unused_flags", 31, Number(1)),
];

/// The empty entry that a node of a hash tree begins with.
pub(super) const DX_NODE: &[Field] =
    &[("fake.inode", 0, Number(4)), ("fake.rec_len", 4, Number(2))];

/// The place of the first entry of a root or a node.
pub(super) const DX_COUNT: &[Field] =
    &[("limit", 0, Number(2)), ("count", 2, Number(2)), ("block[0]", 4, Number(4))];

pub(super) const DX_ENTRY: &[Field] = &[("hash", 0, Number(4)), ("block", 4, Number(4))];

pub(super) const XATTR_HEADER: &[Field] = &[
    ("h_magic", 0, Number(4)),
    ("h_refcount", 4, Number(4)),
    ("h_blocks", 8, Number(4)),
    ("h_hash", 12, Sum(4)),
];

pub(super) const XATTR_ENTRY: &[Field] = &[
    ("e_name_len", 0, Number(1)),
    ("e_name_index", 1, Number(1)),
    ("e_value_offs", 2, Number(2)),
    ("e_value_inum", 4, Number(4)),
    ("e_value_size", 8, Number(4)),
    ("e_hash", 12, Sum(4)),
];

pub(super) const JOURNAL: &[Field] = &[
    ("h_magic", 0x0, Big),
    ("h_blocktype", 0x4, Big),
    ("h_sequence", 0x8, Big),
    ("s_blocksize", 0xc, Big),
    ("s_maxlen", 0x10, Big),
    ("s_first", 0x14, Big),
    ("s_sequence", 0x18, Big),
    ("s_start", 0x1c, Big),
    ("s_errno", 0x20, Big),
    ("s_feature_compat", 0x24, Flags(4)),
    ("s_feature_incompat", 0x28, Flags(4)),
    ("s_feature_ro_compat", 0x2c, Flags(4)),
    ("s_uuid", 0x30, Number(4)),
    ("s_nr_users", 0x40, Big),
    ("s_dynsuper", 0x44, Big),
    ("s_checksum_type", 0x50, Number(1)),
    ("s_num_fc_blocks", 0x54, Big),
    ("s_head", 0x58, Big),
    ("s_users", 0x100, Number(4)),
];

pub(super) const MMP: &[Field] = &[
    ("mmp_magic", 0, Number(4)),
    ("mmp_seq", 4, Number(4)),
    ("mmp_time", 8, Number(4)),
    ("mmp_nodename", 0x10, Number(4)),
    ("mmp_bdevname", 0x50, Number(4)),
    ("mmp_check_interval", 0x70, Number(2)),
];

pub(super) const QUOTA_HEADER: &[Field] = &[
    ("dqh_magic", 0, Number(4)),
    ("dqh_version", 4, Number(4)),
    ("dqi_bgrace", 8, Number(4)),
    ("dqi_igrace", 0xc, Number(4)),
    ("dqi_flags", 0x10, Number(4)),
    ("dqi_blocks", 0x14, Number(4)),
    ("dqi_free_blk", 0x18, Number(4)),
    ("dqi_free_entry", 0x1c, Number(4)),
];

pub(super) const QUOTA_LEAF: &[Field] = &[
    ("dqdh_next_free", 0, Number(4)),
    ("dqdh_prev_free", 4, Number(4)),
    ("dqdh_entries", 8, Number(2)),
];

pub(super) const QUOTA_ENTRY: &[Field] = &[
    ("dqb_id", 0, Number(4)),
    ("dqb_pad", 4, Number(4)),
    ("dqb_ihardlimit", 8, Number(8)),
    ("dqb_isoftlimit", 0x10, Number(8)),
    ("dqb_curinodes", 0x18, Number(8)),
    ("dqb_bhardlimit", 0x20, Number(8)),
    ("dqb_bsoftlimit", 0x28, Number(8)),
    ("dqb_curspace", 0x30, Number(8)),
    ("dqb_btime", 0x38, Number(8)),
    ("dqb_itime", 0x40, Number(8)),
];
