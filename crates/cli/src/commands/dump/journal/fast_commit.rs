//! The fast-commit area: its records, block by block.
//!
//! By default only what replay would look at is shown: fast commits of the transaction that would
//! come next in the log, up to the last tail of it, right checksum or not. To know that, the area
//! is read twice; in memory is one block.

use std::io::{self, Write};
use std::ops::Range;

use extant::raw::format::journal::{FastCommitRecord, FastCommitRecords, NameChange, PlacedRecord};
use extant::raw::jbd2::{JournalError, Log, LogReader};
use serde_json::{Value, json};

use super::records::shown_checksum;
use crate::commands::dump::SCHEMA;
use crate::error::Failure;
use crate::output::{Out, escape, json};

/// A walk along the area.
pub(super) struct Area<'a> {
    reader: LogReader<'a>,
    blocks: Range<u32>,
    /// The transaction that fast commits must belong to.
    sequence: u32,
}

/// A record as it is shown.
struct Shown<'a> {
    block: u32,
    placed: PlacedRecord<'a>,
    /// Of a tail: whether its checksum is right, and whether replay gets here.
    tail: Option<(bool, bool)>,
}

impl<'a> Area<'a> {
    /// The area of `log`, whose next transaction would be `sequence`.
    pub(super) fn new(log: &'a Log, sequence: u32) -> Self {
        let blocks = log.superblock().fast_commit_area();
        Self { reader: LogReader::new(log), blocks, sequence }
    }

    /// Prints the fast commits that count, or with `all` every record there is.
    pub(super) fn print(
        mut self,
        all: bool,
        json: bool,
        failure: impl Fn(JournalError) -> Failure,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let counted = self.tails_that_count().map_err(&failure)?;
        let (mut sum, mut tails) = (0, 0);
        for block in self.blocks.clone() {
            if !all && tails == counted {
                break;
            }
            let bytes = self.reader.block(block).map_err(&failure)?;
            let mut records = FastCommitRecords::new(bytes);
            for placed in records.by_ref() {
                sum = placed.add_to(sum);
                let tail = match placed.record {
                    FastCommitRecord::Tail { checksum, .. } => {
                        tails += 1;
                        Some((std::mem::take(&mut sum) == checksum, tails <= counted))
                    }
                    _ => None,
                };
                Shown { block, placed, tail }.print(json, out)?;
            }
            if records.is_malformed() {
                sum = 0;
            }
        }
        Ok(())
    }

    /// The number of tails from the start of the area that are of the right transaction.
    fn tails_that_count(&mut self) -> Result<u32, JournalError> {
        let mut tails = 0;
        for block in self.blocks.clone() {
            let mut records = FastCommitRecords::new(self.reader.block(block)?);
            for placed in records.by_ref() {
                match placed.record {
                    FastCommitRecord::Tail { tid, .. } if tid == self.sequence => tails += 1,
                    FastCommitRecord::Tail { .. } => return Ok(tails),
                    _ => {}
                }
            }
            if records.is_malformed() {
                break;
            }
        }
        Ok(tails)
    }
}

impl Shown<'_> {
    fn print(&self, json: bool, out: &mut Out) -> io::Result<()> {
        if !json {
            let Self { block, placed, .. } = self;
            return writeln!(out, "{block}+{}: {}", placed.offset, self.text());
        }
        let mut value = self.value();
        let common = [
            ("schema", Value::from(SCHEMA)),
            ("structure", "journal_fast_commit".into()),
            ("block", self.block.into()),
            ("offset_bytes", self.placed.offset.into()),
        ];
        if let Some(object) = value.as_object_mut() {
            object.extend(common.map(|(key, value)| (key.to_owned(), value)));
        }
        out.json_line(&value)
    }

    fn text(&self) -> String {
        use FastCommitRecord as Record;
        match self.placed.record {
            Record::AddRange { ino, logical, len, start, unwritten } => {
                let unwritten = if unwritten { " unwritten" } else { "" };
                format!("inode {ino}: {len} blocks from {logical} -> {start}{unwritten}")
            }
            Record::DelRange { ino, logical, len } => {
                format!("inode {ino}: {len} blocks from {logical} -> hole")
            }
            Record::Name { change, parent, ino, name } => {
                format!("{} {ino} in directory {parent}: {}", change_name(change), escape(name))
            }
            Record::Inode { ino, bytes } => format!("inode {ino}: {} bytes", bytes.len()),
            Record::Pad => "padding".to_owned(),
            Record::Tail { tid, .. } => {
                let (checksum_ok, counts) = self.tail.unwrap_or_default();
                let old = if counts { "" } else { "old " };
                let checksum = shown_checksum(Some(checksum_ok));
                format!("{old}fast-commit tail, transaction {tid}{checksum}")
            }
            Record::Head { features, tid } => {
                format!("fast-commit head, transaction {tid}, features {features:#x}")
            }
        }
    }

    fn value(&self) -> Value {
        use FastCommitRecord as Record;
        match self.placed.record {
            Record::AddRange { ino, logical, len, start, unwritten } => json!({
                "record": "add_range", "ino": ino, "logical": logical, "len": len,
                "physical": start, "unwritten": unwritten,
            }),
            Record::DelRange { ino, logical, len } => json!({
                "record": "del_range", "ino": ino, "logical": logical, "len": len,
            }),
            Record::Name { change, parent, ino, name } => json!({
                "record": change_name(change), "parent_ino": parent, "ino": ino,
                "name": json::name(name),
            }),
            Record::Inode { ino, bytes } => json!({
                "record": "inode", "ino": ino, "inode": json::raw(bytes),
            }),
            Record::Pad => json!({ "record": "pad" }),
            Record::Tail { tid, checksum } => {
                let (checksum_ok, counts) = self.tail.unwrap_or_default();
                json!({
                    "record": "tail", "sequence": tid, "checksum": checksum,
                    "checksum_ok": checksum_ok, "is_old": !counts,
                })
            }
            Record::Head { features, tid } => json!({
                "record": "head", "sequence": tid, "features": features,
            }),
        }
    }
}

fn change_name(change: NameChange) -> &'static str {
    match change {
        NameChange::Create => "create",
        NameChange::Link => "link",
        NameChange::Unlink => "unlink",
    }
}
