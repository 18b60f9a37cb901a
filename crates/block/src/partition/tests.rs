use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::gpt::{header_crc, table_crc};
use super::*;
use crate::{FileDevice, FileOptions, MemoryDevice, WriteFlags};

const SIZE: usize = 1 << 20;
const LINUX: [u8; 16] = [
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
];

/// A disk image under construction.
struct Disk(Vec<u8>);

impl Disk {
    fn new() -> Self {
        Self(vec![0; SIZE])
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Entry `index` of the boot record at `sector`.
    fn entry(&mut self, sector: usize, index: usize, kind: u8, (start, len): (u32, u32)) {
        let at = sector * 512 + 446 + index * 16;
        self.put(at + 4, &[kind]);
        self.put(at + 8, &start.to_le_bytes());
        self.put(at + 12, &len.to_le_bytes());
        self.put(sector * 512 + 510, &[0x55, 0xaa]);
    }

    /// A GPT header at `lba`, with entries of 128 bytes at `entries`; both checksums are right.
    fn gpt(&mut self, sector: usize, lba: usize, entries: usize, count: u32) {
        let at = lba * sector;
        let table = &self.0[entries * sector..entries * sector + count as usize * 128];
        let crc = table_crc(table);
        self.put(at, b"EFI PART\0\0\x01\0");
        self.put(at + 12, &92_u32.to_le_bytes());
        self.put(at + 24, &(lba as u64).to_le_bytes());
        self.put(at + 72, &(entries as u64).to_le_bytes());
        self.put(at + 80, &count.to_le_bytes());
        self.put(at + 84, &128_u32.to_le_bytes());
        self.put(at + 88, &crc.to_le_bytes());
        self.seal(at);
    }

    /// Makes the checksum of a GPT header right again.
    fn seal(&mut self, at: usize) {
        let crc = header_crc(&self.0[at..at + 92]);
        self.put(at + 16, &crc.to_le_bytes());
    }

    fn gpt_entry(&mut self, at: usize, first: u64, last: u64, name: &str) {
        self.put(at, &LINUX);
        self.put(at + 32, &first.to_le_bytes());
        self.put(at + 40, &last.to_le_bytes());
        for (i, unit) in name.encode_utf16().enumerate() {
            self.put(at + 56 + 2 * i, &unit.to_le_bytes());
        }
    }

    /// A protective MBR and one partition, sectors 40 to 99, in a primary GPT.
    fn with_gpt(sector: usize) -> Self {
        let mut disk = Self::new();
        disk.entry(0, 0, 0xee, (1, u32::MAX));
        disk.gpt_entry(2 * sector + 128, 40, 99, "root \u{e9}");
        disk.gpt(sector, 1, 2, 4);
        disk
    }

    fn device(self) -> MemoryDevice {
        MemoryDevice::from_vec(self.0)
    }

    fn list(self) -> Result<Vec<Partition>, DeviceError> {
        list(&self.device())
    }

    fn reason(self) -> String {
        self.list().unwrap_err().to_string()
    }
}

fn places(list: &[Partition]) -> Vec<(u32, u64, u64)> {
    list.iter().map(|p| (p.number, p.offset / 512, p.len / 512)).collect()
}

#[test]
fn mbr_primary_and_logical_partitions_are_numbered_as_the_kernel_does() {
    let mut disk = Disk::new();
    disk.entry(0, 0, 0x83, (8, 100));
    disk.entry(0, 2, 0x05, (200, 500));
    disk.entry(0, 3, 0x82, (800, 10));
    disk.entry(200, 0, 0x83, (1, 50));
    disk.entry(200, 1, 0x05, (100, 100));
    disk.entry(300, 1, 0x05, (200, 100)); // no partition of its own: takes no number
    disk.entry(400, 0, 0x07, (2, 20));
    let found = disk.list().unwrap();
    assert_eq!(places(&found), [(1, 8, 100), (4, 800, 10), (5, 201, 50), (6, 402, 20)]);
    assert_eq!(found[0].type_id, "0x83");
    assert_eq!(found[0].table, TableKind::Mbr);
}

#[test]
fn a_cycle_of_extended_partitions_is_refused() {
    let mut disk = Disk::new();
    disk.entry(0, 0, 0x0f, (200, 500));
    disk.entry(200, 0, 0x83, (1, 50));
    disk.entry(200, 1, 0x05, (100, 100));
    disk.entry(300, 1, 0x05, (0, 100));
    assert!(disk.reason().contains("cycle at sector 200"));
}

#[test]
fn an_endless_chain_of_extended_partitions_is_cut() {
    let mut disk = Disk::new();
    disk.entry(0, 0, 0x05, (1, 2000));
    for sector in 1..1000 {
        disk.entry(sector, 1, 0x05, (u32::try_from(sector).unwrap(), 1));
    }
    assert!(disk.reason().contains("more than 256"));
}

#[test]
fn a_chain_that_leaves_the_disk_or_finds_no_record_is_refused() {
    for start in [300, u32::MAX] {
        let mut disk = Disk::new();
        disk.entry(0, 0, 0x85, (start, 500));
        assert!(disk.reason().contains("no extended boot record"));
    }
}

#[test]
fn no_table_is_told_from_a_table() {
    assert!(Disk::new().reason().contains("none found"));
    let mut boot_sector = Disk::new();
    boot_sector.entry(0, 0, 0x83, (1, 1));
    boot_sector.put(446, &[0xeb]);
    assert!(boot_sector.reason().contains("none found"));
    assert!(list(&MemoryDevice::new(100)).is_err());
    let mut empty = Disk::new();
    empty.put(510, &[0x55, 0xaa]);
    assert_eq!(empty.list().unwrap(), []);
}

#[test]
fn gpt_is_read_with_both_sector_sizes() {
    for sector in [512, 4096] {
        let found = Disk::with_gpt(sector).list().unwrap();
        let expected = Partition {
            number: 2,
            offset: 40 * sector as u64,
            len: 60 * sector as u64,
            table: TableKind::Gpt,
            type_id: "0fc63daf-8483-4772-8e79-3d69d8477de4".to_owned(),
            name: "root \u{e9}".to_owned(),
        };
        assert_eq!(found, [expected]);
    }
}

#[test]
fn the_backup_gpt_stands_in_for_a_damaged_primary() {
    let with_backup = || {
        let mut disk = Disk::with_gpt(512);
        let last = SIZE / 512 - 1;
        disk.gpt_entry((last - 8) * 512, 50, 59, "");
        disk.gpt(512, last, last - 8, 4);
        disk
    };
    assert_eq!(places(&with_backup().list().unwrap()), [(2, 40, 60)]);
    for damaged in [512, 512 + 50, 1024 + 3] {
        let mut disk = with_backup();
        disk.0[damaged] ^= 1;
        assert_eq!(places(&disk.list().unwrap()), [(1, 50, 10)], "byte {damaged}");
    }
}

#[test]
fn hostile_gpt_headers_are_refused_by_name() {
    let with = |at: usize, bytes: &[u8]| {
        let mut disk = Disk::with_gpt(512);
        disk.put(512 + at, bytes);
        disk.seal(512);
        disk.reason()
    };
    assert!(with(80, &u32::MAX.to_le_bytes()).contains("with 4294967295 entries"));
    assert!(with(84, &0_u32.to_le_bytes()).contains("entries of 0 bytes"));
    assert!(with(84, &136_u32.to_le_bytes()).contains("entries of 136 bytes"));
    assert!(with(72, &u64::MAX.to_le_bytes()).contains("outside the device"));
    assert!(with(72, &2047_u64.to_le_bytes()).contains("do not match"));
    assert!(with(72, &2048_u64.to_le_bytes()).contains("outside the device"));
    assert!(with(88, &[0; 4]).contains("do not match their checksum"));
    assert!(with(24, &[9]).contains("no intact GPT header"));
    assert!(with(12, &513_u32.to_le_bytes()).contains("no intact GPT header"));
    let mut unsealed = Disk::with_gpt(512);
    unsealed.put(512 + 56, &[1]);
    assert!(unsealed.reason().contains("no intact GPT header"));
}

#[test]
fn hostile_gpt_entries_are_refused() {
    for (first, last) in [(10, 9), (u64::MAX, u64::MAX), (0, u64::MAX), (1 << 55, 1 << 55)] {
        let mut disk = Disk::with_gpt(512);
        disk.gpt_entry(1024, first, last, "");
        disk.gpt(512, 1, 2, 4);
        assert!(disk.reason().contains("GPT entry 1 spans"), "{first} {last}");
    }
}

#[test]
fn a_window_is_the_partition_and_nothing_else() {
    let mut disk = Disk::new();
    disk.entry(0, 0, 0x83, (8, 100));
    disk.entry(0, 1, 0x83, (1000, u32::MAX));
    disk.put(8 * 512, b"first");
    let device: Arc<dyn BlockDevice> = Arc::new(disk.device());
    let part = window(Arc::clone(&device), 1).unwrap();
    assert_eq!((part.size_bytes(), part.offset()), (100 * 512, 8 * 512));
    let mut start = [0; 5];
    part.read_at(&mut start, 0).unwrap();
    assert_eq!(&start, b"first");
    let past_the_end = window(Arc::clone(&device), 2);
    assert!(matches!(past_the_end, Err(DeviceError::OutOfRange { .. })));
    let missing = window(device, 3);
    assert!(matches!(
        &missing,
        Err(DeviceError::NoSuchPartition { number: 3, present }) if *present == [1, 2]
    ));
}

#[test]
fn tables_made_by_sfdisk_are_read() {
    let cases = [
        (
            "label: gpt\nfirst-lba: 34\nstart=64, size=200, name=one\n\
             start=512, size=300, type=swap\n",
            vec![(1, 64, 200), (2, 512, 300)],
        ),
        (
            "label: dos\nstart=64, size=200, type=83\nstart=300, size=1500, type=5\n\
             start=310, size=100, type=83\nstart=500, size=200, type=83\n",
            vec![(1, 64, 200), (5, 310, 100), (6, 500, 200)],
        ),
    ];
    for (script, expected) in cases {
        let Some(file) = sfdisk(script) else {
            extant_testkit::capability::skip("sfdisk is not installed (package fdisk)");
            return;
        };
        let device = FileDevice::open(file.path(), &FileOptions::default()).unwrap();
        assert_eq!(places(&list(&device).unwrap()), expected);
    }
}

/// An image of 1 MiB partitioned by sfdisk; `None` if there is no sfdisk.
fn sfdisk(script: &str) -> Option<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE as u64).unwrap();
    let mut child = Command::new("sfdisk")
        .args(["--no-reread", "--no-tell-kernel", "--quiet"])
        .arg(file.path())
        .stdin(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    Some(file)
}

