//! `dump group`: the descriptor of a block group, and what the group's place says about it.

use extant::IoFlags;
use extant::raw::format::GroupFlags;

use crate::commands::dump::Show;
use crate::error::{Exit, Failure};
use crate::output::{Out, Report};

pub(super) fn run(show: &Show<'_>, number: u32, out: &mut Out) -> Result<Exit, Failure> {
    let volume = show.image.fs.volume();
    let geometry = volume.geometry();
    let group = show.group(number)?;
    let desc = volume
        .group_desc(group, IoFlags::NONE)
        .map_err(|error| show.fail(&format!("group {number}"), error))?;
    let mut report = Report::new();
    report.plain("group", number);
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
    let first_inode = u64::from(number) * u64::from(geometry.inodes_per_group()) + 1;
    report.plain("first_inode", first_inode);
    report.plain("free_clusters", desc.free_clusters);
    report.plain("free_inodes", desc.free_inodes);
    report.plain("directories", desc.used_dirs);
    report.plain("unused_inodes", desc.unused_inodes);
    report.flags("flags", desc.flags.bits().into(), &flag_names(desc.flags));
    report.plain("checksum", format!("{:#06x}", desc.checksum));
    show.print("group", report, out)
}

fn flag_names(flags: GroupFlags) -> Vec<&'static str> {
    let names = [
        (GroupFlags::INODE_UNINIT, "inode_uninit"),
        (GroupFlags::BLOCK_UNINIT, "block_uninit"),
        (GroupFlags::INODE_ZEROED, "inode_zeroed"),
    ];
    names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name).collect()
}
