//! Images with one empty file.

use std::path::Path;
use std::process::{Command, Stdio};

use extant_block::{BlockDevice, MemoryDevice, OverlayDevice, read_unaligned};
use extant_format::{Inode, InodeNr};
use extant_sync::Arc;

use crate::Volume;
use crate::changes::Changes;

/// How an image is made, and where its file may have data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Extents, blocks of 1 KiB, checksums; one superblock, so that long runs of blocks are free.
    Small,
    /// Extents, blocks of 4 KiB, checksums.
    Large,
    /// Extents, clusters of 16 blocks of 1 KiB.
    Clusters,
    /// Extents, blocks of 2 KiB, no checksums, descriptors of 32 bytes.
    Plain,
    /// Indirect blocks, blocks of 1 KiB.
    Indirect,
    /// Indirect blocks, blocks of 4 KiB.
    IndirectLarge,
}

impl Kind {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Small => &[
                "-t",
                "ext4",
                "-b",
                "1024",
                "-O",
                "^has_journal,^resize_inode,sparse_super2",
                "-E",
                "num_backup_sb=0",
            ],
            Self::Large => &["-t", "ext4", "-b", "4096", "-O", "^has_journal"],
            Self::Clusters => &[
                "-t",
                "ext4",
                "-b",
                "1024",
                "-C",
                "16384",
                "-O",
                "^has_journal,^resize_inode,bigalloc",
            ],
            Self::Plain => {
                &["-t", "ext4", "-b", "2048", "-O", "^has_journal,^metadata_csum,^64bit,uninit_bg"]
            }
            Self::Indirect => &["-t", "ext2", "-b", "1024"],
            Self::IndirectLarge => &["-t", "ext2", "-b", "4096"],
        }
    }
}

/// An image in memory.
pub(super) struct Image {
    base: Arc<dyn BlockDevice>,
}

/// An inode of an image that is being changed.
pub(super) struct File<'v> {
    pub(super) changes: Changes<'v>,
    pub(super) ino: InodeNr,
}

impl Image {
    /// An image of `kind`; `None` without the programs to make it.
    pub(super) fn make(kind: Kind) -> Option<Self> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        let path = file.path();
        run(Command::new("mke2fs").args(["-q", "-F"]).args(kind.arguments()).arg(path))?;
        for request in ["write /dev/null f", "sif f size 0x3ffffc00"] {
            run(Command::new("debugfs").args(["-w", "-R", request]).arg(path))?;
        }
        Some(Self { base: Arc::new(MemoryDevice::from_vec(std::fs::read(path).unwrap())) })
    }

    /// The file system with changes that go nowhere.
    pub(super) fn open(&self) -> Volume {
        let device = Arc::new(OverlayDevice::new(Arc::clone(&self.base)));
        crate::changes::testing::open(device)
    }
}

impl<'v> File<'v> {
    /// The file `f`, the first inode behind `lost+found`.
    pub(super) fn new(volume: &'v Volume) -> Self {
        let ino = volume.geometry().inode(12).unwrap();
        Self { changes: Changes::new(volume), ino }
    }

    pub(super) fn volume(&self) -> &'v Volume {
        self.changes.volume()
    }

    pub(super) fn inode(&self) -> Inode {
        self.changes.inode(self.ino).unwrap()
    }

    /// Free clusters of all groups, as the descriptors have them.
    pub(super) fn free_clusters(&self) -> u64 {
        let volume = self.volume();
        let free = |group| volume.group_desc(group, extant_block::IoFlags::NONE).unwrap();
        volume.geometry().groups().map(|group| u64::from(free(group).free_clusters)).sum()
    }

    /// Lets e2fsck(8) judge the image as it is now.
    pub(super) fn judge(mut self) {
        self.changes.finish().unwrap();
        let device = self.volume().device();
        let mut bytes = vec![0; usize::try_from(device.size_bytes()).unwrap()];
        read_unaligned(&**device, &mut bytes, 0).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        check(file.path());
    }
}

fn check(path: &Path) {
    let Ok(output) = Command::new("e2fsck").arg("-fn").arg(path).output() else {
        eprintln!("skipped: e2fsck is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

/// Runs a program; `None` if it is not there.
fn run(command: &mut Command) -> Option<()> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}
