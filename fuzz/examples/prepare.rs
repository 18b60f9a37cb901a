//! Makes the seeds of the fuzz targets: `prepare [FOLDER]`.
//!
//! Plain ones come from mke2fs and debugfs; those with a log are filled through the kernel and
//! stopped by the shutdown ioctl. Where the machine cannot do that, it is said and left out. Small
//! images of the corpora are listed, not copied.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use extant_fuzz::layout::Class;
use extant_fuzz::seeds::{Kind, Seed, folder};
use extant_testkit::capability::{Capability, missing};
use extant_testkit::corpus;
use extant_testkit::hostile::{SmallImage, small_image};
use extant_testkit::image::{Scratch, run};
use extant_testkit::ioctls::{ShutdownMode, shutdown};
use extant_testkit::mount::{Access, LoopMount};

/// Images of the corpora, and how large they are unpacked, at most.
const CORPUS_IMAGES: usize = 16;
const CORPUS_BYTES: usize = 2 << 20;

/// Clean images of 4 MiB with the standard tree: name, arguments of mke2fs, commands of debugfs.
const PLAIN: &[(&str, &str, &[&str])] = &[
    ("ext4", "-t ext4 -O metadata_csum,64bit", &[]),
    ("no-csum", "-t ext4 -O ^metadata_csum,^uninit_bg,^64bit", &[]),
    ("uninit", "-t ext4 -O ^metadata_csum,uninit_bg", &[]),
    ("ext2", "-t ext2 -I 256", &[]),
    ("ext3-small-inodes", "-t ext3 -I 128", &[]),
    ("inline", "-t ext4 -O inline_data,metadata_csum", &[]),
    ("groups", "-t ext4 -g 1024 -N 512 -O meta_bg,^resize_inode,metadata_csum", &[]),
    (
        "bigalloc",
        "-t ext4 -C 4096 -O bigalloc,quota,project,orphan_file,ea_inode,metadata_csum",
        &["ea_set /xattr-large user.huge HUGE"],
    ),
    ("casefold", "-t ext4 -O casefold,metadata_csum -E encoding=utf8", &[]),
    ("large-dir", "-t ext4 -O large_dir,metadata_csum,^has_journal", &[]),
    ("block-4k", "-t ext4 -b 4096 -O metadata_csum,^has_journal", &[]),
];

/// Images of 4 MiB with a log: name, arguments of mke2fs, options of mount, what is in the log.
const DIRTY: &[(&str, &str, &str, Kind)] = &[
    ("log-v3", "-t ext4 -O metadata_csum,64bit", "", Kind::Dirty),
    ("log-32bit", "-t ext4 -O metadata_csum,^64bit", "", Kind::Dirty),
    ("log-plain", "-t ext4 -O ^metadata_csum,^64bit", "", Kind::Dirty),
    ("log-ext3", "-t ext3", "", Kind::Dirty),
    ("log-data", "-t ext4 -O metadata_csum,64bit", "data=journal", Kind::Dirty),
    ("log-async", "-t ext4 -O metadata_csum", "journal_async_commit,data=writeback", Kind::Dirty),
    ("log-orphans", "-t ext4 -O metadata_csum,orphan_file", "", Kind::Dirty),
    ("fast", "-t ext4 -O fast_commit,metadata_csum", "", Kind::FastCommit),
    ("fast-plain", "-t ext4 -O fast_commit,^metadata_csum,^64bit", "", Kind::FastCommit),
    ("fast-inline", "-t ext4 -O fast_commit,inline_data,metadata_csum", "", Kind::FastCommit),
];

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(folder, PathBuf::from);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut index = Vec::new();
    for (name, args, commands) in PLAIN {
        let bytes = plain(args, commands).with_context(|| format!("seed {name}"))?;
        keep(&folder, &Seed::new(&format!("{name}.img"), Kind::Plain, bytes), &mut index)?;
    }
    match missing(Capability::KernelMount).or_else(|| missing(Capability::Compiler)) {
        Some(reason) => println!("SKIP: seeds with a log: {reason}"),
        None => {
            for (name, args, options, kind) in DIRTY {
                let bytes = dirty(args, options, *kind).with_context(|| format!("seed {name}"))?;
                keep(&folder, &Seed::new(&format!("{name}.img"), *kind, bytes), &mut index)?;
            }
        }
    }
    corpora(&mut index)?;
    let mut file = File::create(folder.join("index"))?;
    index.iter().try_for_each(|line| writeln!(file, "{line}"))?;
    println!("{} seeds in {}", index.len(), folder.display());
    Ok(())
}

/// Stores a seed whose structures were found.
fn keep(folder: &Path, seed: &Seed, index: &mut Vec<String>) -> Result<()> {
    let layout = &seed.layout;
    let count = |class| layout.of_class(class).count();
    let classes = Class::ALL.into_iter().filter(|class| count(*class) > 0);
    let classes: Vec<_> = classes.map(|class| format!("{class:?} {}", count(class))).collect();
    println!("{}: {}", seed.name, classes.join(", "));
    ensure!(count(Class::Inode) > 4, "{}: its structures were not found", seed.name);
    let logged = count(Class::JournalDescriptor) > 0 && count(Class::JournalCommit) > 0;
    ensure!(seed.kind != Kind::Dirty || logged, "{}: no transaction in its log", seed.name);
    let fast = layout.of_class(Class::FastCommit).any(|region| region.fields.len() > 4);
    ensure!(seed.kind != Kind::FastCommit || fast, "{}: no fast commit", seed.name);
    fs::write(folder.join(&seed.name), &seed.bytes)?;
    index.push(format!("{} {}", seed.kind.word(), seed.name));
    Ok(())
}

