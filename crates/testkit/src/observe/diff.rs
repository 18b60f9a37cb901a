//! Naming the differences of two observations.

use std::cmp::Ordering;

use super::Observed;

/// The most differences reported.
const MOST: usize = 50;
/// The longest rendering of one value in a report, in bytes.
const WIDEST: usize = 200;

/// The differences between what the kernel shows and what we show, each as `path: field: kernel
/// VALUE, ours VALUE`; empty if there is none. Both lists are sorted by path. The first 50, then a
/// line with the count of the others. Flags, generation and project are compared only where both
/// sides have them.
#[must_use]
pub fn diff(kernel: &[Observed], ours: &[Observed]) -> Vec<String> {
    let mut report = Vec::new();
    let (mut left, mut right) = (kernel.iter().peekable(), ours.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.path.cmp(&b.path),
        };
        let a = if order.is_le() { left.next() } else { None };
        let b = if order.is_ge() { right.next() } else { None };
        compare(a, b, &mut report);
    }
    if report.len() > MOST {
        let more = report.len() - MOST;
        report.truncate(MOST);
        report.push(format!("... and {more} more differences"));
    }
    report
}

fn compare(kernel: Option<&Observed>, ours: Option<&Observed>, report: &mut Vec<String>) {
    let name = |entry: &Observed| entry.path.escape_ascii().to_string();
    match (kernel, ours) {
        (Some(a), Some(b)) if a != b => {
            for ((field, one), (_, two)) in fields(a).into_iter().zip(fields(b)) {
                if one != two && !one.is_empty() && !two.is_empty() {
                    let (one, two) = (shorten(one), shorten(two));
                    report.push(format!("{}: {field}: kernel {one}, ours {two}", name(a)));
                }
            }
        }
        (Some(a), None) => report.push(format!("{}: missing in ours", name(a))),
        (None, Some(b)) => report.push(format!("{}: only in ours", name(b))),
        _ => {}
    }
}

fn shorten(mut text: String) -> String {
    if text.len() > WIDEST && text.is_ascii() {
        text.truncate(WIDEST);
        text.push_str("...");
    }
    text
}

/// Every field but the path, rendered; an empty text means not comparable.
fn fields(entry: &Observed) -> Vec<(&'static str, String)> {
    let Observed { mode, uid, gid, nlink, rdev, size, blocks, ino, .. } = entry;
    vec![
        ("kind", format!("{:?}", entry.kind)),
        ("mode", format!("{mode:04o}")),
        ("uid", uid.to_string()),
        ("gid", gid.to_string()),
        ("nlink", nlink.to_string()),
        ("rdev", format!("{rdev:?}")),
        ("size", size.to_string()),
        ("blocks", blocks.to_string()),
        ("ino", ino.to_string()),
        ("atime", format!("{:?}", entry.atime)),
        ("mtime", format!("{:?}", entry.mtime)),
        ("ctime", format!("{:?}", entry.ctime)),
        ("btime", format!("{:?}", entry.btime)),
        ("target", bytes(&entry.target)),
        ("xattrs", xattrs(entry)),
        ("flags", entry.flags.map_or_else(String::new, |flags| format!("{flags:#x}"))),
        ("generation", entry.generation.map_or_else(String::new, |value| value.to_string())),
        ("project", entry.project.map_or_else(String::new, |value| value.to_string())),
        ("content", format!("{:?}", entry.content)),
        ("data_map", format!("{:?}", entry.data_map)),
    ]
}

fn bytes<E: std::fmt::Debug>(value: &Option<Result<Vec<u8>, E>>) -> String {
    match value {
        Some(Ok(bytes)) => format!("\"{}\"", bytes.escape_ascii()),
        Some(Err(error)) => format!("{error:?}"),
        None => "none".to_owned(),
    }
}

/// Attribute by attribute, values by length and hash: a difference in a long value must show.
fn xattrs(entry: &Observed) -> String {
    let map = match &entry.xattrs {
        Ok(map) => map,
        Err(error) => return format!("{error:?}"),
    };
    let hash = |value: &Vec<u8>| blake3::hash(value).to_hex().as_str().chars().take(12).collect();
    let render = |value: &Result<Vec<u8>, _>| match value {
        Ok(value) if value.len() <= 24 => format!("\"{}\"", value.escape_ascii()),
        Ok(value) => format!("{} bytes {}", value.len(), {
            let text: String = hash(value);
            text
        }),
        Err(error) => format!("{error:?}"),
    };
    let pairs =
        map.iter().map(|(name, value)| format!("{}={}", name.escape_ascii(), render(value)));
    format!("[{}]", pairs.collect::<Vec<_>>().join(", "))
}
