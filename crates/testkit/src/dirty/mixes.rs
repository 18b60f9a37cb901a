//! The groups of operations that workloads are made of.

use super::generate::Generator;
use super::operation::Operation;
use super::session::JOURNALLED;

pub(super) fn files(generator: &mut Generator) {
    for _ in 0..generator.random.between(20, 50) {
        file_step(generator);
    }
}

fn file_step(generator: &mut Generator) {
    match generator.random.below(10) {
        0..4 => drop(generator.create(9_000)),
        4 => unlink(generator),
        5 => rename(generator),
        6 => link(generator),
        7 => {
            let (path, length) = (generator.fresh("s"), generator.random.between(1, 300));
            generator.push(Operation::Symlink { path: path.clone(), length });
        }
        8 => {
            let path = generator.fresh("d");
            generator.push(Operation::Mkdir(path.clone()));
            generator.folders.push(path);
        }
        _ => {
            if let Some(path) = generator.any_file() {
                let mode = 0o400 | u32::try_from(generator.random.below(0o400)).unwrap_or(0);
                generator.push(Operation::Chmod { path, mode });
            }
        }
    }
}

fn unlink(generator: &mut Generator) {
    if let Some(path) = generator.take_file() {
        generator.push(Operation::Unlink(path));
    }
}

/// To a new name or, one time in four, over another file.
fn rename(generator: &mut Generator) {
    let Some(from) = generator.take_file() else { return };
    let over = if generator.random.one_in(4) { generator.take_file() } else { None };
    let to = over.unwrap_or_else(|| generator.fresh("r"));
    generator.files.push(to.clone());
    generator.push(Operation::Rename { from, to });
}

fn link(generator: &mut Generator) {
    let Some(from) = generator.any_file() else { return };
    let to = generator.fresh("l");
    generator.files.push(to.clone());
    generator.push(Operation::Link { from, to });
}

/// A directory of several blocks; committed, emptied and removed; committed; then data that takes
/// the space. The names are long, so that few make many blocks.
pub(super) fn directories(generator: &mut Generator) {
    let folder = generator.fresh("big");
    generator.push(Operation::Mkdir(folder.clone()));
    let count = generator.random.between(20, 90);
    let name = |number| format!("{folder}/{number:03}{}", "n".repeat(120));
    for number in 0..count {
        generator.push(Operation::Create { path: name(number), length: 0 });
    }
    generator.commit();
    let keep = generator.random.one_in(4);
    for number in (0..count).filter(|number| !keep || number % 7 != 0) {
        generator.push(Operation::Unlink(name(number)));
    }
    if !keep {
        generator.push(Operation::Rmdir(folder));
    }
    generator.commit();
    for _ in 0..generator.random.between(1, 4) {
        let path = generator.create(300_000);
        generator.settle(&path);
    }
}

/// Files with many extents, cut at odd places and removed.
pub(super) fn deep(generator: &mut Generator) {
    let mut made = Vec::new();
    for _ in 0..2 {
        let (path, count) = (generator.fresh("deep"), generator.random.between(8, 200));
        made.push(path.clone());
        generator.push(Operation::CreateFragmented { path, count });
    }
    let (path, count) = (generator.fresh("wide"), generator.random.between(4, 24));
    generator.push(Operation::CreateScattered { path: path.clone(), count });
    made.push(path);
    for path in &made {
        generator.push(Operation::Fsync(path.clone()));
    }
    generator.commit();
    for path in made {
        cut(generator, path);
    }
    if generator.random.one_in(2) {
        generator.commit();
    }
    let path = generator.create(200_000);
    generator.settle(&path);
}

fn cut(generator: &mut Generator, path: String) {
    match generator.random.below(4) {
        0 => generator.push(Operation::Unlink(path)),
        1 => {
            let length = generator.random.below(300_000);
            generator.files.push(path.clone());
            generator.push(Operation::Truncate { path, length });
        }
        2 => {
            let (offset, length) = (generator.random.below(99_999), 1 << 17);
            generator.files.push(path.clone());
            generator.push(Operation::Allocate { path, offset, length, punch: true });
        }
        _ => generator.push(Operation::Orphan(path)),
    }
}

