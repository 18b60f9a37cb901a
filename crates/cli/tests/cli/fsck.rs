//! `extant fsck`: what it prints, and how it ends. What a check finds is for the checker's tests.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::{DirtyProfile, Stop, make};
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::image::Scratch;
use serde_json::Value;

use crate::dirty::{CHECKSUMS, Dirty, dirty, files, fresh, log_block};
use crate::recover::orphan;
use crate::support::{Copy, extant, program, run};

/// Offsets of the superblock.
const STATE: u64 = 0x3a;
const MOUNT_COUNT: u64 = 0x34;
const MAX_MOUNT_COUNT: u64 = 0x36;
const CHECK_INTERVAL: u64 = 0x44;
/// Of an inode.
const LINKS: u64 = 0x1a;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A copy of the demo image with an edit.
fn edited(edit: impl FnOnce(&mut ImageEditor)) -> Copy {
    let mut editor = ImageEditor::new(extant::demo::image());
    edit(&mut editor);
    Copy::of(editor.bytes())
}

/// The root directory says that it has nine names.
fn nine_links() -> Copy {
    edited(|image| image.set_u16(Spot::Inode(2), LINKS, 9).unwrap())
}

#[test]
fn a_clean_image_is_one_line() {
    let counts = "409/640 files, 1511/4096 blocks\n";
    assert_eq!(run("fsck -fn demo:").ok(), format!("demo: clean, {counts}"));
    assert_eq!(run("fsck -n demo:").ok(), format!("demo: clean, {counts}"));
    assert_eq!(run("fsck -nff -n demo:").ok(), format!("demo: clean, {counts}"));
    let text = run("fsck -fnv demo:").ok();
    assert!(text.contains("\n") && text.contains(" 409 inodes in use of 640 (63.9 %)\n"), "{text}");
    assert!(text.ends_with(&format!("demo: clean, {counts}")), "{text}");
    let text = run("fsck -fnt demo:").ok();
    assert!(text.lines().last().is_some_and(|line| line.ends_with(" s")), "{text}");
}

#[test]
fn errors_are_below_their_phase_and_exit_with_4() {
    let image = nine_links();
    let before = fs::read(&image.path).unwrap();
    let ran = image.run("fsck -fn @");
    assert_eq!((ran.code, ran.stderr.as_str()), (4, ""));
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Checking reference counts:");
    assert!(lines[1].starts_with("  inode 2: link count is wrong (9, should be "), "{text}");
    assert!(lines[1].ends_with(" [inode.links]"), "{text}");
    let last = format!("{}: 1 error, 409/640 files, 1511/4096 blocks", image.name());
    assert_eq!(lines[2..], [last]);
    assert!(fs::read(&image.path).unwrap() == before);
    let ran = image.run("fsck -fn --max-problems 0 @");
    assert!(ran.text().starts_with("  and 1 more\n"), "{}", ran.text());
}

/// The object of one image, with its schema and exit code checked.
fn object(line: &str, code: i32) -> Value {
    let value = json(line);
    assert_eq!(value["schema"], "extant.fsck/1");
    assert_eq!(value["exit_code"], code);
    value
}

