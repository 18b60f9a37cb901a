//! `extant recover`: brings what the journal holds home, onto the image.

use std::io::{self, Write};

use extant::{BlockDevice, Error, Filesystem, OpenOptions, RecoverOptions, RecoveryReport};
use extant_sync::Arc;
use serde_json::{Value, json};

use crate::args::{DeviceArgs, Recover};
use crate::error::{Exit, Failure};
use crate::image::{open_journal, open_writable, refusal, shown_name};
use crate::output::{Out, json};

const SCHEMA: &str = "extant.recover/1";
const QUOTA: &str = "quota files would have to follow: without --orphans the journal alone is \
                     replayed, and e2fsck can do the rest";
const FORBIDDEN: &str = "this feature forbids to free anything: without --orphans the journal \
                         alone is replayed";

pub(super) fn run(args: &Recover, out: &mut Out) -> Result<Exit, Failure> {
    let image = &args.image;
    check_options(&image.device)?;
    let device = open_writable(image)?;
    let options = RecoverOptions {
        journal: open_journal(image, false)?,
        finish_orphans: args.orphans,
        ignore_in_use: image.device.ignore_lock,
    };
    let refused = |error| {
        let shown = shown_name(&image.image);
        let failure = refusal(&shown, &error, image.device.partition, &*device);
        match hint(&error, &device) {
            Some(hint) => failure.hinting(hint.to_owned()),
            None => failure,
        }
    };
    let done = extant::recover(Arc::clone(&device), &options).map_err(refused)?;
    let after = look(&device).map_err(refused)?;
    let orphans_left = after.volume().superblock().may_have_orphans();
    if image.json {
        let mut value = to_json(&done);
        if let Some(object) = value.as_object_mut() {
            object.insert("schema".to_owned(), SCHEMA.into());
            object.insert("image".to_owned(), shown_name(&image.image).into());
            object.insert("may_have_orphans".to_owned(), orphans_left.into());
        }
        out.json_line(&value)?;
    } else {
        print(&done, orphans_left && !args.orphans, out)?;
    }
    let is_whole = done.orphan_damage.is_empty() && done.fast_commit_damage.is_none();
    Ok(if is_whole { Exit::Ok } else { Exit::Part })
}

/// The structures on `device` as they are.
fn look(device: &Arc<dyn BlockDevice>) -> Result<Filesystem, Error> {
    let look = OpenOptions { inspect: true, ignore_in_use: true, ..OpenOptions::default() };
    Filesystem::open(Arc::clone(device), &look)
}

/// What to do where orphans were to be finished, and quota files or features are in the way.
fn hint(error: &Error, device: &Arc<dyn BlockDevice>) -> Option<&'static str> {
    let Error::Unsupported { features } = error else { return None };
    if features == &["quota"] {
        return Some(QUOTA);
    }
    let forbidding = look(device).ok()?.volume().superblock().features().unwritable();
    (*features == forbidding).then_some(FORBIDDEN)
}

fn print(done: &RecoveryReport, orphans_left: bool, out: &mut Out) -> io::Result<()> {
    match is_nothing(done) {
        true => writeln!(out, "clean: nothing to recover")?,
        false => writeln!(out, "recovered: {}", summary(done))?,
    }
    if orphans_left {
        writeln!(out, "Orphans were left alone; --orphans finishes them.")?;
    }
    Ok(())
}

/// Options that say how to look at an image make no sense for one that is changed.
fn check_options(args: &DeviceArgs) -> Result<(), Failure> {
    let refuse = |option: &str, hint: &str| {
        Err(Failure::usage(format!("recover does not take {option}"), hint))
    };
    if args.noload {
        return refuse("--noload", "all other commands can read an image without its journal");
    }
    if args.sb.is_some() {
        return refuse("--sb", "`e2fsck -b` repairs the primary superblock first");
    }
    if args.allow_short {
        return refuse("--allow-short", "what was cut off may be where the journal must write");
    }
    Ok(())
}

fn is_nothing(done: &RecoveryReport) -> bool {
    !done.needed
        && done.changed_blocks == 0
        && done.orphan_damage.is_empty()
        && done.orphans_deleted == 0
        && done.orphans_truncated == 0
}

/// What recovery did, on one line.
pub(super) fn summary(done: &RecoveryReport) -> String {
    let mut parts = vec![
        counted(done.log.transactions.into(), "transaction"),
        format!("{} replayed", counted(done.replayed_blocks, "block")),
    ];
    let mut add = |number: u64, text: String| {
        if number > 0 {
            parts.push(text);
        }
    };
    let revoked = done.log.revoked_blocks;
    add(revoked, format!("{revoked} revoked"));
    let records = u64::from(done.fast_commit_records);
    add(records, format!("{} replayed", counted(records, "fast-commit record")));
    let deleted = u64::from(done.orphans_deleted);
    add(deleted, format!("{} deleted", counted(deleted, "orphan")));
    let truncated = u64::from(done.orphans_truncated);
    add(truncated, format!("{} truncated", counted(truncated, "orphan")));
    if let Some(torn) = &done.torn {
        parts.push(format!("the last transaction was not complete: {torn}"));
    }
    if let Some(corrupt) = &done.fast_commit_damage {
        parts.push(format!("fast commits left out: {corrupt}"));
    }
    parts.extend(done.orphan_damage.iter().map(|corrupt| format!("orphan left: {corrupt}")));
    if !done.orphans_left.is_empty() {
        parts.push(format!("orphans left because of {}", done.orphans_left.join(", ")));
    }
    parts.join(", ")
}

/// `1 block`, `2 blocks`.
pub(super) fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// What recovery did, for machines.
pub(super) fn to_json(done: &RecoveryReport) -> Value {
    json!({
        "was_needed": done.needed,
        "transactions": done.log.transactions,
        "logged_blocks": done.log.logged_blocks,
        "revoked_blocks": done.log.revoked_blocks,
        "replayed_blocks": done.replayed_blocks,
        "torn": done.torn.as_ref().map(json::corrupt),
        "fast_commit_records": done.fast_commit_records,
        "fast_commit_damage": done.fast_commit_damage.as_ref().map(json::corrupt),
        "changed_blocks": done.changed_blocks,
        "orphans_deleted": done.orphans_deleted,
        "orphans_truncated": done.orphans_truncated,
        "orphan_damage": done.orphan_damage.iter().map(json::corrupt).collect::<Vec<_>>(),
        "orphans_left_because_of": done.orphans_left,
    })
}
