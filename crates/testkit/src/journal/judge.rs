//! e2fsck as the judge of logs.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::hostile::{ImageEditor, Spot};
use crate::image::{Scratch, run_accepting};

/// What e2fsck made of an image.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The image afterwards.
    pub image: ImageEditor,
    /// Exit status.
    pub status: i32,
    /// What e2fsck printed.
    pub output: String,
}

/// Replays the journal of a copy of `image`.
///
/// # Errors
/// If e2fsck ends with something else than 0 to 15.
pub fn e2fsck_replay(image: &ImageEditor) -> Result<Replayed> {
    replay(image, None)
}

/// As [`e2fsck_replay`], with the journal on a device of its own, of which a copy is used too.
///
/// # Errors
/// As [`e2fsck_replay`].
pub fn e2fsck_replay_external(image: &ImageEditor, journal: &ImageEditor) -> Result<Replayed> {
    replay(image, Some(journal))
}

fn replay(image: &ImageEditor, journal: Option<&ImageEditor>) -> Result<Replayed> {
    let scratch = Scratch::new()?;
    let (path, journal_path) = (scratch.join("dirty.img"), scratch.join("journal.img"));
    image.write(&path)?;
    let mut args = vec!["-E".to_owned(), "journal_only".to_owned(), "-y".to_owned()];
    if let Some(journal) = journal {
        journal.write(&journal_path)?;
        args.extend(["-j".to_owned(), journal_path.display().to_string()]);
    }
    args.push(path.display().to_string());
    let (status, output) = run_accepting("e2fsck", &args, &Vec::from_iter(0..16))?;
    Ok(Replayed { image: ImageEditor::read(&path)?, status, output })
}

impl Replayed {
    /// The blocks that are not as they must be: `before` with `expected` on top. The superblock and
    /// the journal's own blocks are left out, since every tool writes them in its own way.
    ///
    /// # Errors
    /// If a structure is not in the image.
    pub fn wrong_blocks(
        &self,
        before: &ImageEditor,
        expected: &BTreeMap<u64, &[u8]>,
    ) -> Result<Vec<u64>> {
        let size = usize::try_from(before.block_size()?).unwrap_or(1024);
        let mut left_out = BTreeSet::from([1024 / size as u64]);
        if before.get_u32(Spot::Superblock, 0xe0)? != 0 {
            let superblock = Spot::Block(before.journal_superblock()?);
            for number in 0..before.get_be32(superblock, 0x10)? {
                left_out.insert(before.journal_block(number)?);
            }
        }
        let pairs = before.bytes().chunks(size).zip(self.image.bytes().chunks(size));
        let wrong = pairs.zip(0_u64..).filter(|((before, after), number)| {
            let wanted = expected.get(number).unwrap_or(before);
            wanted != after && !left_out.contains(number)
        });
        Ok(wrong.map(|(_, number)| number).collect())
    }
}