#[test]
fn json_is_an_object_an_image() {
    let image = nine_links();
    let ran = image.run("fsck -fn --json @ demo: /nonexistent");
    assert_eq!(ran.code, 4 | 8, "{}", ran.stderr);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let wrong = object(lines[0], 4);
    assert_eq!((&wrong["verdict"], &wrong["image"]), (&"errors".into(), &image.name().into()));
    assert_eq!((&wrong["errors"], &wrong["recovery"]), (&1.into(), &Value::Null));
    assert_eq!(wrong["counts"], serde_json::json!({"inode.links": 1}));
    assert_eq!(wrong["summary"]["inodes_used"], 409);
    assert_eq!(wrong["summary"]["blocks"], 4096);
    let problem = &wrong["problems"][0];
    for (key, value) in [
        ("id", "inode.links".into()),
        ("severity", "error".into()),
        ("phase", "references".into()),
        ("found", 9.into()),
        ("cause", Value::Null),
        ("name", Value::Null),
    ] {
        assert_eq!(problem[key], value, "{key}");
    }
    assert!(problem["expected"].is_u64() && problem["text"].is_string());
    let at = problem["at"].as_object().unwrap();
    assert_eq!(at["inode"], 2);
    for key in ["structure", "group", "logical", "block", "offset"] {
        assert_eq!(at[key], Value::Null, "{key}");
    }
    let clean = object(lines[1], 0);
    assert_eq!((&clean["verdict"], &clean["is_checked"]), (&"clean".into(), &true.into()));
    let failed = object(lines[2], 8);
    assert_eq!(failed["verdict"], "failed");
    assert!(failed["error"].as_str().unwrap().contains("cannot open"));
    let skipped = object(&run("fsck -n --json demo:").ok(), 0);
    assert_eq!(
        (&skipped["is_checked"], &skipped["summary"]["blocks"]),
        (&false.into(), &4096.into())
    );
    assert_eq!(skipped.get("problems"), None);
}

#[test]
fn several_images_are_checked_in_turn() {
    let wrong = nine_links();
    let ran = wrong.run("fsck -fn demo: @ /nonexistent demo:").fails(8 | 4, "cannot open");
    let text = ran.text();
    assert!(text.starts_with("demo: clean") && text.contains(": 1 error"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("demo: clean")).count(), 2);
    wrong.run("fsck -fn @ @ --journal /dev/null").fails(16, "--journal with several images");
}

#[test]
fn an_image_marked_as_clean_is_passed_over() {
    let image = nine_links();
    assert!(image.run("fsck -n @").ok().contains(": clean, "));
    let checked = |edit: fn(&mut ImageEditor), why: &str| {
        let image = edited(|image| {
            image.set_u16(Spot::Inode(2), LINKS, 9).unwrap();
            edit(image);
        });
        let ran = image.run("fsck -n @");
        assert_eq!(ran.code, 4);
        let first = ran.text().lines().next().unwrap().to_owned();
        assert!(first.ends_with(", checking") && first.contains(why), "{first}");
    };
    checked(|image| image.set_u16(Spot::Superblock, STATE, 3).unwrap(), "having errors");
    checked(|image| image.set_u16(Spot::Superblock, STATE, 0).unwrap(), "not cleanly unmounted");
    checked(
        |image| {
            image.set_u16(Spot::Superblock, MAX_MOUNT_COUNT, 7).unwrap();
            image.set_u16(Spot::Superblock, MOUNT_COUNT, 8).unwrap();
        },
        "8 mounts without a check",
    );
    checked(
        |image| image.set_u32(Spot::Superblock, CHECK_INTERVAL, 3600).unwrap(),
        "days without a check",
    );
    let forever = edited(|image| {
        image.set_u16(Spot::Superblock, MAX_MOUNT_COUNT, 0xffff).unwrap();
        image.set_u16(Spot::Superblock, MOUNT_COUNT, 8).unwrap();
    });
    assert!(!forever.run("fsck -n @").ok().contains("checking"));
}

#[test]
fn repair_is_refused_by_name() {
    for option in ["-p", "-a", "-y"] {
        run(&format!("fsck {option} demo:")).fails(8, "unsupported: repair (-");
    }
    let ran = run("fsck -f demo:").fails(0, "repair does not exist yet");
    assert!(ran.text().starts_with("demo: clean"));
}

#[test]
fn usage_errors_exit_with_16() {
    for line in [
        "fsck",
        "fsck --nonsense demo:",
        "fsck -np demo:",
        "fsck -ny demo:",
        "fsck -n -E nonsense demo:",
        "fsck -n -B 1000 -b 1 demo:",
        "fsck -n -b x demo:",
    ] {
        assert_eq!(run(line).code, 16, "{line}");
    }
    for line in ["fsck --help", "fsck -h", "help fsck"] {
        assert!(run(line).ok().contains("--list-problems"), "{line}");
    }
    assert_eq!(run("fsck --help").ok(), run("help fsck").ok());
}

