//! The digest of a tree by system calls: the oracle of `extant digest`.
//!
//! docs/digest.md is the definition; this code and the product's are both written from it.

use std::path::Path;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::observe::{EntryReader, HashKind, Kind, Observed, StreamHash, Time, Xattrs, hex};
use crate::tree_walk;

/// A digest and the lines it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// `extant1-HASH:HEX`.
    pub digest: String,
    /// The lines without their newlines, in order.
    pub lines: Vec<String>,
}

/// The digest of the tree at `dir`, whose path in the manifest is `/`.
///
/// # Errors
/// If a directory cannot be listed, an inode not be read, or attributes or a symlink not be read.
pub fn host_manifest(dir: &Path, hash: HashKind) -> Result<Manifest> {
    let mut reader = EntryReader::new(hash);
    let mut lines = Vec::new();
    for place in tree_walk::places(dir)? {
        lines.push(line(&reader.read(&place)?)?);
    }
    let mut stream = StreamHash::new(hash);
    for line in &lines {
        stream.update(line.as_bytes());
        stream.update(b"\n");
    }
    Ok(Manifest { digest: format!("extant1-{}:{}", hash.name(), stream.finish()), lines })
}

fn line(entry: &Observed) -> Result<String> {
    let unreadable = |what: &str, error: &Errno| {
        Error::Image(format!("{}: {what}: {error}", entry.path.escape_ascii()))
    };
    let target = match &entry.target {
        Some(Ok(target)) => escape(target, b""),
        Some(Err(error)) => return Err(unreadable("readlink", error)),
        None => "-".to_owned(),
    };
    let attributes = entry.xattrs.as_ref().map_err(|error| unreadable("listxattr", error))?;
    let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
    let fields = [
        escape(&entry.path, b""),
        letter(entry.kind).to_owned(),
        format!("{:04o}", entry.mode),
        entry.uid.to_string(),
        entry.gid.to_string(),
        entry.nlink.to_string(),
        or_dash(is_device, || format!("{}:{}", entry.rdev.0, entry.rdev.1)),
        or_dash(entry.kind == Kind::Regular, || entry.size.to_string()),
        target,
        time(entry.mtime),
        time(entry.ctime),
        xattrs(attributes),
        content(entry),
    ];
    Ok(fields.join(" "))
}

fn or_dash(present: bool, text: impl FnOnce() -> String) -> String {
    if present { text() } else { "-".to_owned() }
}

const fn letter(kind: Kind) -> &'static str {
    match kind {
        Kind::Regular => "f",
        Kind::Directory => "d",
        Kind::Symlink => "l",
        Kind::Fifo => "p",
        Kind::Socket => "s",
        Kind::CharDevice => "c",
        Kind::BlockDevice => "b",
    }
}

fn time((seconds, nanoseconds): Time) -> String {
    format!("{seconds}.{nanoseconds:09}")
}

fn escape(bytes: &[u8], special: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'\\' && !special.contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str("\\x");
            text.push_str(&hex(&[byte]));
        }
    }
    text
}

fn xattrs(map: &Xattrs) -> String {
    if map.is_empty() {
        return "-".to_owned();
    }
    let value = |value: &std::result::Result<Vec<u8>, Errno>| match value {
        Ok(bytes) => hex(bytes),
        Err(error) => errno(*error),
    };
    let pairs = map.iter().map(|(name, bytes)| format!("{}={}", escape(name, b",="), value(bytes)));
    pairs.collect::<Vec<_>>().join(",")
}

fn content(entry: &Observed) -> String {
    match &entry.content {
        None => "-".to_owned(),
        Some(Ok(digest)) => digest.0.clone(),
        Some(Err(error)) => errno(*error),
    }
}

fn errno(error: Errno) -> String {
    let name = match error {
        Errno::NOKEY => "!ENOKEY",
        Errno::IO => "!EIO",
        Errno::UCLEAN => "!EUCLEAN",
        Errno::ACCESS => "!EACCES",
        Errno::PERM => "!EPERM",
        Errno::OPNOTSUPP => "!EOPNOTSUPP",
        other => return format!("!E{}", other.raw_os_error()),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
