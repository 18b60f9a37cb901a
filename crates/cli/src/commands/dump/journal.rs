//! `dump journal` and `dump mmp`: the journal's superblock and the multi-mount block.

use extant::raw::core::{InodeUse, MapKind};
use extant::raw::format::mmp::MmpState;
use extant::raw::format::{Compat, JournalSuperblock, LogicalBlock};
use extant::{Corrupt, CorruptKind, Error, Filesystem, IoFlags, Place, Timestamp};

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report, uuid};

pub(super) fn run(show: &Show<'_>, out: &mut Out) -> Result<Exit, Failure> {
    let found = journal_superblock(&show.image.fs).map_err(|error| show.fail("journal", error))?;
    let Some(journal) = found else {
        return Err(Failure::part(&show.image.name, "the file system has no internal journal"));
    };
    let mut report = Report::new();
    report.plain("version", journal.version);
    report.plain("block_size_bytes", journal.block_size.bytes());
    report.plain("length_blocks", journal.max_len);
    report.plain("first_block", journal.first);
    report.plain("sequence", journal.sequence);
    report.plain("start_block", journal.start);
    report.plain("is_empty", journal.is_empty());
    report.plain("error_code", journal.errno);
    report.plain("features", journal.features.names());
    report.plain("uuid", uuid(&journal.uuid));
    report.plain("users", journal.user_count);
    report.plain("head_block", journal.head);
    report.plain("fast_commit_blocks", journal.fast_commit_blocks);
    show.print("journal", report, out)
}

/// The superblock of the internal journal; `None` if there is no internal journal.
pub(in crate::commands) fn journal_superblock(
    fs: &Filesystem,
) -> Result<Option<JournalSuperblock>, Error> {
    let volume = fs.volume();
    let superblock = volume.superblock();
    let number = superblock.raw().journal_inum.get();
    if !superblock.features().compat(Compat::HAS_JOURNAL) || number == 0 {
        return Ok(None);
    }
    let ino = volume.geometry().inode(number).ok_or(Error::NoSuchInode)?;
    let inode = volume.inode(ino, InodeUse::Special, IoFlags::NONE)?;
    let at = Place::inode(ino).logical(LogicalBlock::ZERO);
    let map = volume.map_blocks(&inode, LogicalBlock::ZERO, IoFlags::NONE)?;
    let MapKind::Mapped(block) = map.kind else {
        return Err(Corrupt::new(CorruptKind::JournalSuperblock, at).into());
    };
    let bytes = volume
        .buffers()
        .read(block, IoFlags::NONE)
        .map_err(|error| Error::from(extant::raw::core::Error::from(error)))?;
    Ok(Some(JournalSuperblock::parse(bytes.bytes(), volume.block_size(), at)?))
}

pub(super) fn multi_mount(show: &Show<'_>, out: &mut Out) -> Result<Exit, Failure> {
    let volume = show.image.fs.volume();
    let found = volume.multi_mount_block().map_err(|error| show.fail("mmp", error))?;
    let Some(mmp) = found else {
        let what = "the file system has no multi-mount protection";
        return Err(Failure::part(&show.image.name, what));
    };
    let state = match mmp.state() {
        MmpState::Clean => "clean",
        MmpState::Fsck => "being checked",
        MmpState::Active => "in use",
        MmpState::Unknown => "unknown",
    };
    let mut report = Report::new();
    report.plain("block", volume.superblock().raw().mmp_block.get());
    report.plain("state", state);
    report.plain("sequence", format!("{:#010x}", mmp.sequence));
    let secs = i64::try_from(mmp.time).unwrap_or(i64::MAX);
    report.time("time", "time", Some(Timestamp { secs, nanos: 0 }));
    report.name("node_name", "node_name", mmp.node_name());
    report.name("device_name", "device_name", mmp.device_name());
    report.plain("check_interval_seconds", mmp.check_interval());
    show.print("mmp", report, out)
}
