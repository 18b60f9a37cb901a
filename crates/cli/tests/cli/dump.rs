//! `dump`, compared with what e2fsprogs shows.

use crate::support::{Copy, debugfs, run, tool};

/// The value of a field of a dump.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

#[test]
fn the_superblock_is_the_one_of_dumpe2fs() {
    let copy = Copy::of_demo();
    let Some(output) = tool("dumpe2fs", ["-h", copy.name()]) else { return };
    let expected = String::from_utf8(output.stdout).unwrap();
    let ours = run("dump demo: superblock").ok();
    for (name, theirs) in [
        ("uuid", "Filesystem UUID"),
        ("inodes_count", "Inode count"),
        ("blocks_count", "Block count"),
        ("reserved_blocks", "Reserved block count"),
        ("free_blocks", "Free blocks"),
        ("free_inodes", "Free inodes"),
        ("inodes_per_group", "Inodes per group"),
        ("journal_inode", "Journal inode"),
        ("orphan_file_inode", "Orphan file inode"),
        ("kibibytes_written", "Lifetime writes"),
    ] {
        let theirs = field(&expected, theirs);
        let theirs = theirs.strip_suffix(" kB").unwrap_or(theirs);
        assert_eq!(field(&ours, name), theirs, "{name}");
    }
    let sum = field(&expected, "Checksum");
    assert_eq!(field(&ours, "checksum"), sum);
    assert_eq!(field(&ours, "checksum_computed"), sum);
}

#[test]
fn the_group_is_the_one_of_dumpe2fs() {
    let copy = Copy::of_demo();
    let Some(output) = tool("dumpe2fs", [copy.name()]) else { return };
    let expected = String::from_utf8(output.stdout).unwrap();
    let ours = run("dump demo: group 1").ok();
    let group = expected.split("Group 1:").nth(1).unwrap();
    let place = |name: &str| {
        let rest = group.split(name).nth(1).unwrap();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().to_owned()
    };
    assert_eq!(field(&ours, "first_block"), "2049");
    assert_eq!(field(&ours, "block_bitmap"), place("Block bitmap at "));
    assert_eq!(field(&ours, "inode_table"), place("Inode table at "));
    run("dump demo: group 2").fails(1, "no group 2: there are 2");
}

#[test]
fn all_groups_are_listed() {
    let text = run("dump demo: group").ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[1].starts_with("1: blocks 2049-4095, superblock, bitmaps "), "{text}");
    let json = run("dump --json demo: group").ok();
    let one = run("dump --json demo: group 1").ok();
    assert_eq!(json.lines().nth(1), one.lines().next());
}

#[test]
fn extents_are_those_of_debugfs() {
    let copy = Copy::of_demo();
    for path in ["/sparse/fragmented.bin", "/sparse/unwritten.bin", "/sparse/holes.bin", "/index"] {
        let ours = run(&format!("dump demo: extents {path}")).ok();
        let leaves = ours.lines().filter(|line| line.contains(" -> "));
        let ours: Vec<Vec<String>> = leaves.map(|line| numbers(line)[..4].to_vec()).collect();
        let Some(output) = debugfs(&format!("dump_extents -l {path}"), &copy.path) else { return };
        let theirs = String::from_utf8(output).unwrap();
        let theirs: Vec<Vec<String>> =
            theirs.lines().skip(1).map(|line| numbers(line)[4..8].to_vec()).collect();
        assert!(!theirs.is_empty());
        assert_eq!(ours, theirs, "{path}");
    }
}

