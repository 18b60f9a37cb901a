//! Extended attributes of an inode, from its body, its attribute block and value inodes.

use extant_block::IoFlags;
use extant_format::acl::Acl;
use extant_format::fscrypt::EncryptionContext;
use extant_format::xattr::{
    BlockXattrs, EaInode, IbodyXattrs, MAX_VALUE, XattrEntry, index, split_name,
    verify_ea_inode_value,
};
use extant_format::{BlockNr, Corrupt, CorruptKind, FileType, Inode, InodeFlags, Place, to_usize};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::check::CheckKind;
use crate::{Error, InodeUse, Result, Volume};

/// An extended attribute as system calls show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Xattr {
    /// The full name, `user.x`.
    pub name: Vec<u8>,
    /// The value; POSIX ACLs in the form of getxattr(2).
    pub value: Vec<u8>,
}

impl Volume {
    /// All attributes that system calls show, those in the inode first, in stored order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a malformed area, block or value; those of block reads.
    pub fn xattrs(&self, inode: &Inode, flags: IoFlags) -> Result<Vec<Xattr>> {
        let mut shown = Vec::new();
        self.each_entry(inode, flags, |entry| {
            if let Some(name) = entry.full_name() {
                let value = self.shown_value(inode, entry, flags)?;
                shown.push(Xattr { name, value });
            }
            Ok(false)
        })?;
        Ok(shown)
    }

    /// The names of the attributes that system calls show.
    ///
    /// # Errors
    /// Those of [`xattrs`](Self::xattrs), but for values that are not looked at.
    pub fn xattr_names(&self, inode: &Inode, flags: IoFlags) -> Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        self.each_entry(inode, flags, |entry| {
            names.extend(entry.full_name());
            Ok(false)
        })?;
        Ok(names)
    }

    /// The value of the attribute called `name` in full; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`xattrs`](Self::xattrs).
    pub fn xattr(&self, inode: &Inode, name: &[u8], flags: IoFlags) -> Result<Option<Vec<u8>>> {
        let Some((prefix, rest)) = split_name(name) else { return Ok(None) };
        let mut found = None;
        self.each_entry(inode, flags, |entry| {
            let same = entry.name_index == prefix && entry.name == rest;
            if same {
                found = Some(self.shown_value(inode, entry, flags)?);
            }
            Ok(same)
        })?;
        Ok(found)
    }

    /// The encryption context of an encrypted inode.
    ///
    /// # Errors
    /// [`CorruptKind::EncryptionContext`] if it is missing or malformed.
    pub fn encryption_context(&self, inode: &Inode, flags: IoFlags) -> Result<EncryptionContext> {
        let at = Place::inode(inode.ino);
        let mut value = None;
        self.each_entry(inode, flags, |entry| {
            let context = entry.name_index == index::ENCRYPTION && entry.name == b"c";
            if context {
                value = Some(self.value(inode, entry, flags)?);
            }
            Ok(context)
        })?;
        let missing = || Error::corrupt(CorruptKind::EncryptionContext, at);
        Ok(EncryptionContext::parse(&value.ok_or_else(missing)?, at)?)
    }

    /// Calls `visit` with each entry, in the inode and then in the block, until it says stop.
    fn each_entry(
        &self,
        inode: &Inode,
        flags: IoFlags,
        mut visit: impl FnMut(&XattrEntry<'_>) -> Result<bool>,
    ) -> Result<()> {
        let at = Place::inode(inode.ino).offset(inode.ea_offset());
        for entry in &IbodyXattrs::parse(inode.ea_area(), at)?.entries {
            if visit(entry)? {
                return Ok(());
            }
        }
        let Some((nr, block)) = self.xattr_block(inode, flags)? else { return Ok(()) };
        let at = Place::inode(inode.ino).block(nr.get());
        for entry in &BlockXattrs::parse(block.bytes(), nr, None, at)?.entries {
            if visit(entry)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The verified attribute block of `inode`, if it has one.
    ///
    /// # Errors
    /// [`CorruptKind::XattrBlock`] for a number outside the file system or in metadata, the
    /// kinds of a bad block; those of a block read.
    pub fn xattr_block(
        &self,
        inode: &Inode,
        flags: IoFlags,
    ) -> Result<Option<(BlockNr, Arc<Block>)>> {
        if inode.file_acl == 0 {
            return Ok(None);
        }
        let at = Place::inode(inode.ino).block(inode.file_acl);
        let outside = Corrupt::new(CorruptKind::XattrBlock, at);
        let nr = self.geometry().run(inode.file_acl, 1).ok_or(outside)?;
        if !self.zones.allows(inode.ino, nr, 1) {
            return Err(outside.into());
        }
        let block = self.buffers.read_checked(
            nr,
            CheckKind::XattrBlock.shared_token(),
            flags,
            |bytes| {
                let csum = self.superblock.features().metadata_csum();
                BlockXattrs::parse(bytes, nr, csum.then(|| self.superblock.seed()), at)?;
                Ok::<_, Error>(())
            },
        )?;
        Ok(Some((nr, block)))
    }

    /// The value as system calls show it.
    fn shown_value(
        &self,
        inode: &Inode,
        entry: &XattrEntry<'_>,
        flags: IoFlags,
    ) -> Result<Vec<u8>> {
        let value = self.value(inode, entry, flags)?;
        match entry.name_index {
            index::POSIX_ACL_ACCESS | index::POSIX_ACL_DEFAULT => {
                Ok(Acl::parse(&value, Place::inode(inode.ino))?.to_xattr_bytes())
            }
            _ => Ok(value),
        }
    }

    fn value(&self, inode: &Inode, entry: &XattrEntry<'_>, flags: IoFlags) -> Result<Vec<u8>> {
        match entry.value {
            Some(value) => Ok(value.to_vec()),
            None => self.value_in_inode(inode, entry, flags),
        }
    }

    /// A value that is the content of an inode of its own. Such an inode holds no attributes that
    /// are looked at here, so references cannot chain (row 38). The format allows values of 16 MiB,
    /// but no system call sets or gets more than 64 KiB, and one such inode, with nothing in it,
    /// may be the value of each attribute that there is.
    fn value_in_inode(
        &self,
        owner: &Inode,
        entry: &XattrEntry<'_>,
        flags: IoFlags,
    ) -> Result<Vec<u8>> {
        let at = Place::inode(owner.ino);
        let bad = || Error::corrupt(CorruptKind::EaInode, at);
        if entry.value_size > MAX_VALUE {
            return Err(Error::corrupt(CorruptKind::XattrValueSize, at));
        }
        let ino = self.geometry().inode(entry.value_inode).ok_or_else(bad)?;
        let holder = self.inode(ino, InodeUse::AttributeValue, flags)?;
        let usable = ino != owner.ino
            && holder.flags.contains(InodeFlags::EA_INODE)
            && holder.file_type == FileType::Regular
            && holder.size == u64::from(entry.value_size);
        if !usable {
            return Err(bad());
        }
        let value = self.file_bytes(&holder, 0, to_usize(entry.value_size.into()), flags)?;
        let fields = EaInode::of(&holder);
        match verify_ea_inode_value(entry, &value, fields.hash, self.superblock.seed(), at) {
            Err(_) if fields.is_owned_by(owner.ino.get(), owner.generation) => Ok(value),
            result => Ok(result.map(|()| value)?),
        }
    }
}
