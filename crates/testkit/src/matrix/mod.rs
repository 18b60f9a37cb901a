//! Many ways to call mke2fs: every option by itself, and hundreds of mixes drawn by a number.
//!
//! What mke2fs refuses is skipped by whoever makes the images; e2fsck is content with the others.

mod axes;
#[cfg(test)]
mod tests;

use std::path::Path;

use axes::{ADDITIONS, EXTENDED, FEATURES, FLAGS, JOURNALS, SIZES};

use crate::error::{Context, Error, Result};
use crate::hostile::plant;
use crate::image::{Scratch, run};
use crate::random::Random;
use crate::verdict::soundness::Made;

/// Mixes beside the single options.
const MIXES: u64 = 900;

/// One call of mke2fs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptionSet {
    /// Arguments, without the image.
    pub args: Vec<String>,
    /// Size of the image in KiB.
    pub kib: u64,
    /// Filled from a folder (`-d`).
    pub filled: bool,
    /// With a list of bad blocks (`-l`).
    pub bad_blocks: bool,
}

impl OptionSet {
    fn new(kind: &str, kib: u64) -> Self {
        let args = ["-q", "-F", "-t", kind].map(str::to_owned).to_vec();
        Self { args, kib, filled: false, bad_blocks: false }
    }

    fn add(&mut self, flag: &str, value: &str) {
        self.args.extend([flag.to_owned(), value.to_owned()]);
    }

    /// For reports: the command line.
    #[must_use]
    pub fn name(&self) -> String {
        let more = [(self.filled, " -d"), (self.bad_blocks, " -l")];
        let more: String = more.into_iter().filter(|(on, _)| *on).map(|(_, text)| text).collect();
        format!("{}{more} ({} KiB)", self.args.join(" "), self.kib)
    }

    /// What mke2fs 1.47.0 itself does wrong: quota files that were counted before the image was
    /// filled, reserved blocks counted in clusters, and free blocks where
    /// metadata is packed.
    fn is_made_wrong(&self) -> bool {
        let has = |word: &str| self.args.iter().any(|arg| arg.contains(word));
        let reserved = has("bigalloc") && self.args.iter().any(|arg| arg == "50");
        let packed = has("packed_meta") && (has("location=") || has("-G"));
        has("quota") && self.filled || reserved || packed
    }

    /// Makes the image at `path`.
    ///
    /// # Errors
    /// If the system fails; that mke2fs refuses is an answer.
    pub fn make(&self, scratch: &Scratch, path: &Path) -> Result<Made> {
        let file = std::fs::File::create(path).on("create", path)?;
        file.set_len(self.kib << 10).on("set size of", path)?;
        let mut args = self.args.clone();
        let source = scratch.join("matrix-source");
        if self.filled {
            if !source.exists() {
                plant(&scratch.folder("matrix-source")?)?;
            }
            args.extend(["-d".to_owned(), source.display().to_string()]);
        }
        if self.bad_blocks {
            let list = scratch.join("bad-blocks");
            std::fs::write(&list, "700\n701\n723\n").on("write", &list)?;
            args.extend(["-l".to_owned(), list.display().to_string()]);
        }
        args.push(path.display().to_string());
        match run("mke2fs", &args) {
            Ok(_) => Ok(Made::Image),
            Err(Error::Tool { output, .. }) => Ok(Made::Refused(output)),
            Err(error) => Err(error),
        }
    }
}

/// All option sets, always the same.
#[must_use]
pub fn option_sets() -> Vec<OptionSet> {
    let mut sets = singles();
    sets.extend((0..MIXES).map(mix));
    sets
}

/// Each option alone, on small and on larger blocks.
fn singles() -> Vec<OptionSet> {
    let mut sets = Vec::new();
    for (kind, revision) in [("ext2", "0"), ("ext2", "1"), ("ext3", "1")] {
        for block in ["1024", "2048", "4096"] {
            let mut set = OptionSet { filled: true, ..OptionSet::new(kind, 10_240) };
            set.add("-b", block);
            set.add("-r", revision);
            sets.push(set);
        }
    }
    for (block, kib) in [("1024", 8192), ("4096", 32_768)] {
        let base = || {
            let mut set = OptionSet::new("ext4", kib);
            set.add("-b", block);
            set
        };
        for &(flag, value) in FLAGS.iter().flat_map(|axis| axis.iter()) {
            let mut set = base();
            set.add(flag, value);
            sets.push(set);
        }
        for feature in FEATURES.iter().chain(ADDITIONS) {
            let mut set = base();
            set.add("-O", feature.features);
            for (flag, value) in feature.with {
                set.add(flag, value);
            }
            sets.push(set);
        }
        for &value in EXTENDED {
            let mut set = base();
            set.add("-E", value);
            sets.push(set);
        }
        for &value in JOURNALS {
            let mut set = base();
            set.add("-J", value);
            sets.push(set);
        }
        sets.push(OptionSet { filled: true, ..base() });
        sets.push(OptionSet { bad_blocks: true, ..base() });
    }
    sets
}

fn one<T: Copy>(random: &mut Random, list: &[T]) -> Option<T> {
    list.get(random.index(list.len())).copied()
}

/// The mix of `number`.
fn mix(number: u64) -> OptionSet {
    let mut random = Random::new(number);
    let kind = one(&mut random, &["ext2", "ext3", "ext4", "ext4", "ext4", "ext4"]);
    let kib = one(&mut random, SIZES).unwrap_or(8192);
    let mut set = OptionSet::new(kind.unwrap_or("ext4"), kib);
    let block = one(&mut random, &["1024", "1024", "2048", "4096", "4096", "8192", "65536"]);
    set.add("-b", block.unwrap_or("1024"));
    for axis in FLAGS {
        let drawn = if random.one_in(5) { one(&mut random, axis) } else { None };
        if let Some((flag, value)) = drawn {
            set.add(flag, value);
        }
    }
    let (mut features, mut extended) = (Vec::new(), Vec::new());
    for _ in 0..random.below(5) {
        let list = if random.one_in(3) { FEATURES } else { ADDITIONS };
        let Some(feature) = list.get(random.index(list.len())) else { continue };
        features.push(feature.features);
        for &(flag, value) in feature.with {
            if flag == "-E" { extended.push(value) } else { set.add(flag, value) }
        }
    }
    for _ in 0..random.below(3) {
        extended.extend(one(&mut random, EXTENDED));
    }
    if !features.is_empty() {
        set.add("-O", &features.join(","));
    }
    if !extended.is_empty() {
        set.add("-E", &extended.join(","));
    }
    if random.one_in(4) {
        set.add("-J", one(&mut random, JOURNALS).unwrap_or("size=4"));
    }
    (set.filled, set.bad_blocks) = (random.one_in(3), random.one_in(12));
    if set.is_made_wrong() { OptionSet::new("ext4", kib) } else { set }
}
