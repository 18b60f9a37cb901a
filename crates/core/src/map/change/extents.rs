//! Mapping and unmapping ranges of an extent tree.

use std::ops::Range;

use extant_format::extent::{NodeBuf, NodeEntry};
use extant_format::{Extent, Inode, LogicalBlock, NodeRule};

use super::clusters::{self, Kept};
use super::tree::{Level, Tree};
use crate::changes::{Changes, Mark};
use crate::map::walk::{DataRun, Run};
use crate::{Result, Volume};

/// What is mapped in a range: the result of the walk that verifies it.
#[derive(Default)]
struct Survey {
    /// Blocks of data in the range.
    blocks: u64,
    /// Those of them that are where they are wanted.
    right: u64,
    /// Whether one extent reaches out of the range on both sides.
    straddled: bool,
    /// Whether there are blocks of the tree on the way.
    nodes: bool,
}

impl Survey {
    /// Walks `range`; `right` says whether a block and state are as wanted.
    fn take(
        volume: &Volume,
        inode: &Inode,
        range: &Range<u64>,
        right: impl Fn(&DataRun) -> bool,
    ) -> Result<Self> {
        let mut survey = Self::default();
        volume.walk_map(inode, range.clone(), &mut |run| {
            match run {
                Run::Map(_) => survey.nodes = true,
                Run::Data(run) => {
                    let len = run.clip(range).map_or(0, |(_, _, len)| len);
                    survey.blocks += len;
                    survey.right += if right(&run) { len } else { 0 };
                    survey.straddled |= run.logical < range.start && run.end() > range.end;
                }
            }
            Ok(())
        })?;
        Ok(survey)
    }
}

/// Unmaps `range` and frees what it mapped.
pub(super) fn free(changes: &mut Changes<'_>, inode: Inode, range: Range<u64>) -> Result<()> {
    let survey = Survey::take(changes.volume(), &inode, &range, |_| false)?;
    if survey.blocks == 0 && !survey.nodes {
        return Ok(());
    }
    let kept = Kept::around(changes.volume(), &inode, &range)?;
    let mut tree = Tree::new(changes, inode, kept)?;
    if survey.straddled {
        tree.split_at(range.end)?;
    }
    tree.remove(&range)?;
    tree.finish()
}

/// Maps the range of `extent` to it, and frees what was mapped there elsewhere.
pub(super) fn insert(changes: &mut Changes<'_>, inode: Inode, extent: Extent) -> Result<()> {
    let volume = changes.volume();
    let range = u64::from(extent.logical.get())..extent.end();
    let (start, len) = (extent.start.get(), u64::from(extent.len));
    let survey = Survey::take(volume, &inode, &range, |run| {
        run.unwritten == extent.unwritten
            && run.start.get().checked_sub(run.logical) == start.checked_sub(range.start)
            && run.start.get() + range.start == start + run.logical
    })?;
    if survey.right == len {
        return changes.mark_blocks(extent.start, len, Mark::Used);
    }
    let wanted = clusters::of_run(volume.geometry(), start, len);
    let owned = clusters::count_owned(volume, &inode, &range, &wanted)?;
    let mut kept = Kept::around(volume, &inode, &range)?;
    kept.add(wanted.clone());
    // Before the tree takes blocks for itself.
    changes.mark_blocks(extent.start, len, Mark::Used)?;
    let mut tree = Tree::new(changes, inode, kept)?;
    if survey.straddled {
        tree.split_at(range.end)?;
    }
    if survey.blocks > 0 {
        tree.remove(&range)?;
    }
    tree.insert(extent)?;
    tree.edit.take(wanted.end() - wanted.start() + 1 - owned);
    tree.finish()
}

impl Tree<'_, '_> {
    fn extent(&self, entry: Option<&NodeEntry>) -> Option<Extent> {
        entry?.as_extent(self.edit.volume().geometry())
    }

    /// The entry for the blocks from `from` to before `to` of `extent`.
    fn part(&self, extent: &Extent, from: u64, to: u64) -> Option<NodeEntry> {
        let skip = from.checked_sub(extent.logical.get().into())?;
        let logical = LogicalBlock::new(u32::try_from(from).ok()?);
        let len = u32::try_from(to.checked_sub(from)?).ok()?;
        let start = self.edit.volume().geometry().run(extent.start.get() + skip, len.into())?;
        NodeEntry::extent(&Extent { logical, len, start, unwritten: extent.unwritten })
    }

    /// Makes two of the extent that has blocks on both sides of `logical`, if one has.
    fn split_at(&mut self, logical: u64) -> Result<()> {
        let Ok(number) = u32::try_from(logical) else { return Ok(()) };
        let mut path = self.descend(LogicalBlock::new(number))?;
        let Some(Level { node, changed, .. }) = path.last_mut() else { return Ok(()) };
        let at = node.count_to(LogicalBlock::new(number));
        let Some(entry) = at.checked_sub(1).and_then(|at| node.entries.get_mut(at)) else {
            return Ok(());
        };
        let extent = self.extent(Some(entry)).ok_or_else(|| self.broken())?;
        if u64::from(extent.logical.get()) >= logical || extent.end() <= logical {
            return Ok(());
        }
        let head = self.part(&extent, extent.logical.get().into(), logical);
        let tail = self.part(&extent, logical, extent.end());
        let (Some(head), Some(tail)) = (head, tail) else { return Err(self.broken().into()) };
        *entry = head;
        *changed = true;
        self.put(path, at, tail, extent.start)
    }

