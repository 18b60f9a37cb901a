//! Prints the digest of an image: `digest IMAGE [blake3|xxh3] [THREADS]`.

use std::path::Path;
use std::time::Instant;

use extant_block::image::ImageOptions;
use extant_tree::{DigestOptions, Hash, digest};
use extant_vfs::{Filesystem, OpenOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let image = args.next().ok_or("usage: digest IMAGE [blake3|xxh3] [THREADS]")?;
    let hash = if args.next().as_deref() == Some("xxh3") { Hash::Xxh3 } else { Hash::Blake3 };
    let threads = args.next().map_or(Ok(0), |text| text.parse())?;
    let started = Instant::now();
    let read_only = ImageOptions { read_only: true, ..ImageOptions::default() };
    let fs = Filesystem::open_path(Path::new(&image), &read_only, &OpenOptions::default())?;
    let digest = digest(&fs, b"/", &DigestOptions { hash, threads, ..DigestOptions::default() })?;
    for (path, error) in &digest.errors {
        eprintln!("{}: {error}", path.escape_ascii());
    }
    println!("{}", digest.string);
    eprintln!("{} entries, {} bytes, {:?}", digest.entries, digest.bytes, started.elapsed());
    // The process ends: to free a large inode cache one by one would only take time.
    std::mem::forget(fs);
    Ok(())
}
