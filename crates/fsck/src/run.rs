//! A whole check: the phases in their order.

use std::sync::atomic::{AtomicU64, Ordering};

use extant_block::BlockDevice;
use extant_format::features::RoCompat;
use extant_format::{InodeNr, Place};
use extant_sync::Arc;

use crate::census::Census;
use crate::groups::Totals;
use crate::image::Image;
use crate::quota::Usage;
use crate::report::{Problems, Summary};
use crate::zones::Zones;
use crate::{
    CheckError, CheckOptions, Phase, Problem, ProblemKind, Report, attributes, copies, directories,
    groups, inodes, journal, mmp, open, orphans, quota, references, resize, shared, superblock,
    threads,
};

/// Checks the file system on `device`. Reads only.
///
/// # Errors
/// [`CheckError`] if there is no superblock to start from, or the device fails at once. Everything
/// else is in the report.
pub fn check(device: Arc<dyn BlockDevice>, options: &CheckOptions) -> Result<Report, CheckError> {
    let mut run = Run { options, problems: Problems::default(), summary: Summary::default() };
    if let Some(image) = run.open(device)? {
        run.check(&image);
    }
    Ok(run.problems.finish(run.summary))
}

/// A device of less is compared as if it had as much: a header with nothing behind it.
const LEAST_DEVICE: u64 = 64 << 20;
/// Times that progress is told in a phase.
const STEPS: u64 = 256;

struct Run<'a> {
    options: &'a CheckOptions,
    problems: Problems,
    summary: Summary,
}

impl<'a> Run<'a> {
    /// Opens the image, with its journal checked, and replayed in memory where it must be. `None`
    /// if the device is so much too small that what the superblock claims means nothing.
    fn open(&mut self, device: Arc<dyn BlockDevice>) -> Result<Option<Image>, CheckError> {
        let (mut problems, mut descriptors) = (Problems::default(), Problems::default());
        let found = open::superblock(&*device, self.options, &mut problems)?;
        let before = found.superblock.clone();
        let (claimed, there) = (before.geometry().size_bytes(), device.size_bytes());
        if claimed / 2 > there.max(LEAST_DEVICE) {
            self.problems.append(problems);
            let problem = Problem::new(ProblemKind::DeviceTooSmall, Place::superblock());
            self.problems.push(problem.found(there).expected(claimed));
            return Ok(None);
        }
        let image = open::image(device, found, &mut descriptors);
        if let Some(replayed) = journal::check(&image, self.options, &mut self.problems) {
            // What is wrong before replay does not count.
            let mut after = Problems::default();
            let found = open::superblock(&*replayed.device, self.options, &mut after);
            match found {
                Ok(found) if journal::is_same(&before, &found.superblock) => {
                    self.summary.replayed_transactions = replayed.transactions;
                    self.problems.append(after);
                    return Ok(Some(open::image(replayed.device, found, &mut self.problems)));
                }
                _ => {
                    let at = Place::structure("journal");
                    self.problems.push(Problem::new(ProblemKind::JournalReplay, at));
                }
            }
        }
        self.problems.append(problems);
        self.problems.append(descriptors);
        Ok(Some(image))
    }

    fn check(&mut self, image: &Image) {
        let mut census = self.layout(image);
        census.orphans = orphans::find(image, &mut self.problems);
        self.summary.orphans = census.orphans.len() as u64;
        let knew_blocks = census.knows_blocks();
        let mut found = self.inodes(image, &census, self.threads(image));
        if census.shares_nodes() && self.threads(image) > 1 {
            // Who comes first sees what is below a shared block of maps: again, in order.
            census = census.again(image.geometry(), knew_blocks);
            found = self.inodes(image, &census, 1);
        }
        let (directories, usage) = self.take(found);
        let may_share = image.superblock().features().ro_compat(RoCompat::SHARED_BLOCKS);
        if !census.shared.is_empty() && !may_share {
            shared::check(image, &census, &mut self.problems);
        }
        self.directories(image, &census, &directories);
        references::check(image, &census, &mut self.problems);
        attributes::references(image, &census, &mut self.problems);
        self.groups(image, &census);
        quota::check(image, &census, &usage, &mut self.problems);
        // No false pass: what could not be read is an error, whoever should have told of it.
        if !census.knows_all() && self.problems.errors() == 0 {
            self.problems.push(Problem::new(ProblemKind::Incomplete, Place::superblock()));
        }
    }

