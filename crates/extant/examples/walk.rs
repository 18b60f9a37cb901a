//! Prints every path of an image with its size: `walk [IMAGE]`, the demo image without one.

use std::path::Path;

use extant::device::ImageOptions;
use extant::{Dir, FileType, Filesystem, IoFlags, OpenOptions, Result};

fn main() -> Result<()> {
    let options = OpenOptions::default();
    let fs = match std::env::args_os().nth(1) {
        Some(path) => {
            let image = ImageOptions { read_only: true, ..ImageOptions::default() };
            Filesystem::open_path(Path::new(&path), &image, &options)?
        }
        None => Filesystem::open(extant::demo::device(), &options)?,
    };
    // Directories that are not printed yet, with their paths. A tree of an image that is not
    // trusted may have loops: this ends at 64 levels, extant_tree::walk looks closer.
    let mut pending = vec![(Vec::new(), fs.root(IoFlags::NONE)?, 0)];
    while let Some((path, dir, depth)) = pending.pop() {
        if depth > 64 {
            eprintln!("{}: too deep", path.escape_ascii());
            continue;
        }
        for (path, dir) in print(&fs, &path, &dir)? {
            pending.push((path, dir, depth + 1));
        }
    }
    Ok(())
}

/// Prints what is in `dir`; returns the directories among it.
fn print(fs: &Filesystem, path: &[u8], dir: &Dir) -> Result<Vec<(Vec<u8>, Dir)>> {
    let mut dirs = Vec::new();
    for entry in dir.entries(IoFlags::NONE) {
        let entry = entry?;
        if entry.is_dot() {
            continue;
        }
        let node = fs.node(entry.ino, IoFlags::NONE)?;
        let path = [path, b"/", &entry.name].concat();
        println!("{:>12} {}", node.stat().size, path.escape_ascii());
        if node.file_type() == FileType::Directory {
            dirs.push((path, node.into_dir()?));
        }
    }
    Ok(dirs)
}
