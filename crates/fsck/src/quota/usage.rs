//! What owners use, as found.

use extant_format::{Inode, InodeFlags, QuotaKind};
use hashbrown::HashMap;

/// Space and inodes in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Used {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

impl Used {
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.inodes += other.inodes;
    }
}

/// Owners of a kind.
pub(super) type Owners = HashMap<u32, Used, foldhash::fast::FixedState>;

/// What all users, groups and projects use.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    users: Owners,
    groups: Owners,
    projects: Owners,
}

impl Usage {
    /// Charges the owners of `inode` for what it uses, itself included. An inode that holds the
    /// value of an attribute is charged to those that have the attribute.
    pub(crate) fn charge(&mut self, inode: &Inode, used: Used) {
        if inode.flags.contains(InodeFlags::EA_INODE) {
            return;
        }
        self.users.entry(inode.uid).or_default().add(used);
        self.groups.entry(inode.gid).or_default().add(used);
        self.projects.entry(inode.project).or_default().add(used);
    }

    /// Adds what another thread found.
    pub(crate) fn append(&mut self, other: &Self) {
        let pairs = [
            (&mut self.users, &other.users),
            (&mut self.groups, &other.groups),
            (&mut self.projects, &other.projects),
        ];
        for (sum, other) in pairs {
            for (id, used) in other {
                sum.entry(*id).or_default().add(*used);
            }
        }
    }

    /// The owners that a file of this kind counts.
    pub(super) fn owners(&self, kind: QuotaKind) -> &Owners {
        match kind {
            QuotaKind::User => &self.users,
            QuotaKind::Group => &self.groups,
            QuotaKind::Project => &self.projects,
        }
    }
}
