//! Logs whose last transaction lost a block: what a crash leaves when the device had not written
//! all of it, or had written it badly.
//!
//! The last transaction holds metadata alone, so that losing it whole gives exactly the tree
//! before. Everything acknowledged earlier must be there, and nothing of the last transaction.

use super::log::{self, Checksum, Log, LogBlock, Role, Transaction};
use super::operation::Operation;
use super::profile::DirtyProfile;
use super::session::{Allocation, Session};
use super::{Stop, operations};
use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::manifest::{Manifest, host_manifest};
use crate::observe::HashKind;

/// How the block was lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Loss {
    /// It is zero.
    Zero,
    /// It holds what was there before the transaction was written.
    Stale,
}

/// One damaged log. Its tree is that of [`Torn::before`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variant {
    /// What the lost block was.
    pub role: Role,
    /// What is in its place.
    pub loss: Loss,
    at: usize,
    bytes: Vec<u8>,
}

/// A file system whose last transaction can be damaged.
#[derive(Clone, Debug)]
pub struct Torn {
    /// The undamaged image.
    pub image: Vec<u8>,
    /// The tree without the last transaction: acknowledged by the sync before it.
    pub before: Manifest,
    /// The tree with it.
    pub after: Manifest,
    /// The undamaged log.
    pub log: Log,
    /// The damages.
    pub variants: Vec<Variant>,
}

impl Torn {
    /// The image with the damage of `variant`.
    #[must_use]
    pub fn damaged(&self, variant: &Variant) -> Vec<u8> {
        let mut image = self.image.clone();
        if let Some(place) = image.get_mut(variant.at..variant.at + variant.bytes.len()) {
            place.copy_from_slice(&variant.bytes);
        }
        image
    }
}

/// Runs the operations of `seed` on `profile` (whose journal is internal and without fast
/// commits), then one more transaction, and lists the damages that recovery can see: without
/// checksums a lost copy cannot be told from a good one.
///
/// # Errors
/// If a tool or the kernel fails, or the last sync was not exactly one transaction.
pub fn tear(scratch: &Scratch, profile: &DirtyProfile, seed: u64) -> Result<Torn> {
    let name = format!("{}-{seed}-torn", profile.name);
    let mut session = Session::start(scratch, profile, &name, Allocation::of(seed))?;
    let lasting = |operation: &Operation| !matches!(operation, Operation::TruncateInProgress(_));
    for operation in operations(profile, seed).iter().filter(|one| lasting(one)) {
        session.run(operation)?;
    }
    let path = session.files().image.clone();
    // Delayed data goes out first, so that it is not in the last transaction.
    session.run(&Operation::Sync)?;
    let before = host_manifest(session.root(), HashKind::Xxh3)?;
    let old = std::fs::read(&path).on("read", &path)?;
    for operation in last_group(seed) {
        session.run(&operation)?;
    }
    session.run(&Operation::Commit)?;
    let after = host_manifest(session.root(), HashKind::Xxh3)?;
    let image = std::fs::read(&path).on("read", &path)?;
    let files = session.stop(Stop::Copy)?;
    std::fs::remove_file(&files.image).on("remove", &files.image)?;
    let log = log::read_bytes(image.clone(), None)?;
    let known = log::read_bytes(old.clone(), None)?.transactions;
    let mut new = log.transactions.iter().filter(|one| {
        known.last().is_none_or(|last| one.sequence.wrapping_sub(last.sequence).cast_signed() > 0)
    });
    let (Some(last), None) = (new.next(), new.next()) else {
        return Err(Error::Image(format!("{name}: the last sync is not one transaction")));
    };
    let variants = variants(&image, &old, last, &log);
    Ok(Torn { image, before, after, log, variants })
}

/// Metadata alone: nothing that writes or frees blocks of data.
fn last_group(seed: u64) -> Vec<Operation> {
    let mut group = vec![Operation::Mkdir("last".to_owned())];
    for number in 0..5 + seed % 40 {
        let path = format!("last/{number:02}{}", "x".repeat(60));
        group.push(Operation::Create { path: path.clone(), length: 0 });
        match number % 4 {
            0 => {
                let to = format!("moved{number}");
                group.push(Operation::Rename { from: path, to });
            }
            1 => {
                let name = "last".to_owned();
                group.push(Operation::SetXattr { path, name, length: 30 + number });
            }
            2 => group.push(Operation::Link { from: path, to: format!("linked{number}") }),
            _ => group.push(Operation::Symlink { path: format!("link{number}"), length: 30 }),
        }
    }
    group
}

fn variants(image: &[u8], old: &[u8], last: &Transaction, log: &Log) -> Vec<Variant> {
    let seen = |block: &&LogBlock| {
        log.checksum != Checksum::None || !matches!(block.role, Role::Copy { .. })
    };
    let mut found = Vec::new();
    for block in last.blocks.iter().filter(seen) {
        let at = usize::try_from(block.at).unwrap_or(usize::MAX);
        let size = usize::try_from(log.block).unwrap_or_default();
        let range = at..at.saturating_add(size);
        let stale = old.get(range.clone()).unwrap_or_default().to_vec();
        for (loss, bytes) in [(Loss::Zero, vec![0; size]), (Loss::Stale, stale)] {
            let differs = image.get(range.clone()).is_some_and(|now| now != bytes);
            let repeated = loss == Loss::Stale && bytes.iter().all(|&byte| byte == 0);
            if differs && !repeated {
                found.push(Variant { role: block.role, loss, at, bytes });
            }
        }
    }
    found
}
