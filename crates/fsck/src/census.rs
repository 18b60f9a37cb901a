//! What the phases gather and hand on: the clusters and inodes in use, shared by all threads.

use std::sync::atomic::{AtomicBool, Ordering};

use extant_format::{Geometry, InodeNr};
use hashbrown::HashSet;

use crate::attributes::Counted;
use crate::cluster_map::ClusterMap;
use crate::image::Image;
use crate::inode_states::InodeStates;
use crate::zones::Zones;

/// What is known of the file system so far.
#[derive(Debug)]
pub(crate) struct Census {
    /// The file system's own metadata.
    pub(crate) zones: Zones,
    /// Clusters in use, by what was found.
    pub(crate) clusters: ClusterMap,
    /// Clusters that were claimed more than once.
    pub(crate) shared: ClusterMap,
    /// All inodes.
    pub(crate) inodes: InodeStates,
    /// Orphans: in use without a name, or to be cut.
    pub(crate) orphans: HashSet<InodeNr, foldhash::fast::FixedState>,
    /// Attribute blocks and value inodes.
    pub(crate) attributes: Counted,
    blocks_unknown: AtomicBool,
    names_unknown: AtomicBool,
    nodes_shared: AtomicBool,
}

impl Census {
    /// Only the file system's own metadata, `zones`, is in use.
    pub(crate) fn new(geometry: &Geometry, zones: Zones) -> Self {
        let clusters = ClusterMap::new(geometry);
        for run in zones.iter() {
            clusters.add(clusters.cluster(run.start)..clusters.cluster(run.end - 1) + 1, None);
        }
        Self {
            zones,
            clusters,
            shared: ClusterMap::new(geometry),
            inodes: InodeStates::new(geometry),
            orphans: HashSet::default(),
            attributes: Counted::new(),
            blocks_unknown: AtomicBool::new(false),
            names_unknown: AtomicBool::new(false),
            nodes_shared: AtomicBool::new(false),
        }
    }

    /// The same before the phase of inodes, when all blocks were known or not.
    pub(crate) fn again(self, geometry: &Geometry, knew_blocks: bool) -> Self {
        let new = Self { orphans: self.orphans, ..Self::new(geometry, self.zones) };
        if !knew_blocks {
            new.lose_blocks();
        }
        new
    }

    /// Claims clusters for a file: those of the blocks of `range`.
    pub(crate) fn claim(&self, blocks: std::ops::Range<u64>) -> u64 {
        let first = self.clusters.cluster(blocks.start);
        let last = self.clusters.cluster(blocks.end.saturating_sub(1));
        self.clusters.add(first..last + 1, Some(&self.shared))
    }

    /// Whether `ino` is an orphan without links: deleted, and only still open.
    pub(crate) fn is_deleted(&self, image: &Image, ino: InodeNr) -> bool {
        self.orphans.contains(&ino) && image.links(ino) == Some(0)
    }

    /// Notes that something is damaged which says what blocks are in use: those that seem unused
    /// may be in use.
    pub(crate) fn lose_blocks(&self) {
        self.blocks_unknown.store(true, Ordering::Relaxed);
    }

    /// Whether all blocks in use are known.
    pub(crate) fn knows_blocks(&self) -> bool {
        !self.blocks_unknown.load(Ordering::Relaxed)
    }

    /// Notes that a block of a map belongs to several files: who came first has seen what is below.
    pub(crate) fn share_node(&self) {
        self.nodes_shared.store(true, Ordering::Relaxed);
    }

    /// Whether a block of a map belongs to several files.
    pub(crate) fn shares_nodes(&self) -> bool {
        self.nodes_shared.load(Ordering::Relaxed)
    }

    /// Whether all that is in use and all names are known.
    pub(crate) fn knows_all(&self) -> bool {
        self.knows_blocks() && self.knows_names() && self.attributes.knows_values()
    }

    /// Notes that entries of a directory cannot be read: inodes without a name may have one.
    pub(crate) fn lose_names(&self) {
        self.names_unknown.store(true, Ordering::Relaxed);
    }

    /// Whether all names are known.
    pub(crate) fn knows_names(&self) -> bool {
        !self.names_unknown.load(Ordering::Relaxed)
    }
}
