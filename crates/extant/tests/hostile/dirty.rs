//! Images with logs written by hand, and what must come of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use extant::{BlockDevice, Error, Filesystem, OpenOptions};
use extant_block::MemoryDevice;
use extant_core::{RecoverOptions, recover};
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::journal::{LogBuilder, LogChecksum, LogFormat, MAGIC, Transaction};

use crate::support::{bounded, failure, image, open, open_with, unrelated_reads_right};
use crate::walk::id_of;

/// Commit time of the first transaction: later than when the image is made.
pub(crate) const TIME: u64 = 4_000_000_000;

/// All kinds of checksums, and both widths of block numbers.
pub(crate) fn formats() -> impl Iterator<Item = LogFormat> {
    [LogChecksum::None, LogChecksum::V1, LogChecksum::V2, LogChecksum::V3]
        .into_iter()
        .flat_map(|sum| [LogFormat::new(sum, false), LogFormat::new(sum, true)])
}

/// Blocks of content of `/fragmented`: nobody minds what they hold.
pub(crate) fn homes(image: &ImageEditor, count: usize) -> Vec<u64> {
    let inode = image.lookup("/fragmented").unwrap();
    let blocks = (0..800).filter_map(|logical| image.map_block(inode, logical).unwrap());
    blocks.take(count).collect()
}

/// A block full of `fill`.
pub(crate) fn filled(fill: u8) -> Vec<u8> {
    vec![fill; 1024]
}

/// As [`filled`], with the magic number of the journal at its start.
pub(crate) fn escaped(fill: u8) -> Vec<u8> {
    [&MAGIC.to_be_bytes()[..], &filled(fill)[4..]].concat()
}

/// An image with a log.
pub(crate) struct Dirty {
    /// The image as it was before.
    pub(crate) before: ImageEditor,
    /// The image that needs recovery.
    pub(crate) image: ImageEditor,
    /// Its log.
    pub(crate) log: LogBuilder,
}

impl Dirty {
    /// An image made with `args`, and the log that `write` writes.
    pub(crate) fn new(
        args: &[&str],
        format: LogFormat,
        write: impl FnOnce(&mut LogBuilder, &mut ImageEditor),
    ) -> Self {
        let before = image(args);
        let mut image = before.clone();
        let mut log = LogBuilder::new(&mut image, format).unwrap();
        write(&mut log, &mut image);
        log.finish(&mut image).unwrap();
        Self { before, image, log }
    }

    /// Three transactions: blocks 0, 1, 2; then 1 again, 2 revoked; then 3, which is escaped.
    pub(crate) fn three(args: &[&str], format: LogFormat) -> Self {
        let homes = homes(&image(args), 4);
        let first = [0, 1, 2].map(|number| (homes[number], filled(1))).to_vec();
        let transactions = [
            (first, vec![]),
            (vec![(homes[1], filled(2))], vec![homes[2]]),
            (vec![(homes[3], escaped(3))], vec![]),
        ];
        Self::new(args, format, |log, image| {
            for ((copies, revokes), time) in transactions.into_iter().zip(TIME..) {
                let whole = Transaction { copies, revokes, time, ..Transaction::default() };
                log.transaction(image, &whole).unwrap();
            }
        })
    }

    /// Opens: the device that the file system sees is the image as before with the first
    /// `complete` transactions on top, and the tree is whole.
    pub(crate) fn replays(&self, complete: usize) -> Filesystem {
        self.replays_as(&self.log.model().blocks(complete))
    }

    /// As [`replays`](Self::replays), with the blocks that differ from the image before.
    pub(crate) fn replays_as(&self, expected: &BTreeMap<u64, &[u8]>) -> Filesystem {
        let fs = open(&self.image).unwrap();
        let wrong = wrong_blocks(&self.before, &fs, expected);
        assert!(wrong.is_empty(), "{wrong:?}");
        unrelated_reads_right(&fs);
        fs
    }
}

/// The blocks of the device that `fs` sees that are not as in `before` with `expected` on top; but
/// for the superblock and the journal.
pub(crate) fn wrong_blocks(
    before: &ImageEditor,
    fs: &Filesystem,
    expected: &BTreeMap<u64, &[u8]>,
) -> Vec<u64> {
    let mut seen = vec![0; before.bytes().len()];
    fs.volume().device().read_at(&mut seen, 0).unwrap();
    let superblock = Spot::Block(before.journal_superblock().unwrap());
    let journal = 0..before.get_be32(superblock, 0x10).unwrap();
    let journal: Vec<u64> = journal.map(|n| before.journal_block(n).unwrap()).collect();
    let pairs = before.bytes().chunks(1024).zip(seen.chunks(1024));
    let wrong = pairs.zip(0_u64..).filter(|((before, seen), number)| {
        let wanted = expected.get(number).unwrap_or(before);
        wanted != seen && *number != 1 && !journal.contains(number)
    });
    wrong.map(|(_, number)| number).collect()
}

/// Recovers a copy of `image`, which must not take long: the result and the bytes afterwards.
pub(crate) fn recovered(
    image: &ImageEditor,
) -> (Result<extant_core::RecoveryReport, Error>, Vec<u8>) {
    let device = Arc::new(MemoryDevice::from_vec(image.bytes().to_vec()));
    let written: Arc<dyn BlockDevice> = device.clone();
    let result = bounded(move || {
        let options = RecoverOptions { finish_orphans: true, ..RecoverOptions::default() };
        recover(written, &options).map_err(Error::from)
    });
    (result, device.to_vec())
}

/// R or noload RO: opening and recovering fail with `id`, nothing is written, and without its
/// journal the tree can be read.
pub(crate) fn stopped(image: &ImageEditor, id: &str) {
    refused_as(image, id);
    let options = OpenOptions { noload: true, ..OpenOptions::default() };
    unrelated_reads_right(&open_with(image, options).unwrap());
}

/// As [`stopped`], where the tree may be broken.
pub(crate) fn refused_as(image: &ImageEditor, id: &str) {
    assert_eq!(failure(open(image)), id);
    let (result, bytes) = recovered(image);
    assert_eq!(id_of(&result.unwrap_err()), id);
    assert!(bytes == image.bytes(), "recovery wrote");
}
