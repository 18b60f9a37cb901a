//! Random changes against a model: a map from each logical block to its block and state.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::image::Kind;
use super::*;

/// Logical blocks in use, from each of the bases.
const SPAN: u32 = 700;
/// Data lies from here on, in areas of this many blocks, none of which another area touches.
const AREA: u64 = 800;

/// Where the blocks of a change go.
#[derive(Clone, Copy, Debug)]
enum Area {
    /// Block by block as in the file: neighbours can be joined.
    Straight(u64),
    /// The other way round: no neighbours can be joined.
    Reversed,
}

impl Area {
    fn place(self, data: u64, offset: u32) -> u64 {
        match self {
            Self::Straight(n) => data + n * AREA + u64::from(offset),
            Self::Reversed => data + 2 * AREA + u64::from(SPAN - 1 - offset),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert {
        offset: u32,
        len: u32,
        area: Area,
        unwritten: bool,
    },
    Free {
        offset: u32,
        len: u32,
    },
    FreeFrom(u32),
    /// Every second block of a range by itself.
    Comb {
        offset: u32,
        len: u32,
        unwritten: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let area = prop_oneof![
        3 => Just(Area::Straight(0)),
        2 => Just(Area::Straight(1)),
        2 => Just(Area::Reversed),
    ];
    let len = prop_oneof![3 => 1_u32..4, 3 => 1_u32..40, 1 => 1_u32..SPAN];
    prop_oneof![
        8 => (0..SPAN, len.clone(), area, any::<bool>()).prop_map(
            |(offset, len, area, unwritten)| Step::Insert { offset, len, area, unwritten }
        ),
        6 => (0..SPAN, len).prop_map(|(offset, len)| Step::Free { offset, len }),
        1 => (SPAN / 2..SPAN).prop_map(Step::FreeFrom),
        3 => (0..SPAN, 50..SPAN, any::<bool>())
            .prop_map(|(offset, len, unwritten)| Step::Comb { offset, len, unwritten }),
    ]
}

struct Model<'v> {
    file: File<'v>,
    /// The logical block of offset 0.
    base: u32,
    /// The first block of the areas.
    data: u64,
    blocks: BTreeMap<u32, (u64, bool)>,
    free: u64,
    ratio: u64,
}

impl<'v> Model<'v> {
    fn new(volume: &'v Volume, base: u32) -> Self {
        let mut file = File::new(volume);
        let data = (volume.geometry().blocks_count() / 2 + 1024) & !63;
        file.changes.set_aside(volume.geometry().block(data).unwrap(), 3 * AREA);
        let (free, ratio) = (file.free_clusters(), 1 << volume.geometry().cluster_ratio_bits());
        Self { file, base, data, blocks: BTreeMap::new(), free, ratio }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Insert { offset, len, area, unwritten } => {
                self.insert(offset, len.min(SPAN - offset), area, unwritten);
            }
            Step::Free { offset, len } => self.free(offset, Some(len)),
            Step::FreeFrom(offset) => self.free(offset, None),
            Step::Comb { offset, len, unwritten } => {
                for offset in (offset..SPAN.min(offset + len)).step_by(2) {
                    self.insert(offset, 1, Area::Straight(0), unwritten);
                }
            }
        }
    }

    fn insert(&mut self, offset: u32, len: u32, area: Area, unwritten: bool) {
        match area {
            // Blocks of one cluster of a file are in one cluster of the device.
            Area::Reversed if self.ratio > 1 => (),
            Area::Reversed => {
                for offset in offset..offset + len.min(20) {
                    let place = area.place(self.data, offset);
                    self.insert_run(offset, 1, place, unwritten);
                }
            }
            Area::Straight(_) => {
                let place = area.place(self.data, offset);
                if self.agrees_with_clusters(offset, len, place) {
                    self.insert_run(offset, len, place, unwritten);
                }
            }
        }
    }

    fn agrees_with_clusters(&self, offset: u32, len: u32, place: u64) -> bool {
        let ratio = u32::try_from(self.ratio).unwrap();
        let wide = offset / ratio * ratio..(offset + len).div_ceil(ratio) * ratio;
        let outside = wide.filter(|n| !(offset..offset + len).contains(n));
        outside
            .filter_map(|n| Some((n, self.blocks.get(&(self.base + n))?.0)))
            .all(|(n, at)| at + u64::from(offset) == place + u64::from(n))
    }

    fn insert_run(&mut self, offset: u32, len: u32, place: u64, unwritten: bool) {
        let (file, logical) = (&mut self.file, self.base + offset);
        let inode = file.inode();
        if inode.flags.contains(InodeFlags::EXTENTS) {
            let extent = extent(file, logical, len, place, unwritten);
            insert_range(&mut file.changes, file.ino, extent).unwrap();
            for n in 0..len {
                self.blocks.insert(logical + n, (place + u64::from(n), unwritten));
            }
            return;
        }
        for n in 0..len {
            let place = place + u64::from(n);
            let block = file.volume().geometry().block(place).unwrap();
            let logical = logical + n;
            append_block(&mut file.changes, file.ino, LogicalBlock::new(logical), block).unwrap();
            self.blocks.insert(logical, (place, false));
        }
    }

    fn free(&mut self, offset: u32, len: Option<u32>) {
        let from = self.base + offset;
        let end = len.map(|len| from + len);
        let all = end.map_or(u64::MAX, u64::from);
        free_range(&mut self.file.changes, self.file.ino, LogicalBlock::new(from), all).unwrap();
        self.blocks.retain(|&logical, _| logical < from || u64::from(logical) >= all);
    }

    /// Compares each block, the inode's count and the free counts.
    fn check(&self) {
        let inode = self.file.inode();
        for offset in 0..SPAN + 2 {
            let logical = self.base + offset;
            let found = lookup(&self.file, &inode, logical);
            assert_eq!(found, self.blocks.get(&logical).copied(), "block {logical}");
        }
        let mut clusters = BTreeSet::new();
        let (mut data, mut map) = (0, 0);
        each_run(self.file.volume(), &inode, |start, len, is_map| {
            if is_map {
                map += 1;
            } else {
                data += len;
            }
            for block in start.get()..start.get() + len {
                assert!(clusters.insert((block, is_map)), "block {block} twice");
            }
        })
        .unwrap();
        assert_eq!(data, self.blocks.len() as u64);
        let taken: BTreeSet<u64> = self.blocks.values().map(|(at, _)| at / self.ratio).collect();
        let taken = taken.len() as u64 + map;
        let units = self.ratio * self.file.volume().block_size().bytes64() / 512;
        assert_eq!(inode.blocks_512, taken * units, "count of the inode");
        assert_eq!(mapped_512(self.file.volume(), &inode).unwrap(), inode.blocks_512);
        assert_eq!(self.file.free_clusters(), self.free - taken, "free clusters");
    }
}

fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    prop::collection::vec((step(), prop::bool::weighted(0.2)), 1..30)
}

