//! The superblock as it lies on disk: 1,024 bytes, little-endian (kernel documentation,
//! `ext4/super.rst`).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The 1,024 bytes of a superblock. Nothing is checked here; see [`Superblock`](super::Superblock).
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawSuperblock {
    /// Inodes in the file system.
    pub inodes_count: U32,
    /// Blocks, low half.
    pub blocks_count_lo: U32,
    /// Blocks reserved for the privileged user, low half.
    pub reserved_blocks_lo: U32,
    /// Free blocks (with bigalloc in clusters of blocks), low half.
    pub free_blocks_lo: U32,
    /// Free inodes.
    pub free_inodes: U32,
    /// First block of group 0.
    pub first_data_block: U32,
    /// log2 of the block size less 10.
    pub log_block_size: U32,
    /// log2 of the cluster size less 10.
    pub log_cluster_size: U32,
    /// Blocks in a group.
    pub blocks_per_group: U32,
    /// Clusters in a group.
    pub clusters_per_group: U32,
    /// Inodes in a group.
    pub inodes_per_group: U32,
    /// Last mount, seconds since 1970, low 32 bits.
    pub mtime: U32,
    /// Last write, seconds since 1970, low 32 bits.
    pub wtime: U32,
    /// Mounts since the last check.
    pub mount_count: U16,
    /// Mounts after which a check is due.
    pub max_mount_count: U16,
    /// 0xef53.
    pub magic: U16,
    /// State flags: 1 clean, 2 errors, 4 orphans being recovered.
    pub state: U16,
    /// What to do on errors: 1 continue, 2 read-only, 3 panic.
    pub errors: U16,
    /// Minor revision.
    pub minor_rev_level: U16,
    /// Last check, seconds since 1970, low 32 bits.
    pub lastcheck: U32,
    /// Seconds between checks.
    pub checkinterval: U32,
    /// Operating system that made the file system.
    pub creator_os: U32,
    /// Revision: 0 fixed inode size, 1 dynamic.
    pub rev_level: U32,
    /// User who may use reserved blocks.
    pub def_resuid: U16,
    /// Group that may use reserved blocks.
    pub def_resgid: U16,
    /// First inode that is not reserved.
    pub first_ino: U32,
    /// Bytes of an inode.
    pub inode_size: U16,
    /// Group that this copy of the superblock is in.
    pub block_group_nr: U16,
    /// Compatible features.
    pub feature_compat: U32,
    /// Incompatible features.
    pub feature_incompat: U32,
    /// Read-only-compatible features.
    pub feature_ro_compat: U32,
    /// UUID of the file system.
    pub uuid: [u8; 16],
    /// Label, padded with zero bytes.
    pub volume_name: [u8; 16],
    /// Directory of the last mount.
    pub last_mounted: [u8; 64],
    /// For compression (unused).
    pub algorithm_usage_bitmap: U32,
    /// Blocks to preallocate for files (unused).
    pub prealloc_blocks: u8,
    /// Blocks to preallocate for directories (unused).
    pub prealloc_dir_blocks: u8,
    /// Descriptor blocks reserved for growth.
    pub reserved_gdt_blocks: U16,
    /// UUID of the external journal.
    pub journal_uuid: [u8; 16],
    /// Inode of the internal journal.
    pub journal_inum: U32,
    /// Device number of the external journal.
    pub journal_dev: U32,
    /// Head of the orphan list.
    pub last_orphan: U32,
    /// Seed of directory hashes.
    pub hash_seed: [U32; 4],
    /// Default directory hash.
    pub def_hash_version: u8,
    /// 1 if `jnl_blocks` holds a copy of the journal inode's map.
    pub jnl_backup_type: u8,
    /// Bytes of a group descriptor (feature 64bit).
    pub desc_size: U16,
    /// Default mount options.
    pub default_mount_opts: U32,
    /// First meta block group.
    pub first_meta_bg: U32,
    /// Creation, seconds since 1970, low 32 bits.
    pub mkfs_time: U32,
    /// Copy of the journal inode's block map and size.
    pub jnl_blocks: [U32; 17],
    /// Blocks, high half.
    pub blocks_count_hi: U32,
    /// Reserved blocks, high half.
    pub reserved_blocks_hi: U32,
    /// Free blocks, high half.
    pub free_blocks_hi: U32,
    /// All inodes have at least so many extra bytes.
    pub min_extra_isize: U16,
    /// New inodes should have so many extra bytes.
    pub want_extra_isize: U16,
    /// 1 signed hashes, 2 unsigned hashes, 4 test file system.
    pub flags: U32,
    /// RAID stride in blocks.
    pub raid_stride: U16,
    /// Seconds between multi-mount checks.
    pub mmp_interval: U16,
    /// Block of the multi-mount structure.
    pub mmp_block: U64,
    /// Blocks on all data disks.
    pub raid_stripe_width: U32,
    /// log2 of the groups in a flex group.
    pub log_groups_per_flex: u8,
    /// 1 means CRC32C.
    pub checksum_type: u8,
    /// Version of encryption (unused).
    pub encryption_level: u8,
    /// Padding.
    pub reserved_pad: u8,
    /// KiB written over the life of the file system.
    pub kbytes_written: U64,
    /// Snapshot inode (unused).
    pub snapshot_inum: U32,
    /// Snapshot id (unused).
    pub snapshot_id: U32,
    /// Blocks reserved for the snapshot (unused).
    pub snapshot_reserved_blocks: U64,
    /// Head of the snapshot list (unused).
    pub snapshot_list: U32,
    /// Errors seen.
    pub error_count: U32,
    /// First error, seconds since 1970, low 32 bits.
    pub first_error_time: U32,
    /// Inode of the first error.
    pub first_error_ino: U32,
    /// Block of the first error.
    pub first_error_block: U64,
    /// Function that met the first error.
    pub first_error_func: [u8; 32],
    /// Line of the first error.
    pub first_error_line: U32,
    /// Last error, seconds since 1970, low 32 bits.
    pub last_error_time: U32,
    /// Inode of the last error.
    pub last_error_ino: U32,
    /// Line of the last error.
    pub last_error_line: U32,
    /// Block of the last error.
    pub last_error_block: U64,
    /// Function that met the last error.
    pub last_error_func: [u8; 32],
    /// Default mount options as text.
    pub mount_opts: [u8; 64],
    /// User quota file.
    pub user_quota_inum: U32,
    /// Group quota file.
    pub group_quota_inum: U32,
    /// Clusters of file system overhead, 0 if not computed.
    pub overhead_clusters: U32,
    /// Groups with superblock copies (feature sparse_super2).
    pub backup_bgs: [U32; 2],
    /// Encryption algorithms in use.
    pub encrypt_algos: [u8; 4],
    /// Salt for the string-to-key function.
    pub encrypt_pw_salt: [u8; 16],
    /// lost+found.
    pub lpf_ino: U32,
    /// Project quota file.
    pub project_quota_inum: U32,
    /// Checksum seed (feature metadata_csum_seed).
    pub checksum_seed: U32,
    /// Bits 32 to 39 of `wtime`.
    pub wtime_hi: u8,
    /// Bits 32 to 39 of `mtime`.
    pub mtime_hi: u8,
    /// Bits 32 to 39 of `mkfs_time`.
    pub mkfs_time_hi: u8,
    /// Bits 32 to 39 of `lastcheck`.
    pub lastcheck_hi: u8,
    /// Bits 32 to 39 of `first_error_time`.
    pub first_error_time_hi: u8,
    /// Bits 32 to 39 of `last_error_time`.
    pub last_error_time_hi: u8,
    /// Error code of the first error.
    pub first_error_errcode: u8,
    /// Error code of the last error.
    pub last_error_errcode: u8,
    /// File name encoding: 1 is UTF-8 of Unicode 12.1.
    pub encoding: U16,
    /// 1: strict encoding.
    pub encoding_flags: U16,
    /// Orphan file.
    pub orphan_file_inum: U32,
    /// High half of `def_resuid`.
    pub def_resuid_hi: U16,
    /// High half of `def_resgid`.
    pub def_resgid_hi: U16,
    /// Unused; kept as found.
    pub reserved: [U32; 93],
    /// CRC32C of all bytes before it.
    pub checksum: U32,
}

const _: () = {
    assert!(size_of::<RawSuperblock>() == 1024);
    assert!(std::mem::offset_of!(RawSuperblock, magic) == 0x38);
    assert!(std::mem::offset_of!(RawSuperblock, feature_compat) == 0x5c);
    assert!(std::mem::offset_of!(RawSuperblock, journal_inum) == 0xe0);
    assert!(std::mem::offset_of!(RawSuperblock, desc_size) == 0xfe);
    assert!(std::mem::offset_of!(RawSuperblock, blocks_count_hi) == 0x150);
    assert!(std::mem::offset_of!(RawSuperblock, mmp_block) == 0x168);
    assert!(std::mem::offset_of!(RawSuperblock, error_count) == 0x194);
    assert!(std::mem::offset_of!(RawSuperblock, mount_opts) == 0x200);
    assert!(std::mem::offset_of!(RawSuperblock, checksum_seed) == 0x270);
    assert!(std::mem::offset_of!(RawSuperblock, orphan_file_inum) == 0x280);
    assert!(std::mem::offset_of!(RawSuperblock, checksum) == 0x3fc);
};

impl RawSuperblock {
    /// The 1,024 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Default for RawSuperblock {
    fn default() -> Self {
        Self::new_zeroed()
    }
}
