//! What goes wrong: one line that says what and where, a hint, and the class as exit code.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::{Copy, Ran, debugfs, program, run, tool};

/// A message is one line of ours and perhaps a hint.
fn assert_form(ran: &Ran) {
    let mut lines = ran.stderr.lines();
    assert!(lines.next().unwrap().starts_with("extant: "), "{}", ran.stderr);
    assert!(lines.next().is_none_or(|line| line.starts_with("hint: ")), "{}", ran.stderr);
    assert_eq!(lines.next(), None, "{}", ran.stderr);
}

#[test]
fn images_that_are_none_are_refused() {
    assert_form(
        &run("info /nonexistent/image").fails(3, "/nonexistent/image: cannot open: No such"),
    );
    assert_form(&run("info /").fails(3, "/: is a directory, not an image"));
    let text = Copy::of(&[b'x'; 5000]);
    assert_form(&text.run("info @").fails(3, "wrong magic number (superblock"));
    let empty = Copy::of(&[]);
    assert_form(&empty.run("info @").fails(3, "wrong magic number"));
}

#[test]
fn unknown_features_are_unsupported_by_name() {
    let copy = Copy::of(&[]);
    if tool("mke2fs", ["-q", "-F", "-O", "^metadata_csum", copy.name(), "2M"]).is_none() {
        return;
    }
    let mut bytes = fs::read(&copy.path).unwrap();
    bytes[1024 + 0x63] |= 0x80;
    fs::write(&copy.path, bytes).unwrap();
    assert_form(&copy.run("info @").fails(4, "unsupported: FEATURE_I31"));
}

/// What only writers must know does not keep readers out, known or not.
#[test]
fn features_for_writers_only_change_nothing() {
    let copy = Copy::of_demo();
    let features = ["imagic_inodes", "stable_inodes", "shared_blocks", "read-only", "FEATURE_C20"];
    for feature in features.into_iter().chain(["FEATURE_R25"]) {
        if debugfs(&format!("feature {feature}"), &copy.path).is_none() {
            return;
        }
        assert!(copy.run("info @").ok().contains(feature), "{feature}");
    }
    assert_eq!(copy.run("digest @").ok(), run("digest demo:").ok());
}

#[test]
fn planned_commands_and_writing_are_unsupported() {
    assert_form(
        &run("mount demo: /mnt -o ro").fails(4, "unsupported: mount (not in this version)"),
    );
    assert_form(&run("mkfs --help").fails(4, "unsupported: mkfs"));
    assert_form(&run("info --rw demo:").fails(4, "unsupported: writing"));
}

#[test]
fn images_in_use_are_refused_unless_locks_are_ignored() {
    let copy = Copy::of_demo();
    let holder = File::options().read(true).write(true).open(&copy.path).unwrap();
    holder.lock().unwrap();
    assert_form(&copy.run("info @").fails(5, "in use by").fails(5, "--ignore-lock"));
    copy.run("info @ --ignore-lock").ok();
    holder.unlock().unwrap();
    holder.lock_shared().unwrap();
    copy.run("info @").ok();
}

#[test]
fn usage_errors_have_their_code() {
    for line in ["", "frobnicate", "ls", "ls demo: --offset x", "dump demo:", "dump demo: group x"]
    {
        let ran = run(line);
        assert_eq!(ran.code, 2, "{line:?}: {}", ran.stderr);
    }
    assert_eq!(run("--help").code, 0);
    assert!(run("--version").ok().starts_with("extant "));
}

#[test]
fn one_bad_path_does_not_hide_the_others() {
    let ran = run("cat demo: /nowhere /links/hard-1").fails(1, "demo: /nowhere: no such file");
    assert_eq!(ran.text(), "One inode, three names.\n");
    let ran = run("ls demo: /nowhere /deep").fails(1, "/nowhere");
    assert_eq!(ran.text(), "/deep:\n1\n");
    for (path, what) in [
        ("/links/loop", "too many levels of symbolic links"),
        ("/links/dangling", "no such file"),
        ("/README.txt/x", "not a directory"),
        ("/index", "is a directory"),
        ("/special/fifo", "not a regular file"),
    ] {
        assert_form(&run(&format!("cat demo: {path}")).fails(1, what).fails(1, path));
    }
}

/// The demo image with a bit of `path`'s inode flipped.
fn damaged(path: &str) -> Copy {
    let json = run(&format!("dump --json demo: inode {path}")).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let number = |key: &str| usize::try_from(json[key].as_u64().unwrap()).unwrap();
    let mut bytes = extant::demo::image();
    bytes[number("table_block") * 1024 + number("table_offset_bytes") + 8] ^= 1;
    Copy::of(&bytes)
}

#[test]
fn a_damaged_inode_is_named_and_the_rest_is_shown() {
    let copy = damaged("/links/hard-1");
    let what = "inode checksum does not match (inode ";
    assert_form(&copy.run("stat @ /links/hard-1").fails(3, "/links/hard-1: ").fails(3, what));
    let ran = copy.run("ls -l @ /links").fails(1, what);
    assert!(ran.text().contains(" fast -> ../README.txt\n"), "{}", ran.text());
    assert!(copy.run("tree @ /links").fails(1, what).text().contains("fast"));
    let ran = copy.run("dump @ inode /links").ok();
    assert!(ran.contains("directory"), "{ran}");
    let json = run("dump --json demo: inode /links/hard-1").ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let ran = copy.run(&format!("dump @ inode {}", json["ino"])).fails(3, what);
    assert!(ran.text().contains("000000  a4 81"), "the bytes are shown: {}", ran.text());
    let value = |key: &str| ran.text().lines().find_map(|l| Some(l.strip_prefix(key)?.to_owned()));
    assert_ne!(value("checksum:"), value("checksum_computed:"), "{}", ran.text());
    assert!(value("checksum:").is_some_and(|sum| sum.contains("0x")), "{}", ran.text());
    let digest = copy.run("digest @").fails(3, what);
    assert_eq!(digest.text(), "", "no digest of an incomplete tree");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for line in ["cat demo: /sparse/one-tebibyte", "cat --json demo: /sparse/holes.bin"] {
        let mut child = program()
            .args(line.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.fill_buf().unwrap();
        drop(reader);
        let mut messages = String::new();
        child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(141), "{line}");
        assert_eq!(messages, "");
    }
}

#[test]
fn nobody_to_hear_a_message_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = program().args(["stat", "demo:", "/nowhere"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_missing_superblock_hints_at_its_copies() {
    let copy = Copy::of_demo();
    let mut bytes = fs::read(&copy.path).unwrap();
    bytes[1024..2048].fill(0);
    fs::write(&copy.path, bytes).unwrap();
    assert_form(&copy.run("ls @").fails(3, "wrong magic number").fails(3, "--sb 32768"));
    let copy_block = "2049"; // Groups of this image have 2,048 blocks.
    assert!(copy.run(&format!("ls @ --sb {copy_block}")).ok().contains("README.txt"));
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        extant_testkit::capability::skip("no /dev/full");
        return;
    };
    let output = program().args(["cat", "demo:", "/index/entry-001.txt"]).stdout(full).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("extant: standard output: "));
}
