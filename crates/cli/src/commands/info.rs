//! `extant info`: what an image is, for people. A disk with partitions shows those instead.

use extant::device::{BlockDevice, partition};
use extant::raw::format::features::{Compat, Incompat, RoCompat};
use extant::raw::format::{FeatureSet, Superblock};
use extant::{Filesystem, RecoveryReport, Statfs};
use extant_sync::Arc;
use serde_json::{Value, json};

use crate::args::{ImageArgs, Info};
use crate::commands::dump::{state_names, wide_time};
use crate::commands::recover;
use crate::error::{Exit, Failure};
use crate::image::{Image, open_device, shown_name};
use crate::output::{Align, Out, Report, Table, escape, human_size, json, uuid};
use std::io::Write;

const SCHEMA: &str = "extant.info/1";

pub(super) fn run(args: &Info, out: &mut Out) -> Result<Exit, Failure> {
    let args = &args.image;
    let device = open_device(args)?;
    match Image::inspect(args, &device) {
        Ok(image) => show(&image, &Recovery::of(args, &device, &image), args.json, out),
        Err(failure) => {
            let chosen = args.device.partition.is_some() || args.device.sb.is_some();
            let partitions =
                if chosen { Vec::new() } else { partition::list(&*device).unwrap_or_default() };
            if partitions.is_empty() || !failure.is_no_superblock() {
                return Err(failure);
            }
            show_partitions(args, &partitions, &*device, out)
        }
    }
}

/// What opening the image for reading would do about its journal and orphans.
enum Recovery {
    /// Nothing: there is nothing to recover, or it is not asked for.
    Nothing,
    /// This, in memory: the file system as it then is.
    Done(Image, Box<RecoveryReport>),
    /// It fails, for this reason.
    Fails(String),
}

impl Recovery {
    fn of(args: &ImageArgs, device: &Arc<dyn BlockDevice>, inspected: &Image) -> Self {
        let superblock = inspected.fs.volume().superblock();
        if !superblock.needs_recovery() && !superblock.may_have_orphans() {
            return Self::Nothing;
        }
        match Image::recovered(args, device) {
            Ok(image) => match image.fs.volume().recovery().cloned() {
                Some(report) => Self::Done(image, Box::new(report)),
                None => Self::Nothing,
            },
            Err(failure) => {
                let image = format!("{}: ", inspected.name);
                Self::Fails(failure.what().trim_start_matches(&image).to_owned())
            }
        }
    }

    fn add(&self, report: &mut Report) {
        match self {
            Self::Nothing => report.hidden("recovery", Value::Null),
            Self::Done(_, done) => {
                let text = format!("in memory, the image is untouched: {}", recover::summary(done));
                report.field("Recovery", "recovery", text, recover::to_json(done));
            }
            Self::Fails(what) => {
                let text = format!("fails: {what}");
                report.field("Recovery", "recovery", text, json!({ "error": what }));
            }
        }
    }
}

fn show(image: &Image, recovery: &Recovery, json: bool, out: &mut Out) -> Result<Exit, Failure> {
    let current = match recovery {
        Recovery::Done(recovered, _) => recovered,
        _ => image,
    };
    let superblock = current.fs.volume().superblock();
    let mut report = Report::new();
    report.hidden("image", image.name.as_str());
    report.name("Label", "label", superblock.label());
    report.field("UUID", "uuid", uuid(&superblock.raw().uuid), uuid(&superblock.raw().uuid));
    report.field("Type", "type", kind(superblock.features()), kind(superblock.features()));
    let features = superblock.features().names();
    report.field("Features", "features", features.join(" "), features);
    sizes(superblock, &current.fs.statfs(), &mut report);
    state(&image.fs, &mut report);
    journal(image, &mut report);
    recovery.add(&mut report);
    names(superblock, &mut report);
    history(superblock, &mut report);
    report.print(out, json.then_some(SCHEMA))?;
    Ok(Exit::Ok)
}

/// The name that mount(8) knows the file system by.
fn kind(features: &FeatureSet) -> &'static str {
    let ext4_incompat = features
        .incompat
        .without(Incompat::FILETYPE.union(Incompat::RECOVER).union(Incompat::META_BG));
    let ext4_ro_compat = features
        .ro_compat
        .without(RoCompat::SPARSE_SUPER.union(RoCompat::LARGE_FILE).union(RoCompat::BTREE_DIR));
    if ext4_incompat.bits() != 0 || ext4_ro_compat.bits() != 0 {
        "ext4"
    } else if features.compat(Compat::HAS_JOURNAL) {
        "ext3"
    } else {
        "ext2"
    }
}

fn sizes(superblock: &Superblock, statfs: &Statfs, report: &mut Report) {
    let geometry = superblock.geometry();
    let block = geometry.block_size();
    let size = geometry.size_bytes();
    report.field("Size", "size_bytes", with_bytes(size), size);
    let free = statfs.blocks_free.saturating_mul(block.bytes64());
    report.field("Free", "free_bytes", with_bytes(free), free);
    let text = format!("{} of {} bytes", geometry.blocks_count(), block.bytes());
    report.field("Blocks", "blocks_count", text, geometry.blocks_count());
    report.hidden("block_size_bytes", block.bytes());
    if geometry.cluster_ratio_bits() > 0 {
        let bytes = block.bytes64() << geometry.cluster_ratio_bits();
        report.field("Clusters", "cluster_size_bytes", human_size(bytes), bytes);
    }
    let reserved = superblock.reserved_blocks();
    report.field("Reserved", "reserved_blocks", format!("{reserved} blocks"), reserved);
    let text = format!(
        "{} of {} bytes, {} free",
        geometry.inodes_count(),
        geometry.inode_size(),
        statfs.files_free
    );
    report.field("Inodes", "inodes_count", text, geometry.inodes_count());
    report.hidden("inode_size_bytes", geometry.inode_size());
    report.hidden("free_inodes", statfs.files_free);
    let text = format!(
        "{} of {} blocks and {} inodes",
        geometry.group_count(),
        geometry.blocks_per_group(),
        geometry.inodes_per_group()
    );
    report.field("Groups", "groups_count", text, geometry.group_count());
    report.hidden("blocks_per_group", geometry.blocks_per_group());
    report.hidden("inodes_per_group", geometry.inodes_per_group());
    report.hidden("groups_per_flex", geometry.groups_per_flex());
}

