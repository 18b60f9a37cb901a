//! Values in inodes of their own: what an attribute says of its value inode.

use extant_format::xattr::{EaInode, XattrEntry, entry_hash};
use extant_format::{FileType, Inode, InodeFlags, InodeNr};

use super::list::List;
use crate::ProblemKind;
use crate::image::Image;
use crate::inode_states::Mark;

/// What is known of a value inode.
#[derive(Debug)]
pub(super) struct ValueInode {
    /// Attributes that refer to it.
    pub(super) references: u64,
    /// The references that it says there are, and the hash of its value.
    pub(super) fields: EaInode,
    /// Bytes of its value.
    size: u64,
    /// Whether it is marked as what it is.
    flagged: bool,
    /// Whether its times are equal, as where nobody counts the references: the old form.
    pub(super) uncounted: bool,
}

impl ValueInode {
    /// `ino` as it is on the image, if it is in use and can hold a value.
    fn read(image: &Image, ino: InodeNr) -> Option<Self> {
        let inode = image.inode(ino).filter(|inode| inode.links != 0)?;
        // Linux takes any inode with a map but a directory.
        let usable = inode.file_type.has_content() && inode.file_type != FileType::Directory;
        usable.then(|| Self {
            references: 0,
            fields: EaInode::of(&inode),
            size: inode.size,
            flagged: inode.flags.contains(InodeFlags::EA_INODE),
            uncounted: inode.ctime.secs == inode.atime.secs,
        })
    }

    /// Whether `entry` of `owner` has the hash of this value. The old form has none; there the
    /// value knows its owner. The second is whether it is of the new form.
    fn fits(&self, entry: &XattrEntry<'_>, owner: &Inode) -> (bool, bool) {
        let hashes = entry_hash(entry.name, &self.fields.hash.to_le_bytes());
        let new = hashes.contains(&entry.hash);
        (new || self.fields.is_owned_by(owner.ino.get(), owner.generation), new)
    }
}

impl List<'_> {
    /// Checks the value inode that `entry` names, and counts the reference.
    pub(super) fn value_inode(&mut self, entry: &XattrEntry<'_>) {
        let Some(ino) = self.candidate(entry.value_inode) else {
            return self.report(ProblemKind::XattrValueInode, entry);
        };
        // That nothing else names it follows, even where it cannot be what it should.
        self.census.inodes.mark(ino, Mark::VALUE);
        let Some(mut values) = self.census.attributes.values.lock(ino.get().into()) else { return };
        let known = match values.entry(ino.get().into()) {
            hashbrown::hash_map::Entry::Occupied(known) => known.into_mut(),
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                let Some(value) = ValueInode::read(self.image, ino) else {
                    drop(values);
                    return self.report(ProblemKind::XattrValueInode, entry);
                };
                vacant.insert(value)
            }
        };
        let (fits, new) = known.fits(entry, self.owner);
        let (flagged, same_size) = (known.flagged, known.size == entry.value_size.into());
        known.references += u64::from(fits && flagged);
        drop(values);
        if !flagged {
            return self.report(ProblemKind::XattrValueInode, entry);
        }
        if !fits {
            return self.report(ProblemKind::XattrHash, entry);
        }
        if !same_size {
            self.report(ProblemKind::XattrValueSize, entry);
        }
        if new {
            self.found.value_inodes += 1;
            self.found.blocks_512 =
                self.found.blocks_512.saturating_add(self.value_blocks_512(entry.value_size));
        }
    }

    /// The inode `number`, if the file system has it and keeps it for nobody else.
    fn candidate(&self, number: u32) -> Option<InodeNr> {
        let geometry = self.image.geometry();
        let ino = geometry.inode(number)?;
        (number >= geometry.first_inode() && ino != self.owner.ino).then_some(ino)
    }

    /// What the owner of a value of `size` bytes counts for it: whole clusters.
    fn value_blocks_512(&self, size: u32) -> u64 {
        let cluster_bits = self.image.geometry().cluster_ratio_bits();
        let cluster = self.image.block_size().bytes64() << cluster_bits;
        u64::from(size).next_multiple_of(cluster) >> 9
    }
}
