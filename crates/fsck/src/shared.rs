//! The phase of shared blocks: whose the clusters are that were claimed more than once. Runs only
//! if there are any, and walks the maps of all inodes in use again.

use extant_format::{Inode, InodeNr, Place};

use crate::census::Census;
use crate::image::Image;
use crate::map::{self, MapRoot, MapVisitor, MappedRun};
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Tells, for each inode, how many of its clusters others claim as well.
pub(crate) fn check(image: &Image, census: &Census, problems: &mut Problems) {
    let others = census.inodes.in_use(image.geometry());
    let others = others.map(|(ino, _)| ino).filter(|&ino| ino != InodeNr::RESIZE);
    for inode in others.filter_map(|ino| image.inode(ino)) {
        inode_claims(image, census, problems, &inode);
    }
}

fn inode_claims(image: &Image, census: &Census, problems: &mut Problems, inode: &Inode) {
    let mut owned = Owned { census, clusters: 0, first: None, metadata: 0 };
    if let Some(root) = MapRoot::of(inode) {
        map::walk(image, &root, &mut owned);
    }
    if image.geometry().block(inode.file_acl).is_some() {
        owned.look(inode.file_acl..inode.file_acl + 1);
    }
    let at = Place::inode(inode.ino);
    if owned.metadata > 0 {
        let problem = Problem::new(ProblemKind::SharedMetadata, at);
        problems.push(problem.found(owned.metadata));
    }
    if let Some(first) = owned.first {
        let problem = Problem::new(ProblemKind::SharedBlocks, at.block(first));
        problems.push(problem.found(owned.clusters));
    }
}

/// Gathers what of a map is shared.
struct Owned<'a> {
    census: &'a Census,
    /// Clusters shared with other files.
    clusters: u64,
    /// The first of their blocks.
    first: Option<u64>,
    /// Blocks of metadata.
    metadata: u64,
}

impl Owned<'_> {
    /// Looks at `blocks` of the map; whether none is shared.
    fn look(&mut self, blocks: std::ops::Range<u64>) -> bool {
        let map = &self.census.clusters;
        let clusters = map.cluster(blocks.start)..map.cluster(blocks.end - 1) + 1;
        let shared = self.census.shared.count_in(clusters);
        if shared == 0 {
            return true;
        }
        let metadata = self.census.zones.within(blocks.clone());
        let metadata: u64 = metadata.map(|run| run.end - run.start).sum();
        self.metadata += metadata;
        let others = shared.saturating_sub(metadata);
        if others > 0 {
            self.clusters += others;
            self.first.get_or_insert(blocks.start);
        }
        false
    }
}

impl MapVisitor for Owned<'_> {
    fn run(&mut self, run: &MappedRun) {
        self.look(run.start..run.start + run.len);
    }

    fn node(&mut self, block: u64) -> bool {
        self.look(block..block + 1)
    }

    fn broken(&mut self, _: Problem) {}
}
