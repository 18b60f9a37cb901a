//! The map of a file of ext2: the 15 words of the inode, then the runs they lead to.

use std::io::Write;

use extant::raw::core::MapKind;
use extant::raw::format::{IndirectMap, LogicalBlock};
use extant::{IoFlags, Node};
use serde_json::json;

use crate::commands::dump::{SCHEMA, Show};
use crate::error::{Exit, Failure};
use crate::output::Out;

pub(super) fn run(
    show: &Show<'_>,
    node: &Node,
    path: &[u8],
    out: &mut Out,
) -> Result<Exit, Failure> {
    words(show, node, out)?;
    let volume = show.image.fs.volume();
    let inode = node.inode();
    let end = volume.block_size().blocks_for(inode.size);
    let mut next = LogicalBlock::ZERO;
    while u64::from(next.get()) < end {
        let map = volume
            .map_blocks(inode, next, IoFlags::NONE)
            .map_err(|error| show.image.fail(path, &error.into()))?;
        if let MapKind::Mapped(start) = map.kind {
            let first = u64::from(map.logical.get());
            run_line(show, (first, start.get(), map.len.into()), out)?;
        }
        let Some(after) = map.end() else { break };
        next = after;
    }
    Ok(Exit::Ok)
}

fn words(show: &Show<'_>, node: &Node, out: &mut Out) -> Result<(), Failure> {
    let map = IndirectMap::new(node.inode().map_bytes());
    let words: Vec<u32> = (0..15).filter_map(|index| map.entry(index)).collect();
    if show.json {
        let value = json!({ "schema": SCHEMA, "structure": "indirect_map", "words": words });
        return Ok(out.json_line(&value)?);
    }
    let names = ["indirect", "double indirect", "triple indirect"];
    let text = |words: &[u32]| words.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let (direct, trees) = words.split_at(words.len().min(12));
    writeln!(out, "direct: {}", text(direct))?;
    for (name, word) in names.iter().zip(trees) {
        writeln!(out, "{name}: {word}")?;
    }
    Ok(())
}

fn run_line(
    show: &Show<'_>,
    (first, start, len): (u64, u64, u64),
    out: &mut Out,
) -> Result<(), Failure> {
    if show.json {
        return Ok(out.json_line(&json!({
            "schema": SCHEMA,
            "structure": "run",
            "logical_block": first,
            "block": start,
            "length_blocks": len,
        }))?);
    }
    writeln!(out, "  {first}-{} -> {start}-{} ({len})", first + len - 1, start + len - 1)?;
    Ok(())
}
