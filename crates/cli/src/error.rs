//! Failures as a user sees them: one line that says what and where, a hint, an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use extant::device::DeviceError;
use extant::{CorruptKind, Error};

/// How the program ends. The numbers are promised in the manual.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Exit {
    /// All that was asked for.
    Ok,
    /// A part failed; the rest was done.
    Part,
    /// The command line makes no sense.
    Usage,
    /// The image was refused or is corrupt.
    Image,
    /// The image or the user wants what this version does not do.
    Unsupported,
    /// Somebody else uses the image.
    InUse,
    /// The reader of the output is gone: 128 and the number of SIGPIPE, as a shell shows a
    /// program that the signal ended.
    Pipe,
    /// Of `fsck`, which has the exit codes of e2fsck(8).
    Check(CheckExit),
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Part => 1,
            Self::Usage => 2,
            Self::Image => 3,
            Self::Unsupported => 4,
            Self::InUse => 5,
            Self::Pipe => 141,
            Self::Check(exit) => exit.0,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// How a check ended: bits, joined over all images, as e2fsck(8) has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct CheckExit(u8);

impl CheckExit {
    /// No errors.
    pub(crate) const CLEAN: Self = Self(0);
    /// Errors, which are still there.
    pub(crate) const ERRORS: Self = Self(4);
    /// Something could not be checked.
    pub(crate) const OPERATIONAL: Self = Self(8);
    /// The command line makes no sense.
    pub(crate) const USAGE: Self = Self(16);
    /// The user ended the check.
    pub(crate) const CANCELLED: Self = Self(32);

    /// This and `other`.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self.0
    }
}

/// A failure: what is printed, and how the program ends if nothing else was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// Whether there was no superblock at all.
    no_superblock: bool,
    what: String,
    hint: Option<String>,
}

impl Failure {
    /// A command line that clap accepts and the command does not.
    pub(crate) fn usage(what: impl Display, hint: &str) -> Self {
        Self {
            exit: Exit::Usage,
            what: what.to_string(),
            hint: Some(hint.to_owned()),
            no_superblock: false,
        }
    }

    /// Something that this version does not do.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self {
            exit: Exit::Unsupported,
            what: format!("unsupported: {what}"),
            hint: None,
            no_superblock: false,
        }
    }

    /// A plain failure of one part; `at` is what it concerns.
    pub(crate) fn part(at: &str, what: impl Display) -> Self {
        Self { exit: Exit::Part, what: format!("{at}: {what}"), hint: None, no_superblock: false }
    }

    /// An image that cannot be opened. `image` is escaped.
    pub(crate) fn image(image: &str, error: &Error) -> Self {
        let exit = match error {
            Error::Unsupported { .. } => Exit::Unsupported,
            Error::InUse { .. } | Error::Device(DeviceError::InUse { .. }) => Exit::InUse,
            _ => Exit::Image,
        };
        let no_superblock =
            matches!(error, Error::Corrupt(c) if c.kind == CorruptKind::SuperblockMagic);
        let what = format!("{image}: {}", describe(error));
        Self { exit, what, hint: hint(error), no_superblock }
    }

    /// An object of an open image that cannot be used. `at` names image and object, escaped.
    pub(crate) fn object(at: &str, error: &Error) -> Self {
        let exit = match error {
            Error::Corrupt(_) | Error::JournalMissing { .. } => Exit::Image,
            Error::Unsupported { .. } => Exit::Unsupported,
            _ => Exit::Part,
        };
        Self {
            exit,
            what: format!("{at}: {}", describe(error)),
            hint: hint(error),
            no_superblock: false,
        }
    }

    /// Whether there is no superblock where one was looked for.
    pub(crate) fn is_no_superblock(&self) -> bool {
        self.no_superblock
    }

    /// The same failure with another hint.
    pub(crate) fn hinting(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The same failure with the exit code of a check.
    pub(crate) fn exiting(mut self, exit: CheckExit) -> Self {
        self.exit = Exit::Check(exit);
        self
    }

    /// The line that it prints.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Prints it to standard error. A closed pipe is no news to anyone.
    pub(crate) fn report(&self) {
        if self.exit == Exit::Pipe {
            return;
        }
        let hint = self.hint.iter().map(|hint| format!("hint: {hint}\n"));
        let text = format!("extant: {}\n{}", self.what, hint.collect::<String>());
        // Where standard error is gone, too, the exit code has to do; the macro would panic.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// Of standard output: everything else has a place to name.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Pipe } else { Exit::Part };
        Self { exit, what: format!("standard output: {error}"), hint: None, no_superblock: false }
    }
}

