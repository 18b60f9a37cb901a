//! Many threads at once through caches that hold next to nothing see what one thread sees.

use extant::{Filesystem, OpenOptions};
use extant_testkit::content::{Scale, build};
use extant_testkit::image::Scratch;
use extant_testkit::observe::Observed;
use extant_testkit::profile::named;

use crate::compare::{able, assert_same};
use crate::walker::{self, number, observe};

/// Looks at every entry by its path, in an order of its own.
fn revisit(fs: &Filesystem, seen: &[Observed], thread: usize) -> Vec<Observed> {
    // Coprime to the length, so that every entry has its turn.
    let len = seen.len();
    let stride = (thread * 7_919 + 1..).find(|stride| coprime(*stride, len)).unwrap();
    let mut again: Vec<Observed> = (0..len)
        .map(|turn| &seen[turn * stride % len])
        .map(|entry| {
            let node = fs.resolve(&entry.path, extant::Follow::No, walker::WAIT).unwrap();
            assert_eq!(number(fs, &entry.path).unwrap(), entry.ino);
            observe(&entry.path, &node)
        })
        .collect();
    again.sort_by(|a, b| a.path.cmp(&b.path));
    again
}

fn coprime(a: usize, b: usize) -> bool {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

fn check(name: &str) {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named(name).unwrap(), Scale::TINY).unwrap();
    let alone = walker::walk(&walker::open(&built.image, &OpenOptions::default()).unwrap());
    let options = OpenOptions {
        metadata_cache_bytes: 64 << 10,
        inode_cache: 64,
        name_cache: 64,
        ..OpenOptions::default()
    };
    let fs = walker::open(&built.image, &options).unwrap();
    std::thread::scope(|scope| {
        let walks: Vec<_> = (0..4)
            .map(|thread| {
                let (fs, alone) = (fs.clone(), &alone);
                let look = move || match thread {
                    0 => walker::walk(&fs),
                    _ => revisit(&fs, alone, thread),
                };
                scope.spawn(look)
            })
            .collect();
        for walk in walks {
            assert_same(&alone, &walk.join().unwrap());
        }
    });
    let (inodes, names) = fs.cached();
    // Each shard may round its part up, but not to all there is.
    assert!(inodes <= 256 && names <= 256, "{inodes} inodes, {names} names");
    assert!(alone.len() > 1_000);
}

#[test]
fn four_threads_with_tiny_caches_ext4() {
    check("ext4-everything");
}

#[test]
fn four_threads_with_tiny_caches_ext3_1k() {
    check("ext3-1k-i128");
}