    /// Maps `extent`, where nothing is mapped yet.
    fn insert(&mut self, extent: Extent) -> Result<()> {
        let (mut from, end) = (u64::from(extent.logical.get()), extent.end());
        while let Ok(logical) = u32::try_from(from)
            && from < end
        {
            let path = self.descend(LogicalBlock::new(logical))?;
            // A leaf without extents may begin inside the range.
            let leaf_end = path.last().map_or(end, |leaf| leaf.rule.range().end.into());
            let most = from + u64::from(Extent::max_len(extent.unwritten));
            let to = end.min(most).min(leaf_end);
            let piece = self.part(&extent, from, to);
            let piece = self.extent(piece.as_ref()).ok_or_else(|| self.broken())?;
            self.insert_piece(path, piece)?;
            from = to;
        }
        Ok(())
    }

    /// Puts one extent into the leaf of `path`, joined with its neighbours where they continue
    /// each other.
    fn insert_piece(&mut self, mut path: Vec<Level>, piece: Extent) -> Result<()> {
        let Some(Level { node, changed, .. }) = path.last_mut() else { return Ok(()) };
        let at = node.count_to(piece.logical);
        let left = self.extent(at.checked_sub(1).and_then(|at| node.entries.get(at)));
        let right = self.extent(node.entries.get(at));
        let (mut joined, mut replaced) = (piece, at..at);
        if let Some(both) = left.and_then(|left| join(&left, &joined)) {
            (joined, replaced.start) = (both, at - 1);
        }
        if let Some(both) = right.and_then(|right| join(&joined, &right)) {
            (joined, replaced.end) = (both, at + 1);
        }
        let entry = NodeEntry::extent(&joined).ok_or_else(|| self.broken())?;
        if replaced.is_empty() {
            return self.put(path, at, entry, piece.start);
        }
        node.entries.splice(replaced, [entry]);
        *changed = true;
        self.store_path(path)
    }

    /// Unmaps `range`, in which no extent reaches out on both sides, and gives back what it
    /// mapped, and nodes that become empty.
    fn remove(&mut self, range: &Range<u64>) -> Result<()> {
        let (mut root, rule) = (self.root.clone(), self.root_rule());
        if self.prune(&mut root, &rule, range)? {
            if root.entries.is_empty() {
                root.depth = 0;
            }
            (self.root, self.root_changed) = (root, true);
        }
        Ok(())
    }

    /// Unmaps `range` in `node` and all below it; says whether the node changed. The depth bounds
    /// the recursion.
    fn prune(&mut self, node: &mut NodeBuf, rule: &NodeRule, range: &Range<u64>) -> Result<bool> {
        if node.depth == 0 {
            return self.prune_leaf(node, range);
        }
        let mut changed = false;
        let mut left = Vec::with_capacity(node.entries.len());
        for (i, mut entry) in node.entries.iter().copied().enumerate() {
            let child_rule = node.child_rule(rule, i).ok_or_else(|| self.broken())?;
            let child_range = child_rule.range();
            let (start, end) = (u64::from(child_range.start), u64::from(child_range.end));
            if start < range.end && end > range.start {
                changed |= match self.prune_child(&mut entry, &child_rule, range)? {
                    Pruned::Same => false,
                    Pruned::Changed => true,
                    Pruned::Gone => {
                        changed = true;
                        continue;
                    }
                };
            }
            left.push(entry);
        }
        node.entries = left;
        Ok(changed)
    }

    /// Unmaps `range` in the node that `entry` leads to.
    fn prune_child(
        &mut self,
        entry: &mut NodeEntry,
        rule: &NodeRule,
        range: &Range<u64>,
    ) -> Result<Pruned> {
        let index = entry.as_index(self.edit.volume().geometry());
        let nr = index.ok_or_else(|| self.broken())?.child;
        let mut child = self.child(nr, rule)?;
        let changed = self.prune(&mut child, rule, range)?;
        let Some(first) = child.first() else {
            self.edit.free_map(nr);
            return Ok(Pruned::Gone);
        };
        if !changed {
            return Ok(Pruned::Same);
        }
        self.write(nr, &child)?;
        entry.set_logical(first);
        Ok(Pruned::Changed)
    }

    fn prune_leaf(&mut self, node: &mut NodeBuf, range: &Range<u64>) -> Result<bool> {
        let mut changed = false;
        let mut left = Vec::with_capacity(node.entries.len());
        for entry in &node.entries {
            let extent = self.extent(Some(entry)).ok_or_else(|| self.broken())?;
            let logical = u64::from(extent.logical.get());
            let (from, to) = (logical.max(range.start), extent.end().min(range.end));
            if from >= to {
                left.push(*entry);
                continue;
            }
            changed = true;
            left.extend(self.part(&extent, logical, from));
            left.extend(self.part(&extent, to, extent.end()));
            let start = self.edit.volume().geometry().block(extent.start.get() + (from - logical));
            self.edit.free_data(start.ok_or_else(|| self.broken())?, to - from);
        }
        node.entries = left;
        Ok(changed)
    }
}

/// What became of a node.
enum Pruned {
    Same,
    Changed,
    Gone,
}

/// One extent for two, if the second continues the first in every way and the length allows it.
fn join(first: &Extent, second: &Extent) -> Option<Extent> {
    let len = first.len.checked_add(second.len)?;
    let continues = first.unwritten == second.unwritten
        && first.end() == u64::from(second.logical.get())
        && first.start.get() + u64::from(first.len) == second.start.get();
    (continues && len <= Extent::max_len(first.unwritten)).then_some(Extent { len, ..*first })
}
