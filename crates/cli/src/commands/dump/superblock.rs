//! `dump superblock`: all fields of the superblock in use.

use extant::Timestamp;
use extant::raw::format::superblock::{RawSuperblock, Superblock, checksum};

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report, json, uuid};

pub(super) fn run(show: &Show<'_>, out: &mut Out) -> Result<Exit, Failure> {
    let volume = show.image.fs.volume();
    let superblock = volume.superblock();
    let raw = superblock.raw();
    let mut report = Report::new();
    report.plain("block", volume.superblock_block().get());
    sizes(superblock, &mut report);
    features(superblock, &mut report);
    identity(superblock, &mut report);
    history(raw, &mut report);
    errors(raw, &mut report);
    journal(raw, &mut report);
    layout(raw, &mut report);
    special_files(raw, &mut report);
    encoding(raw, &mut report);
    checksums(raw, &mut report);
    show.print("superblock", report, out)
}

fn sizes(superblock: &Superblock, report: &mut Report) {
    let raw = superblock.raw();
    let geometry = superblock.geometry();
    report.plain("inodes_count", raw.inodes_count.get());
    report.plain("blocks_count", geometry.blocks_count());
    report.plain("reserved_blocks", superblock.reserved_blocks());
    report.plain("free_blocks", superblock.free_blocks());
    report.plain("free_inodes", raw.free_inodes.get());
    report.plain("overhead_clusters", raw.overhead_clusters.get());
    report.plain("first_data_block", raw.first_data_block.get());
    report.plain("block_size_bytes", geometry.block_size().bytes());
    report.plain("cluster_blocks", 1_u32 << geometry.cluster_ratio_bits());
    report.plain("blocks_per_group", raw.blocks_per_group.get());
    report.plain("clusters_per_group", raw.clusters_per_group.get());
    report.plain("inodes_per_group", raw.inodes_per_group.get());
    report.plain("groups_per_flex", geometry.groups_per_flex());
    report.plain("inode_size_bytes", geometry.inode_size());
    report.plain("min_extra_isize_bytes", raw.min_extra_isize.get());
    report.plain("want_extra_isize_bytes", raw.want_extra_isize.get());
    report.plain("first_inode", geometry.first_inode());
    report.plain("desc_size_bytes", geometry.desc_size());
}

fn features(superblock: &Superblock, report: &mut Report) {
    let raw = superblock.raw();
    report.plain("magic", format!("{:#06x}", raw.magic.get()));
    report.plain("revision", raw.rev_level.get());
    report.plain("minor_revision", raw.minor_rev_level.get());
    report.plain("creator_os", raw.creator_os.get());
    let features = superblock.features();
    report.plain("features_compat", features.compat.names().collect::<Vec<_>>());
    report.plain("features_incompat", features.incompat.names().collect::<Vec<_>>());
    report.plain("features_ro_compat", features.ro_compat.names().collect::<Vec<_>>());
    report.flags("flags", raw.flags.get().into(), &flag_names(raw.flags.get()));
}

fn flag_names(bits: u32) -> Vec<&'static str> {
    let names = [(1, "signed_directory_hash"), (2, "unsigned_directory_hash"), (4, "test")];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

fn identity(superblock: &Superblock, report: &mut Report) {
    let raw = superblock.raw();
    report.plain("uuid", uuid(&raw.uuid));
    report.name("label", "label", superblock.label());
    report.name("last_mounted", "last_mounted", superblock.last_mounted());
    report.name("mount_options", "mount_options", until_zero(&raw.mount_opts));
    report.plain("default_mount_options", raw.default_mount_opts.get());
    let uid = u32::from(raw.def_resuid_hi.get()) << 16 | u32::from(raw.def_resuid.get());
    let gid = u32::from(raw.def_resgid_hi.get()) << 16 | u32::from(raw.def_resgid.get());
    report.plain("reserved_uid", uid);
    report.plain("reserved_gid", gid);
}

fn history(raw: &RawSuperblock, report: &mut Report) {
    report.flags("state", raw.state.get().into(), &state_names(raw.state.get()));
    report.plain("errors_behaviour", raw.errors.get());
    report.plain("mount_count", raw.mount_count.get());
    report.plain("max_mount_count", raw.max_mount_count.get().cast_signed());
    report.plain("check_interval_seconds", raw.checkinterval.get());
    let times = [
        ("mkfs_time", raw.mkfs_time.get(), raw.mkfs_time_hi),
        ("mount_time", raw.mtime.get(), raw.mtime_hi),
        ("write_time", raw.wtime.get(), raw.wtime_hi),
        ("check_time", raw.lastcheck.get(), raw.lastcheck_hi),
    ];
    for (key, low, high) in times {
        report.time(key, key, wide_time(low, high));
    }
    report.plain("kibibytes_written", raw.kbytes_written.get());
}