fn plain(args: &str, commands: &[&str]) -> Result<Vec<u8>> {
    let default = if args.contains("-b ") { "" } else { "-b 1024" };
    let args: Vec<&str> = args.split(' ').chain(default.split_terminator(' ')).collect();
    let commands: Vec<_> =
        commands.iter().map(|text| text.replace("HUGE", &"0123456789".repeat(200))).collect();
    let commands: Vec<_> = commands.iter().map(String::as_str).collect();
    let recipe = SmallImage { kib: 4096, debugfs: &commands, ..SmallImage::new(&args) };
    Ok(small_image(&recipe)?)
}

fn dirty(args: &str, options: &str, kind: Kind) -> Result<Vec<u8>> {
    let scratch = Scratch::new()?;
    let image = scratch.sparse_file("seed.img", 4)?;
    let path = image.display().to_string();
    let mut all: Vec<&str> = vec!["-q", "-F", "-b", "1024", "-N", "128"];
    all.extend(["-U", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"]);
    all.extend(args.split(' '));
    all.push(&path);
    run("mke2fs", &all)?;
    let options = if options.is_empty() { "commit=300" } else { options };
    let mount = LoopMount::with_options(&image, Access::ReadWrite, options)?;
    let held = match kind {
        Kind::FastCommit => fast_commits(mount.path())?,
        _ => transactions(mount.path())?,
    };
    shutdown(mount.path(), ShutdownMode::NoLogFlush)?;
    drop(held);
    mount.unmount()?;
    Ok(fs::read(&image)?)
}

/// Makes everything durable in one transaction.
fn sync(root: &Path) -> Result<()> {
    run("sync", &["-f".as_ref(), root.as_os_str()]).map(drop).map_err(Into::into)
}

/// Several transactions, with blocks that are metadata first and data later (revokes), and files
/// that are unlinked and still open: orphans.
fn transactions(root: &Path) -> Result<Vec<File>> {
    let dir = root.join("dir");
    fs::create_dir(&dir)?;
    for n in 0..60 {
        fs::write(dir.join(format!("name-{n:02}-{}", "x".repeat(20))), [n; 100])?;
    }
    std::os::unix::fs::symlink("x".repeat(80), root.join("link"))?;
    sparse(&root.join("sparse"))?;
    sync(root)?;
    for n in (0..60).step_by(2) {
        fs::remove_file(dir.join(format!("name-{n:02}-{}", "x".repeat(20))))?;
    }
    let mut held = Vec::new();
    for n in 0..3 {
        let path = root.join(format!("orphan-{n}"));
        fs::write(&path, vec![n; 3000])?;
        held.push(File::open(&path)?);
    }
    fs::remove_file(root.join("sparse"))?;
    sync(root)?;
    fs::remove_dir_all(&dir)?;
    // The journal's magic number at the start of a block: escaped where data is journalled.
    let magic = [0xc0, 0x3b, 0x39, 0x98].into_iter().cycle().take(40_000).collect::<Vec<u8>>();
    fs::write(root.join("reuse"), magic)?;
    for n in 0..3 {
        fs::remove_file(root.join(format!("orphan-{n}")))?;
    }
    sync(root)?;
    fs::rename(root.join("reuse"), root.join("renamed"))?;
    fs::create_dir(root.join("late"))?;
    sync(root)?;
    Ok(held)
}

/// A file of every other block: a deep map.
fn sparse(path: &Path) -> Result<()> {
    let file = File::create(path)?;
    for n in 0..120 {
        file.write_all_at(&[7; 1024], n * 2048)?;
    }
    Ok(())
}

/// A transaction, then fast commits with every kind of record.
fn fast_commits(root: &Path) -> Result<Vec<File>> {
    fs::create_dir(root.join("dir"))?;
    sparse(&root.join("sparse"))?;
    fs::write(root.join("file"), vec![1; 9000])?;
    sync(root)?;
    let fsync = |name: &str| File::open(root.join(name)).and_then(|file| file.sync_all());
    for n in 0..12 {
        let name = format!("dir/created-{n:02}");
        fs::write(root.join(&name), vec![n; 700])?;
        fsync(&name)?;
    }
    fs::hard_link(root.join("file"), root.join("dir/linked"))?;
    fsync("file")?;
    fs::rename(root.join("dir/created-00"), root.join("dir/renamed"))?;
    fsync("dir/renamed")?;
    fs::remove_file(root.join("dir/created-01"))?;
    fsync("dir/created-02")?;
    let sparse = OpenOptions::new().write(true).open(root.join("sparse"))?;
    sparse.set_len(20_000)?;
    sparse.sync_all()?;
    sparse.write_all_at(&[9; 5000], 30_000)?;
    sparse.sync_all()?;
    std::os::unix::fs::symlink("target", root.join("dir/link"))?;
    fs::write(root.join("file"), vec![2; 12_000])?;
    fsync("file")?;
    Ok(Vec::new())
}

/// Lists small images of the corpora, spread over all of them.
fn corpora(index: &mut Vec<String>) -> Result<()> {
    let Some(cases) = corpus::cases()? else {
        println!("SKIP: seeds of the corpora: EXTANT_CORPUS is not there");
        return Ok(());
    };
    let mut small = Vec::new();
    for case in cases {
        // Much larger images take long to unpack; compressed sizes say which.
        let packed = fs::metadata(&case.path)?.len();
        if packed < 64 << 10 && case.unpack()?.len() <= CORPUS_BYTES {
            small.push(case.name);
        }
    }
    let step = small.len().div_ceil(CORPUS_IMAGES).max(1);
    let chosen: Vec<_> = small.iter().step_by(step).collect();
    println!("corpora: {} of {} small images", chosen.len(), small.len());
    index.extend(chosen.iter().map(|name| format!("{} corpus:{name}", Kind::Raw.word())));
    Ok(())
}
