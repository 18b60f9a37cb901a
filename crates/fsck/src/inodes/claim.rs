//! Claiming the blocks that a file maps, and counting them.

use std::ops::Range;

use extant_format::{FileType, Inode, InodeNr, Place};

use super::Worker;
use crate::image::Image;
use crate::map::{MapVisitor, MappedRun};
use crate::{Problem, ProblemKind, resize};

/// What a file maps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mapped {
    /// Whether all of the map could be walked; if not, the rest is what was found before.
    pub(crate) whole: bool,
    /// Clusters of the file and of its map.
    pub(crate) clusters: u64,
    /// Blocks of the file that are mapped.
    pub(crate) blocks: u64,
    /// The logical block behind the last one mapped.
    pub(crate) end: u64,
    /// The logical block behind the last one mapped and written.
    pub(crate) written_end: u64,
}

/// Claims what a walk of a map finds.
pub(super) struct Claims<'w, 'a> {
    worker: &'w mut Worker<'a>,
    ino: InodeNr,
    is_directory: bool,
    /// Bad blocks may be those of anything.
    is_bad_blocks: bool,
    mapped: Mapped,
    /// The last cluster claimed for the file, and where in the file it starts.
    last: Option<(u64, u64)>,
    ratio_bits: u32,
    misaligned: bool,
}

impl<'w, 'a> Claims<'w, 'a> {
    pub(super) fn new(worker: &'w mut Worker<'a>, inode: &Inode) -> Self {
        let mut claims = Self::of_bad_blocks(worker, inode.ino);
        claims.is_directory = inode.file_type == FileType::Directory;
        claims.is_bad_blocks = false;
        claims
    }

    pub(super) fn of_bad_blocks(worker: &'w mut Worker<'a>, ino: InodeNr) -> Self {
        let ratio_bits = worker.image.geometry().cluster_ratio_bits();
        Self {
            worker,
            ino,
            is_directory: false,
            is_bad_blocks: true,
            mapped: Mapped::default(),
            last: None,
            ratio_bits,
            misaligned: false,
        }
    }

    pub(super) fn image(&self) -> &'a Image {
        self.worker.image
    }

    /// What was claimed; `whole` says whether that is all of the map.
    pub(super) fn finish(self, whole: bool) -> Mapped {
        if !whole {
            self.worker.census.lose_blocks();
        }
        Mapped { whole, ..self.mapped }
    }

    /// Claims what the resize inode has beside the reserve of the groups.
    pub(super) fn resize_inode(&mut self, inode: &Inode) -> bool {
        if let Some(block) = resize::double_indirect(self.worker.image, inode) {
            self.node(block);
        }
        true
    }

    /// Claims the clusters of a run of the file. Neighbours in the file may share one.
    fn claim_run(&mut self, run: &MappedRun) {
        let census = self.worker.census;
        let mask = (1_u64 << self.ratio_bits) - 1;
        if run.logical & mask != run.start & mask && !self.misaligned && !self.is_bad_blocks {
            self.misaligned = true;
            let at = Place::inode(self.ino).block(run.start);
            self.worker.problems.push(Problem::new(ProblemKind::ClusterAlignment, at));
        }
        if self.is_bad_blocks && census.zones.touches(&(run.start..run.start + run.len)) {
            let at = Place::inode(self.ino).block(run.start);
            self.worker.problems.push(Problem::new(ProblemKind::SharedMetadata, at));
        }
        let mut clusters = clusters_of(census, run);
        let first = (clusters.start, run.logical >> self.ratio_bits);
        if self.ratio_bits > 0 && self.last == Some(first) {
            clusters.start += 1;
        }
        let last_logical = (run.logical + run.len - 1) >> self.ratio_bits;
        self.last = Some((clusters.end - 1, last_logical));
        self.mapped.clusters += clusters.end - clusters.start;
        let again = if self.is_bad_blocks { None } else { Some(&census.shared) };
        census.clusters.add(clusters, again);
    }
}

fn clusters_of(census: &crate::census::Census, run: &MappedRun) -> Range<u64> {
    let map = &census.clusters;
    map.cluster(run.start)..map.cluster(run.start + run.len - 1) + 1
}

impl MapVisitor for Claims<'_, '_> {
    fn run(&mut self, run: &MappedRun) {
        self.claim_run(run);
        let end = run.logical + run.len;
        let mapped = &mut self.mapped;
        mapped.blocks += run.len;
        mapped.end = mapped.end.max(end);
        if !run.unwritten {
            mapped.written_end = mapped.written_end.max(end);
        } else if self.is_directory {
            let at = Place::inode(self.ino).block(run.start);
            self.worker.problems.push(Problem::new(ProblemKind::ExtentUnwrittenDir, at));
        }
    }

    fn node(&mut self, block: u64) -> bool {
        self.mapped.clusters += 1;
        let is_first = self.worker.census.claim(block..block + 1) == 0;
        if !is_first {
            self.worker.census.share_node();
        }
        is_first
    }

    fn broken(&mut self, problem: Problem) {
        self.worker.problems.push(problem);
    }
}
