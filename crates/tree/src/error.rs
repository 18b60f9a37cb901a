//! What can go wrong with a tree.

use std::io;

/// Why a part of a tree, or a whole operation on it, failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system could not give what it should.
    #[error(transparent)]
    Fs(#[from] extant_vfs::Error),
    /// A directory lies more than [`MAX_DEPTH`](crate::walk::MAX_DEPTH) levels below the start.
    #[error("the tree is deeper than {} levels", crate::walk::MAX_DEPTH)]
    TooDeep,
    /// The lines of a manifest could not be written.
    #[error("cannot write the manifest: {0}")]
    Output(#[from] io::Error),
}
