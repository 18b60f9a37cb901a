//! Readers of one open file system under the schedule explorer: caches of a few entries, so that
//! every look-up races with insertions and evictions of the other thread.
#![cfg(extant_explore)]
#![allow(clippy::unwrap_used)]

use extant::{Filesystem, Follow, IoFlags, OpenOptions};
use extant_sync::explore::check;
use extant_sync::thread;

const SCHEDULES: usize = 200;

fn names(fs: &Filesystem, path: &[u8]) -> Vec<Vec<u8>> {
    let dir = fs.open_dir(path, IoFlags::NONE).unwrap();
    dir.entries(IoFlags::NONE).map(|entry| entry.unwrap().name).collect()
}

#[test]
fn walks_that_race_see_the_same_tree() {
    let device = extant::demo::device();
    let options = OpenOptions { inode_cache: 1, name_cache: 1, ..OpenOptions::default() };
    check(21, SCHEDULES, move || {
        let fs = Filesystem::open(device.clone(), &options).unwrap();
        let walkers = [false, true].map(|backwards| {
            let fs = fs.clone();
            thread::spawn(move || {
                let mut names = names(&fs, b"/");
                if backwards {
                    names.reverse();
                }
                let mut inodes = Vec::new();
                for name in names.iter().filter(|n| !matches!(n.as_slice(), b"." | b"..")) {
                    let stat = fs.stat(name, Follow::No, IoFlags::NONE).unwrap();
                    let node = fs.resolve(name, Follow::No, IoFlags::NONE).unwrap();
                    assert_eq!(node.stat(), stat);
                    inodes.push(stat.ino);
                }
                assert!(fs.stat(b"/no such name", Follow::No, IoFlags::NONE).is_err());
                inodes.sort_unstable();
                inodes
            })
        });
        let [a, b] = walkers.map(|walker| walker.join().unwrap());
        assert_eq!(a, b);
    });
}
