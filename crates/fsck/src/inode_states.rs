//! What is known of each inode: its type, marks, and how many of its links have a name. Two bytes
//! an inode, allocated for a group when the first inode in use is found there.
//!
//! Of links and names only the difference is kept: it starts as the link count, falls by one with
//! each name found, and ends at zero where both agree. Those few that do not fit a byte are kept in
//! a table. Link counts are set by the phase of inodes, names counted by later ones.

use std::sync::atomic::{AtomicI8, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use extant_format::{FileType, Geometry, GroupNr, InodeNr};
use hashbrown::HashMap;

/// One inode.
#[derive(Debug, Default)]
pub(crate) struct InodeState {
    /// Low half: 0 for an inode not in use, else 1 and the index of the type, or [`UNKNOWN`]. High
    /// half: marks.
    kind: AtomicU8,
    /// Links less names, or [`ELSEWHERE`].
    balance: AtomicI8,
}

/// What else is known of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark(u8);

impl Mark {
    /// It is marked as one that holds the value of an attribute.
    pub(crate) const EA_INODE: Self = Self(0x10);
    /// It is in use by the file system itself, and named by no directory.
    pub(crate) const SYSTEM: Self = Self(0x20);
    /// An attribute refers to it as the holder of its value.
    pub(crate) const VALUE: Self = Self(0x40);
    /// A directory names it.
    const NAMED: Self = Self(0x80);
}

/// The type of an inode that is in use but of no known type.
const UNKNOWN: u8 = 8;
/// The half with the type.
const KIND: u8 = 0xf;
/// The difference is in the table.
const ELSEWHERE: i8 = i8::MIN;

impl InodeState {
    fn kind(&self) -> u8 {
        self.kind.load(Ordering::Relaxed) & KIND
    }

    /// Whether the inode is in use.
    pub(crate) fn is_used(&self) -> bool {
        self.kind() != 0
    }

    /// Its type, if it is in use and the type is known.
    pub(crate) fn file_type(&self) -> Option<FileType> {
        FileType::ALL.get(usize::from(self.kind()).checked_sub(1)?).copied()
    }

    /// Whether a mark is set.
    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.kind.load(Ordering::Relaxed) & mark.0 != 0
    }

    /// Whether a directory names the inode.
    pub(crate) fn is_named(&self) -> bool {
        self.has(Mark::NAMED)
    }

    fn mark(&self, mark: Mark) {
        self.kind.fetch_or(mark.0, Ordering::Relaxed);
    }
}

/// All inodes.
#[derive(Debug)]
pub(crate) struct InodeStates {
    groups: Vec<OnceLock<Box<[InodeState]>>>,
    per_group: u32,
    /// Links less names of those [`ELSEWHERE`].
    large: Mutex<HashMap<InodeNr, i64, foldhash::fast::FixedState>>,
}

impl InodeStates {
    /// Nothing is known of any inode.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let groups = (0..geometry.group_count()).map(|_| OnceLock::new()).collect();
        Self { groups, per_group: geometry.inodes_per_group(), large: Mutex::default() }
    }

    fn split(&self, ino: InodeNr) -> (usize, usize) {
        let index = ino.get() - 1;
        ((index / self.per_group) as usize, (index % self.per_group) as usize)
    }

    /// The state of `ino`; `None` if none of its group is in use, as far as is known.
    pub(crate) fn get(&self, ino: InodeNr) -> Option<&InodeState> {
        let (group, index) = self.split(ino);
        self.groups.get(group)?.get()?.get(index)
    }

    fn enter(&self, ino: InodeNr) -> Option<&InodeState> {
        let (group, index) = self.split(ino);
        let new = || (0..self.per_group).map(|_| InodeState::default()).collect();
        self.groups.get(group)?.get_or_init(new).get(index)
    }

    /// The states of all inodes of `group`, in order; none if none is in use.
    pub(crate) fn group(&self, group: GroupNr) -> &[InodeState] {
        let states = self.groups.get(group.get() as usize).and_then(OnceLock::get);
        states.map_or(&[], |states| &**states)
    }

    /// All inodes in use, ascending.
    pub(crate) fn in_use<'a>(
        &'a self,
        geometry: &'a Geometry,
    ) -> impl Iterator<Item = (InodeNr, &'a InodeState)> {
        let numbered = |group: GroupNr| {
            let base = u64::from(group.get()) * u64::from(self.per_group) + 1;
            (base..).zip(self.group(group))
        };
        let used = geometry.groups().flat_map(numbered).filter(|(_, state)| state.is_used());
        used.filter_map(|(number, state)| {
            let ino = u32::try_from(number).ok().and_then(|number| geometry.inode(number))?;
            Some((ino, state))
        })
    }

    /// Notes that `ino` is in use, of this type (if known) and with this link count.
    pub(crate) fn set_used(&self, ino: InodeNr, file_type: Option<FileType>, links: u32) {
        let Some(state) = self.enter(ino) else { return };
        let index = file_type.and_then(|t| FileType::ALL.iter().position(|&other| other == t));
        let kind = index.and_then(|index| u8::try_from(index + 1).ok()).unwrap_or(UNKNOWN);
        state.kind.fetch_or(kind, Ordering::Relaxed);
        match i8::try_from(links) {
            Ok(links) => state.balance.store(links, Ordering::Relaxed),
            Err(_) => {
                state.balance.store(ELSEWHERE, Ordering::Relaxed);
                self.large().insert(ino, links.into());
            }
        }
    }

    /// Sets a mark.
    pub(crate) fn mark(&self, ino: InodeNr, mark: Mark) {
        if let Some(state) = self.enter(ino) {
            state.mark(mark);
        }
    }

    /// Counts one more directory entry that names `ino`, `.` and `..` included.
    pub(crate) fn refer(&self, ino: InodeNr) {
        let Some(state) = self.get(ino) else { return };
        if !state.is_named() {
            state.mark(Mark::NAMED);
        }
        // A state goes elsewhere under the table's lock, and stays there.
        let fell = state.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| {
            balance.checked_sub(1).filter(|less| *less != ELSEWHERE)
        });
        if fell.is_err() {
            let mut large = self.large();
            let balance = state.balance.swap(ELSEWHERE, Ordering::Relaxed);
            if balance == ELSEWHERE {
                *large.entry(ino).or_default() -= 1;
            } else {
                large.insert(ino, i64::from(balance) - 1);
            }
        }
    }

    /// Links of `ino`, whose state is `state`, less its names.
    pub(crate) fn balance(&self, ino: InodeNr, state: &InodeState) -> i64 {
        match state.balance.load(Ordering::Relaxed) {
            ELSEWHERE => self.large().get(&ino).copied().unwrap_or_default(),
            balance => balance.into(),
        }
    }

    fn large(&self) -> MutexGuard<'_, HashMap<InodeNr, i64, foldhash::fast::FixedState>> {
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
