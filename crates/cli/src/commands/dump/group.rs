//! `dump group`: the descriptor of a block group, and what the group's place says about it; or a
//! line for each group.

use std::io::Write;

use extant::IoFlags;
use extant::raw::format::{GroupDesc, GroupFlags, GroupNr};

use crate::commands::dump::Show;
use crate::error::{Exit, Failure, Parts};
use crate::output::{Out, Report};

pub(super) fn run(show: &Show<'_>, number: Option<u32>, out: &mut Out) -> Result<Exit, Failure> {
    let Some(number) = number else { return all(show, out) };
    let group = show.group(number)?;
    show.print("group", report(show, group, &descriptor(show, group)?), out)
}

/// Every group; a damaged descriptor does not hide the others.
fn all(show: &Show<'_>, out: &mut Out) -> Result<Exit, Failure> {
    let geometry = show.image.fs.volume().geometry();
    let mut parts = Parts::default();
    for group in (0..geometry.group_count()).filter_map(|number| geometry.group(number)) {
        match descriptor(show, group) {
            Err(failure) => parts.failed(failure)?,
            Ok(desc) => {
                if show.json {
                    show.print("group", report(show, group, &desc), out)?;
                } else {
                    writeln!(out, "{}", line(show, group, &desc))?;
                }
                parts.good();
            }
        }
    }
    Ok(parts.exit())
}

fn descriptor(show: &Show<'_>, group: GroupNr) -> Result<GroupDesc, Failure> {
    let found = show.image.fs.volume().group_desc(group, IoFlags::NONE);
    found.map_err(|error| show.fail(&format!("group {}", group.get()), error))
}

/// What dumpe2fs(8) says of a group, on one line.
fn line(show: &Show<'_>, group: GroupNr, desc: &GroupDesc) -> String {
    let geometry = show.image.fs.volume().geometry();
    let first = geometry.group_first_block(group).get();
    let last = first + u64::from(geometry.group_blocks(group)).saturating_sub(1);
    let copy = if geometry.has_superblock(group) { ", superblock" } else { "" };
    let mut text = format!(
        "{}: blocks {first}-{last}{copy}, bitmaps {} {}, inode table {}, \
         free: {} clusters {} inodes, {} directories",
        group.get(),
        desc.block_bitmap.get(),
        desc.inode_bitmap.get(),
        desc.inode_table.get(),
        desc.free_clusters,
        desc.free_inodes,
        desc.used_dirs
    );
    for name in flag_names(desc.flags) {
        text.push_str(", ");
        text.push_str(name);
    }
    text
}

fn report(show: &Show<'_>, group: GroupNr, desc: &GroupDesc) -> Report {
    let volume = show.image.fs.volume();
    let geometry = volume.geometry();
    let mut report = Report::new();
    report.plain("group", group.get());
    let first = geometry.group_first_block(group).get();
    report.plain("first_block", first);
    report.plain("blocks", geometry.group_blocks(group));
    report.plain("has_superblock", geometry.has_superblock(group));
    report.plain("descriptor_blocks", geometry.desc_blocks_in(group));
    let (index, offset) = geometry.desc_index(group);
    let block = geometry.desc_block(index, volume.superblock_block());
    report.plain("descriptor_block", block.map(|block| block.get()));
    report.plain("descriptor_offset_bytes", offset);
    report.plain("block_bitmap", desc.block_bitmap.get());
    report.plain("block_bitmap_checksum", format!("{:#010x}", desc.block_bitmap_csum));
    report.plain("inode_bitmap", desc.inode_bitmap.get());
    report.plain("inode_bitmap_checksum", format!("{:#010x}", desc.inode_bitmap_csum));
    report.plain("inode_table", desc.inode_table.get());
    report.plain("inode_table_blocks", geometry.inode_table_blocks());
    let first_inode = u64::from(group.get()) * u64::from(geometry.inodes_per_group()) + 1;
    report.plain("first_inode", first_inode);
    report.plain("free_clusters", desc.free_clusters);
    report.plain("free_inodes", desc.free_inodes);
    report.plain("directories", desc.used_dirs);
    report.plain("unused_inodes", desc.unused_inodes);
    report.flags("flags", desc.flags.bits().into(), &flag_names(desc.flags));
    report.plain("checksum", format!("{:#06x}", desc.checksum));
    report
}

fn flag_names(flags: GroupFlags) -> Vec<&'static str> {
    let names = [
        (GroupFlags::INODE_UNINIT, "inode_uninit"),
        (GroupFlags::BLOCK_UNINIT, "block_uninit"),
        (GroupFlags::INODE_ZEROED, "inode_zeroed"),
    ];
    names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name).collect()
}
