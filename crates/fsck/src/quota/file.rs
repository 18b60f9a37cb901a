//! Reading a quota file. A block of its tree is entered once, so that the work is bounded by the
//! file.

use extant_block::DeviceError;
use extant_format::quota::{
    QUOTA_BLOCK_SIZE, QUOTA_TREE_DEPTH, QUOTA_TREE_ROOT, quota_entries, quota_references,
};
use extant_format::{Place, QuotaHeader, QuotaKind, to_usize};
use hashbrown::{HashMap, HashSet};

use super::usage::Used;
use crate::image::Image;
use crate::map::Runs;
use crate::own::{self, Unusable, Wrong, wrong};
use crate::{Problem, ProblemKind};

/// Bytes of a block of the file.
const BLOCK: usize = 1024;

/// Larger than this is no quota file.
const MAX_SIZE: u64 = (1 << 31) - 1;

/// Entries by id.
pub(super) type Entries = HashMap<u32, Used, foldhash::fast::FixedState>;

/// A file that is being read.
struct Reader<'a> {
    image: &'a Image,
    runs: Runs,
    header: QuotaHeader,
    entered: HashSet<u32, foldhash::fast::FixedState>,
    entries: Entries,
    at: Place,
}

/// All entries of the quota file of `kind`, inode `number`. The error is what is wrong with it,
/// `None` if the phase of inodes tells it.
pub(super) fn read(image: &Image, number: u32, kind: QuotaKind) -> Result<Entries, Wrong> {
    let at = Place { inode: Some(number), ..Place::default() };
    let malformed = || Problem::new(ProblemKind::QuotaFile, at);
    let (inode, runs) = own::file(image, number).map_err(|why| match why {
        Unusable::Missing => wrong(malformed()),
        Unusable::Told => None,
    })?;
    if inode.size > MAX_SIZE {
        return Err(wrong(malformed().found(inode.size)));
    }
    let mut bytes = [0; BLOCK];
    read_block(image, &runs, 0, &mut bytes).map_err(|_| wrong(malformed()))?;
    let header = QuotaHeader::parse(&bytes, kind, inode.size, at)
        .map_err(|corrupt| wrong(Problem::corrupt(ProblemKind::QuotaFile, corrupt)))?;
    let (entered, entries) = (HashSet::default(), HashMap::default());
    let mut reader = Reader { image, runs, header, entered, entries, at };
    reader.node(QUOTA_TREE_ROOT, 0)?;
    Ok(reader.entries)
}

/// Block `number` of a quota file; zeros in a hole.
fn read_block(
    image: &Image,
    runs: &Runs,
    number: u32,
    bytes: &mut [u8; BLOCK],
) -> Result<(), DeviceError> {
    let size = image.block_size();
    let offset = u64::from(number) * QUOTA_BLOCK_SIZE;
    let logical = offset >> size.bits();
    let within = to_usize(offset - (logical << size.bits()));
    let behind = runs.list.partition_point(|run| run.logical <= logical);
    let run = behind.checked_sub(1).and_then(|index| runs.list.get(index));
    let run = run.filter(|run| logical - run.logical < run.len);
    bytes.fill(0);
    let Some(run) = run.filter(|run| !run.unwritten) else { return Ok(()) };
    let mut block = image.block_buffer();
    image.read(run.start + (logical - run.logical), &mut block)?;
    if let Some(part) = block.get(within..within + BLOCK) {
        bytes.copy_from_slice(part);
    }
    Ok(())
}

impl Reader<'_> {
    /// Block `number`, `depth` levels below the root, and what is below it.
    fn node(&mut self, number: u32, depth: u32) -> Result<(), Box<Problem>> {
        let malformed = Problem::new(ProblemKind::QuotaFile, self.at);
        let inside = (QUOTA_TREE_ROOT..self.header.blocks).contains(&number);
        if !inside {
            return Err(malformed.found(number).expected(self.header.blocks).into());
        }
        if !self.entered.insert(number) {
            // Several ids share a leaf.
            let again = malformed.found(number).into();
            return if depth == QUOTA_TREE_DEPTH { Ok(()) } else { Err(again) };
        }
        let mut bytes = [0; BLOCK];
        read_block(self.image, &self.runs, number, &mut bytes).map_err(|_| malformed)?;
        if depth == QUOTA_TREE_DEPTH {
            let entries = quota_entries(&bytes, self.header.version);
            let entries = entries
                .into_iter()
                .map(|entry| (entry.id, Used { bytes: entry.bytes, inodes: entry.inodes }));
            self.entries.extend(entries);
            return Ok(());
        }
        quota_references(&bytes)
            .filter(|&child| child != 0)
            .try_for_each(|child| self.node(child, depth + 1))
    }
}
