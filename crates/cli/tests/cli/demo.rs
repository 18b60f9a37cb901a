//! Each command on the embedded image.

use crate::support::{Copy, debugfs, extant, run, tool};

#[test]
fn the_demo_image_is_clean() {
    let copy = Copy::of_demo();
    let Some(checked) = tool("e2fsck", ["-fn", copy.name()]) else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn info_shows_features_sizes_and_times() {
    let text = run("info demo:").ok();
    for line in [
        "Label:        extant-demo",
        "Type:         ext4",
        "Size:         4.0 MiB (4194304 bytes)",
        "Journal:      inode 8, 1.0 MiB, empty",
        "State:        clean",
        "Created:      2026-01-01 00:00:00.000000000 UTC",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} not in {text}");
    }
    assert!(text.contains(" orphan_file ") && text.contains(" ea_inode "), "{text}");
}

#[test]
fn ls_lists_sorted_names() {
    assert_eq!(
        run("ls demo: /links").ok(),
        "absolute\ndangling\nfast\nhard-1\nhard-2\nhard-3\nloop\nslow\n"
    );
    let long = run("ls -l demo: /special").ok();
    let expected = "\
brw-r--r-- 1     0          0 259, 70000 2025-12-31 00:00 disk
prw-r--r-- 1     0          0          0 2025-12-31 00:00 fifo
---------- 1 65534 4000000000          0 2025-12-31 00:00 nobodys
crw-r--r-- 1     0          0       1, 3 2025-12-31 00:00 null
-rwsr-xr-x 1     0          0          0 2025-12-31 00:00 setuid
srwxr-xr-x 1     0          0          0 2025-12-31 00:00 socket
drwxrwxrwt 2     0          0         60 2025-12-31 00:00 sticky
";
    assert_eq!(long, expected);
    assert!(run("ls -l demo: /links/fast").ok().ends_with("/links/fast -> ../README.txt\n"));
    assert!(run("ls -la demo: /attributes").ok().contains("-rw-rw----+ "));
}

#[test]
fn ls_goes_down_and_shows_dots_and_inodes() {
    let text = run("ls -R demo: /deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14").ok();
    assert!(
        text.ends_with(
            "/14/15:\n16\n\n/deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16:\nbottom.txt\n"
        ),
        "{text}"
    );
    let text = run("ls -ai demo: /").ok();
    let dots: Vec<&str> = text.lines().take(2).map(str::trim_start).collect();
    assert_eq!(dots, ["2 .", "2 .."], "the root has inode 2");
    assert!(!run("ls demo: /").ok().contains("..\n"));
    assert_eq!(run("ls demo: /index").ok().lines().count(), 320);
}

#[test]
fn stat_shows_what_needs_wide_fields() {
    let text = run("stat demo: /times/in-2300 /times/before-1970 /attributes/in-inode").ok();
    for line in [
        "Modified:   2300-02-14 02:29:20.999999999 UTC",
        "Modified:   1901-12-13 20:45:52.000000000 UTC",
        "Attribute:  user.colour=\"green\"",
        "Attribute:  trusted.note=\"for root only\"",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} not in {text}");
    }
    let link = run("stat demo: /links/fast").ok();
    assert!(link.contains("Target:     ../README.txt\n"), "{link}");
    assert!(run("stat -L demo: /links/fast").ok().contains("regular file"));
}

#[test]
fn cat_writes_what_debugfs_writes() {
    let copy = Copy::of_demo();
    for path in
        ["/sparse/fragmented.bin", "/legacy/block-mapped.bin", "/inline/in-attribute-space.txt"]
    {
        let bytes = extant(["cat", "demo:", path]);
        assert_eq!(bytes.code, 0, "{}", bytes.stderr);
        let Some(expected) = debugfs(&format!("cat {path}"), &copy.path) else { return };
        assert!(bytes.stdout == expected, "{path}");
        assert!(!expected.is_empty());
    }
}

#[test]
fn cat_joins_files_and_reads_unwritten_space_as_zero() {
    let both = run("cat demo: /links/hard-1 /links/fast").ok();
    assert!(both.starts_with("One inode, three names.\nWelcome"), "{both}");
    let bytes = run("cat demo: /sparse/unwritten.bin").stdout;
    assert_eq!(bytes.len(), 102_400);
    assert!(bytes[4096..].iter().all(|&b| b == 0) && bytes[0] == b'0');
}

#[test]
fn tree_draws_levels_and_limits() {
    let draw = |line: &str| {
        let output = crate::support::program().args(line.split(' ')).env("LC_ALL", "C").output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let expected = "\
/inline
|-- directory/
|   |-- a
|   `-- b
|-- empty
|-- in-attribute-space.txt
`-- in-block-map.txt

1 directory, 5 files
";
    assert_eq!(draw("tree demo: /inline"), expected);
    let expected = "/deep\n`-- 1/\n    `-- 2/\n\n2 directories, 0 files\n";
    assert_eq!(draw("tree -L 2 demo: /deep"), expected);
    let short = draw("tree --limit 1 demo: /inline");
    assert!(short.contains("`-- (3 more; --limit 0 shows all)\n"), "{short}");
    let unicode = crate::support::program()
        .args(["tree", "demo:", "/links"])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(
        String::from_utf8(unicode.stdout).unwrap().contains("\u{251c}\u{2500}\u{2500} fast -> ")
    );
}

#[test]
fn digest_depends_on_what_is_selected() {
    let whole = run("digest demo:").ok();
    assert!(whole.starts_with("extant1-blake3:") && whole.trim_end().len() == 15 + 64, "{whole}");
    assert_eq!(run("digest demo: /").ok(), whole, "the root is the default");
    assert_eq!(run("digest demo: --threads 1").ok(), whole, "threads do not matter");
    let fast = run("digest demo: --hash xxh3").ok();
    assert!(fast.starts_with("extant1-xxh3:") && fast.trim_end().len() == 13 + 16, "{fast}");
    assert_ne!(run("digest demo: --no-times").ok(), whole);
    let lines = run("digest demo: --manifest --fields path,type /inline").ok();
    let expected = "/ d\n/directory d\n/directory/a f\n/directory/b f\n/empty f\n\
                    /in-attribute-space.txt f\n/in-block-map.txt f\n";
    assert_eq!(lines, expected);
    run("digest demo: --fields path,colour").fails(2, "colour").fails(2, "the fields are path");
}

#[test]
fn inode_numbers_stand_for_paths() {
    let stat = run("stat demo: /deep/1").ok();
    let number = stat.lines().find_map(|l| l.strip_prefix("Inode:")).unwrap().trim();
    let deep = format!("<{number}>");
    assert_eq!(run(&format!("ls demo: {deep}")).ok(), "2\n");
    assert_eq!(run(&format!("ls demo: {deep}/2")).ok(), "3\n");
    assert_eq!(run(&format!("digest demo: {deep}")).ok(), run("digest demo: /deep/1").ok());
    assert_eq!(
        run("tree demo: <2> -L 1").ok().lines().nth(1),
        run("tree demo: / -L 1").ok().lines().nth(1)
    );
    assert_eq!(run("cat demo: <8>").stdout.len(), 1 << 20, "the journal");
    run("stat demo: <99999>").fails(1, "demo: <99999>: no such inode").fails(1, "hint: ");
}
