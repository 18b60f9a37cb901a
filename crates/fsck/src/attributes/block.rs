//! Attribute blocks: read by the first inode that is found to use one, and counted for all.

use extant_format::xattr::{BlockXattrs, MAX_REFCOUNT, block_checksum, set_block_refcount};
use extant_format::{BlockNr, Corrupt, CorruptKind, Inode, InodeNr, Place};

use super::Attributes;
use super::counted::Counted;
use super::list::List;
use crate::census::Census;
use crate::image::Image;
use crate::{Problem, ProblemKind};

/// Offset of the reference count.
const REFCOUNT: usize = 4;
/// Offset of the checksum.
const CHECKSUM: usize = 16;

/// What is known of an attribute block.
#[derive(Debug)]
pub(super) struct BlockUse {
    /// The number of users it says it has; `None` if it cannot be read as an attribute block.
    pub(super) recorded: Option<u32>,
    /// How many inodes use it.
    pub(super) users: u32,
    /// The lowest of them.
    pub(super) first: InodeNr,
    /// What it means for each user.
    found: Attributes,
    /// What is wrong with it. Told in the end, for the lowest user.
    pub(super) problems: Vec<Problem>,
}

impl Counted {
    /// Counts `owner` as a user of `block`, which is read if it is the first.
    pub(super) fn use_block(
        &self,
        image: &Image,
        census: &Census,
        owner: &Inode,
        block: BlockNr,
    ) -> Attributes {
        let Some(mut blocks) = self.blocks.lock(block.get()) else { return Attributes::default() };
        let known = blocks.entry(block.get());
        let known = known.or_insert_with(|| BlockUse::read(image, census, owner, block));
        known.users += 1;
        known.first = known.first.min(owner.ino);
        known.found
    }
}

impl BlockUse {
    fn new(owner: &Inode) -> Self {
        let broken = Attributes { broken: true, ..Attributes::default() };
        Self { recorded: None, users: 0, first: owner.ino, found: broken, problems: Vec::new() }
    }

    fn read(image: &Image, census: &Census, owner: &Inode, block: BlockNr) -> Self {
        let mut bytes = image.block_buffer();
        let at = Place::default().block(block.get());
        let mut known = Self::new(owner);
        if image.read(block.get(), &mut bytes).is_err() {
            census.lose_blocks();
            census.attributes.lose_values();
            known.problems.push(Problem::new(ProblemKind::XattrRead, at));
            return known;
        }
        let summed = known.verify(image, block, &mut bytes);
        match BlockXattrs::parse(&bytes, block, None, at) {
            Ok(area) => {
                let mut list = List::in_inode(image, census, owner).in_block(at, &bytes);
                list.check(&area.entries);
                known.found = list.found;
                known.found.broken |= !summed;
                known.problems.append(&mut list.problems);
            }
            Err(corrupt) => known.malformed(census, corrupt),
        }
        if known.recorded.is_some() {
            let cluster_bits = image.geometry().cluster_ratio_bits();
            let cluster_512 = image.block_size().bytes64() << cluster_bits >> 9;
            known.found.blocks_512 = known.found.blocks_512.saturating_add(cluster_512);
            census.claim(block.get()..block.get() + 1);
        } else {
            // Not an attribute block; the inode may have one elsewhere.
            census.lose_blocks();
        }
        known
    }

    /// Checks the checksum and takes the reference count out, which any number may be: the parser
    /// then sees one that is right. Whether the checksum was.
    fn verify(&mut self, image: &Image, block: BlockNr, bytes: &mut [u8]) -> bool {
        let field = |bytes: &[u8], at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
            word.map_or(0, |word| u32::from_le_bytes(*word))
        };
        let seed = image.has_checksums().then(|| image.superblock().seed());
        let sum = seed.and_then(|seed| block_checksum(bytes, block, seed));
        let right = sum.is_none_or(|sum| sum == field(bytes, CHECKSUM));
        if !right {
            let at = Place::default().block(block.get());
            self.problems.push(Problem::new(ProblemKind::XattrBlockChecksum, at));
        }
        let recorded = field(bytes, REFCOUNT);
        if !(1..=MAX_REFCOUNT).contains(&recorded) {
            set_block_refcount(bytes, block, None, 1);
        }
        self.recorded = Some(recorded);
        right
    }

    /// What the parser says, unless the checksum has told that the content is wrong.
    fn malformed(&mut self, census: &Census, corrupt: Corrupt) {
        census.attributes.lose_values();
        if corrupt.kind == CorruptKind::XattrMagic {
            self.recorded = None;
            self.problems.clear();
        }
        if self.problems.is_empty() {
            self.problems.push(Problem::corrupt(ProblemKind::XattrBlock, corrupt));
        }
    }
}
