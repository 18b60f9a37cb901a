//! Image files and block devices of the host: transfers, locks, loop devices, direct I/O.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, File, FileTimes};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use extant_block::image::{ImageOptions, open_image};
use extant_block::{
    AlignedBuffer, BlockDevice, DeviceError, FileDevice, FileOptions, WriteFlags, read_unaligned,
};
use extant_testkit::capability::skip;
use tempfile::NamedTempFile;

const READ: FileOptions = FileOptions { read_only: true, ignore_lock: false, direct: false };
const WRITE: FileOptions = FileOptions { read_only: false, ..READ };
const DIRECT: FileOptions = FileOptions { direct: true, ..WRITE };
const NO_LOCK: FileOptions = FileOptions { ignore_lock: true, ..WRITE };

/// Tests that share a process take turns: a child that another test is just starting would hold
/// copies of this one's descriptors, and so its locks, until it has executed its program.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn numbered(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn image(len: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&numbered(len)).unwrap();
    file
}

fn in_use(result: Result<FileDevice, DeviceError>) -> Option<String> {
    match result {
        Err(DeviceError::InUse { by, .. }) => Some(by),
        _ => None,
    }
}

/// A child that has done what it was started for and waits; killed and reaped on drop.
struct Waiting(Child);

impl Waiting {
    /// Runs a command until it prints a line that starts with `sign`.
    fn start(mut command: Command, sign: &str) -> Option<Self> {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.ok()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let child = Self(child);
        lines.find(|line| line.as_ref().is_ok_and(|l| l.starts_with(sign))).map(|_| child)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The access time is so old that any reading would renew it.
#[test]
fn reading_leaves_the_access_time() {
    let _turn = turn();
    let file = image(8192);
    let old = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
    file.as_file().set_times(old).unwrap();
    for options in [READ, FileOptions { direct: true, ..READ }] {
        let device = FileDevice::open(file.path(), &options).unwrap();
        read_unaligned(&device, &mut [0; 100], 5).unwrap();
    }
    assert_eq!(fs::metadata(file.path()).unwrap().accessed().unwrap(), SystemTime::UNIX_EPOCH);
}

#[test]
fn transfers_are_exact_and_bounded() {
    let _turn = turn();
    let file = image(10_000);
    let device = FileDevice::open(file.path(), &WRITE).unwrap();
    assert_eq!((device.size_bytes(), device.write_granularity()), (10_000, 1));
    for flags in [WriteFlags::NONE, WriteFlags::FUA] {
        device.write_at(b"hello", 9_995, flags).unwrap();
        device.write_at(b"hello", 3, flags).unwrap();
    }
    device.flush().unwrap();
    device.write_zeroes(100, 5000).unwrap();
    let mut bytes = vec![0; 10_000];
    device.read_at(&mut bytes, 0).unwrap();
    let mut expected = numbered(10_000);
    expected[9_995..].copy_from_slice(b"hello");
    expected[3..8].copy_from_slice(b"hello");
    expected[100..5100].fill(0);
    assert!(bytes == expected);
    assert!(fs::read(file.path()).unwrap() == expected);
    for (offset, len) in [(9_999, 2), (10_000, 1), (u64::MAX, 1)] {
        let write = device.write_at(&vec![0; len], offset, WriteFlags::NONE);
        assert!(matches!(write, Err(DeviceError::OutOfRange { .. })));
        let zero = device.write_zeroes(offset, len as u64);
        assert!(matches!(zero, Err(DeviceError::OutOfRange { .. })));
    }
    assert_eq!(file.as_file().metadata().unwrap().len(), 10_000, "never grows");
}

#[test]
fn discarding_frees_storage_and_zeroing_does_not_need_it() {
    let _turn = turn();
    let file = image(1 << 20);
    file.as_file().sync_all().unwrap();
    let device = FileDevice::open(file.path(), &WRITE).unwrap();
    let before = file.as_file().metadata().unwrap().blocks();
    device.discard(0, 1 << 19).unwrap();
    let after = file.as_file().metadata().unwrap().blocks();
    let mut bytes = [1; 4096];
    device.read_at(&mut bytes, 0).unwrap();
    if after == before {
        return skip("the temporary folder's file system cannot punch holes");
    }
    assert!(after < before);
    assert_eq!(bytes, [0; 4096]);
    device.discard(0, 0).unwrap();
}

#[test]
fn a_read_only_device_refuses_every_change() {
    let _turn = turn();
    let file = image(4096);
    let device = FileDevice::open(file.path(), &READ).unwrap();
    assert!(device.is_read_only());
    let refused = |result| matches!(result, Err(DeviceError::ReadOnly));
    assert!(refused(device.write_at(b"x", 0, WriteFlags::NONE)));
    assert!(refused(device.discard(0, 1)));
    assert!(refused(device.write_zeroes(0, 1)));
    device.flush().unwrap();
}

/// Hostile row 59, the part of the device: the file behind an image is truncated while open.
#[test]
fn row_59_a_file_that_shrinks_gives_errors() {
    let _turn = turn();
    let file = image(1 << 20);
    let device = FileDevice::open(file.path(), &READ).unwrap();
    file.as_file().set_len(5000).unwrap();
    assert_eq!(device.size_bytes(), 1 << 20);
    let mut bytes = vec![0; 4096];
    device.read_at(&mut bytes, 0).unwrap();
    for offset in [4096, 1 << 19] {
        let error = device.read_at(&mut bytes, offset).unwrap_err();
        assert!(error.to_string().contains("shorter than when it was opened"), "{error}");
    }
}

#[test]
fn what_cannot_hold_an_image_is_named() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| FileDevice::open(path, &READ).unwrap_err().to_string();
    assert!(refusal(folder.path()).contains("is a directory; name an image file"));
    assert!(refusal(Path::new("/dev/null")).contains("is a character device"));
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(refusal(&pipe).contains("is a pipe"), "and does not wait for a writer");
    let missing = refusal(&folder.path().join("missing"));
    assert!(missing.contains("missing") && missing.contains("check the path"), "{missing}");
}

#[test]
fn two_opens_in_one_process_conflict_unless_both_only_read() {
    let _turn = turn();
    let file = image(4096);
    let open = |options: &FileOptions| FileDevice::open(file.path(), options);
    let reader = open(&READ).unwrap();
    let second_reader = open(&READ).unwrap();
    assert_eq!(in_use(open(&WRITE)).as_deref(), Some("this process"));
    drop((reader, second_reader));
    let writer = open(&WRITE).unwrap();
    assert!(in_use(open(&READ)).is_some());
    assert!(in_use(open(&WRITE)).is_some());
    open(&NO_LOCK).unwrap();
    drop(writer);
    open(&WRITE).unwrap();
}

#[test]
fn a_flock_of_another_process_conflicts_and_its_holder_is_named() {
    let _turn = turn();
    let file = image(4096);
    let hold = |mode: &str| {
        let mut command = Command::new("flock");
        command.arg(mode).arg(file.path()).args(["sh", "-c", "echo locked; read x"]);
        Waiting::start(command, "locked")
    };
    let Some(shared) = hold("--shared") else { return skip("flock is not installed") };
    FileDevice::open(file.path(), &READ).unwrap();
    assert!(in_use(FileDevice::open(file.path(), &WRITE)).is_some());
    drop(shared);
    let exclusive = hold("--exclusive").unwrap();
    let by = in_use(FileDevice::open(file.path(), &READ)).unwrap();
    assert!(by.contains(&format!("flock (process {})", exclusive.0.id())), "{by}");
    FileDevice::open(file.path(), &NO_LOCK).unwrap();
}

/// A virtual machine's disk: QEMU takes OFD locks and no flock.
#[test]
fn readers_and_writers_of_qemu_are_respected() {
    let _turn = turn();
    let file = image(1 << 20);
    let qemu = |mode: &str| {
        let mut command = Command::new("sh");
        let script = format!("(echo help; cat) | qemu-io {mode} -f raw \"$0\" 2>&1");
        command.args(["-c", &script]).arg(file.path());
        command
    };
    if Command::new("qemu-io").arg("--version").output().is_err() {
        return skip("qemu-io is not installed (package qemu-utils)");
    }
    let reader = Waiting::start(qemu("-r"), "").unwrap();
    FileDevice::open(file.path(), &READ).expect("two readers get along");
    let by = in_use(FileDevice::open(file.path(), &WRITE)).unwrap();
    assert!(by.contains("virtual machine"), "{by}");
    end_qemu(reader);

    let writer = Waiting::start(qemu(""), "").unwrap();
    let by = in_use(FileDevice::open(file.path(), &READ)).unwrap();
    assert!(by.contains("virtual machine"), "{by}");
    end_qemu(writer);

    let refused = |mode: &str| {
        let mut command = Command::new("qemu-io");
        let output = command.args(["-c", "quit", "-f", "raw"]).args(mode.split_whitespace());
        !output.arg(file.path()).output().unwrap().status.success()
    };
    let ours = FileDevice::open(file.path(), &READ).unwrap();
    assert!(refused(""), "qemu must not write what we read");
    assert!(!refused("-r"), "qemu may read what we read");
    drop(ours);
    let _ours = FileDevice::open(file.path(), &WRITE).unwrap();
    assert!(refused("-r"), "qemu must not read what we write");
}

/// Ends the pipeline by closing its input, and waits for it: qemu-io is not the direct child.
fn end_qemu(mut waiting: Waiting) {
    drop(waiting.0.stdin.take());
    waiting.0.wait().unwrap();
}

#[test]
fn direct_io_demands_alignment_and_reads_the_same() {
    let _turn = turn();
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bytes = numbered(1 << 20);
    fs::write(file.path(), &bytes).unwrap();
    let device = FileDevice::open(file.path(), &DIRECT).unwrap();
    if !device.is_direct() {
        return skip("the target folder's file system has no direct I/O");
    }
    let unit = u64::from(device.alignment().offset);
    assert!(unit > 1 && u64::from(device.write_granularity()) == unit);
    let mut buffer = AlignedBuffer::new(8192);
    device.read_at(&mut buffer, 4096).unwrap();
    assert!(buffer[..] == bytes[4096..12288]);
    let misaligned = |result| matches!(result, Err(DeviceError::Misaligned { .. }));
    assert!(misaligned(device.read_at(&mut buffer, unit / 2)));
    assert!(misaligned(device.read_at(&mut buffer[..100], 0)));
    assert!(misaligned(device.write_at(&buffer[1..=4096], 0, WriteFlags::NONE)));
    device.write_at(&buffer, 0, WriteFlags::FUA).unwrap();
    device.write_zeroes(8192, 4096).unwrap();
    let mut all = vec![0; (1 << 20) - 3];
    read_unaligned(&device, &mut all, 3).unwrap();
    assert!(all[..8189] == bytes[4099..12288]);
    assert!(all[8189..12285] == [0; 4096]);
    assert!(all[12285..] == bytes[12288..]);
}

#[test]
fn a_size_that_direct_io_cannot_reach_falls_back_with_the_lock_kept() {
    let _turn = turn();
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(file.path(), vec![7; 5001]).unwrap();
    let device = FileDevice::open(file.path(), &DIRECT).unwrap();
    assert!(!device.is_direct());
    let mut tail = [0; 2];
    device.read_at(&mut tail, 4999).unwrap();
    assert_eq!(tail, [7; 2]);
    assert!(in_use(FileDevice::open(file.path(), &READ)).is_some());
}

#[test]
fn images_open_at_an_offset_and_by_partition() {
    let _turn = turn();
    let file = image(1 << 20);
    let mut record = [0_u8; 512];
    record[446 + 4] = 0x83;
    record[446 + 8..446 + 12].copy_from_slice(&4_u32.to_le_bytes());
    record[446 + 12..446 + 16].copy_from_slice(&8_u32.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    let disk = FileDevice::open(file.path(), &WRITE).unwrap();
    disk.write_at(&record, 1024, WriteFlags::NONE).unwrap();
    disk.write_at(b"here", 1024 + 4 * 512, WriteFlags::NONE).unwrap();
    drop(disk);
    let options = ImageOptions { read_only: true, offset: 1024, ..ImageOptions::default() };
    assert_eq!(open_image(file.path(), &options).unwrap().size_bytes(), (1 << 20) - 1024);
    let device = open_image(file.path(), &ImageOptions { partition: Some(1), ..options }).unwrap();
    let mut start = [0; 4];
    device.read_at(&mut start, 0).unwrap();
    assert_eq!((&start, device.size_bytes()), (b"here", 8 * 512));
    let missing = open_image(file.path(), &ImageOptions { partition: Some(2), ..options });
    assert!(matches!(missing, Err(DeviceError::NoSuchPartition { number: 2, .. })));
    let no_table =
        open_image(file.path(), &ImageOptions { partition: Some(1), offset: 8192, ..options });
    assert!(matches!(no_table, Err(DeviceError::PartitionTable { .. })));
    let past = open_image(file.path(), &ImageOptions { offset: 1 << 21, ..options });
    assert!(matches!(past, Err(DeviceError::OutOfRange { .. })));
}

/// An attached loop device; detached on drop.
struct Loop(PathBuf);

impl Loop {
    /// `None`, with a visible note, where loop devices cannot be made.
    fn attach(image: &Path, args: &[&str]) -> Option<Self> {
        let output =
            Command::new("losetup").args(args).args(["--find", "--show"]).arg(image).output();
        match output {
            Ok(output) if output.status.success() => {
                Some(Self(String::from_utf8(output.stdout).unwrap().trim().into()))
            }
            _ => {
                skip("losetup cannot attach loop devices here (needs root)");
                None
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.0).status();
    }
}

/// A mount of a loop device; unmounted on drop.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(device: &Path, options: &str) -> Self {
        let at = tempfile::tempdir().unwrap();
        let mut command = Command::new("mount");
        let status =
            command.args(["-t", "ext4", "-o", options]).arg(device).arg(at.path()).status();
        assert!(status.unwrap().success());
        Self(at)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn formatted() -> Option<NamedTempFile> {
    let file = image(0);
    file.as_file().set_len(4 << 20).unwrap();
    let made = Command::new("mke2fs").args(["-q", "-F", "-t", "ext4"]).arg(file.path()).status();
    if made.is_ok_and(|status| status.success()) { Some(file) } else { None }
}

#[test]
fn images_attached_to_loop_devices_are_protected() {
    let _turn = turn();
    let Some(file) = formatted() else { return skip("mke2fs is not installed") };
    let open = |options: &FileOptions| FileDevice::open(file.path(), options);
    let Some(device) = Loop::attach(file.path(), &[]) else { return };
    open(&READ).expect("attached but not mounted: may be read");
    let by = in_use(open(&WRITE)).unwrap();
    assert_eq!(by, device.0.display().to_string());
    let link = file.path().with_extension("link");
    fs::hard_link(file.path(), &link).unwrap();
    assert!(in_use(FileDevice::open(&link, &WRITE)).is_some(), "known by any name");
    fs::remove_file(&link).unwrap();

    let mount = Mount::new(&device.0, "rw");
    let by = in_use(open(&READ)).unwrap();
    assert!(by.contains("mounted on") && by.contains(mount.0.path().to_str().unwrap()), "{by}");
    assert!(in_use(open(&WRITE)).is_some());
    open(&NO_LOCK).unwrap();

    let by = in_use(FileDevice::open(&device.0, &READ)).unwrap();
    assert!(by.starts_with("a mount on"), "{by}");
    assert!(in_use(FileDevice::open(&device.0, &WRITE)).is_some());
    drop(mount);
    let whole = FileDevice::open(&device.0, &WRITE).expect("a block device like any other");
    assert_eq!(whole.size_bytes(), 4 << 20);
    assert!(in_use(FileDevice::open(&device.0, &READ)).is_some());
    whole.discard(1 << 20, 1 << 16).unwrap();
    whole.write_zeroes(2 << 20, 1 << 16).unwrap();
    whole.write_at(&[1; 512], 2 << 20, WriteFlags::FUA).unwrap();
    whole.flush().unwrap();
    let mut back = [9; 1024];
    whole.read_at(&mut back, 2 << 20).unwrap();
    assert_eq!((&back[..512], &back[512..]), ([1; 512].as_slice(), [0; 512].as_slice()));
}

#[test]
fn a_read_only_loop_device_leaves_the_image_readable() {
    let _turn = turn();
    let Some(file) = formatted() else { return skip("mke2fs is not installed") };
    let Some(device) = Loop::attach(file.path(), &["--read-only"]) else { return };
    let _mount = Mount::new(&device.0, "ro");
    FileDevice::open(file.path(), &READ).unwrap();
    assert!(in_use(FileDevice::open(file.path(), &WRITE)).is_some());
    FileDevice::open(&device.0, &READ).expect("mounted read-only: may be read");
    let error = FileDevice::open(&device.0, &WRITE).unwrap_err();
    assert!(matches!(error, DeviceError::InUse { .. } | DeviceError::Open { .. }), "{error}");
}

#[test]
fn locks_end_with_the_device() {
    let _turn = turn();
    let file = image(4096);
    let device = FileDevice::open(file.path(), &WRITE).unwrap();
    let raw = File::open(file.path()).unwrap();
    assert!(raw.try_lock_shared().is_err());
    drop(device);
    raw.try_lock().unwrap();
}
