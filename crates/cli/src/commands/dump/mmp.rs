//! `dump mmp`: the multi-mount protection block.

use extant::Timestamp;
use extant::raw::format::mmp::MmpState;

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report};

pub(super) fn run(show: &Show<'_>, out: &mut Out) -> Result<Exit, Failure> {
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
