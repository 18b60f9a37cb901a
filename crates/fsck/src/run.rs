//! A whole check: the phases in their order.

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
    let image = run.open(device)?;
    run.check(&image);
    Ok(run.problems.finish(run.summary))
}

struct Run<'a> {
    options: &'a CheckOptions,
    problems: Problems,
    summary: Summary,
}

impl Run<'_> {
    /// Opens the image, with its journal checked, and replayed in memory where it must be.
    fn open(&mut self, device: Arc<dyn BlockDevice>) -> Result<Image, CheckError> {
        let (mut problems, mut descriptors) = (Problems::default(), Problems::default());
        let found = open::superblock(&*device, self.options, &mut problems)?;
        let before = found.superblock.clone();
        let image = open::image(device, found, &mut descriptors);
        if let Some(replayed) = journal::check(&image, self.options, &mut self.problems) {
            // What is wrong before replay does not count.
            let mut after = Problems::default();
            let found = open::superblock(&*replayed.device, self.options, &mut after);
            match found {
                Ok(found) if journal::is_same(&before, &found.superblock) => {
                    self.summary.replayed_transactions = replayed.transactions;
                    self.problems.append(after);
                    return Ok(open::image(replayed.device, found, &mut self.problems));
                }
                _ => {
                    let at = Place::structure("journal");
                    self.problems.push(Problem::new(ProblemKind::JournalReplay, at));
                }
            }
        }
        self.problems.append(problems);
        self.problems.append(descriptors);
        Ok(image)
    }

    fn check(&mut self, image: &Image) {
        let mut census = self.layout(image);
        census.orphans = orphans::find(image, &mut self.problems);
        self.summary.orphans = census.orphans.len() as u64;
        let (directories, usage) = self.inodes(image, &census);
        let may_share = image.superblock().features().ro_compat(RoCompat::SHARED_BLOCKS);
        if !census.shared.is_empty() && !may_share {
            shared::check(image, &census, &mut self.problems);
        }
        self.directories(image, &census, &directories);
        references::check(image, &census, &mut self.problems);
        attributes::references(image, &census, &mut self.problems);
        self.groups(image, &census);
        quota::check(image, &census, &usage, &mut self.problems);
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

    fn tell(&self, phase: Phase, done: u64, total: u64) {
        if let Some(progress) = &self.options.progress {
            progress.advance(phase, done, total);
        }
    }

    /// The phase of inodes; all directories, ascending, and the space that each owner uses.
    fn inodes(&mut self, image: &Image, census: &Census) -> (Vec<InodeNr>, Usage) {
        let total = u64::from(image.geometry().group_count());
        let done = |n| self.tell(Phase::Inodes, n, total);
        let workers = inodes::scan(image, census, self.threads(image), &done);
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
        let done = |n| self.tell(Phase::Directories, n, list.len() as u64);
        let problems = directories::check(image, census, (list, self.threads(image)), &done);
        self.problems.append(problems);
    }

    fn groups(&mut self, image: &Image, census: &Census) {
        let total = u64::from(image.geometry().group_count());
        let done = |n| self.tell(Phase::Groups, n, total);
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
