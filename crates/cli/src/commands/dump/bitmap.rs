//! `dump bitmap`: which blocks and inodes of a group are in use.

use extant::raw::format::bitmap::{Bits, verify_block_bitmap, verify_inode_bitmap};
use extant::raw::format::{GroupDesc, GroupFlags, GroupNr};
use extant::{Corrupt, IoFlags};
use serde_json::{Value, json};

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report};

pub(super) fn run(show: &Show<'_>, number: u32, out: &mut Out) -> Result<Exit, Failure> {
    let volume = show.image.fs.volume();
    let geometry = volume.geometry();
    let group = show.group(number)?;
    let what = format!("group {number}");
    let desc = volume.group_desc(group, IoFlags::NONE).map_err(|error| show.fail(&what, error))?;
    let mut report = Report::new();
    report.plain("group", number);
    let ratio = geometry.cluster_ratio_bits();
    let clusters = (geometry.group_blocks(group)).div_ceil(1 << ratio);
    let first = geometry.group_first_block(group).get();
    if desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
        report.plain("block_bitmap", "never written");
    } else {
        let bytes = show.block(desc.block_bitmap.get())?;
        let map = Map { bytes: &bytes, len: clusters, first, shift: ratio };
        map.add("used_blocks", &mut report);
        check(&mut report, "block_bitmap", verify(verify_block_bitmap, &bytes, &desc, group, show));
    }
    if desc.flags.contains(GroupFlags::INODE_UNINIT) {
        report.plain("inode_bitmap", "never written");
    } else {
        let bytes = show.block(desc.inode_bitmap.get())?;
        let len = geometry.inodes_per_group();
        let map =
            Map { bytes: &bytes, len, first: u64::from(number) * u64::from(len) + 1, shift: 0 };
        map.add("used_inodes", &mut report);
        check(&mut report, "inode_bitmap", verify(verify_inode_bitmap, &bytes, &desc, group, show));
    }
    show.print("bitmap", report, out)
}

type Verify =
    fn(&[u8], &GroupDesc, GroupNr, &extant::raw::format::Superblock) -> Result<(), Corrupt>;

fn verify(
    verify: Verify,
    bytes: &[u8],
    desc: &GroupDesc,
    group: GroupNr,
    show: &Show<'_>,
) -> Result<(), Corrupt> {
    verify(bytes, desc, group, show.image.fs.volume().superblock())
}

fn check(report: &mut Report, key: &str, checked: Result<(), Corrupt>) {
    match checked {
        Ok(()) => report.plain(key, "valid"),
        Err(corrupt) => report.plain(key, corrupt.to_string()),
    }
}

/// A bitmap and what its bits stand for.
struct Map<'a> {
    bytes: &'a [u8],
    len: u32,
    /// What bit 0 stands for.
    first: u64,
    /// log2 of how many things a bit stands for.
    shift: u32,
}

impl Map<'_> {
    fn add(&self, key: &str, report: &mut Report) {
        let runs = self.runs();
        let text: Vec<String> = runs.iter().map(|&(from, to)| range(from, to)).collect();
        let value: Vec<Value> =
            runs.iter().map(|(from, to)| json!({ "first": from, "last": to })).collect();
        report.field(key, key, text.join(" "), value);
    }

    /// The runs in use, first and last.
    fn runs(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for bit in Bits::new(self.bytes, self.len).iter().flat_map(Bits::set) {
            let from = self.first + (u64::from(bit) << self.shift);
            let to = from + (1 << self.shift) - 1;
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == from => *last = to,
                _ => runs.push((from, to)),
            }
        }
        runs
    }
}

fn range(from: u64, to: u64) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join() {
        let map = Map { bytes: &[0b1011, 0], len: 16, first: 100, shift: 0 };
        assert_eq!(map.runs(), [(100, 101), (103, 103)]);
        let clusters = Map { bytes: &[0b101], len: 8, first: 0, shift: 4 };
        assert_eq!(clusters.runs(), [(0, 15), (32, 47)]);
    }
}
