//! `dump extents`: the extent tree of a file, node by node; of a file without extents the runs of
//! its indirect map.

use std::collections::HashSet;
use std::io::Write;

use extant::raw::core::Volume;
use extant::raw::format::extent::{ExtentNode, NodeRule, verify_extent_checksum};
use extant::raw::format::{BlockNr, Extent, ExtentIndex, Inode, InodeFlags};
use extant::{Corrupt, Follow, Node, Place};
use serde_json::json;

use crate::args::Target;
use crate::commands::dump::{SCHEMA, Show, indirect};
use crate::error::{Exit, Failure, Parts};
use crate::output::Out;

pub(super) fn run(show: &Show<'_>, target: &Target, out: &mut Out) -> Result<Exit, Failure> {
    let node = show.image.resolve(target, Follow::Yes)?;
    let path = target.bytes();
    if !node.file_type().has_content() || node.inode().is_fast_symlink() {
        return Err(show.image.fail(&path, &extant::Error::NotAFile));
    }
    let flags = node.inode().flags;
    if flags.contains(InodeFlags::EXTENTS) {
        let mut tree = Tree::new(show, &node, &path);
        tree.walk(out)?;
        return Ok(tree.parts.exit());
    }
    if flags.contains(InodeFlags::INLINE_DATA) {
        let bytes = node.inode().size;
        if show.json {
            let value = json!({ "schema": SCHEMA, "structure": "inline", "size_bytes": bytes });
            out.json_line(&value)?;
        } else {
            writeln!(out, "inline: {bytes} bytes in the inode")?;
        }
        return Ok(Exit::Ok);
    }
    indirect::run(show, &node, &path, out)
}

struct Tree<'a> {
    show: &'a Show<'a>,
    volume: &'a Volume,
    inode: &'a Inode,
    path: &'a [u8],
    checksummed: bool,
    /// Nodes that were shown: no tree holds one twice, whatever an image says.
    seen: HashSet<u64>,
    parts: Parts,
}

/// A node that is still to be shown.
struct Pending {
    block: BlockNr,
    rule: NodeRule,
    level: usize,
}

impl<'a> Tree<'a> {
    fn new(show: &'a Show<'a>, node: &'a Node, path: &'a [u8]) -> Self {
        let volume = show.image.fs.volume();
        Self {
            show,
            volume,
            inode: node.inode(),
            path,
            checksummed: volume.superblock().features().metadata_csum(),
            seen: HashSet::new(),
            parts: Parts::default(),
        }
    }

    fn walk(&mut self, out: &mut Out) -> Result<(), Failure> {
        let rule = NodeRule::root(self.checksummed);
        let at = Place::inode(self.inode.ino);
        let root = ExtentNode::parse(self.inode.map_bytes(), &rule, self.volume.geometry(), at)
            .map_err(|corrupt| self.fail(corrupt))?;
        self.node(&root, (None, 0), out)?;
        let mut waiting = children(&root, &rule, 0);
        self.parts.good();
        while let Some(next) = waiting.pop() {
            if !self.seen.insert(next.block.get()) {
                let what = format!("block {} is in the tree twice", next.block);
                self.parts.failed(Failure::part(&self.show.image.at(self.path), what))?;
                continue;
            }
            match self.child(&next, &mut waiting, out) {
                Err(failure) => self.parts.failed(failure)?,
                Ok(()) => self.parts.good(),
            }
        }
        Ok(())
    }

    fn child(
        &self,
        next: &Pending,
        waiting: &mut Vec<Pending>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let bytes = self.show.block(next.block.get())?;
        let at = Place::inode(self.inode.ino).block(next.block.get());
        let node = ExtentNode::parse(&bytes, &next.rule, self.volume.geometry(), at)
            .map_err(|corrupt| self.fail(corrupt))?;
        self.node(&node, (Some(next.block), next.level), out)?;
        waiting.extend(children(&node, &next.rule, next.level));
        if self.checksummed {
            verify_extent_checksum(&bytes, self.inode.seed, at)
                .map_err(|corrupt| self.fail(corrupt))?;
        }
        Ok(())
    }

    fn fail(&self, corrupt: Corrupt) -> Failure {
        self.show.image.fail(self.path, &corrupt.into())
    }

    fn node(
        &self,
        node: &ExtentNode<'_>,
        (block, level): (Option<BlockNr>, usize),
        out: &mut Out,
    ) -> Result<(), Failure> {
        self.head(node, block, level, out)?;
        for i in 0..node.len() {
            if let Some(extent) = node.extent(i) {
                self.extent(&extent, level, out)?;
            } else if let Some(index) = node.index(i) {
                self.index(&index, level, out)?;
            }
        }
        Ok(())
    }

    fn head(
        &self,
        node: &ExtentNode<'_>,
        block: Option<BlockNr>,
        level: usize,
        out: &mut Out,
    ) -> Result<(), Failure> {
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "extent_node",
                "level": level,
                "block": block.map(|block| block.get()),
                "depth": node.depth(),
                "entries": node.len(),
                "max_entries": node.max_entries(),
            }))?);
        }
        let indent = "  ".repeat(level);
        let place = block.map_or_else(|| "inode".to_owned(), |block| format!("block {block}"));
        let (depth, len, max) = (node.depth(), node.len(), node.max_entries());
        writeln!(out, "{indent}{place}: depth {depth}, {len} of {max} entries")?;
        Ok(())
    }

    fn extent(&self, extent: &Extent, level: usize, out: &mut Out) -> Result<(), Failure> {
        let (first, start) = (u64::from(extent.logical.get()), extent.start.get());
        let len = u64::from(extent.len);
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "extent",
                "level": level,
                "logical_block": first,
                "block": start,
                "length_blocks": len,
                "unwritten": extent.unwritten,
            }))?);
        }
        let indent = "  ".repeat(level + 1);
        let mark = if extent.unwritten { " unwritten" } else { "" };
        let (last, end) = (first + len - 1, start + len - 1);
        writeln!(out, "{indent}{first}-{last} -> {start}-{end} ({len}){mark}")?;
        Ok(())
    }

    fn index(&self, index: &ExtentIndex, level: usize, out: &mut Out) -> Result<(), Failure> {
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "extent_index",
                "level": level,
                "logical_block": index.logical.get(),
                "block": index.child.get(),
            }))?);
        }
        let indent = "  ".repeat(level + 1);
        writeln!(out, "{indent}from {}: node in block {}", index.logical, index.child)?;
        Ok(())
    }
}

/// The nodes below a node, last first.
fn children(node: &ExtentNode<'_>, rule: &NodeRule, level: usize) -> Vec<Pending> {
    let below = (0..node.len()).rev().filter_map(|i| {
        let (index, rule) = node.index(i).zip(rule.descend(node, i))?;
        Some(Pending { block: index.child, rule, level: level + 1 })
    });
    below.collect()
}
