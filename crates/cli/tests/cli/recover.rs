//! Dirty images: replayed in memory for reading, onto the image by `recover`.

use std::fs;
use std::os::unix::process::CommandExt;

use extant_testkit::capability::{Capability, need};
use extant_testkit::mount::{Access, LoopMount};
use serde_json::Value;

use crate::dirty::{CHECKSUMS, Dirty, FORMS, debugfs_all, dirty, files, fresh, log_block};
use crate::support::{Copy, debugfs, program, run, tool};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Asserts that e2fsck finds nothing wrong.
fn assert_clean(image: &Copy) {
    let Some(checked) = tool("e2fsck", ["-fn", image.name()]) else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn c16_dirty_images_are_read_as_replayed_and_not_written() {
    for (features, open) in FORMS {
        let Some(Dirty { image, expected, .. }) = dirty(features, open, files) else { return };
        let before = fs::read(&image.path).unwrap();
        let time = fs::metadata(&image.path).unwrap().modified().unwrap();
        let digest = image.run("digest @").ok();
        assert_eq!(digest, expected.run("digest --noload @").ok(), "{features} {open}");
        assert!(image.run("cat @ /two/three").ok().starts_with("written before the crash\n"));
        assert_eq!(image.run("ls @ --noload").ok(), "lost+found\n", "{features} {open}");
        assert_ne!(image.run("digest @ --noload").ok(), digest);
        image.run("info @").ok();
        image.run("dump @ journal").ok();
        assert!(fs::read(&image.path).unwrap() == before, "{features} {open}");
        assert_eq!(fs::metadata(&image.path).unwrap().modified().unwrap(), time);
    }
}

#[test]
fn info_says_what_is_replayed_in_memory() {
    let Some(Dirty { image, blocks, transactions, .. }) = dirty("metadata_csum", CHECKSUMS, files)
    else {
        return;
    };
    let text = image.run("info @").ok();
    let expected = format!(
        "Recovery:     in memory, the image is untouched: {transactions} transactions, \
         {} blocks replayed, 2 revoked",
        blocks.len()
    );
    assert!(text.lines().any(|line| line == expected), "{expected:?} not in {text}");
    assert!(text.contains("State:        clean, needs recovery\n"), "{text}");
    assert!(text.contains(", to be replayed\n"), "{text}");
    let value = json(&image.run("info --json @").ok());
    assert_eq!(value["recovery"]["transactions"], transactions);
    assert_eq!(value["recovery"]["replayed_blocks"], blocks.len());
    let as_it_is = json(&image.run("info --json --noload @").ok());
    assert_eq!(as_it_is["recovery"], Value::Null);
    let free = |value: &Value| value["free_inodes"].as_u64().unwrap();
    assert_eq!(free(&as_it_is), free(&value) + 3, "a directory and two files");
    assert_eq!(json(&run("info --json demo:").ok())["recovery"], Value::Null);
}

#[test]
fn recover_brings_the_journal_home() {
    for (features, open) in FORMS {
        let Some(Dirty { image, expected, blocks, transactions, revoked }) =
            dirty(features, open, files)
        else {
            return;
        };
        let text = image.run("recover @").ok();
        let revoked = if revoked > 0 { format!(", {revoked} revoked") } else { String::new() };
        let blocks = blocks.len();
        let expected_text =
            format!("recovered: {transactions} transactions, {blocks} blocks replayed{revoked}\n");
        assert_eq!(text, expected_text, "{features} {open}");
        assert_clean(&image);
        assert_eq!(image.run("digest @").ok(), expected.run("digest --noload @").ok());
        let info = image.run("info @").ok();
        assert!(info.contains("State:        clean\n") && info.contains(", empty\n"), "{info}");
        let recovered = fs::read(&image.path).unwrap();
        assert_eq!(image.run("recover @").ok(), "clean: nothing to recover\n");
        assert!(fs::read(&image.path).unwrap() == recovered, "a clean image is not written");
    }
}

/// A mount without any change leaves the flag and an empty log.
#[test]
fn a_flag_without_a_log_is_cleared() {
    let image = Copy::of_demo();
    if debugfs("feature needs_recovery", &image.path).is_none() {
        return;
    }
    assert_eq!(image.run("digest @").ok(), run("digest demo:").ok());
    assert!(image.run("info @").ok().contains("State:        clean, needs recovery\n"));
    let text = image.run("recover @").ok();
    assert_eq!(text, "recovered: 0 transactions, 0 blocks replayed\n");
    assert!(image.run("info @").ok().contains("State:        clean\n"));
    assert_clean(&image);
}

#[test]
fn recover_reports_as_json() {
    let Some(Dirty { image, blocks, .. }) = dirty("metadata_csum", CHECKSUMS, files) else {
        return;
    };
    let value = json(&image.run("recover --json @").ok());
    assert_eq!(value["schema"], "extant.recover/1");
    assert_eq!(value["was_needed"], true);
    assert_eq!(value["logged_blocks"], blocks.len());
    assert_eq!(value["revoked_blocks"], 2);
    assert_eq!(value["torn"], Value::Null);
    let value = json(&image.run("recover --json @").ok());
    assert_eq!((&value["was_needed"], &value["transactions"]), (&false.into(), &0.into()));
}

#[test]
fn recover_takes_partitions_and_the_demo_image() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let mut disk = vec![0_u8; 1 << 20];
    disk.extend(fs::read(&image.path).unwrap());
    let disk = Copy::of(&disk);
    assert!(disk.run("recover @ --offset 1M").ok().starts_with("recovered: "));
    assert!(disk.run("ls @ --offset 1M --noload").ok().contains("two"));
    assert_eq!(disk.run("recover @ --offset 1M").ok(), "clean: nothing to recover\n");
    assert_eq!(run("recover demo:").ok(), "clean: nothing to recover\n");
    run("recover demo: --offset 1M").fails(2, "demo: is a file system from its first");
}

