//! `dump inode`: all fields of an inode, also of one that is free, deleted or damaged.

use std::ffi::OsStr;

use extant::raw::core::InodeUse;
use extant::raw::format::Inode;
use extant::raw::format::inode::inode_checksum;
use extant::{FileType, Follow, InodeNr, IoFlags};

use crate::args::Target;
use crate::commands::attributes::mode_text;
use crate::commands::dump::Show;
use crate::commands::dump::hexdump::hexdump;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report, escape, hex, json};

pub(super) fn run(show: &Show<'_>, argument: &OsStr, out: &mut Out) -> Result<Exit, Failure> {
    let (ino, name) = find(show, argument)?;
    let volume = show.image.fs.volume();
    let (block, offset) =
        volume.inode_location(ino, IoFlags::NONE).map_err(|error| show.fail(&name, error))?;
    let size = volume.geometry().inode_size() as usize;
    let table = show.block(block.get())?;
    let bytes = table.get(offset..offset + size).unwrap_or_default();
    let mut report = Report::new();
    report.plain("ino", ino.get());
    report.plain("group", volume.geometry().inode_group(ino).0.get());
    report.plain("table_block", block.get());
    report.plain("table_offset_bytes", offset);
    let parsed = volume.inode(ino, InodeUse::Special, IoFlags::NONE);
    if let Ok(inode) = &parsed {
        fields(inode, &mut report);
        attributes(show, inode, &mut report);
    }
    checksums(show, ino, bytes, &mut report);
    report.hidden("data", json::raw(bytes));
    show.print("inode", report, out)?;
    if !show.json {
        hexdump(bytes, out)?;
    }
    match parsed {
        Ok(_) => Ok(Exit::Ok),
        Err(error) => Err(show.fail(&name, error)),
    }
}

/// The inode that a bare number, `<N>` or a path names.
fn find(show: &Show<'_>, argument: &OsStr) -> Result<(InodeNr, String), Failure> {
    let number = argument.to_str().and_then(|text| text.parse().ok());
    let target = number.map_or_else(|| Target::new(argument), |n| Target::Inode(n, Vec::new()));
    let name = String::from_utf8_lossy(&target.bytes()).into_owned();
    if let Target::Inode(number, rest) = &target
        && rest.is_empty()
    {
        let ino = show.image.fs.volume().geometry().inode(*number);
        let ino = ino.ok_or_else(|| show.fail(&name, extant::Error::NoSuchInode))?;
        return Ok((ino, name));
    }
    Ok((show.image.resolve(&target, Follow::No)?.ino(), name))
}

fn fields(inode: &Inode, report: &mut Report) {
    report.plain("type", inode.file_type.name());
    let mode = format!("{:06o} {}", inode.mode, mode_text(inode.file_type, inode.mode));
    report.field("mode", "mode", mode, format!("{:06o}", inode.mode));
    report.plain("uid", inode.uid);
    report.plain("gid", inode.gid);
    report.plain("links", inode.links);
    report.plain("size_bytes", inode.size);
    report.plain("blocks_512", inode.blocks_512);
    let names: Vec<&str> = inode.flags.names().collect();
    report.flags("flags", inode.flags.bits().into(), &names);
    report.plain("generation", inode.generation);
    report.plain("version", inode.version);
    report.plain("project", inode.project);
    for (key, time) in [
        ("atime", Some(inode.atime)),
        ("mtime", Some(inode.mtime)),
        ("ctime", Some(inode.ctime)),
        ("crtime", inode.crtime),
    ] {
        if time.is_some() {
            report.time(key, key, time);
        }
    }
    report.plain("dtime_or_next_orphan", inode.dtime);
    report.plain("file_acl_block", inode.file_acl);
    report.plain("extra_isize_bytes", inode.extra_isize);
    map(inode, report);
}

/// The checksum as it is stored and as it should be, also of an inode that is refused for it.
/// Without extra fields only the low half has a place.
fn checksums(show: &Show<'_>, ino: InodeNr, bytes: &[u8], report: &mut Report) {
    let superblock = show.image.fs.volume().superblock();
    let le16 = |at| bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes);
    let generation = bytes.get(0x64..).and_then(|rest| rest.first_chunk()).copied();
    let (Some(low), Some(generation)) = (le16(0x7c), generation) else { return };
    if !superblock.features().metadata_csum() {
        return;
    }
    let seed = superblock.seed().for_inode(ino, u32::from_le_bytes(generation));
    let computed = inode_checksum(bytes, seed);
    let high = le16(0x82).filter(|_| le16(0x80).is_some_and(|extra_isize| extra_isize >= 4));
    let (stored, computed) = match high {
        Some(high) => (format!("{high:#06x}{low:04x}"), format!("{computed:#010x}")),
        None => (format!("{low:#06x}"), format!("{:#06x}", computed & 0xffff)),
    };
    report.plain("checksum", stored);
    report.plain("checksum_computed", computed);
}

/// The 60 bytes of the map, in the form that suits what they hold.
fn map(inode: &Inode, report: &mut Report) {
    if let Some((major, minor)) = inode.device() {
        report.plain("device", format!("{major}:{minor}"));
    } else if inode.is_fast_symlink() {
        let len = usize::try_from(inode.size).unwrap_or(usize::MAX);
        let target = inode.map_bytes().get(..len).unwrap_or(inode.map_bytes());
        report.name("target", "target", target);
    }
    if inode.file_type == FileType::Regular || inode.file_type == FileType::Directory {
        let map = inode.map_bytes();
        report.field("map", "map", hex(map), json::raw(map));
    }
}

/// The attributes as system calls show them; damage to them does not hide the inode.
fn attributes(show: &Show<'_>, inode: &Inode, report: &mut Report) {
    match show.image.fs.volume().xattrs(inode, IoFlags::NONE) {
        Ok(xattrs) => {
            for xattr in &xattrs {
                let text = format!("{} ({} bytes)", escape(&xattr.name), xattr.value.len());
                report.shown_only("xattr", text);
            }
            let names = xattrs.iter().map(|xattr| json::name(&xattr.name));
            report.hidden("xattrs", names.collect::<Vec<_>>());
        }
        Err(error) => report.plain("xattrs_error", error.to_string()),
    }
}
