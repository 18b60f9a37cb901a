//! From a profile to a filled image.

use std::path::{Path, PathBuf};

use super::{Scale, Skipped, fill};
use crate::error::{Context, Result};
use crate::image::{Scratch, debugfs, run, run_accepting};
use crate::mount::{Access, LoopDevice, LoopMount};
use crate::profile::{KernelUse, Profile};

/// A filled image.
#[derive(Debug)]
pub struct Built {
    /// The image.
    pub image: PathBuf,
    /// The image of the external journal.
    pub journal: Option<PathBuf>,
    /// For profiles that the kernel does not mount: the host folder that the image was filled
    /// from, to compare with.
    pub source: Option<PathBuf>,
    /// What was left out of the mix.
    pub skipped: Vec<Skipped>,
}

impl Built {
    /// Mounts the image read-only.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn mount(&self) -> Result<LoopMount> {
        mount(&self.image, self.journal.as_deref(), Access::ReadOnly)
    }
}

fn mount(image: &Path, journal: Option<&Path>, access: Access) -> Result<LoopMount> {
    match journal {
        Some(journal) => LoopMount::with_journal(image, access, journal),
        None => LoopMount::new(image, access),
    }
}

/// Makes an image of `profile` in `scratch` and fills it with the mix at `scale`. Needs
/// [`KernelMount`](crate::capability::Capability::KernelMount), also for profiles that are not
/// mounted: root makes the device nodes.
///
/// # Errors
/// If a tool fails, or the content cannot be written although the profile should hold it.
pub fn build(scratch: &Scratch, profile: &Profile, scale: Scale) -> Result<Built> {
    if profile.kernel == KernelUse::Not {
        return build_offline(scratch, profile, scale);
    }
    let image = empty_image(scratch, profile, scale.mib, scale.inodes())?;
    let journal = profile.external_journal.then(|| journal_path(scratch, profile));
    let mounted = mount(&image, journal.as_deref(), Access::ReadWrite)?;
    let skipped = fill(mounted.path(), profile.holds(), scale)?;
    mounted.unmount()?;
    if !profile.finish.is_empty() {
        let mut args: Vec<_> = profile.finish.iter().map(|&arg| arg.to_owned()).collect();
        args.push(image.display().to_string());
        run("tune2fs", &args)?;
    }
    if profile.finish.iter().any(|arg| arg.contains("project")) {
        set_projects(&image)?;
    }
    Ok(Built { image, journal, source: None, skipped })
}

fn journal_path(scratch: &Scratch, profile: &Profile) -> PathBuf {
    scratch.join(&format!("{}.journal", profile.name))
}

/// An empty image of `profile`, with its journal device if it has one.
///
/// # Errors
/// If mke2fs fails.
pub fn empty_image(scratch: &Scratch, profile: &Profile, mib: u64, inodes: u64) -> Result<PathBuf> {
    if !profile.external_journal {
        return scratch.mkfs(profile, mib, inodes);
    }
    let name = format!("{}.journal", profile.name);
    let journal = scratch.sparse_file(&name, 32)?;
    let block = profile.block.to_string();
    let device = journal.display().to_string();
    run("mke2fs", &["-q", "-F", "-O", "journal_dev", "-b", &block, &device])?;
    let node = LoopDevice::attach(&journal)?;
    let image = scratch.sparse_file(&format!("{}.img", profile.name), mib)?;
    let mut args = profile.mke2fs_args();
    args.extend(["-N".to_owned(), inodes.to_string()]);
    args.extend(["-J".to_owned(), format!("device={}", node.path().display())]);
    args.push(image.display().to_string());
    run("mke2fs", &args)?;
    Ok(image)
}

/// Project ids on files, which the kernel here cannot set since it does not mount project
/// read-write.
fn set_projects(image: &Path) -> Result<()> {
    let commands = [
        "set_inode_field /files/sparse projid 42",
        "set_inode_field /files projid 4294967294",
        "set_inode_field /tiny/0100 projid 1",
    ];
    debugfs(image, &commands)?;
    // The quota files count by project: let e2fsck bring them up to date.
    let path = image.display().to_string();
    run_accepting("e2fsck", &["-fy", &path], &[0, 1]).map(drop)
}

fn build_offline(scratch: &Scratch, profile: &Profile, scale: Scale) -> Result<Built> {
    let source = scratch.folder(&format!("{}.source", profile.name))?;
    let skipped = fill(&source, profile.holds(), scale)?;
    let mib = scale.mib * if profile.block > 4096 { 4 } else { 1 };
    let image = scratch.mkfs_from(profile, mib, scale.inodes(), Some(&source))?;
    if profile.has("casefold") {
        casefolded(&image)?;
    }
    // Large directories get their hash trees.
    run_accepting("e2fsck", &["-fyD", &image.display().to_string()], &[0, 1])?;
    std::fs::metadata(&image).on("stat", &image)?;
    Ok(Built { image, journal: None, source: Some(source), skipped })
}

/// Directories that fold case: the flag is `EXT4_CASEFOLD_FL` (0x40000000). The hashes of the
/// index are made by e2fsck afterwards.
fn casefolded(image: &Path) -> Result<()> {
    let folders = ["/many", "/sizes/dir200", "/sizes/dir000"];
    let commands = folders.map(|path| format!("set_inode_field {path} flags 0x40000000"));
    debugfs(image, &commands).map(drop)
}
