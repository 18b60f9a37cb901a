//! Aged images: the kernel fills, changes and empties a file system by a seed, then unmounts.
//!
//! A seed says which kinds of steps are taken, how often, and how the file system is mounted.
//! Nothing is ever damaged: whoever finds a fault in such an image is wrong, or the kernel is. The
//! bytes differ from run to run, since the kernel takes times and allocates as it likes.

mod attributes;
mod files;
mod folders;
mod profile;
#[cfg(test)]
mod tests;
mod workload;

use std::path::{Path, PathBuf};

pub use profile::{AGED_PROFILES, AgedProfile};

use crate::content::empty_image;
use crate::error::{Context, Result};
use crate::image::{Scratch, debugfs, run, run_accepting};
use crate::mount::{Access, LoopDevice, LoopMount};
use crate::profile::Profile;
use crate::random::Random;
use workload::Workload;

/// Inodes of the images.
const INODES: u64 = 4096;

/// What a workload did.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// Steps that were taken.
    pub steps: usize,
    /// System calls that were refused for lack of space or of the feature.
    pub refused: usize,
    /// Names when it ended.
    pub files: usize,
    /// The image of the external journal.
    pub journal: Option<PathBuf>,
}

/// Makes an image of `profile` at `path` in `scratch`, ages it by `seed`, and unmounts it. Needs
/// [`KernelMount`](crate::capability::Capability::KernelMount) and, for encryption, a C compiler.
///
/// # Errors
/// If a tool or the kernel fails.
pub fn make(scratch: &Scratch, profile: &AgedProfile, seed: u64, path: &Path) -> Result<Done> {
    let mkfs = profile.mkfs()?;
    let made = empty_image(scratch, &mkfs, profile.mib, INODES)?;
    std::fs::rename(&made, path).on("rename", &made)?;
    let mut random = Random::new(seed);
    let mut options = mount_options(&mkfs, &mut random).to_owned();
    let (mut journal, mut device) = (None, None);
    if mkfs.external_journal {
        let (made, to) = (format!("{}.journal", mkfs.name), path.with_extension("journal"));
        std::fs::rename(scratch.join(&made), &to).on("rename to", &to)?;
        let attached = LoopDevice::attach(&to)?;
        options.push_str(&format!(",journal_path={}", attached.path().display()));
        (journal, device) = (Some(to), Some(attached));
    }
    let mount = LoopMount::with_options(path, Access::ReadWrite, &options)?;
    let mut workload = Workload::new(mount.path(), mkfs.holds(), random);
    let done = Done { journal, ..workload.run()? };
    drop(workload);
    mount.unmount()?;
    drop(device);
    if !mkfs.finish.is_empty() {
        let path = path.display().to_string();
        run("tune2fs", &[mkfs.finish, &[&path]].concat())?;
        if mkfs.finish.iter().any(|arg| arg.contains("project")) {
            debugfs(Path::new(&path), &["set_inode_field / projid 42"])?;
            // The quota files count by project.
            run_accepting("e2fsck", &["-fy", &path], &[0, 1])?;
        }
    }
    Ok(done)
}

/// Ordered data together with `inline_data` can hang the kernel for good: the commit writes data
/// out, which starts a handle for an inode whose data was inline, which waits for the commit.
fn mount_options(profile: &Profile, random: &mut Random) -> &'static str {
    const ANY: [&str; 4] = ["noatime", "nodelalloc", "dioread_lock", "noauto_da_alloc,strictatime"];
    const JOURNAL: [&str; 4] = ["commit=1", "data=journal", "data=writeback", "nobarrier"];
    let journal = profile.has("has_journal");
    if journal && profile.has("inline_data") {
        return "data=writeback";
    }
    let list = if journal && random.one_in(2) { JOURNAL } else { ANY };
    list.get(random.index(list.len())).copied().unwrap_or_default()
}
