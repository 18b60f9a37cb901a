//! From the IMAGE argument to an open file system, and the names of things in it for messages.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use extant::device::{self, BlockDevice, DeviceError, ImageOptions, open_image};
use extant::raw::format::BlockSize;
use extant::raw::jbd2::Log;
use extant::{Error, Filesystem, Follow, InodeNr, IoFlags, Node, OpenOptions, SuperblockCopy};
use extant_sync::Arc;

use crate::args::{DeviceArgs, ImageArgs, Target};
use crate::error::Failure;
use crate::output::escape;

/// The argument that names the embedded image.
const DEMO: &[u8] = b"demo:";
/// Directories above one another; more are a loop.
const MAX_DEPTH: usize = 4096;

/// An open image.
pub(crate) struct Image {
    /// How the user called it, escaped.
    pub(crate) name: String,
    pub(crate) fs: Filesystem,
    /// The device of the external journal, if it was named.
    pub(crate) journal: Option<Arc<dyn BlockDevice>>,
}

impl Image {
    /// Opens what the arguments name.
    pub(crate) fn open(args: &ImageArgs) -> Result<Self, Failure> {
        Self::recovered(args, &open_device(args)?)
    }

    /// Opens the file system on `device`, which `args` gave: recovered in memory if it needs that.
    pub(crate) fn recovered(
        args: &ImageArgs,
        device: &Arc<dyn BlockDevice>,
    ) -> Result<Self, Failure> {
        Self::on_device(args, device, &options(args)?)
    }

    /// Opens the file system on `device`, which `args` gave, to show its structures: as they are
    /// on the device, also where the journal holds newer ones.
    pub(crate) fn inspect(
        args: &ImageArgs,
        device: &Arc<dyn BlockDevice>,
    ) -> Result<Self, Failure> {
        let options = OpenOptions { inspect: true, ..options(args)? };
        Self::on_device(args, device, &options)
    }

    fn on_device(
        args: &ImageArgs,
        device: &Arc<dyn BlockDevice>,
        options: &OpenOptions,
    ) -> Result<Self, Failure> {
        let name = shown_name(&args.image);
        match Filesystem::open(Arc::clone(device), options) {
            Ok(fs) => Ok(Self { name, fs, journal: options.journal.clone() }),
            Err(error) => Err(refusal(&name, &error, args.device.partition, &**device)),
        }
    }

    /// The journal, wherever it is; `None` if the file system has none.
    pub(crate) fn open_journal(&self) -> Result<Option<Log>, Error> {
        Ok(self.fs.volume().journal(self.journal.as_ref())?)
    }

    /// The failure `error` of the object that `path` names.
    pub(crate) fn fail(&self, path: &[u8], error: &Error) -> Failure {
        Failure::object(&self.at(path), error)
    }

    /// `IMAGE: PATH`, escaped.
    pub(crate) fn at(&self, path: &[u8]) -> String {
        format!("{}: {}", self.name, escape(path))
    }

    /// The inode that an argument names.
    pub(crate) fn resolve(&self, target: &Target, follow: Follow) -> Result<Node, Failure> {
        self.find(target, follow).map_err(|error| self.fail(&target.bytes(), &error))
    }

    /// The path that leads to an argument; the names to an inode are found by going up.
    pub(crate) fn path_of(&self, target: &Target) -> Result<Vec<u8>, Failure> {
        match target {
            Target::Path(path) => Ok(path.clone()),
            Target::Inode(..) => {
                let found = self.find(target, Follow::Yes).and_then(|node| go_up(&node));
                found.map_err(|error| self.fail(&target.bytes(), &error))
            }
        }
    }

    fn find(&self, target: &Target, follow: Follow) -> Result<Node, Error> {
        match target {
            Target::Path(path) => self.fs.resolve(path, follow, IoFlags::NONE),
            Target::Inode(number, rest) => {
                let node = self.fs.node_by_number(*number, IoFlags::NONE)?;
                if rest.is_empty() {
                    return Ok(node);
                }
                node.into_dir()?.resolve(rest, follow, IoFlags::NONE)
            }
        }
    }
}

/// The path of a directory. Its parents know it by the number only, so each is searched.
fn go_up(node: &Node) -> Result<Vec<u8>, Error> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut dir = node.clone().into_dir()?;
    while dir.node().ino() != InodeNr::ROOT {
        if names.len() >= MAX_DEPTH {
            return Err(Error::TooManyLinks);
        }
        let ino = dir.node().ino();
        dir = dir.resolve(b"..", Follow::No, IoFlags::NONE)?.into_dir()?;
        let mut entries = dir.entries(IoFlags::NONE).flatten();
        let entry = entries.find(|entry| entry.ino == ino && !entry.is_dot());
        names.push(entry.ok_or(Error::NotFound)?.name);
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Ok(path)
}