/// The error without the path of the image, which the line has already.
fn describe(error: &Error) -> String {
    let text = match error {
        Error::Device(DeviceError::Open { source, .. }) => format!("cannot open: {source}"),
        Error::Device(DeviceError::NotAnImage { what, .. }) => format!("is a {what}, not an image"),
        Error::Device(DeviceError::InUse { by, .. }) => format!("in use by {by}"),
        _ => error.to_string(),
    };
    crate::output::escape(text.as_bytes())
}

/// What to do, in terms of this program's options.
fn hint(error: &Error) -> Option<String> {
    use CorruptKind as Kind;
    let text = match error {
        Error::JournalMissing { .. } => {
            "name the device or image of the journal with --journal; --noload reads the image \
             without it"
        }
        Error::JournalDevice => {
            "name the image of the file system instead, and this journal with --journal"
        }
        Error::InUse { .. } => "unmount it there, or use --ignore-lock if that host is gone",
        Error::Device(DeviceError::InUse { .. }) => {
            "end that use, or use --ignore-lock if the image does not change meanwhile"
        }
        Error::Device(DeviceError::NotAnImage { .. }) => "name an image file or a block device",
        Error::Device(DeviceError::Open { .. }) => "check the path and your permissions",
        Error::NoSuchInode => "inode numbers start at 1; `extant info` shows how many there are",
        Error::Corrupt(corrupt) => match corrupt.kind {
            Kind::SuperblockMagic => {
                "check the path, or say where to look: --offset, --partition, or a copy of the \
                 superblock: --sb 32768 (of 4 KiB blocks), 16384 (of 2 KiB), 8193 (of 1 KiB)"
            }
            Kind::SuperblockChecksum => {
                "try a copy of the superblock: --sb 32768 (of 4 KiB blocks), 16384 (of 2 KiB), \
                 8193 (of 1 KiB)"
            }
            Kind::DeviceTooSmall => "the image is cut short: --allow-short reads what there is",
            Kind::JournalUuid => "name the journal of this file system with --journal",
            Kind::JournalInode
            | Kind::JournalSuperblock
            | Kind::JournalChecksum
            | Kind::JournalMap
            | Kind::JournalDescriptor
            | Kind::JournalTarget
            | Kind::JournalData
            | Kind::JournalRevoke
            | Kind::JournalCommit
            | Kind::JournalLoop
            | Kind::JournalReplay => {
                "--noload reads the image as it is, without its journal; e2fsck may repair a copy"
            }
            _ => return error.hint().map(str::to_owned),
        },
        _ => return error.hint().map(str::to_owned),
    };
    Some(text.to_owned())
}

/// Counts what happened to the parts of a command, for its exit code.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    good: u64,
    worst: Option<Exit>,
}

impl Parts {
    /// A part was done.
    pub(crate) fn good(&mut self) {
        self.good += 1;
    }

    /// A part failed: says so at once. A closed pipe ends the command.
    pub(crate) fn failed(&mut self, failure: Failure) -> Result<(), Failure> {
        if failure.exit == Exit::Pipe {
            return Err(failure);
        }
        failure.report();
        self.worst = self.worst.max(Some(failure.exit));
        Ok(())
    }

    /// The exit code: of the failure if nothing was done, "a part failed" if something was.
    pub(crate) fn exit(&self) -> Exit {
        match self.worst {
            None => Exit::Ok,
            Some(worst) if self.good == 0 => worst,
            Some(_) => Exit::Part,
        }
    }
}
