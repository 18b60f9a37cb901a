//! Small images without a kernel: mke2fs, debugfs, e2fsck.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::error::{Context, Result};
use crate::image::{Scratch, debugfs, run, run_accepting};

/// How to make a small image; equal ones are made once in a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SmallImage<'a> {
    /// Arguments of mke2fs, for example `-t ext4 -b 1024`.
    pub args: &'a [&'a str],
    /// Size in KiB.
    pub kib: u64,
    /// Commands of debugfs, run on the filled image.
    pub debugfs: &'a [&'a str],
    /// Arguments of tune2fs, run last; empty for none. `-O mmp` belongs here: tools that open an
    /// image with MMP for writing wait eleven seconds.
    pub tune2fs: &'a [&'a str],
}

impl<'a> SmallImage<'a> {
    /// 8 MiB with `args`, and no further commands.
    #[must_use]
    pub const fn new(args: &'a [&'a str]) -> Self {
        Self { args, kib: 8192, debugfs: &[], tune2fs: &[] }
    }
}

type Cache = Mutex<HashMap<String, Arc<Vec<u8>>>>;
static CACHE: LazyLock<Cache> = LazyLock::new(Cache::default);

/// The image that `recipe` describes, clean by e2fsck, with this tree:
///
/// | path | what |
/// | --- | --- |
/// | `/file` | 10,000 bytes |
/// | `/empty`, `/tiny` | 0 and 20 bytes |
/// | `/fragmented` | 400 blocks at every other KiB: with 1 KiB blocks an extent tree of depth 2 |
/// | `/dir/a`, `/dir/b`, `/dir/sub` | two files and an empty directory |
/// | `/many` | 300 names; with `dir_index` a hash tree |
/// | `/link`, `/slow` | symlinks with targets of 4 and 100 bytes |
/// | `/fifo` | a named pipe |
/// | `/xattr-small`, `/xattr-large` | `user.small` of 8 bytes, `user.large` of 500 bytes |
/// | `/hard` | a second name of `/file` |
///
/// # Errors
/// If a tool fails.
pub fn small_image(recipe: &SmallImage<'_>) -> Result<Vec<u8>> {
    let key = format!("{recipe:?}");
    let cached = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(image) = cached().get(&key) {
        return Ok(image.as_ref().clone());
    }
    let image = Arc::new(make(recipe)?);
    cached().insert(key, Arc::clone(&image));
    Ok(image.as_ref().clone())
}

fn make(recipe: &SmallImage<'_>) -> Result<Vec<u8>> {
    let scratch = Scratch::new()?;
    let source = scratch.folder("source")?;
    plant(&source)?;
    let image = scratch.join("small.img");
    File::create(&image).and_then(|file| file.set_len(recipe.kib << 10)).on("create", &image)?;
    let (source, path) = (source.display().to_string(), image.display().to_string());
    let fixed = ["-q", "-F", "-U", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"];
    run("mke2fs", &[&fixed[..], recipe.args, &["-d", &source, &path]].concat())?;
    let attributes = [
        "ea_set /xattr-small user.small 12345678".to_owned(),
        format!("ea_set /xattr-large user.large {}", "0123456789".repeat(50)),
    ];
    debugfs(&image, &attributes)?;
    // Makes the hash trees, and the counts right.
    run_accepting("e2fsck", &["-fyD", &path], &[0, 1])?;
    if !recipe.debugfs.is_empty() {
        debugfs(&image, recipe.debugfs)?;
    }
    if !recipe.tune2fs.is_empty() {
        run("tune2fs", &[recipe.tune2fs, &[&path]].concat())?;
    }
    std::fs::read(&image).on("read", &image)
}

pub(crate) fn plant(root: &Path) -> Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        std::fs::write(&path, bytes).on("write", &path)
    };
    let folder = |name: &str| {
        let path = root.join(name);
        std::fs::create_dir(&path).on("mkdir", &path)
    };
    let link = |target: &str, name: &str| {
        let path = root.join(name);
        symlink(target, &path).on("symlink", &path)
    };
    let text: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    write("file", &text)?;
    write("empty", b"")?;
    write("tiny", b"twenty bytes of text")?;
    write("xattr-small", b"small")?;
    write("xattr-large", b"large")?;
    for name in ["dir", "dir/sub", "many"] {
        folder(name)?;
    }
    write("dir/a", b"a")?;
    write("dir/b", b"b")?;
    for number in 0..300 {
        write(&format!("many/name-{number:03}-{}", "x".repeat(20)), b"")?;
    }
    link("file", "link")?;
    link(&"0123456789".repeat(10), "slow")?;
    std::fs::hard_link(root.join("file"), root.join("hard")).on("link", root)?;
    let fifo = root.join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).on("mknod", &fifo)?;
    fragmented(&root.join("fragmented"))
}

fn fragmented(path: &Path) -> Result<()> {
    let file = File::create(path).on("create", path)?;
    for number in 0..400_u32 {
        let block = [number.to_le_bytes()[0] | 1; 1024];
        file.write_all_at(&block, u64::from(number) * 2048).on("write", path)?;
    }
    Ok(())
}
