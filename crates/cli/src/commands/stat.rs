//! `extant stat`: all attributes of files.

use extant::{Follow, IoFlags, Node, Xattr};
use serde_json::{Value, json};

use crate::args::{Stat, Target};
use crate::commands::attributes::{mode_text, size_text, stat_json, target};
use crate::error::{Exit, Failure, Parts};
use crate::image::Image;
use crate::output::{Out, Report, escape, full_time, hex, json};
use std::io::Write;

/// Bytes of an attribute's value to show; JSON has all.
const SHOWN_VALUE: usize = 64;

pub(super) fn run(args: &Stat, out: &mut Out) -> Result<Exit, Failure> {
    let image = Image::open(&args.image)?;
    let follow = if args.dereference { Follow::Yes } else { Follow::No };
    let mut parts = Parts::default();
    for (n, path) in args.paths.iter().enumerate() {
        let target = Target::new(path);
        match report(&image, &target, follow) {
            Ok(report) => {
                if n > 0 && !args.image.json {
                    writeln!(out)?;
                }
                report.print(out, args.image.json.then_some("extant.stat/1"))?;
                parts.good();
            }
            Err(failure) => parts.failed(failure)?,
        }
    }
    Ok(parts.exit())
}

fn report(image: &Image, path: &Target, follow: Follow) -> Result<Report, Failure> {
    let node = image.resolve(path, follow)?;
    let bytes = path.bytes();
    fill(&node, &bytes).map_err(|error| image.fail(&bytes, &error))
}

fn fill(node: &Node, path: &[u8]) -> extant::Result<Report> {
    let stat = node.stat();
    let mut values = stat_json(&stat);
    let mut value = |key: &str| values.remove(key).unwrap_or_default();
    let mut report = Report::new();
    report.name("Path", "path", path);
    report.field("Type", "type", stat.file_type.name(), value("type"));
    let target = target(node)?;
    if let Some(target) = &target {
        report.name("Target", "target", target);
    }
    report.field("Inode", "ino", stat.ino.to_string(), value("ino"));
    let size_label = if stat.device.is_some() { "Device" } else { "Size" };
    report.field(size_label, "size_bytes", size_text(&stat), value("size_bytes"));
    report.hidden("device", value("device"));
    let allocated = value("allocated_bytes");
    report.field("Allocated", "allocated_bytes", allocated.to_string(), allocated);
    let mode = mode_text(stat.file_type, stat.mode);
    let mode = format!("{:04o} {mode}", stat.mode & 0o7777);
    report.field("Mode", "mode", mode, value("mode"));
    report.field("Owner", "uid", format!("{}:{}", stat.uid, stat.gid), value("uid"));
    report.hidden("gid", value("gid"));
    report.field("Links", "links", stat.links.to_string(), value("links"));
    for (label, key, time) in [
        ("Accessed", "atime", stat.atime),
        ("Modified", "mtime", stat.mtime),
        ("Changed", "ctime", stat.ctime),
    ] {
        report.field(label, key, full_time(time), value(key));
    }
    let born = stat.btime.map_or_else(|| "not recorded".to_owned(), full_time);
    report.field("Created", "btime", born, value("btime"));
    let flags: Vec<_> = stat.flags.names().collect();
    let flags = format!("{} {}", stat.flags.lsattr(), flags.join(" "));
    report.field("Flags", "flags", flags.trim_end(), value("flags"));
    report.field("Generation", "generation", stat.generation.to_string(), value("generation"));
    report.field("Project", "project", stat.project.to_string(), value("project"));
    protection(node, &mut report)?;
    attributes(&node.xattrs(IoFlags::NONE)?, &mut report);
    Ok(report)
}

/// Encryption and verity, where the inode has them.
fn protection(node: &Node, report: &mut Report) -> extant::Result<()> {
    if let Some(context) = node.encryption(IoFlags::NONE)? {
        let text = format!("fscrypt version {}, no key", context.version());
        report.field("Encryption", "encryption_version", text, context.version());
    }
    if let Some(verity) = node.verity(IoFlags::NONE)? {
        let bytes = verity.descriptor().block_bytes();
        let text = format!("fs-verity, blocks of {bytes} bytes");
        report.field("Verity", "verity_block_bytes", text, json!(bytes));
    }
    Ok(())
}

fn attributes(xattrs: &[Xattr], report: &mut Report) {
    let all: Vec<Value> = xattrs
        .iter()
        .map(|xattr| json!({ "name": json::name(&xattr.name), "value": json::raw(&xattr.value) }))
        .collect();
    report.hidden("xattrs", all);
    for xattr in xattrs {
        let text = format!("{}={}", escape(&xattr.name), value_text(&xattr.value));
        report.shown_only("Attribute", text);
    }
}

/// A value as text in quotes if it is UTF-8 without controls, else in hexadecimal; only its start
/// if it is long.
fn value_text(value: &[u8]) -> String {
    let start = value.get(..SHOWN_VALUE).unwrap_or(value);
    let is_text = std::str::from_utf8(value)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\n'));
    let shown =
        if is_text { format!("\"{}\"", escape(start)) } else { format!("0x{}", hex(start)) };
    if start.len() == value.len() {
        return shown;
    }
    format!("{shown}... ({} bytes)", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_or_hexadecimal() {
        assert_eq!(value_text(b"green"), "\"green\"");
        assert_eq!(value_text(b""), "\"\"");
        assert_eq!(value_text(b"\x01\x00"), "0x0100");
        assert_eq!(value_text(&[b'a'; 100]), format!("\"{}\"... (100 bytes)", "a".repeat(64)));
    }
}
