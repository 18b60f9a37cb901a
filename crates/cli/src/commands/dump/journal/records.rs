//! Records of the log as lines of text, or one line of JSON each.

use std::io::{self, Write};

use extant::Corrupt;
use serde_json::{Value, json};

use super::walk::{Content, Copy, End, Record, flag_names};
use crate::commands::dump::SCHEMA;
use crate::output::{Out, full_time, json};

/// Revoked blocks on a line of text.
const REVOKES_A_LINE: usize = 8;

/// Prints one record.
pub(super) fn print(record: &Record, json: bool, out: &mut Out) -> io::Result<()> {
    if json { out.json_line(&to_json(record)) } else { print_text(record, out) }
}

/// Prints where the log ends.
pub(super) fn print_end(end: End, json: bool, out: &mut Out) -> io::Result<()> {
    if json {
        return out.json_line(&json!({
            "schema": SCHEMA,
            "structure": "journal_end",
            "block": end.block,
            "sequence": end.sequence,
        }));
    }
    match end.block {
        Some(block) => {
            writeln!(
                out,
                "end of the log: block {block} is no part of transaction {}",
                end.sequence
            )
        }
        None => writeln!(out, "end of the log: transaction {} would be next", end.sequence),
    }
}

fn to_json(record: &Record) -> Value {
    let structure = match &record.content {
        Content::Descriptor(_) => "journal_descriptor",
        Content::Revoke(_) => "journal_revoke",
        Content::Commit(_) => "journal_commit",
    };
    let mut value = json!({
        "schema": SCHEMA,
        "structure": structure,
        "block": record.block,
        "sequence": record.sequence,
        "is_old": record.is_old,
        "checksum_ok": record.checksum_ok,
    });
    let (key, content) = match &record.content {
        Content::Descriptor(copies) => ("copies", copies.iter().map(copy_to_json).collect()),
        Content::Revoke(Ok(blocks)) => ("revoked_blocks", blocks.as_slice().into()),
        Content::Revoke(Err(corrupt)) => ("damage", json::corrupt(corrupt)),
        Content::Commit(commit) => ("time", commit.time().map(json::time).into()),
    };
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), content);
    }
    value
}

fn copy_to_json(copy: &Copy) -> Value {
    json!({
        "block": copy.block,
        "home_block": copy.tag.home,
        "flags": copy.tag.flags.bits(),
        "flag_names": flag_names(copy.tag.flags),
        "checksum": copy.tag.checksum,
        "checksum_ok": copy.checksum_ok,
    })
}

fn print_text(record: &Record, out: &mut Out) -> io::Result<()> {
    let Record { block, sequence, checksum_ok, .. } = *record;
    let old = if record.is_old { "old " } else { "" };
    let checksum = shown_checksum(checksum_ok);
    match &record.content {
        Content::Descriptor(copies) => {
            let count = copies.len();
            let what = if count == 1 { "block" } else { "blocks" };
            writeln!(
                out,
                "{block}: {old}descriptor, transaction {sequence}, {count} {what}{checksum}"
            )?;
            copies.iter().try_for_each(|copy| print_copy(copy, out))
        }
        Content::Revoke(blocks) => {
            writeln!(out, "{block}: {old}revoke, transaction {sequence}{checksum}")?;
            print_revokes(blocks, out)
        }
        Content::Commit(commit) => {
            let time = commit.time().map_or_else(|| "no time".to_owned(), full_time);
            writeln!(out, "{block}: {old}commit, transaction {sequence}, {time}{checksum}")
        }
    }
}

fn print_copy(copy: &Copy, out: &mut Out) -> io::Result<()> {
    let flags = flag_names(copy.tag.flags).join(" ");
    let space = if flags.is_empty() { "" } else { " " };
    let checksum = shown_checksum(copy.checksum_ok);
    writeln!(out, "  {} -> {}{space}{flags}{checksum}", copy.block, copy.tag.home)
}

fn print_revokes(blocks: &Result<Vec<u64>, Corrupt>, out: &mut Out) -> io::Result<()> {
    let blocks = match blocks {
        Ok(blocks) => blocks,
        Err(corrupt) => return writeln!(out, "  {corrupt}"),
    };
    for line in blocks.chunks(REVOKES_A_LINE) {
        let line: Vec<String> = line.iter().map(u64::to_string).collect();
        writeln!(out, "  {}", line.join(" "))?;
    }
    Ok(())
}

/// The end of a line about something with a checksum.
pub(super) fn shown_checksum(ok: Option<bool>) -> &'static str {
    match ok {
        None => "",
        Some(true) => ", checksum ok",
        Some(false) => ", checksum wrong",
    }
}
