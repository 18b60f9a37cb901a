//! Extent trees.

use extant_format::extent::verify_extent_checksum;
use extant_format::{ExtentNode, NodeRule, Place};

use super::{MapRoot, MapVisitor};
use crate::image::Image;
use crate::{Problem, ProblemKind};

/// Bytes of the header of a node, and of an entry.
const HEADER: usize = 12;
const ENTRY: usize = 12;

struct Walk<'a, V> {
    image: &'a Image,
    root: &'a MapRoot<'a>,
    visitor: &'a mut V,
}

pub(super) fn walk(image: &Image, root: &MapRoot<'_>, visitor: &mut impl MapVisitor) -> bool {
    let rule = NodeRule::root(image.has_checksums());
    Walk { image, root, visitor }.node(root.bytes, &rule, Place::inode(root.ino))
}

impl<V: MapVisitor> Walk<'_, V> {
    /// The node in `bytes`, and all below it.
    fn node(&mut self, bytes: &[u8], rule: &NodeRule, at: Place) -> bool {
        let node = match ExtentNode::parse(bytes, rule, self.image.geometry(), at) {
            Ok(node) => node,
            Err(corrupt) => {
                self.visitor.broken(Problem::corrupt(ProblemKind::ExtentNode, corrupt));
                return false;
            }
        };
        // A node takes as many entries as have room, but for two that a tail may take the place of.
        if usize::from(node.max_entries()) + 2 < (bytes.len() - HEADER) / ENTRY {
            let problem = Problem::new(ProblemKind::ExtentNode, at);
            self.visitor.broken(problem.found(node.max_entries()));
        }
        let mut whole = true;
        for index in 0..node.len() {
            if let Some(extent) = node.extent(index) {
                self.visitor.run(&extent.into());
            } else if let Some((entry, rule)) = node.index(index).zip(rule.descend(&node, index)) {
                whole &= self.child(entry.child.get(), &rule);
            }
        }
        whole
    }

    fn child(&mut self, block: u64, rule: &NodeRule) -> bool {
        if !self.visitor.node(block) {
            return false;
        }
        let at = Place::inode(self.root.ino).block(block);
        let mut bytes = self.image.block_buffer();
        if self.image.read(block, &mut bytes).is_err() {
            self.visitor.broken(Problem::new(ProblemKind::MapRead, at));
            return false;
        }
        let whole = self.node(&bytes, rule, at);
        // A block that is no node has no checksum that means anything.
        if self.image.has_checksums()
            && whole
            && verify_extent_checksum(&bytes, self.root.seed, at).is_err()
        {
            self.visitor.broken(Problem::new(ProblemKind::ExtentChecksum, at));
        }
        whole
    }
}
