//! What is in an encrypted directory is encrypted in the same way.

use extant_format::fscrypt::EncryptionContext;
use extant_format::xattr::{BlockXattrs, IbodyXattrs, index};
use extant_format::{FileType, Inode, InodeFlags, InodeNr, Place};

use super::Worker;
use super::scan::{Found, Scan};
use crate::ProblemKind;
use crate::image::Image;

/// The name of the attribute behind its prefix.
const NAME: &[u8] = b"c";

/// How `inode` is encrypted, without the number that is its own; `None` if it is not, or its
/// context makes no sense.
pub(super) fn of(image: &Image, inode: &Inode) -> Option<EncryptionContext> {
    if !inode.flags.contains(InodeFlags::ENCRYPT) {
        return None;
    }
    let at = Place::inode(inode.ino);
    let context = |value: Option<&[u8]>| EncryptionContext::parse(value?, at).ok();
    let inside = IbodyXattrs::parse(inode.ea_area(), at).ok()?;
    let context = match inside.find(index::ENCRYPTION, NAME) {
        Some(entry) => context(entry.value)?,
        None => {
            let block = image.geometry().block(inode.file_acl)?;
            let mut bytes = image.block_buffer();
            image.read(block.get(), &mut bytes).ok()?;
            let outside = BlockXattrs::parse(&bytes, block, None, at).ok()?;
            context(outside.find(index::ENCRYPTION, NAME)?.value)?
        }
    };
    Some(EncryptionContext { nonce: [0; 16], ..context })
}

impl Worker<'_> {
    /// Checks that what an entry of an encrypted directory names is encrypted as the directory is.
    /// Devices, pipes and sockets never are.
    pub(super) fn policy(&mut self, scan: &Scan<'_>, found: &Found<'_>, ino: InodeNr) {
        let Some(wanted) = scan.dir.policy else { return };
        let Some(inode) = self.image.inode(ino) else { return };
        let encrypts =
            matches!(inode.file_type, FileType::Regular | FileType::Directory | FileType::Symlink);
        if !encrypts {
            return;
        }
        if !inode.flags.contains(InodeFlags::ENCRYPT) {
            self.push(found.problem(ProblemKind::DirectoryUnencrypted));
        } else if of(self.image, &inode).is_some_and(|policy| policy != wanted) {
            self.push(found.problem(ProblemKind::DirectoryPolicy));
        }
    }
}
