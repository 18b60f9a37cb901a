//! The library's one error type, and the one table of error numbers in the project.

use extant_block::DeviceError;
use extant_format::{Corrupt, Place};
use extant_iomap::IomapError;

/// What can go wrong with an open file system, or with opening one.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A structure of the image breaks the rules of the format.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The image, or the caller, wants something that Extant does not do.
    #[error("unsupported: {}", .features.join(", "))]
    Unsupported {
        /// What; features by their mke2fs(8) names.
        features: Vec<String>,
    },
    /// The device is an external journal, not a file system.
    #[error("the device holds an external journal, not a file system")]
    JournalDevice,
    /// The journal is on a device of its own, which is needed and was not given.
    #[error("the journal is on another device, with UUID {uuid}")]
    JournalMissing {
        /// The UUID of the journal's device, as text.
        uuid: String,
    },
    /// The multi-mount block says that another host uses the file system.
    #[error("the file system is in use by host {node}, device {device}")]
    InUse {
        /// Host name in the multi-mount block, escaped.
        node: String,
        /// Device name in the multi-mount block, escaped.
        device: String,
    },
    /// The device failed, or could not be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No block or inode is free.
    #[error("no space left in the file system")]
    NoSpace,
    /// No-wait was asked for and the answer is not in memory.
    #[error("the operation would block")]
    WouldBlock,
    /// The contents are encrypted and there is no key.
    #[error("the contents are encrypted and the key is not available")]
    NoKey,
    /// There is nothing of that name.
    #[error("no such file or directory")]
    NotFound,
    /// A path leads through something that is no directory.
    #[error("not a directory")]
    NotADirectory,
    /// A directory where a file is wanted.
    #[error("is a directory")]
    IsADirectory,
    /// Neither file nor directory where one is wanted: a device, a socket, a symlink.
    #[error("not a regular file")]
    NotAFile,
    /// Not a symbolic link.
    #[error("not a symbolic link")]
    NotASymlink,
    /// A path leads through more than 40 symbolic links.
    #[error("too many levels of symbolic links")]
    TooManyLinks,
    /// A name above 255 bytes, or a path above 64 KiB after its links.
    #[error("file name too long")]
    NameTooLong,
    /// There is no extended attribute of that name.
    #[error("no such extended attribute")]
    NoAttribute,
    /// The inode number is out of range.
    #[error("no such inode")]
    NoSuchInode,
}

/// An error number as system calls return it, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $number:literal;)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "` of Linux.")]
            pub const $name: Self = Self($number);)*

            /// The symbolic name, `EIO`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* _ => "errno" }
            }
        }
    };
}

errnos! {
    ENOENT = 2;
    EIO = 5;
    EAGAIN = 11;
    EBUSY = 16;
    ENOTDIR = 20;
    EISDIR = 21;
    EINVAL = 22;
    ENOSPC = 28;
    EROFS = 30;
    ENAMETOOLONG = 36;
    ELOOP = 40;
    ENODATA = 61;
    EOPNOTSUPP = 95;
    ESTALE = 116;
    EUCLEAN = 117;
    ENOKEY = 126;
}

impl Error {
    /// The error number that the kernel's ext4 would return.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Corrupt(_) => Errno::EUCLEAN,
            Self::Unsupported { .. } => Errno::EOPNOTSUPP,
            Self::JournalDevice | Self::NotASymlink | Self::NotAFile => Errno::EINVAL,
            Self::JournalMissing { .. } => Errno::EINVAL,
            Self::InUse { .. } => Errno::EBUSY,
            Self::Device(DeviceError::InUse { .. }) => Errno::EBUSY,
            Self::Device(_) => Errno::EIO,
            Self::NoSpace => Errno::ENOSPC,
            Self::WouldBlock => Errno::EAGAIN,
            Self::NoKey => Errno::ENOKEY,
            Self::NotFound => Errno::ENOENT,
            Self::NotADirectory => Errno::ENOTDIR,
            Self::IsADirectory => Errno::EISDIR,
            Self::TooManyLinks => Errno::ELOOP,
            Self::NameTooLong => Errno::ENAMETOOLONG,
            Self::NoAttribute => Errno::ENODATA,
            Self::NoSuchInode => Errno::ESTALE,
        }
    }

    /// Where in the image the fault lies, if it lies there.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Corrupt(corrupt) => Some(&corrupt.at),
            _ => None,
        }
    }

    /// What the user may do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        use extant_format::CorruptKind as Kind;
        match self {
            Self::JournalMissing { .. } => {
                Some("give the journal's device, or use noload to read the image as it is")
            }
            Self::InUse { .. } => Some("unmount it there, or use ignore-lock if that host is gone"),
            Self::JournalDevice => Some("name the device with the file system instead"),
            Self::Device(DeviceError::InUse { .. }) => {
                Some("end that use, or ignore the lock if the image does not change")
            }
            Self::Corrupt(corrupt) => match corrupt.kind {
                Kind::SuperblockMagic => {
                    Some("check the path, or give an offset, a partition or a superblock copy")
                }
                Kind::SuperblockChecksum => Some("try another superblock copy"),
                Kind::DeviceTooSmall => {
                    Some("the image is cut short: allow-short reads what there is")
                }
                _ => Some("e2fsck may repair a copy of the image"),
            },
            _ => None,
        }
    }
}

impl From<extant_core::Error> for Error {
    fn from(error: extant_core::Error) -> Self {
        use extant_core::Error as Core;
        match error {
            Core::Corrupt(corrupt) => Self::Corrupt(corrupt),
            Core::Unsupported { features } => Self::Unsupported { features },
            Core::JournalDevice => Self::JournalDevice,
            Core::JournalMissing { uuid } => Self::JournalMissing { uuid },
            Core::InUse { node, device } => Self::InUse { node, device },
            Core::Device(error) => Self::Device(error),
            Core::NoSpace => Self::NoSpace,
            _ => Self::WouldBlock,
        }
    }
}

impl From<IomapError> for Error {
    fn from(error: IomapError) -> Self {
        match error {
            IomapError::Device(error) => Self::Device(error),
            IomapError::BadMapping { offset, .. } => {
                let at = Place::structure("mapping").offset(extant_format::to_usize(offset));
                Self::Corrupt(Corrupt::new(extant_format::CorruptKind::ExtentLogicalRange, at))
            }
            _ => Self::WouldBlock,
        }
    }
}