#[test]
fn images_that_cannot_be_checked_exit_with_8() {
    let nothing = Copy::of(&[b'x'; 5000]);
    nothing.run("fsck -fn @").fails(8, "wrong magic number").fails(8, "--sb 32768");
    run("fsck -fn /nonexistent").fails(8, "cannot open");
    run("fsck -fn /").fails(8, "is a directory");
    run("fsck -fn demo: --offset 1M").fails(8, "from its first byte");
    let journal = Copy::of(&extant::demo::image());
    journal.run("fsck -fn demo: -j /nonexistent").fails(8, "/nonexistent: cannot open");
}

#[test]
fn the_place_of_the_file_system_is_an_option() {
    let mut disk = vec![0_u8; 1 << 20];
    disk.extend(extant::demo::image());
    let disk = Copy::of(&disk);
    assert!(disk.run("fsck -fn --offset 1M @").ok().contains(": clean"));
    // Groups of this image have 2,048 blocks.
    let image = edited(|image| image.set_bytes(Spot::Image, 1024, &[0; 1024]).unwrap());
    for line in ["fsck -n -b 2049 @", "fsck -n -b 2049 -B 1024 @", "fsck -n --sb 2049 @"] {
        assert_eq!(image.run(line).code & 8, 0, "{line}");
    }
    image.run("fsck -n -b 2049 -B 4k @").fails(8, "wrong magic number");
}

#[test]
fn a_dirty_image_is_checked_as_replayed() {
    let Some(Dirty { image, .. }) = dirty("^resize_inode", CHECKSUMS, files) else { return };
    let before = fs::read(&image.path).unwrap();
    for line in ["fsck -fn @", "fsck -n @"] {
        let text = image.run(line).ok();
        assert!(text.contains(": replayed in memory, the image is untouched: "), "{text}");
        assert!(text.contains(": clean, 14/"), "three files: {text}");
    }
    let value = object(&image.run("fsck -fn --json @").ok(), 0);
    assert_eq!(value["recovery"]["was_needed"], true);
    let text = image.run("fsck -n -E journal_only @").ok();
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains(" transactions, ") && text.contains("untouched"), "{text}");
    assert!(run("fsck -n -E journal_only demo:").ok().ends_with(": nothing to replay\n"));
    assert!(fs::read(&image.path).unwrap() == before);
}

#[test]
fn orphans_are_left_to_the_next_mount() {
    let Some(Dirty { image, .. }) =
        dirty("metadata_csum,^orphan_file,^resize_inode", CHECKSUMS, orphan)
    else {
        return;
    };
    let value = object(&image.run("fsck -fn --json @").ok(), 0);
    assert_eq!(value["recovery"]["orphans_deleted"], 0);
    assert_eq!((&value["summary"]["orphans"], &value["verdict"]), (&1.into(), &"clean".into()));
}

#[test]
fn a_damaged_journal_is_an_error() {
    let Some(Dirty { image, .. }) = dirty("^resize_inode", CHECKSUMS, files) else { return };
    let mut bytes = fs::read(&image.path).unwrap();
    // A copy in the first transaction: valid ones follow.
    bytes[log_block(&image, 2) + 500] ^= 1;
    fs::write(&image.path, &bytes).unwrap();
    for line in ["fsck -fn @", "fsck -n @", "fsck -n -E journal_only @"] {
        let ran = image.run(line);
        assert_eq!(ran.code, 4, "{line}: {}", ran.stderr);
        let text = ran.text();
        assert!(text.contains("cannot be replayed: a logged block is damaged"), "{text}");
    }
    let ran = image.run("fsck -n --json @");
    let value = object(&ran.text(), 4);
    assert_eq!(value["verdict"], "errors");
    assert!(value["recovery"]["error"].as_str().unwrap().contains("damaged"));
    assert!(fs::read(&image.path).unwrap() == bytes);
}