    /// The superblock and what it names but inodes; a census of the file system's own metadata.
    fn layout(&mut self, image: &Image) -> Census {
        superblock::check(image, &mut self.problems);
        copies::check(image, &mut self.problems);
        let mut zones = Zones::of(image, &mut self.problems);
        let mut known = mmp::check(image, &mut zones, &mut self.problems);
        known &= resize::check(image, &mut self.problems);
        known &= image.geometry().groups().all(|group| image.group(group).desc.is_some());
        let census = Census::new(image.geometry(), zones);
        if !known {
            census.lose_blocks();
        }
        census
    }

    fn threads(&self, image: &Image) -> usize {
        threads::threads_for(self.options.threads, image.geometry().size_bytes())
    }

    /// Tells of progress: what is given back is to be called once for each of `total` pieces.
    fn steps(&self, phase: Phase, total: u64) -> impl Fn(u64) + Sync + use<'a> {
        let (done, options) = (AtomicU64::new(0), self.options);
        move |_| {
            let Some(progress) = &options.progress else { return };
            let n = done.fetch_add(1, Ordering::Relaxed) + 1;
            if n == total || n.is_multiple_of((total / STEPS).max(1)) {
                progress.advance(phase, n, total);
            }
        }
    }

    /// The phase of inodes.
    fn inodes(&self, image: &Image, census: &Census, threads: usize) -> Vec<inodes::Found> {
        let done = self.steps(Phase::Inodes, image.geometry().group_count().into());
        let workers = inodes::scan(image, census, threads, &done);
        workers.into_iter().map(inodes::Worker::finish).collect()
    }

    /// Takes what the phase of inodes found; all directories, ascending, and what owners use.
    fn take(&mut self, workers: Vec<inodes::Found>) -> (Vec<InodeNr>, Usage) {
        let (mut directories, mut usage) = (Vec::new(), Usage::default());
        for worker in workers {
            self.problems.append(worker.problems);
            directories.extend(worker.directories);
            usage.append(&worker.usage);
            self.summary.directories += worker.summary.directories;
            self.summary.files += worker.summary.files;
            self.summary.symlinks += worker.summary.symlinks;
            self.summary.specials += worker.summary.specials;
        }
        directories.sort_unstable();
        (directories, usage)
    }

    fn directories(&mut self, image: &Image, census: &Census, list: &[InodeNr]) {
        let done = self.steps(Phase::Directories, list.len() as u64);
        let problems = directories::check(image, census, (list, self.threads(image)), &done);
        self.problems.append(problems);
    }

    fn groups(&mut self, image: &Image, census: &Census) {
        let done = self.steps(Phase::Groups, image.geometry().group_count().into());
        let mut totals = Totals::default();
        for worker in groups::check(image, census, self.threads(image), &done) {
            self.problems.append(worker.problems);
            totals.add(worker.totals);
        }
        self.totals(image, totals);
    }

    /// Checks the sums in the superblock.
    fn totals(&mut self, image: &Image, totals: Totals) {
        let (geometry, superblock) = (image.geometry(), image.superblock());
        let free_blocks = totals.free_clusters << geometry.cluster_ratio_bits();
        self.summary.inodes = geometry.inodes_count().into();
        self.summary.inodes_used = totals.used_inodes;
        self.summary.blocks = geometry.blocks_count();
        // As e2fsck(8) counts: what is before the first group is in use.
        self.summary.blocks_used = u64::from(geometry.first_data_block())
            + (totals.used_clusters << geometry.cluster_ratio_bits());
        let counts = [
            (ProblemKind::SuperblockFreeBlocks, superblock.free_blocks(), free_blocks),
            (
                ProblemKind::SuperblockFreeInodes,
                superblock.raw().free_inodes.get().into(),
                totals.free_inodes,
            ),
        ];
        for (kind, found, expected) in counts {
            if found != expected && geometry.groups().all(|g| image.group(g).desc.is_some()) {
                let problem = Problem::new(kind, Place::superblock());
                self.problems.push(problem.found(found).expected(expected));
            }
        }
    }
}
