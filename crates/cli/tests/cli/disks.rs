//! File systems inside disks: `--offset`, `--partition`, superblock copies, short images.

use crate::support::Copy;

const SECTOR: usize = 512;
/// Where the partition starts.
const START: usize = 1 << 20;

/// A disk with an MBR whose second entry is the demo image.
fn disk() -> Copy {
    let demo = extant::demo::image();
    let mut disk = vec![0; START + demo.len()];
    let entry = &mut disk[446 + 16..446 + 32];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&u32::try_from(START / SECTOR).unwrap().to_le_bytes());
    entry[12..16].copy_from_slice(&u32::try_from(demo.len() / SECTOR).unwrap().to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[START..].copy_from_slice(&demo);
    Copy::of(&disk)
}

#[test]
fn partitions_and_offsets_lead_to_the_same_tree() {
    let disk = disk();
    let expected = crate::support::run("digest demo:").ok();
    for line in [
        "digest @ --partition 2",
        "digest @ --offset 1048576",
        "digest @ --offset 1M",
        "digest --offset 1024k @ /",
    ] {
        assert_eq!(disk.run(line).ok(), expected, "{line}");
    }
    assert!(disk.run("dump @ --partition 2 superblock").ok().contains("extant-demo"));
    assert!(disk.run("dump @ superblock --partition 2").ok().contains("extant-demo"));
}

#[test]
fn a_disk_shows_its_partitions() {
    let disk = disk();
    let text = disk.run("info @").ok();
    assert!(text.contains("2 at 1048576 4.0 MiB mbr 0x83"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&disk.run("info --json @").ok()).unwrap();
    assert_eq!(json["partitions"][0]["number"], 2);
    assert_eq!(json["partitions"][0]["offset_bytes"], START);
    disk.run("ls @").fails(3, "wrong magic number").fails(3, "--partition (2)");
    disk.run("ls @ --partition 1").fails(3, "no partition 1; the table has 2");
    disk.run("ls @ --offset 1T").fails(3, "outside the device");
}

#[test]
fn superblock_copies_open_what_the_primary_does_not() {
    let mut bytes = extant::demo::image();
    bytes[1024..2048].fill(0);
    let copy = Copy::of(&bytes);
    copy.run("info @").fails(3, "wrong magic number").fails(3, "--sb");
    assert!(copy.run("info @ --sb 2049 --block-size 1k").ok().contains("extant-demo"));
    assert!(copy.run("info @ --sb 2049").ok().contains("extant-demo"));
    copy.run("info @ --sb 2050").fails(3, "wrong magic number");
    copy.run("info @ --sb 2049 --block-size 3k").fails(2, "--block-size 3072");
    copy.run("info @ --block-size 1k").fails(2, "--sb");
}

#[test]
fn short_images_are_refused_unless_asked_for() {
    let mut bytes = extant::demo::image();
    bytes.truncate(3 << 20);
    let copy = Copy::of(&bytes);
    copy.run("cat @ /README.txt")
        .fails(3, "smaller than the file system")
        .fails(3, "--allow-short");
    assert!(copy.run("cat @ /README.txt --allow-short").ok().starts_with("Welcome"));
}

#[test]
fn the_demo_image_has_no_offset() {
    crate::support::run("ls demo: --offset 1M").fails(2, "demo: is a file system from its first");
}
