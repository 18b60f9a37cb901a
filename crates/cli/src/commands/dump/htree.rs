//! `dump htree`: the hash tree of a directory: nodes with their limits, and the range of hashes of
//! each leaf with the number of its names.

use std::collections::HashSet;
use std::io::Write;

use extant::raw::core::dir::Directory;
use extant::raw::format::HashVersion;
use extant::raw::format::LogicalBlock;
use extant::raw::format::dir::DirBlock;
use extant::raw::format::dir::htree::{DxNode, DxRoot};
use extant::{Corrupt, FileType, Follow, IoFlags, Place};
use serde_json::json;

use crate::args::Target;
use crate::commands::dump::{SCHEMA, Show};
use crate::error::{Exit, Failure, Parts};
use crate::output::Out;

pub(super) fn run(show: &Show<'_>, target: &Target, out: &mut Out) -> Result<Exit, Failure> {
    let node = show.image.resolve(target, Follow::Yes)?;
    let path = target.bytes();
    if node.file_type() != FileType::Directory {
        return Err(show.image.fail(&path, &extant::Error::NotADirectory));
    }
    let dir = Directory::new(show.image.fs.volume(), node.inode());
    if !dir.is_indexed() {
        let what = "the directory has no hash tree: its names are in a list";
        return Err(Failure::part(&show.image.at(&path), what));
    }
    let mut tree = Tree {
        show,
        dir,
        path: &path,
        at: Place::inode(node.ino()),
        seen: HashSet::new(),
        parts: Parts::default(),
    };
    tree.walk(out)?;
    Ok(tree.parts.exit())
}

struct Tree<'a> {
    show: &'a Show<'a>,
    dir: Directory<'a>,
    path: &'a [u8],
    at: Place,
    /// Blocks that were shown: no tree holds one twice, whatever an image says.
    seen: HashSet<LogicalBlock>,
    parts: Parts,
}

/// A block below a node, for the hashes from `from` up to `to`.
struct Pending {
    block: LogicalBlock,
    from: u32,
    to: u32,
    level: u8,
}

impl Tree<'_> {
    fn walk(&mut self, out: &mut Out) -> Result<(), Failure> {
        let zero = LogicalBlock::ZERO;
        let block = self.dir.block(zero, IoFlags::NONE).map_err(|error| self.fail(error))?;
        let at = self.at.logical(zero);
        let root = DxRoot::parse(block.bytes(), &self.dir.dx_rule(), at)
            .map_err(|corrupt| self.fail(corrupt))?;
        self.root(&root, out)?;
        let levels = root.indirect_levels;
        let whole = Pending { block: zero, from: 0, to: u32::MAX, level: 0 };
        let mut waiting = children(&root.node, &whole);
        self.parts.good();
        while let Some(next) = waiting.pop() {
            let shown = if !self.seen.insert(next.block) {
                let what = format!("logical block {} is in the tree twice", next.block);
                Err(Failure::part(&self.show.image.at(self.path), what))
            } else if next.level > levels {
                self.leaf(&next, out)
            } else {
                self.inner(&next, &mut waiting, out)
            };
            match shown {
                Ok(()) => self.parts.good(),
                Err(failure) => self.parts.failed(failure)?,
            }
        }
        Ok(())
    }

    fn fail(&self, error: impl Into<extant::Error>) -> Failure {
        self.show.image.fail(self.path, &error.into())
    }

    fn root(&self, root: &DxRoot<'_>, out: &mut Out) -> Result<(), Failure> {
        let flags = self.show.image.fs.volume().superblock().raw().flags.get();
        let name = HashVersion::from_disk(root.hash_version, flags).map_or("unknown", hash_name);
        let (levels, count, limit) = (root.indirect_levels, root.node.count(), root.node.limit());
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "htree_root",
                "hash_version": root.hash_version,
                "hash": name,
                "indirect_levels": levels,
                "entries": count,
                "max_entries": limit,
            }))?);
        }
        writeln!(
            out,
            "root: hash {name}, {levels} levels of nodes below, {count} of {limit} entries"
        )?;
        Ok(())
    }

    fn inner(
        &self,
        next: &Pending,
        waiting: &mut Vec<Pending>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let block = self.dir.block(next.block, IoFlags::NONE).map_err(|error| self.fail(error))?;
        let at = self.at.logical(next.block);
        let node = DxNode::parse(block.bytes(), &self.dir.dx_rule(), at)
            .map_err(|corrupt| self.fail(corrupt))?;
        waiting.extend(children(&node, next));
        let (count, limit) = (node.count(), node.limit());
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "htree_node",
                "level": next.level,
                "logical_block": next.block.get(),
                "first_hash": next.from,
                "last_hash": next.to,
                "entries": count,
                "max_entries": limit,
            }))?);
        }
        let head = self.line(next);
        writeln!(out, "{head}: node, {count} of {limit} entries")?;
        Ok(())
    }

    fn leaf(&self, next: &Pending, out: &mut Out) -> Result<(), Failure> {
        let block = self.dir.block(next.block, IoFlags::NONE).map_err(|error| self.fail(error))?;
        let at = self.at.logical(next.block);
        let entries: Result<Vec<_>, Corrupt> =
            DirBlock::entries(block.bytes(), self.dir.rule(), at).collect();
        let entries = entries.map_err(|corrupt| self.fail(corrupt))?;
        let names = entries.iter().filter(|entry| entry.inode != 0).count();
        if self.show.json {
            return Ok(out.json_line(&json!({
                "schema": SCHEMA,
                "structure": "htree_leaf",
                "level": next.level,
                "logical_block": next.block.get(),
                "first_hash": next.from,
                "last_hash": next.to,
                "continues_collision": next.from & 1 == 1,
                "names": names,
            }))?);
        }
        let head = self.line(next);
        writeln!(out, "{head}: {names} names")?;
        Ok(())
    }

    fn line(&self, next: &Pending) -> String {
        let indent = "  ".repeat(next.level.into());
        let mark = if next.from & 1 == 1 { " (continued)" } else { "" };
        format!("{indent}{:08x}-{:08x} block {}{mark}", next.from & !1, next.to, next.block)
    }
}

/// The blocks below a node, last first, each with its range of hashes.
fn children(node: &DxNode<'_>, parent: &Pending) -> Vec<Pending> {
    let entries: Vec<_> = node.entries().collect();
    let ends = entries.iter().skip(1).map(|entry| (entry.hash & !1).saturating_sub(1));
    let ends: Vec<u32> = ends.chain([parent.to]).collect();
    let below = entries.iter().zip(ends).enumerate().map(|(n, (entry, to))| {
        let from = if n == 0 { parent.from } else { entry.hash };
        Pending { block: entry.block, from, to, level: parent.level + 1 }
    });
    let mut below: Vec<Pending> = below.collect();
    below.reverse();
    below
}

fn hash_name(version: HashVersion) -> &'static str {
    match version {
        HashVersion::Legacy => "legacy",
        HashVersion::HalfMd4 => "half_md4",
        HashVersion::Tea => "tea",
        HashVersion::LegacyUnsigned => "legacy_unsigned",
        HashVersion::HalfMd4Unsigned => "half_md4_unsigned",
        HashVersion::TeaUnsigned => "tea_unsigned",
        HashVersion::SipHash => "siphash",
    }
}
