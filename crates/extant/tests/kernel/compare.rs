//! One profile: made, filled, looked at through both, compared.

use std::path::Path;
use std::time::Instant;

use extant::{Filesystem, OpenOptions};
use extant_testkit::capability::{Capability, need};
use extant_testkit::content::{Built, Scale, build};
use extant_testkit::image::Scratch;
use extant_testkit::manifest::{Manifest, host_manifest};
use extant_testkit::observe::{HashKind, Observed, Statfs, diff, observe_dir, statfs};
use extant_testkit::profile::Profile;
use extant_tree::{DigestOptions, Hash, manifest};
use rustix::io::Errno;

use crate::{maps, names, walker};

/// What a fresh read-only mount shows.
pub(crate) struct KernelView {
    pub(crate) seen: Vec<Observed>,
    pub(crate) statfs: Statfs,
    pub(crate) maps: maps::Maps,
    pub(crate) manifest: Manifest,
}

/// Mounts `built` and writes down what the kernel shows.
pub(crate) fn kernel_view(built: &Built) -> KernelView {
    let mount = built.mount().unwrap();
    let statfs = statfs(mount.path()).unwrap();
    let seen = observe_dir(mount.path()).unwrap();
    let maps = maps::of_kernel(mount.path(), &seen);
    let manifest = host_manifest(mount.path(), HashKind::Xxh3).unwrap();
    mount.unmount().unwrap();
    KernelView { seen, statfs, maps, manifest }
}

/// Whether this machine can fill images of every profile and look at them.
pub(crate) fn able() -> bool {
    need(Capability::KernelEncryption) && need(Capability::Tool("filefrag"))
}

/// The whole comparison for a profile that the kernel mounts.
pub(crate) fn profile(profile: &Profile, scale: Scale) {
    if !able() {
        return;
    }
    let start = Instant::now();
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, profile, scale).unwrap();
    let filled = start.elapsed();
    let kernel = kernel_view(&built);
    let names = if profile.holds().huge_directories { scale.names } else { 2_000 };
    assert!(kernel.seen.len() > names as usize + 2_000, "{} entries", kernel.seen.len());
    if profile.holds().encryption {
        let refused = kernel.seen.iter().filter(|e| e.content == Some(Err(Errno::NOKEY))).count();
        assert!(refused > names.min(500) as usize, "{refused} files without key");
    }
    let looked = start.elapsed();
    same_view(&built.image, &kernel);
    names::check(&built.image, &kernel.seen);
    println!(
        "{}: {} entries; filled {filled:.1?}, kernel {:.1?}, library {:.1?}",
        profile.name,
        kernel.seen.len(),
        looked - filled,
        start.elapsed() - looked
    );
}

/// Every field of every entry, block maps, statfs and the manifest.
pub(crate) fn same_view(image: &Path, kernel: &KernelView) {
    let fs = walker::open(image, &OpenOptions::default()).unwrap();
    assert_eq!(fs.volume().damage().1, 0);
    assert_same(&kernel.seen, &walker::walk(&fs));
    assert_eq!(walker::statfs(&fs), kernel.statfs);
    assert_eq!(maps::differences(&fs, &kernel.maps), Vec::<String>::new());
    same_manifest(&fs, &kernel.manifest);
}

/// Fails with the differences, if there are any.
pub(crate) fn assert_same(kernel: &[Observed], ours: &[Observed]) {
    let differences = diff(kernel, ours);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The lines one by one, then the digest over them.
fn same_manifest(fs: &Filesystem, kernel: &Manifest) {
    let options = DigestOptions { hash: Hash::Xxh3, ..DigestOptions::default() };
    let mut text = Vec::new();
    let digest = manifest(fs, b"/", &options, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for (ours, theirs) in text.lines().zip(&kernel.lines) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(text.lines().count(), kernel.lines.len());
    assert_eq!(digest.string, kernel.digest);
    assert!(digest.complete && digest.errors.is_empty(), "{:?}", digest.errors.first());
}