fn numbers(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn extents_show_levels_and_other_maps() {
    let text = run("dump demo: extents /sparse/fragmented.bin").ok();
    assert!(text.starts_with("inode: depth 1, 1 of 4 entries\n  from 0: node in block "), "{text}");
    assert!(text.contains(": depth 0, 32 of 84 entries\n    0-0 -> "), "{text}");
    assert!(run("dump demo: extents /sparse/unwritten.bin").ok().contains(" unwritten\n"));
    let text = run("dump demo: extents /legacy/block-mapped.bin").ok();
    assert!(text.starts_with("direct: ") && text.contains("\n  441-511 -> "), "{text}");
    assert_eq!(run("dump demo: extents /inline/empty").ok(), "inline: 0 bytes in the inode\n");
    run("dump demo: extents /special/fifo").fails(1, "not a regular file");
}

#[test]
fn the_hash_tree_is_the_one_of_debugfs() {
    let copy = Copy::of_demo();
    let ours = run("dump demo: htree /index").ok();
    let Some(output) = debugfs("htree_dump /index", &copy.path) else { return };
    let theirs = String::from_utf8_lossy(&output).into_owned();
    let starts: Vec<&str> = ours.lines().skip(1).map(|line| &line.trim()[..8]).collect();
    let expected: Vec<&str> = theirs
        .lines()
        .take_while(|line| !line.starts_with("Reading"))
        .filter(|line| line.starts_with("Entry"))
        .map(|line| line.split("Hash 0x").nth(1).unwrap().split(',').next().unwrap())
        .collect();
    let mut unique = expected;
    unique.dedup();
    unique.truncate(starts.len());
    assert_eq!(starts, unique);
    let names: usize = ours
        .lines()
        .skip(1)
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            words[words.len() - 2].parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(names, 320, "{ours}");
    assert!(ours.starts_with("root: hash half_md4, 0 levels of nodes below, 10 of 123 entries\n"));
    run("dump demo: htree /links").fails(1, "has no hash tree");
    run("dump demo: htree /README.txt").fails(1, "not a directory");
}

#[test]
fn checksums_of_inodes_are_those_of_debugfs() {
    let copy = Copy::of_demo();
    for path in ["/", "/README.txt", "/sparse/fragmented.bin", "/special/null"] {
        let Some(output) = debugfs(&format!("stat {path}"), &copy.path) else { return };
        let theirs = String::from_utf8_lossy(&output).into_owned();
        let ours = run(&format!("dump demo: inode {path}")).ok();
        assert_eq!(field(&ours, "checksum"), field(&theirs, "Inode checksum"), "{path}");
        assert_eq!(field(&ours, "checksum"), field(&ours, "checksum_computed"), "{path}");
    }
}

#[test]
fn inodes_and_blocks_show_their_bytes() {
    let text = run("dump demo: inode /links/fast").ok();
    assert!(text.contains("../README.txt") && text.contains("|"), "{text}");
    assert_eq!(field(&text, "mode"), "120777 lrwxrwxrwx");
    assert_eq!(run("dump demo: inode 2").ok(), run("dump demo: inode /").ok());
    assert_eq!(run("dump demo: inode <2>").ok(), run("dump demo: inode /").ok());
    let text = run("dump demo: block 1").ok();
    assert!(text.lines().any(|l| l.starts_with("000030") && l.contains(" 53 ef ")), "{text}");
    run("dump demo: block 4096").fails(1, "no block 4096: there are 4096");
}

#[test]
fn bitmaps_agree_with_the_counts() {
    let text = run("dump demo: bitmap 0").ok();
    assert_eq!(field(&text, "block_bitmap"), "valid");
    assert_eq!(field(&text, "inode_bitmap"), "valid");
    let used: u64 = field(&text, "used_blocks")
        .split(' ')
        .map(|run| {
            let (from, to) = run.split_once('-').unwrap_or((run, run));
            to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap() + 1
        })
        .sum();
    let free: u64 = field(&run("dump demo: group 0").ok(), "free_clusters").parse().unwrap();
    assert_eq!(used + free, 2048);
}

#[test]
fn the_journal_and_the_multi_mount_block_are_shown() {
    let text = run("dump demo: journal").ok();
    assert_eq!((field(&text, "length_blocks"), field(&text, "is_empty")), ("1024", "true"));
    run("dump demo: mmp").fails(1, "no multi-mount protection");
    let copy = Copy::of(&[]);
    let options = ["-q", "-F", "-O", "mmp", copy.name(), "2M"];
    if tool("mke2fs", options).is_none() {
        return;
    }
    assert_eq!(field(&copy.run("dump @ mmp").ok(), "state"), "clean");
}