/// The names of the bits of the state.
pub(in crate::commands) fn state_names(bits: u16) -> Vec<&'static str> {
    let names = [(1, "clean"), (2, "errors"), (4, "orphans"), (0x20, "fast_commit_replay")];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

fn errors(raw: &RawSuperblock, report: &mut Report) {
    report.plain("error_count", raw.error_count.get());
    if raw.error_count.get() == 0 {
        return;
    }
    let first = wide_time(raw.first_error_time.get(), raw.first_error_time_hi);
    report.time("first_error_time", "first_error_time", first);
    report.name("first_error_function", "first_error_function", until_zero(&raw.first_error_func));
    report.plain("first_error_line", raw.first_error_line.get());
    report.plain("first_error_inode", raw.first_error_ino.get());
    report.plain("first_error_block", raw.first_error_block.get());
    report.plain("first_error_code", raw.first_error_errcode);
    let last = wide_time(raw.last_error_time.get(), raw.last_error_time_hi);
    report.time("last_error_time", "last_error_time", last);
    report.name("last_error_function", "last_error_function", until_zero(&raw.last_error_func));
    report.plain("last_error_line", raw.last_error_line.get());
    report.plain("last_error_inode", raw.last_error_ino.get());
    report.plain("last_error_block", raw.last_error_block.get());
    report.plain("last_error_code", raw.last_error_errcode);
}

fn journal(raw: &RawSuperblock, report: &mut Report) {
    report.plain("journal_inode", raw.journal_inum.get());
    report.plain("journal_device", raw.journal_dev.get());
    report.plain("journal_uuid", uuid(&raw.journal_uuid));
    report.plain("journal_backup_type", raw.jnl_backup_type);
    let words: Vec<u32> = raw.jnl_blocks.iter().map(|word| word.get()).collect();
    report.plain("journal_backup", words);
    report.plain("last_orphan", raw.last_orphan.get());
}

fn layout(raw: &RawSuperblock, report: &mut Report) {
    report.plain("group_of_this_copy", raw.block_group_nr.get());
    report.plain("reserved_gdt_blocks", raw.reserved_gdt_blocks.get());
    report.plain("first_meta_group", raw.first_meta_bg.get());
    report.plain("backup_groups", raw.backup_bgs.map(|group| group.get()).to_vec());
    report.plain("raid_stride_blocks", raw.raid_stride.get());
    report.plain("raid_stripe_width_blocks", raw.raid_stripe_width.get());
    report.plain("mmp_block", raw.mmp_block.get());
    report.plain("mmp_interval_seconds", raw.mmp_interval.get());
}

fn special_files(raw: &RawSuperblock, report: &mut Report) {
    report.plain("user_quota_inode", raw.user_quota_inum.get());
    report.plain("group_quota_inode", raw.group_quota_inum.get());
    report.plain("project_quota_inode", raw.project_quota_inum.get());
    report.plain("orphan_file_inode", raw.orphan_file_inum.get());
    report.plain("lost_found_inode", raw.lpf_ino.get());
    report.plain("snapshot_inode", raw.snapshot_inum.get());
}

fn encoding(raw: &RawSuperblock, report: &mut Report) {
    report.plain("hash_seed", raw.hash_seed.map(|word| format!("{:08x}", word.get())).to_vec());
    report.plain("default_hash_version", raw.def_hash_version);
    report.plain("encoding", raw.encoding.get());
    report.plain("encoding_flags", raw.encoding_flags.get());
    report.plain("encryption_level", raw.encryption_level);
    report.plain("encryption_algorithms", raw.encrypt_algos.to_vec());
    report.field(
        "encryption_salt",
        "encryption_salt",
        crate::output::hex(&raw.encrypt_pw_salt),
        json::raw(&raw.encrypt_pw_salt),
    );
}

fn checksums(raw: &RawSuperblock, report: &mut Report) {
    report.plain("checksum_type", raw.checksum_type);
    report.plain("checksum_seed", format!("{:#010x}", raw.checksum_seed.get()));
    report.plain("checksum", format!("{:#010x}", raw.checksum.get()));
    report.plain("checksum_computed", format!("{:#010x}", checksum(raw)));
}

/// A time of 40 bits; zero is "never".
pub(in crate::commands) fn wide_time(low: u32, high: u8) -> Option<Timestamp> {
    let secs = i64::from(high) << 32 | i64::from(low);
    (secs != 0).then_some(Timestamp { secs, nanos: 0 })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}
