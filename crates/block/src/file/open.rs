//! Opening a path: what it is, who else uses it, how large it is, what direct I/O demands.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, StatxFlags, statx};

use super::{
    FileDevice,
    lock::{self, Conflict},
};
use crate::usage::{HostView, Identity};
use crate::{Alignment, DeviceError};

/// How [`FileDevice::open`] opens.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileOptions {
    /// Never change the image, and take a shared lock instead of an exclusive one.
    pub read_only: bool,
    /// Take no lock and do not look who else uses the image.
    pub ignore_lock: bool,
    /// Bypass the host's page cache (`O_DIRECT`). Buffered I/O is used all the same where the host
    /// has none, or where the size is not a multiple of its unit (the tail could not be read).
    pub direct: bool,
}

impl FileDevice {
    /// Opens a regular file or block device, with the locks that `options` ask for.
    ///
    /// # Errors
    /// [`DeviceError::Open`], [`DeviceError::NotAnImage`], [`DeviceError::InUse`].
    pub fn open(path: impl AsRef<Path>, options: &FileOptions) -> Result<Self, DeviceError> {
        let path = path.as_ref();
        let opener = Opener { path, options, host: HostView::default() };
        opener.open()
    }
}

struct Opener<'a> {
    path: &'a Path,
    options: &'a FileOptions,
    host: HostView,
}

impl Opener<'_> {
    fn open(&self) -> Result<FileDevice, DeviceError> {
        // Looked at before opening: to open a tape or a pipe already has effects.
        self.check_type(fs::metadata(self.path).map_err(|e| self.failed(e))?.file_type())?;
        let (mut file, mut direct) = self.open_file()?;
        let metadata = file.metadata().map_err(|e| self.failed(e))?;
        self.check_type(metadata.file_type())?;
        if !self.options.ignore_lock {
            self.lock(&file, &metadata)?;
        }
        let size = size_of_file(&mut file, &metadata).map_err(|e| self.failed(e))?;
        let mut alignment = if direct { direct_alignment(&file) } else { Alignment::NONE };
        if direct && (alignment.offset == 0 || !size.is_multiple_of(alignment.offset.into())) {
            file = self.without_direct(file)?;
            alignment = Alignment::NONE;
            direct = false;
        }
        let read_only = self.options.read_only;
        Ok(FileDevice { file, size, alignment, read_only, direct })
    }

    fn check_type(&self, kind: FileType) -> Result<(), DeviceError> {
        let what = match kind {
            k if k.is_file() || k.is_block_device() => return Ok(()),
            k if k.is_dir() => "directory",
            k if k.is_char_device() => "character device",
            k if k.is_fifo() => "pipe",
            k if k.is_socket() => "socket",
            _ => "special file",
        };
        Err(DeviceError::NotAnImage { path: self.path.into(), what })
    }

    /// Opens the file, direct if asked for and possible; tells whether it is.
    fn open_file(&self) -> Result<(File, bool), DeviceError> {
        if self.options.direct {
            match self.open_with(libc::O_DIRECT) {
                Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {}
                result => return result.map(|f| (f, true)).map_err(|e| self.failed(e)),
            }
        }
        self.open_with(0).map(|f| (f, false)).map_err(|e| self.failed(e))
    }

    /// Opens for reading without a trace: the access time stays, where the host lets us. Only the
    /// owner of a file may have that.
    fn open_with(&self, flags: i32) -> io::Result<File> {
        if !self.options.read_only {
            return self.open_leaving_traces(flags);
        }
        match self.open_leaving_traces(flags | libc::O_NOATIME) {
            Err(e) if e.raw_os_error() == Some(libc::EPERM) => self.open_leaving_traces(flags),
            result => result,
        }
    }

    fn open_leaving_traces(&self, flags: i32) -> io::Result<File> {
        let claim = !self.options.read_only && !self.options.ignore_lock;
        let block = fs::metadata(self.path)?.file_type().is_block_device();
        // On a block device O_EXCL without O_CREAT claims it against mounts and other claims.
        let exclusive = if claim && block { libc::O_EXCL } else { 0 };
        OpenOptions::new()
            .read(true)
            .write(!self.options.read_only)
            .custom_flags(flags | exclusive)
            .open(self.path)
    }

    /// Turns direct I/O off on the open file: a second open would conflict with its locks.
    fn without_direct(&self, file: File) -> Result<File, DeviceError> {
        let flags = rustix::fs::fcntl_getfl(&file).map_err(|e| self.failed(e.into()))?;
        rustix::fs::fcntl_setfl(&file, flags - rustix::fs::OFlags::DIRECT)
            .map_err(|e| self.failed(e.into()))?;
        Ok(file)
    }

    fn lock(&self, file: &File, metadata: &Metadata) -> Result<(), DeviceError> {
        let identity = Identity::of(metadata);
        let exclusive = !self.options.read_only;
        let regular = metadata.is_file();
        match lock::try_lock(file, exclusive, regular).map_err(|e| self.failed(e))? {
            None => {}
            Some(Conflict::Flock) => return Err(self.in_use(self.host.flock_holder(identity))),
            Some(Conflict::ByteRange) => {
                let by = "another program (perhaps a virtual machine)".to_owned();
                return Err(self.in_use(by));
            }
        }
        match self.host.user(identity, self.options.read_only) {
            Some(by) => Err(self.in_use(by)),
            None => Ok(()),
        }
    }

    fn in_use(&self, by: String) -> DeviceError {
        DeviceError::InUse { path: self.path.into(), by }
    }

    fn failed(&self, source: io::Error) -> DeviceError {
        if source.raw_os_error() == Some(libc::EBUSY) {
            return self.in_use(self.claimant());
        }
        DeviceError::Open { path: self.path.into(), source }
    }

    /// Who has claimed the block device.
    fn claimant(&self) -> String {
        fs::metadata(self.path)
            .ok()
            .and_then(|m| self.host.user(Identity::of(&m), true))
            .unwrap_or_else(|| "a mount or another program".to_owned())
    }
}

fn size_of_file(file: &mut File, metadata: &Metadata) -> io::Result<u64> {
    if metadata.is_file() { Ok(metadata.size()) } else { file.seek(SeekFrom::End(0)) }
}

/// What direct I/O on this file demands; an offset of 0 if the host says there is none.
fn direct_alignment(file: &File) -> Alignment {
    const FALLBACK: Alignment = Alignment { offset: 4096, memory: 4096 };
    let Ok(stat) = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) else {
        return FALLBACK;
    };
    if stat.stx_mask & StatxFlags::DIOALIGN.bits() == 0 {
        return FALLBACK;
    }
    let (offset, memory) = (stat.stx_dio_offset_align, stat.stx_dio_mem_align);
    if offset != 0 && !(offset.is_power_of_two() && memory.is_power_of_two()) {
        return FALLBACK;
    }
    Alignment { offset, memory }
}