proptest! {
    /// Any damage to valid tables gives an answer or an error, and every window lies inside.
    #[test]
    fn damaged_tables_never_panic(
        gpt in any::<bool>(),
        edits in prop::collection::vec((0..8192_usize, any::<[u8; 8]>()), 1..12),
        seal in any::<bool>(),
    ) {
        let mut disk = Disk::with_gpt(512);
        if !gpt {
            disk.entry(0, 0, 0x05, (2, 500));
            disk.entry(2, 0, 0x83, (1, 50));
            disk.entry(2, 1, 0x05, (3, 100));
            disk.entry(5, 0, 0x83, (1, 50));
        }
        for (at, bytes) in edits {
            disk.put(at.min(8184), &bytes);
        }
        disk.put(510, &[0x55, 0xaa]);
        if seal {
            disk.put(512, b"EFI PART");
            disk.put(512 + 12, &92_u32.to_le_bytes());
            disk.seal(512);
        }
        let device: Arc<dyn BlockDevice> = Arc::new(disk.device());
        if let Ok(found) = list(&*device) {
            for partition in found.iter().take(8) {
                if let Ok(part) = window(Arc::clone(&device), partition.number) {
                    prop_assert!(part.offset() + part.size_bytes() <= SIZE as u64);
                    part.write_at(&[], 0, WriteFlags::NONE).unwrap();
                }
            }
        }
    }
}