#[test]
fn recover_takes_no_options_that_overlook_things() {
    for (option, hint) in
        [("--noload", "without its journal"), ("--sb 1", "e2fsck -b"), ("--allow-short", "cut off")]
    {
        let name = option.split(' ').next().unwrap();
        run(&format!("recover demo: {option}"))
            .fails(2, &format!("recover does not take {name}"))
            .fails(2, hint);
    }
    run("recover /nonexistent/image").fails(3, "cannot open: No such");
    Copy::of(&[b'x'; 5000]).run("recover @").fails(3, "wrong magic number");
}

#[test]
fn an_image_in_use_is_not_recovered() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let before = fs::read(&image.path).unwrap();
    let reader = fs::File::open(&image.path).unwrap();
    reader.lock_shared().unwrap();
    image.run("ls @").ok();
    image.run("recover @").fails(5, "in use by").fails(5, "--ignore-lock");
    assert!(fs::read(&image.path).unwrap() == before);
    reader.unlock().unwrap();
    image.run("recover @").ok();
}

#[test]
fn a_mounted_image_is_not_recovered() {
    if !need(Capability::KernelMount) {
        return;
    }
    let Some(image) = fresh("has_journal") else { return };
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let mount = LoopMount::new(&image.path, access).unwrap();
        image.run("recover @").fails(5, "mounted on");
        mount.unmount().unwrap();
    }
    assert_eq!(image.run("recover @").ok(), "clean: nothing to recover\n");
}

#[test]
fn an_image_that_may_not_be_written_says_so() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    if !need(Capability::Root) {
        return;
    }
    let folder = image.path.parent().unwrap();
    for (path, mode) in [(folder, 0o755), (&image.path, 0o444)] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let before = fs::read(&image.path).unwrap();
    let output = program().uid(65_534).args(["recover", image.name()]).output();
    let Ok(output) = output else {
        extant_testkit::capability::skip("the program lies where only root may go");
        return;
    };
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot open: Permission denied"), "{text}");
    assert!(text.contains("hint: this command writes to the image"), "{text}");
    assert!(fs::read(&image.path).unwrap() == before);
}

#[test]
fn a_journal_that_is_damaged_is_not_replayed() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let mut bytes = fs::read(&image.path).unwrap();
    // A copy in the first transaction: valid ones follow.
    bytes[log_block(&image, 2) + 500] ^= 1;
    fs::write(&image.path, &bytes).unwrap();
    for command in ["ls @", "recover @"] {
        let ran = image.run(command);
        ran.fails(3, "a logged block is damaged").fails(3, "--noload");
    }
    assert!(fs::read(&image.path).unwrap() == bytes, "nothing is written");
    assert_eq!(image.run("ls @ --noload").ok(), "lost+found\n");
    let info = image.run("info @").ok();
    assert!(info.contains("\nRecovery:     fails: a logged block is damaged"), "{info}");
    assert!(image.run("dump @ journal").ok().contains("checksum wrong"));
}

#[test]
fn the_last_transaction_may_be_torn() {
    let Some(Dirty { image, .. }) = dirty("metadata_csum", CHECKSUMS, files) else { return };
    let log = image.run("dump --json @ journal").ok();
    let log: Vec<Value> = log.lines().map(json).collect();
    let commits: Vec<u64> = log
        .iter()
        .filter(|line| line["structure"] == "journal_commit")
        .map(|line| line["block"].as_u64().unwrap())
        .collect();
    let mut bytes = fs::read(&image.path).unwrap();
    bytes[log_block(&image, *commits.last().unwrap()) + 100] ^= 1;
    fs::write(&image.path, bytes).unwrap();
    let value = json(&image.run("info --json @").ok());
    assert_eq!(value["recovery"]["transactions"], commits.len() - 1);
    assert_eq!(value["recovery"]["torn"]["kind"], "journal.commit");
}

