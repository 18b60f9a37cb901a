//! The one table of lock ranks, and the checker that holds every thread to it.
//!
//! Invariant: a thread that blocks for a lock holds only locks of lower rank. Equal ranks are held
//! only through [`lock_pair`](crate::lock_pair) and its kin. The checker keeps a stack of held
//! ranks per thread (per task under the explorer) and exists only with debug assertions; without
//! them its types are empty.

use std::fmt;

macro_rules! ranks {
    ($($name:ident = $number:literal, $protects:literal;)+) => {
        /// What a lock may be taken under: lower numbers first.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Rank {
            $(#[doc = $protects] $name = $number,)+
        }

        impl Rank {
            /// All ranks, lowest first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number that orders it.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)+
                }
            }

            /// What locks of this rank protect.
            #[must_use]
            pub const fn protects(self) -> &'static str {
                match self {
                    $(Self::$name => $protects,)+
                }
            }
        }
    };
}

ranks! {
    Freeze = 10, "The file system as a whole, against freezing.";
    Rename = 20, "The shape of the directory tree, against crossing renames.";
    DirInode = 30, "A directory inode: parent, then child.";
    FileInode = 40, "An inode that is not a directory.";
    WritebackExclusion = 45, "A file against writeback while its mapping kind changes.";
    Invalidate = 50, "A file's cached ranges against truncation and hole punching.";
    Folio = 60, "One folio of file data, ascending in the file.";
    Updates = 65, "The barrier at which a commit waits for handles.";
    Handle = 70, "A journal handle: starting one may wait.";
    Xattr = 80, "The extended attributes of an inode.";
    EaInode = 85, "An inode that holds an extended attribute's value.";
    Map = 90, "The block map of an inode.";
    Dquot = 92, "A quota record.";
    SpecialMap = 95, "The block map of quota, journal, resize and orphan-file inodes.";
    ExtentStatus = 100, "The extent status tree of an inode.";
    FastCommit = 105, "What fast commits track.";
    OrphanList = 110, "The list of orphans.";
    Resize = 115, "The geometry while it grows.";
    Group = 120, "A block group, ascending.";
    BufferShard = 128, "A shard of the metadata buffer cache's index.";
    Buffer = 130, "The content and state of one metadata buffer.";
    JournalState = 140, "The state of the journal.";
    TransactionHandles = 150, "The handles of a transaction.";
    Checkpoint = 155, "The checkpoint lists.";
    JournalLists = 160, "The buffer lists of a transaction.";
    WritebackLists = 170, "The lists of inodes with dirty data.";
    InodeShard = 172, "A shard of the inode cache's index.";
    NameShard = 174, "A shard of the name cache.";
    OpenFiles = 176, "The table of open files.";
    FuseNodes = 178, "The table of FUSE nodes.";
    DeviceQueue = 180, "The submission queue of a device.";
    Device = 185, "The state of a device.";
    Leaf = 200, "A short private state under which no other lock is taken.";
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.number())
    }
}

#[cfg(debug_assertions)]
mod checked;
#[cfg(debug_assertions)]
pub(crate) use checked::{Held, Ranked, Stack};

#[cfg(not(debug_assertions))]
mod unchecked;
#[cfg(not(debug_assertions))]
pub(crate) use unchecked::{Held, Ranked};

#[cfg(all(test, debug_assertions, not(extant_explore)))]
mod tests;
