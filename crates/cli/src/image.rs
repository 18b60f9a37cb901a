//! From the IMAGE argument to an open file system, and the names of things in it for messages.

use std::os::unix::ffi::OsStrExt;

use extant::device::{self, BlockDevice, ImageOptions, open_image};
use extant::raw::format::BlockSize;
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
}

impl Image {
    /// Opens what the arguments name.
    pub(crate) fn open(args: &ImageArgs) -> Result<Self, Failure> {
        Self::on_device(args, &open_device(args)?, &options(&args.device)?)
    }

    /// Opens the file system on `device`, which `args` gave, to show its structures: these may be
    /// looked at as they are, also where the journal holds newer ones.
    pub(crate) fn inspect(
        args: &ImageArgs,
        device: &Arc<dyn BlockDevice>,
    ) -> Result<Self, Failure> {
        let options = OpenOptions { inspect: true, ..options(&args.device)? };
        Self::on_device(args, device, &options)
    }

    fn on_device(
        args: &ImageArgs,
        device: &Arc<dyn BlockDevice>,
        options: &OpenOptions,
    ) -> Result<Self, Failure> {
        let name = shown_name(args);
        match Filesystem::open(Arc::clone(device), options) {
            Ok(fs) => Ok(Self { name, fs }),
            Err(error) => Err(refusal(&name, &error, args, &**device)),
        }
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
pub(crate) fn shown_name(args: &ImageArgs) -> String {
    let name = args.image.as_bytes();
    // The colon follows anyway.
    if name == DEMO { "demo".to_owned() } else { escape(name) }
}

/// The device that holds the file system, or with `--partition` the partition.
pub(crate) fn open_device(args: &ImageArgs) -> Result<Arc<dyn BlockDevice>, Failure> {
    let DeviceArgs { offset, partition, ignore_lock, rw, .. } = args.device;
    if rw {
        return Err(Failure::unsupported("writing"));
    }
    if args.image.as_bytes() == DEMO {
        if offset != 0 || partition.is_some() {
            let hint = "leave out --offset and --partition";
            return Err(Failure::usage("demo: is a file system from its first byte on", hint));
        }
        return Ok(extant::demo::device());
    }
    let options =
        ImageOptions { read_only: true, offset, partition, ignore_lock, ..ImageOptions::default() };
    open_image(&args.image, &options)
        .map_err(|error| Failure::image(&shown_name(args), &Error::Device(error)))
}

fn options(args: &DeviceArgs) -> Result<OpenOptions, Failure> {
    let block_size = match args.block_size {
        None => None,
        Some(bytes) => {
            let size = u32::try_from(bytes).ok().and_then(BlockSize::from_bytes);
            let wrong = || Failure::usage(format!("--block-size {bytes}"), "use 1k, 2k, ... 64k");
            Some(size.ok_or_else(wrong)?)
        }
    };
    let superblock = match args.sb {
        None => SuperblockCopy::Primary,
        Some(block) => SuperblockCopy::Block { block, block_size },
    };
    Ok(OpenOptions {
        superblock,
        noload: args.noload,
        ignore_in_use: args.ignore_lock,
        allow_short_device: args.allow_short,
        ..OpenOptions::default()
    })
}

/// The failure to open; a disk with partitions instead of a file system gets a better hint.
fn refusal(name: &str, error: &Error, args: &ImageArgs, device: &dyn BlockDevice) -> Failure {
    let failure = Failure::image(name, error);
    if !failure.is_no_superblock() || args.device.partition.is_some() {
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