fn state(fs: &Filesystem, report: &mut Report) {
    let superblock = fs.volume().superblock();
    let mut names = state_names(superblock.raw().state.get());
    if superblock.needs_recovery() {
        names.push("needs_recovery");
    }
    let text = if names.is_empty() { "not clean".to_owned() } else { names.join(", ") };
    report.field("State", "state", text.replace('_', " "), names);
    let errors = superblock.raw().error_count.get();
    if errors > 0 {
        report.field("Errors", "error_count", format!("{errors} recorded"), errors);
    }
    let (damage, groups) = fs.volume().damage();
    let values: Vec<Value> = damage.iter().map(json::corrupt).collect();
    report.hidden("damage", values);
    report.hidden("damaged_groups", groups);
    for corrupt in damage {
        report.shown_only("Damage", corrupt.to_string());
    }
}

fn journal(image: &Image, report: &mut Report) {
    let raw = image.fs.volume().superblock().raw();
    let number = Some(raw.journal_inum.get()).filter(|number| *number != 0);
    match image.open_journal() {
        Ok(None) => report.field("Journal", "journal", "none", Value::Null),
        Ok(Some(log)) => {
            let journal = log.superblock();
            let bytes = u64::from(journal.max_len).saturating_mul(journal.block_size.bytes64());
            let state = if journal.is_empty() { "empty" } else { "to be replayed" };
            let place = number.map_or("external".to_owned(), |number| format!("inode {number}"));
            let text = format!("{place}, {}, {state}", human_size(bytes));
            let value = json!({
                "ino": number,
                "is_external": number.is_none(),
                "uuid": uuid(&journal.uuid),
                "size_bytes": bytes,
                "is_empty": journal.is_empty(),
                "features": journal.features.names(),
            });
            report.field("Journal", "journal", text, value);
        }
        Err(error) => {
            let text = error.to_string();
            report.field("Journal", "journal", text.as_str(), json!({ "error": text.as_str() }));
        }
    }
}

fn names(superblock: &Superblock, report: &mut Report) {
    let raw = superblock.raw();
    if superblock.features().incompat(Incompat::CASEFOLD) {
        let strict = if raw.encoding_flags.get() & 1 == 1 { ", strict" } else { "" };
        let text = format!("UTF-8 of Unicode 12.1{strict}");
        report.field("Encoding", "encoding", text, raw.encoding.get());
    }
    let checksums = if superblock.features().metadata_csum() {
        "crc32c of all metadata"
    } else if superblock.features().group_csum() {
        "crc16 of group descriptors"
    } else {
        "none"
    };
    report.field("Checksums", "checksums", checksums, checksums);
}

fn history(superblock: &Superblock, report: &mut Report) {
    let raw = superblock.raw();
    report.time("Created", "mkfs_time", wide_time(raw.mkfs_time.get(), raw.mkfs_time_hi));
    report.time("Last mounted", "mount_time", wide_time(raw.mtime.get(), raw.mtime_hi));
    if !superblock.last_mounted().is_empty() {
        report.name("Mounted on", "last_mounted", superblock.last_mounted());
    }
    report.time("Last written", "write_time", wide_time(raw.wtime.get(), raw.wtime_hi));
    report.time("Last checked", "check_time", wide_time(raw.lastcheck.get(), raw.lastcheck_hi));
    let mounts = raw.mount_count.get();
    report.field("Mounts", "mount_count", format!("{mounts} since the last check"), mounts);
}

fn show_partitions(
    args: &ImageArgs,
    partitions: &[partition::Partition],
    device: &dyn BlockDevice,
    out: &mut Out,
) -> Result<Exit, Failure> {
    let kind = |table| match table {
        partition::TableKind::Gpt => "gpt",
        partition::TableKind::Mbr => "mbr",
    };
    if args.json {
        let list = partitions.iter().map(|partition| {
            json!({
                "number": partition.number,
                "offset_bytes": partition.offset,
                "size_bytes": partition.len,
                "table": kind(partition.table),
                "type_id": partition.type_id,
                "name": partition.name,
            })
        });
        out.json_line(&json!({
            "schema": SCHEMA,
            "image": shown_name(&args.image),
            "size_bytes": device.size_bytes(),
            "partitions": list.collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    writeln!(out, "A disk of {} with partitions:", human_size(device.size_bytes()))?;
    let mut table =
        Table::new(&[Align::Right, Align::Right, Align::Right, Align::Left, Align::Left]);
    for partition in partitions {
        table.row([
            partition.number.to_string(),
            format!("at {}", partition.offset),
            human_size(partition.len),
            format!("{} {}", kind(partition.table), escape(partition.type_id.as_bytes())),
            escape(partition.name.as_bytes()),
        ]);
    }
    table.write(out, 2)?;
    writeln!(out, "Choose one with --partition.")?;
    Ok(Exit::Ok)
}

fn with_bytes(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", human_size(bytes))
}