/// The name of the image as messages have it.
pub(crate) fn shown_name(image: &OsStr) -> String {
    let name = image.as_bytes();
    // The colon follows anyway.
    if name == DEMO { "demo".to_owned() } else { escape(name) }
}

/// The device that holds the file system, or with `--partition` the partition, for reading.
pub(crate) fn open_device(args: &ImageArgs) -> Result<Arc<dyn BlockDevice>, Failure> {
    if args.device.rw {
        return Err(Failure::unsupported("writing"));
    }
    open_as(args, true)
}

/// The same for writing, which nobody else may do meanwhile.
pub(crate) fn open_writable(args: &ImageArgs) -> Result<Arc<dyn BlockDevice>, Failure> {
    open_as(args, false)
}

fn open_as(args: &ImageArgs, read_only: bool) -> Result<Arc<dyn BlockDevice>, Failure> {
    let DeviceArgs { offset, partition, ignore_lock, .. } = args.device;
    let options =
        ImageOptions { read_only, offset, partition, ignore_lock, ..ImageOptions::default() };
    open_at(&args.image, &options)
}

/// The device that `image` names.
pub(crate) fn open_at(
    image: &OsStr,
    options: &ImageOptions,
) -> Result<Arc<dyn BlockDevice>, Failure> {
    if image.as_bytes() == DEMO {
        if options.offset != 0 || options.partition.is_some() {
            let hint = "leave out --offset and --partition";
            return Err(Failure::usage("demo: is a file system from its first byte on", hint));
        }
        return Ok(extant::demo::device());
    }
    let read_only = options.read_only;
    open_image(image, options).map_err(|error| refused(&shown_name(image), error, read_only))
}

/// The device of the external journal, if one is named; opened as its file system is.
pub(crate) fn open_journal(
    args: &ImageArgs,
    read_only: bool,
) -> Result<Option<Arc<dyn BlockDevice>>, Failure> {
    let Some(path) = &args.device.journal else { return Ok(None) };
    let ignore_lock = args.device.ignore_lock;
    let options = ImageOptions { read_only, ignore_lock, ..ImageOptions::default() };
    let name = escape(path.as_bytes());
    open_image(path, &options).map(Some).map_err(|error| refused(&name, error, read_only))
}

/// A device that cannot be opened; one that can be read but not be written gets a hint.
fn refused(name: &str, error: DeviceError, read_only: bool) -> Failure {
    use std::io::ErrorKind;
    let denied = matches!(&error, DeviceError::Open { source, .. } if matches!(
        source.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    ));
    let failure = Failure::image(name, &Error::Device(error));
    if read_only || !denied {
        return failure;
    }
    failure.hinting(
        "this command writes to the image: get the permission, or use a copy that you may write \
         to; the other commands replay the journal in memory and need to read only"
            .to_owned(),
    )
}

fn options(args: &ImageArgs) -> Result<OpenOptions, Failure> {
    let journal = open_journal(args, true)?;
    let args = &args.device;
    let block_size = args.block_size.map(block_size).transpose()?;
    let superblock = match args.sb {
        None => SuperblockCopy::Primary,
        Some(block) => SuperblockCopy::Block { block, block_size },
    };
    Ok(OpenOptions {
        superblock,
        noload: args.noload,
        journal,
        ignore_in_use: args.ignore_lock,
        allow_short_device: args.allow_short,
        ..OpenOptions::default()
    })
}

/// The value of --block-size.
pub(crate) fn block_size(bytes: u64) -> Result<BlockSize, Failure> {
    let size = u32::try_from(bytes).ok().and_then(BlockSize::from_bytes);
    size.ok_or_else(|| Failure::usage(format!("--block-size {bytes}"), "use 1k, 2k, ... 64k"))
}

/// The failure to open; a disk with partitions instead of a file system gets a better hint.
pub(crate) fn refusal(
    name: &str,
    error: &Error,
    partition: Option<u32>,
    device: &dyn BlockDevice,
) -> Failure {
    let failure = Failure::image(name, error);
    if !failure.is_no_superblock() || partition.is_some() {
        return failure;
    }
    let numbers: Vec<String> = device::partition::list(device)
        .unwrap_or_default()
        .iter()
        .map(|partition| partition.number.to_string())
        .collect();
    if numbers.is_empty() {
        return failure;
    }
    failure.hinting(format!(
        "this is a disk with partitions: choose one with --partition ({})",
        numbers.join(", ")
    ))
}
