//! Inodes that hold one attribute value (inode flag `EA_INODE`): they have no use for times and
//! version, so these fields hold the value's reference count and hash.

/// What a value inode's time and version fields mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EaInode {
    /// How many entries refer to the value.
    pub refcount: u64,
    /// The value's hash, see [`ea_inode_hash`](super::ea_inode_hash).
    pub hash: u32,
    /// Low 32 bits of mtime: in the old (Lustre) form, the only inode that has the value.
    parent: u32,
    /// In the old form, the generation of that inode.
    generation: u32,
}

impl EaInode {
    /// The fields of a value inode.
    #[must_use]
    pub fn of(inode: &crate::Inode) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "low halves")]
        let low = |time: crate::Timestamp| time.secs as u32;
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let version = inode.version as u32;
        let times = (low(inode.ctime), low(inode.atime), low(inode.mtime));
        Self::from_fields(times.0, version, times.1, times.2, inode.generation)
    }

    /// From the inode's low 32 bits of ctime (high half of the reference count), low version word
    /// (low half), atime (hash) and mtime, and its generation, as they lie on disk.
    #[must_use]
    pub const fn from_fields(
        ctime: u32,
        version_lo: u32,
        atime: u32,
        mtime: u32,
        generation: u32,
    ) -> Self {
        Self {
            refcount: ((ctime as u64) << 32) | version_lo as u64,
            hash: atime,
            parent: mtime,
            generation,
        }
    }

    /// Writes the reference count `refcount` into the inode `raw`.
    #[expect(clippy::cast_possible_truncation, reason = "halves")]
    pub fn set_refcount(raw: &mut crate::inode::RawInode, refcount: u64) {
        raw.ctime.set((refcount >> 32) as u32);
        raw.version_lo.set(refcount as u32);
    }

    /// Whether this is a value inode of the old form that belongs to inode `ino` of generation
    /// `generation`. It carries neither hash nor reference count, and is tried only after the hash
    /// did not match, as any numbers may stand in these fields otherwise.
    #[must_use]
    pub const fn is_owned_by(&self, ino: u32, generation: u32) -> bool {
        self.parent == ino && self.generation == generation
    }
}