/// Requests that leave the file `/gone` without a name, on the list of orphans.
pub(crate) fn orphan(image: &Copy) -> String {
    let files = files(image);
    format!(
        "{files}write {} gone\nset_inode_field gone links_count 0\nset_inode_field gone dtime 0\n\
         set_super_value last_orphan 15\nunlink gone\n",
        image.beside("source").display()
    )
}

#[test]
fn orphans_are_finished_when_asked_for() {
    let Some(Dirty { image, expected, .. }) =
        dirty("metadata_csum,^orphan_file", CHECKSUMS, orphan)
    else {
        return;
    };
    let stat = debugfs("stat <15>", &expected.path).unwrap();
    assert!(String::from_utf8_lossy(&stat).contains("Links: 0"), "inode 15 is the orphan");
    let value = json(&image.run("info --json @").ok());
    assert_eq!(value["recovery"]["orphans_deleted"], 1);
    let kept = Copy::of(&fs::read(&image.path).unwrap());
    let text = kept.run("recover @").ok();
    let (done, hint) = text.split_once('\n').unwrap();
    assert!(!done.contains("orphan") && hint.starts_with("Orphans were left alone;"), "{text}");
    assert!(kept.run("recover @").ok().starts_with("clean: nothing to recover\nOrphans were left"));
    assert!(kept.run("recover --orphans --json @").ok().contains("\"orphans_deleted\":1"));
    let text = image.run("recover @ --orphans").ok();
    assert!(text.ends_with(", 1 orphan deleted\n"), "{text}");
    for image in [&image, &kept] {
        assert_clean(image);
        assert!(debugfs("stat <15>", &image.path).is_some_and(|stat| {
            !String::from_utf8_lossy(&stat).contains("deltime: 0x00000000")
        }));
        assert_eq!(image.run("recover @ --orphans").ok(), "clean: nothing to recover\n");
    }
    assert_eq!(image.run("digest @").ok(), kept.run("digest @").ok());
}

/// A file system with its journal in an image of its own; `None`, said aloud, without e2fsprogs.
fn with_external_journal() -> Option<(Copy, Copy)> {
    let journal = Copy::of(&[]);
    let options = ["-q", "-F", "-b", "1024", "-O", "journal_dev", journal.name(), "4M"];
    assert!(tool("mke2fs", options)?.status.success());
    let image = fresh("^has_journal,^metadata_csum")?;
    let mut bytes = fs::read(&journal.path).unwrap();
    let uuid: Vec<u8> = bytes[1024 + 0x68..1024 + 0x78].to_vec();
    let file_system: Vec<u8> = fs::read(&image.path).unwrap()[1024 + 0x68..1024 + 0x78].to_vec();
    // The journal's superblock: its one user.
    let start = 2 * 1024;
    bytes[start + 0x40..start + 0x44].copy_from_slice(&1_u32.to_be_bytes());
    bytes[start + 0x100..start + 0x110].copy_from_slice(&file_system);
    fs::write(&journal.path, bytes).unwrap();
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    debugfs_all(
        &image,
        &format!(
            "feature has_journal\nset_super_value journal_uuid {}\nset_super_value journal_dev 1\n",
            parts.join("-")
        ),
    )?;
    Some((image, journal))
}

#[test]
fn an_external_journal_is_named() {
    let Some((image, journal)) = with_external_journal() else { return };
    let content = image.beside("content");
    fs::write(&content, [7; 2048]).unwrap();
    let requests =
        format!("jo -f {}\njw -b 9000,9001 {}\njc\n", journal.path.display(), content.display());
    if debugfs_all(&image, &requests).is_none() {
        return;
    }
    image.run("ls @").fails(3, "the journal is on another device").fails(3, "--journal");
    for command in ["recover @", "dump @ journal"] {
        image.run(command).fails(3, "the journal is on another device");
    }
    assert_eq!(image.run("ls @ --noload").ok(), "lost+found\n");
    let named = format!("--journal {}", journal.name());
    assert_eq!(image.run(&format!("ls @ {named}")).ok(), "lost+found\n");
    let block = || image.run("dump @ block 9000").ok();
    assert!(!block().contains("07 07"));
    let log = image.run(&format!("dump @ journal {named}")).ok();
    assert!(log.contains("-> 9000") && log.contains("-> 9001"), "{log}");
    let info = image.run(&format!("info @ {named}")).ok();
    assert!(info.contains("Journal:      external, 4.0 MiB, to be replayed\n"), "{info}");
    let other = Copy::of(&extant::demo::image());
    let wrong = format!("ls @ --journal {}", other.name());
    assert_eq!(image.run(&wrong).code, 3);
    let text = image.run(&format!("recover @ {named}")).ok();
    assert_eq!(text, "recovered: 1 transaction, 2 blocks replayed\n");
    assert!(block().contains("07 07"));
    assert_eq!(image.run(&format!("recover @ {named}")).ok(), "clean: nothing to recover\n");
    image.run("ls @ --journal /nonexistent").fails(3, "/nonexistent: cannot open");
}
