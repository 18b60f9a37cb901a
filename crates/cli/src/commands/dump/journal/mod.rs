//! `dump journal`: the journal's superblock, then the records of its log and its fast commits.

mod fast_commit;
mod records;
mod walk;

use extant::raw::format::JournalSuperblock;
use extant::raw::jbd2::Log;

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report, uuid};

use fast_commit::Area;
use walk::Walk;

pub(super) fn run(show: &Show<'_>, all: bool, out: &mut Out) -> Result<Exit, Failure> {
    let found = show.image.open_journal().map_err(|error| show.fail("journal", error))?;
    let Some(log) = found else {
        return Err(Failure::part(&show.image.name, "the file system has no journal"));
    };
    show.print("journal", superblock(log.superblock()), out)?;
    records(show, &log, all, out)?;
    Ok(Exit::Ok)
}

fn superblock(journal: &JournalSuperblock) -> Report {
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
    report
}

fn records(show: &Show<'_>, log: &Log, all: bool, out: &mut Out) -> Result<(), Failure> {
    let failed = |error| show.fail("journal", extant::raw::core::Error::from(error));
    let mut walk = Walk::new(log, all);
    let mut end_is_shown = false;
    loop {
        let record = walk.step().map_err(failed)?;
        if let Some(end) = walk.end().filter(|_| !end_is_shown) {
            records::print_end(end, show.json, out)?;
            end_is_shown = true;
        }
        match record {
            Some(record) => records::print(&record, show.json, out)?,
            None => break,
        }
    }
    Area::new(log, walk.next_sequence()).print(all, show.json, failed, out)
}
