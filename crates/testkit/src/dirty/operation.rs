//! One step of a workload, as plain data.

/// A step. Paths are relative to the root of the mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A new file of `length` bytes.
    Create {
        /// Its path.
        path: String,
        /// Bytes of pattern.
        length: u64,
    },
    /// As `Create`; every block starts with the magic number of journal blocks. In the folder
    /// [`JOURNALLED`](super::JOURNALLED) the data goes through the journal.
    CreateJournalled {
        /// Its path.
        path: String,
        /// Bytes.
        length: u64,
    },
    /// A new file of `count` blocks, each after a hole of one block.
    CreateFragmented {
        /// Its path.
        path: String,
        /// Blocks.
        count: u64,
    },
    /// A new file of `count` blocks, each so far from the next that indirect blocks and extents
    /// are not shared.
    CreateScattered {
        /// Its path.
        path: String,
        /// Blocks.
        count: u64,
    },
    /// A file that leaves `leave` blocks of free space, so that freed blocks are used again.
    Fill {
        /// Its path.
        path: String,
        /// Free blocks afterwards.
        leave: u64,
    },
    /// Overwrites or extends a file.
    Write {
        /// The file.
        path: String,
        /// First byte.
        offset: u64,
        /// Bytes of pattern.
        length: u64,
    },
    /// `fallocate` without and with `FALLOC_FL_PUNCH_HOLE`.
    Allocate {
        /// The file.
        path: String,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// Punch a hole.
        punch: bool,
    },
    /// Sets a file's size.
    Truncate {
        /// The file.
        path: String,
        /// The new size.
        length: u64,
    },
    /// A new directory.
    Mkdir(String),
    /// Removes an empty directory.
    Rmdir(String),
    /// Removes a name.
    Unlink(String),
    /// Opens a file, keeps it open to the end, and removes its name.
    Orphan(String),
    /// Renames, replacing what is there.
    Rename {
        /// Old path.
        from: String,
        /// New path.
        to: String,
    },
    /// A further hard link.
    Link {
        /// What there is.
        from: String,
        /// The new name.
        to: String,
    },
    /// A symbolic link with a target of `length` bytes.
    Symlink {
        /// Its path.
        path: String,
        /// Bytes of the target.
        length: u64,
    },
    /// Sets the mode.
    Chmod {
        /// The file.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// Sets the attribute `user.NAME`.
    SetXattr {
        /// The file.
        path: String,
        /// The name without `user.`.
        name: String,
        /// Bytes of the value.
        length: u64,
    },
    /// Removes the attribute `user.NAME`.
    RemoveXattr {
        /// The file.
        path: String,
        /// The name without `user.`.
        name: String,
    },
    /// `fsync` of a file or directory.
    Fsync(String),
    /// A commit of all metadata so far, by changing the root directory and an fsync of it. Blocks
    /// stay in the log alone, so recovery has to bring them home.
    Commit,
    /// `syncfs`: data, then a commit; it writes all blocks home, too.
    Sync,
    /// Truncates a file to nothing in a thread of its own, with commits in between; the workload
    /// ends without waiting for it. Only as the last step.
    TruncateInProgress(String),
}

impl Operation {
    /// Whether everything before is committed when it is done. An `fsync` may have nothing to do;
    /// workloads that end in one change the file before.
    pub(super) const fn commits(&self) -> bool {
        let committing = matches!(self, Self::Fsync(_) | Self::Commit | Self::Sync);
        committing || matches!(self, Self::TruncateInProgress(_))
    }
}
