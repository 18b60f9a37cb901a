//! Dirty images: file systems whose journal holds changes that are not at home yet. The changes
//! are what debugfs did to a copy; debugfs then writes the blocks that differ to a journal.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::support::{Copy, tool};

/// Bytes of a block of the images here.
pub(crate) const BLOCK: usize = 1024;
/// What debugfs prints of a request.
type Output = Vec<u8>;

/// A dirty image, and the same file system with the changes at home.
pub(crate) struct Dirty {
    pub(crate) image: Copy,
    pub(crate) expected: Copy,
    /// The blocks that the log holds copies of.
    pub(crate) blocks: Vec<usize>,
    /// Transactions in the log.
    pub(crate) transactions: usize,
    /// Blocks revoked.
    pub(crate) revoked: usize,
}

/// How debugfs opens a journal: without checksums.
pub(crate) const PLAIN: &str = "jo";
/// With checksums of version 3.
pub(crate) const CHECKSUMS: &str = "jo -c -v 3";
/// With a sum over each transaction (version 1). That of a transaction of revokes is wrong when
/// debugfs makes it.
pub(crate) const SUMS: &str = "jo -c -v 1";

/// Features of a file system, and how its journal is opened.
pub(crate) const FORMS: [(&str, &str); 7] = [
    ("metadata_csum,64bit", CHECKSUMS),
    ("metadata_csum,^64bit", CHECKSUMS),
    ("metadata_csum,64bit", "jo -c -v 2"),
    ("metadata_csum,^64bit", "jo -c -v 2"),
    ("^metadata_csum,64bit", PLAIN),
    ("^metadata_csum,^64bit", SUMS),
    ("^extent,^metadata_csum,^64bit,^flex_bg", PLAIN),
];

/// Runs requests of debugfs; `None`, said aloud, where it is not installed.
pub(crate) fn debugfs_all(image: &Copy, requests: &str) -> Option<Output> {
    let path = image.beside("requests");
    fs::write(&path, requests).unwrap();
    tool("debugfs", ["-w", "-f", path.to_str().unwrap(), image.name()]).map(|output| output.stdout)
}

/// A new file system of 1 KiB blocks. `None`, said aloud, without e2fsprogs.
pub(crate) fn fresh(features: &str) -> Option<Copy> {
    let image = Copy::of(&[]);
    let made = tool(
        "mke2fs",
        ["-q", "-F", "-t", "ext4", "-b", "1024", "-O", features, image.name(), "16M"],
    )?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(image)
}

/// Requests that make the files `one` and `two/three`.
pub(crate) fn files(image: &Copy) -> String {
    let source = image.beside("source");
    fs::write(&source, "written before the crash\n".repeat(100)).unwrap();
    let source = source.display();
    format!("write {source} one\nmkdir two\nwrite {source} two/three\n")
}

/// A fresh file system whose journal, opened by the request `open`, holds what `requests` do, in
/// transactions of three blocks, and revokes of blocks that nobody uses.
pub(crate) fn dirty(
    features: &str,
    open: &str,
    requests: impl Fn(&Copy) -> String,
) -> Option<Dirty> {
    let image = fresh(features)?;
    let before = fs::read(&image.path).unwrap();
    let expected = Copy::of(&before);
    debugfs_all(&expected, &format!("{}feature needs_recovery\n", requests(&expected)))?;
    let after = fs::read(&expected.path).unwrap();
    let blocks: Vec<usize> =
        (0..before.len() / BLOCK).filter(|nr| block(&before, *nr) != block(&after, *nr)).collect();
    let mut log = format!("{open}\n");
    let mut transactions = 0;
    let revoked = if open == SUMS { 0 } else { 2 };
    for (n, group) in blocks.chunks(3).enumerate() {
        let content: Vec<u8> = group.iter().flat_map(|nr| block(&after, *nr)).copied().collect();
        let path = image.beside(&format!("blocks-{n}"));
        fs::write(&path, content).unwrap();
        let list: Vec<String> = group.iter().map(usize::to_string).collect();
        writeln!(log, "jw -b {} {}", list.join(","), path.display()).unwrap();
        transactions += 1;
        if n == 0 && revoked > 0 {
            log.push_str("jw -r 16000,16001\n");
            transactions += 1;
        }
    }
    log.push_str("jc\n");
    debugfs_all(&image, &log)?;
    Some(Dirty { image, expected, blocks, transactions, revoked })
}

/// The byte of the image at which block `log` of its journal starts.
pub(crate) fn log_block(image: &Copy, log: u64) -> usize {
    let text = image.run("dump --json --noload @ extents <8>").ok();
    let block = text.lines().find_map(|line| {
        let extent: Value = serde_json::from_str(line).unwrap();
        let skip = log.checked_sub(extent["logical_block"].as_u64()?)?;
        let inside = skip < extent["length_blocks"].as_u64()?;
        Some(extent["block"].as_u64()? + skip).filter(|_| inside)
    });
    usize::try_from(block.unwrap()).unwrap() * BLOCK
}

pub(crate) fn block(image: &[u8], nr: usize) -> &[u8] {
    &image[nr * BLOCK..][..BLOCK]
}
