//! Journals on a device of their own.

use std::fs::File;

use crate::error::{Context, Error, Result};
use crate::hostile::{ImageEditor, Part, Spot};
use crate::image::{Scratch, run};

/// A journal device of `blocks` blocks of `block_size` bytes, 1,024 of them at least, with `args`
/// for mke2fs besides.
///
/// # Errors
/// If mke2fs fails.
pub fn journal_device(block_size: u64, blocks: u64, args: &[&str]) -> Result<ImageEditor> {
    let scratch = Scratch::new()?;
    let path = scratch.join("journal.img");
    File::create(&path).and_then(|file| file.set_len(blocks * block_size)).on("create", &path)?;
    let (size, path_text) = (block_size.to_string(), path.display().to_string());
    let fixed = ["-q", "-F", "-O", "journal_dev", "-b", &size];
    run("mke2fs", &[&fixed[..], args, &[&path_text]].concat())?;
    ImageEditor::read(&path)
}

/// Makes `journal` the journal of `image`, which has none, and sets that there is something to
/// recover.
///
/// # Errors
/// If `image` has a journal, or `journal` is not the image of a journal device.
pub fn attach_journal(image: &mut ImageEditor, journal: &mut ImageEditor) -> Result<()> {
    let (compat, incompat) =
        (image.get_u32(Spot::Superblock, 0x5c)?, image.get_u32(Spot::Superblock, 0x60)?);
    if compat & 0x4 != 0 {
        return Err(Error::Image("the image has a journal".to_owned()));
    }
    let journal_uuid = journal.get_bytes(Spot::Superblock, 0x68, 16)?.to_vec();
    let image_uuid = image.get_bytes(Spot::Superblock, 0x68, 16)?.to_vec();
    image.set_u32(Spot::Superblock, 0x5c, compat | 0x4)?;
    image.set_u32(Spot::Superblock, 0x60, incompat | 0x4)?;
    image.set_bytes(Spot::Superblock, 0xd0, &journal_uuid)?;
    image.set_u32(Spot::Superblock, 0xe0, 0)?;
    image.set_u32(Spot::Superblock, 0xe4, 0x0700)?;
    let superblock = Spot::Block(journal.journal_superblock()?);
    journal.set_be32(superblock, 0x40, 1)?;
    journal.set_bytes(superblock, 0x100, &image_uuid)?;
    journal.make_right(Part::JournalSuperblock)
}
