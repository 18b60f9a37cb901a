use super::*;

const IMAGE: DeviceNumber = DeviceNumber { major: 7, minor: 3 };

/// A made-up /sys and /proc with one loop device 7:3 with a partition 259:0.
struct FakeHost {
    folder: tempfile::TempDir,
    view: HostView,
    image: Identity,
}

impl FakeHost {
    fn new(read_only: bool, mounts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (sys, proc) = (path.join("sys"), path.join("proc"));
        let image = path.join("disk image");
        fs::write(&image, "").unwrap();
        let device = sys.join("block/loop3");
        fs::create_dir_all(device.join("loop")).unwrap();
        fs::create_dir_all(device.join("loop3p1")).unwrap();
        fs::create_dir_all(sys.join("block/sda")).unwrap();
        fs::write(device.join("dev"), "7:3\n").unwrap();
        fs::write(device.join("ro"), if read_only { "1\n" } else { "0\n" }).unwrap();
        fs::write(device.join("loop/backing_file"), format!("{}\n", image.display())).unwrap();
        fs::write(device.join("loop3p1/dev"), "259:0\n").unwrap();
        fs::write(device.join("loop3p1/partition"), "1\n").unwrap();
        fs::create_dir_all(sys.join("dev/block")).unwrap();
        std::os::unix::fs::symlink(&device, sys.join("dev/block/7:3")).unwrap();
        let partition = device.join("loop3p1");
        std::os::unix::fs::symlink(partition, sys.join("dev/block/259:0")).unwrap();
        fs::create_dir_all(proc.join("self")).unwrap();
        fs::write(proc.join("self/mountinfo"), mounts).unwrap();
        let image = Identity::of(&fs::metadata(image).unwrap());
        Self { folder, view: HostView { sys, proc }, image }
    }

    fn user(&self, read_only: bool) -> Option<String> {
        self.view.user(self.image, read_only)
    }
}

fn mount(number: &str, options: &str) -> String {
    format!("36 35 {number} / /mnt/x rw,noatime shared:1 - ext4 /dev/loop3 {options},errors=x\n")
}

#[test]
fn a_writable_loop_device_excludes_writers_and_a_mounted_one_everybody() {
    let idle = FakeHost::new(false, &mount("8:1", "rw"));
    assert_eq!(idle.user(true), None);
    assert_eq!(idle.user(false).as_deref(), Some("/dev/loop3"));
    for number in ["7:3", "259:0"] {
        for options in ["rw", "ro"] {
            let host = FakeHost::new(false, &mount(number, options));
            assert_eq!(host.user(true).as_deref(), Some("/dev/loop3, mounted on /mnt/x"));
            assert_eq!(host.user(false).as_deref(), Some("/dev/loop3, mounted on /mnt/x"));
        }
    }
}

#[test]
fn a_read_only_loop_device_excludes_writers_only() {
    let host = FakeHost::new(true, &mount("7:3", "ro"));
    assert_eq!(host.user(true), None);
    assert_eq!(host.user(false).as_deref(), Some("/dev/loop3, mounted on /mnt/x"));
}

#[test]
fn another_file_is_not_the_backing_file() {
    let host = FakeHost::new(false, &mount("7:3", "rw"));
    let other = host.folder.path().join("other");
    fs::write(&other, "").unwrap();
    assert_eq!(host.view.user(Identity::of(&fs::metadata(other).unwrap()), false), None);
}

#[test]
fn a_block_device_mounted_read_write_is_in_use_also_by_a_partition() {
    let image = |host: &FakeHost| Identity { block: Some(IMAGE), ..host.image };
    for number in ["7:3", "259:0"] {
        let host = FakeHost::new(false, &mount(number, "rw"));
        let user = host.view.user(image(&host), true);
        assert_eq!(user.as_deref(), Some("a mount on /mnt/x"), "{number}");
    }
    for (number, options) in [("7:3", "ro"), ("8:1", "rw")] {
        let host = FakeHost::new(false, &mount(number, options));
        assert_eq!(host.view.user(image(&host), true), None, "{number} {options}");
    }
}

#[test]
fn lines_of_locks_are_matched_by_kind_device_and_inode() {
    let device = rustix::fs::makedev(0xfe, 0x10);
    let image = Identity { device, inode: 13, block: None };
    let owner = |line| lock_owner(line, image);
    assert_eq!(owner("1: FLOCK  ADVISORY  WRITE 708 fe:10:13 0 EOF"), Some(708));
    assert_eq!(owner("1: OFDLCK ADVISORY  WRITE -1 fe:10:13 0 EOF"), None);
    assert_eq!(owner("1: POSIX  ADVISORY  WRITE 708 fe:10:13 0 EOF"), None);
    assert_eq!(owner("1: FLOCK  ADVISORY  WRITE 708 fe:10:14 0 EOF"), None);
    assert_eq!(owner("1: FLOCK  ADVISORY  WRITE 708 fe:11:13 0 EOF"), None);
    assert_eq!(owner("1: FLOCK"), None);
    assert_eq!(owner(""), None);
}

#[test]
fn a_host_that_tells_nothing_gives_no_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let view = HostView { sys: folder.path().join("a"), proc: folder.path().join("b") };
    let image = Identity { device: 1, inode: 2, block: None };
    assert_eq!(view.user(image, false), None);
    assert_eq!(view.user(Identity { block: Some(IMAGE), ..image }, false), None);
    assert_eq!(view.flock_holder(image), "another program");
}