/// The kernel's own: without replay of fast commits the names and counts would not agree.
#[test]
fn fast_commits_are_replayed_too() {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let profile = DirtyProfile::named("fast-commit").unwrap();
    let mut records = 0;
    for seed in 0..6 {
        let dirty = make(&scratch, profile, seed, Stop::NoLogFlush).unwrap();
        let before = fs::read(&dirty.image).unwrap();
        let ran = extant(["fsck", "-fn", "--json", dirty.image.to_str().unwrap()]);
        let value = object(&ran.text(), 0);
        assert_eq!(value["verdict"], "clean", "{value}");
        records += value["recovery"]["fast_commit_records"].as_u64().unwrap();
        assert!(fs::read(&dirty.image).unwrap() == before);
        dirty.remove().unwrap();
    }
    assert!(records > 0, "no image had fast commits");
}

#[test]
fn an_external_journal_has_to_be_named() {
    let Some(image) = fresh("has_journal,^resize_inode") else { return };
    let mut editor = ImageEditor::read(&image.path).unwrap();
    // No journal inode, but a device and its UUID, and the flag of recovery.
    editor.set_u32(Spot::Superblock, 0xe0, 0).unwrap();
    editor.set_u32(Spot::Superblock, 0xe4, 0x801).unwrap();
    editor.set_bytes(Spot::Superblock, 0xd0, &[7; 16]).unwrap();
    let incompat = editor.get_u32(Spot::Superblock, 0x60).unwrap();
    editor.set_u32(Spot::Superblock, 0x60, incompat | 4).unwrap();
    editor.write(&image.path).unwrap();
    let ran = image.run("fsck -fn @").fails(8, "the journal is on another device");
    ran.fails(8, "hint: name the device or image of the journal with --journal\n");
}

#[test]
fn names_are_escaped() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a\x1b[31m");
    fs::write(&path, extant::demo::image()).unwrap();
    let text = extant(["fsck".as_ref(), "-fn".as_ref(), path.as_os_str()]).ok();
    assert!(text.contains("/a\\x1b[31m: clean"), "{text}");
}

#[test]
fn an_image_in_use_is_not_checked() {
    let image = Copy::of_demo();
    let writer = fs::File::open(&image.path).unwrap();
    writer.lock().unwrap();
    image.run("fsck -fn @").fails(8, "in use by").fails(8, "--ignore-lock");
    image.run("fsck -fn --ignore-lock @").ok();
    writer.unlock().unwrap();
    writer.lock_shared().unwrap();
    image.run("fsck -fn @").ok();
}

#[test]
fn the_table_lists_every_problem_once() {
    let text = run("fsck --list-problems").ok();
    let ids: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(ids.contains(&"inode.links"));
    let json: Vec<Value> = run("fsck --list-problems --json").ok().lines().map(json).collect();
    assert_eq!(json.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    for row in &json {
        assert_eq!(row["schema"], "extant.fsck/1");
        assert!(["note", "error"].contains(&row["severity"].as_str().unwrap()));
        assert!(row["phase"].is_string() && row["text"].is_string());
    }
}

#[test]
fn progress_goes_to_a_descriptor() {
    let mut child =
        program().args(["fsck", "-fn", "-C", "1", "demo:"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(text.lines().any(|line| line.starts_with("groups ") && line.ends_with(" demo")));
    assert!(text.ends_with(" blocks\n"), "{text}");
}

/// The check of many images, whose output nobody reads: it waits until it is told to end.
fn waiting() -> std::process::Child {
    let mut child = program()
        .args(["fsck", "-fnv"])
        .args(["demo:"; 2000])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
    reader.fill_buf().unwrap();
    child.stdout = Some(reader.into_inner());
    child
}

#[test]
fn an_interrupt_cancels() {
    for signal in ["-INT", "-TERM"] {
        let mut child = waiting();
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(32), "{signal}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = waiting();
    drop(child.stdout.take());
    let mut messages = String::new();
    child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
    assert_eq!((child.wait().unwrap().code(), messages.as_str()), (Some(141), ""));
}

#[test]
fn a_full_disk_is_an_operational_error() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        extant_testkit::capability::skip("no /dev/full");
        return;
    };
    let output = program().args(["fsck", "-fn", "demo:"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(8));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("extant: standard output: "));
}