pub(super) fn attributes(generator: &mut Generator) {
    for _ in 0..generator.random.between(8, 30) {
        let Some(path) = generator.any_file() else { return };
        let name = format!("name{}", generator.random.below(6));
        let length = match generator.random.below(4) {
            0 => generator.random.below(40),
            1 => generator.random.below(900),
            2 => 100,
            _ => generator.random.below(6_000),
        };
        let choice = generator.random.below(4);
        generator.push(match choice {
            0 => Operation::RemoveXattr { path, name },
            _ => Operation::SetXattr { path, name, length },
        });
        if generator.random.one_in(10) {
            unlink(generator);
        }
    }
}

/// Data in the log, escaped where a block starts with the magic number. Some of the files are
/// removed, so that their blocks are revoked.
pub(super) fn journalled(generator: &mut Generator) {
    let mut made = Vec::new();
    for _ in 0..generator.random.between(2, 5) {
        let path = generator.fresh_in(JOURNALLED, "m");
        let length = generator.random.between(1, 60_000);
        generator.push(Operation::CreateJournalled { path: path.clone(), length });
        made.push(path);
    }
    generator.commit();
    for path in made {
        match generator.random.below(3) {
            0 => generator.push(Operation::Unlink(path)),
            1 => generator.push(Operation::Truncate { path: path.clone(), length: 1_500 }),
            _ => {
                let offset = generator.random.below(30_000);
                generator.push(Operation::Write { path: path.clone(), offset, length: 5_000 });
                generator.files.push(path);
            }
        }
    }
    generator.commit();
    let path = generator.create(80_000);
    generator.settle(&path);
}

pub(super) fn orphans(generator: &mut Generator) {
    for number in 0..generator.random.between(2, 12) {
        let path = generator.create(30_000);
        generator.files.retain(|name| *name != path);
        if number % 3 == 0 {
            generator.push(Operation::SetXattr {
                path: path.clone(),
                name: "orphan".to_owned(),
                length: 20 + 250 * number,
            });
        }
        generator.push(Operation::Orphan(path));
    }
}

/// A file of so many blocks that a commit comes in between while it is cut.
pub(super) fn truncate_in_progress(generator: &mut Generator) {
    let path = generator.fresh("cut");
    generator.push(Operation::CreateScattered { path: path.clone(), count: 1_200 });
    generator.push(Operation::Fsync(path.clone()));
    generator.push(Operation::Commit);
    generator.push(Operation::TruncateInProgress(path));
}

/// `count` steps with an fsync after each: everything that a fast commit can hold. It is always a
/// file that is synced: for a directory the kernel makes a full commit.
pub(super) fn fast(generator: &mut Generator, count: u64) {
    for _ in 0..count {
        fast_step(generator);
    }
}

fn fast_step(generator: &mut Generator) {
    match generator.random.below(13) {
        12 => {
            // More than a block of records in one commit.
            let paths: Vec<_> = (0..40).map(|_| generator.create(3_000)).collect();
            generator.push(Operation::Fsync(paths.last().cloned().unwrap_or_default()));
        }
        0..3 => {
            let path = generator.create(12_000);
            generator.push(Operation::Fsync(path));
        }
        3 => {
            unlink(generator);
            change_and_fsync(generator);
        }
        4 => {
            rename(generator);
            fsync_last(generator);
        }
        5 => {
            link(generator);
            fsync_last(generator);
        }
        6 => {
            let path = generator.fresh("d");
            generator.push(Operation::Mkdir(path.clone()));
            generator.folders.push(path);
            change_and_fsync(generator);
        }
        7 => {
            let (path, length) = (generator.fresh("s"), generator.random.between(1, 200));
            generator.push(Operation::Symlink { path, length });
            change_and_fsync(generator);
        }
        _ => change_and_fsync(generator),
    }
}

/// The file that was named last, which is the last of the list.
fn fsync_last(generator: &mut Generator) {
    if let Some(path) = generator.files.last().cloned() {
        generator.push(Operation::Fsync(path));
    }
}

fn change_and_fsync(generator: &mut Generator) {
    let Some(path) = generator.any_file() else { return };
    let (offset, length) = (generator.random.below(40_000), generator.random.between(1, 30_000));
    let choice = generator.random.below(5);
    generator.push(match choice {
        0 => Operation::Truncate { path: path.clone(), length: offset },
        1 => Operation::Allocate { path: path.clone(), offset, length, punch: true },
        2 => Operation::Allocate { path: path.clone(), offset, length, punch: false },
        _ => Operation::Write { path: path.clone(), offset, length },
    });
    generator.push(Operation::Fsync(path));
}