/// Steps, some of them twice, on files whose offset 0 is logical block `base`.
fn property(kind: Kind, base: u32) {
    let image = image!(kind);
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() };
    let run = |steps: Vec<(Step, bool)>| {
        let volume = image.open();
        let mut model = Model::new(&volume, base);
        for (step, again) in &steps {
            model.apply(step);
            model.check();
            if *again {
                model.apply(step);
                model.check();
            }
        }
        model.file.judge();
        Ok(())
    };
    TestRunner::new(config).run(&steps(), run).unwrap();
}

#[test]
fn extents_in_small_blocks() {
    property(Kind::Small, 0);
}

#[test]
fn extents_without_checksums() {
    property(Kind::Plain, 400_000);
}

#[test]
fn extents_in_large_blocks() {
    property(Kind::Large, 100_000);
}

#[test]
fn extents_in_clusters() {
    property(Kind::Clusters, 160);
}

/// From the direct blocks into the tree of two levels.
#[test]
fn indirect_from_the_first_block() {
    property(Kind::Indirect, 0);
}

/// Around the first block of the tree of three levels.
#[test]
fn indirect_around_the_last_tree() {
    property(Kind::Indirect, 12 + 256 + 65536 - 300);
}

#[test]
fn indirect_in_large_blocks() {
    property(Kind::IndirectLarge, 12 + 1024 - 300);
}
