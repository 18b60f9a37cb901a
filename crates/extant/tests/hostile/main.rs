//! The rows of the hostile-image list that concern reading: each test is named after its row,
//! breaks one thing of a fresh image, makes the checksums right again, and names the reaction.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod changing;
mod corpora;
mod dirs;
mod dirty;
mod extents;
mod external;
mod fast_commit;
mod forbidden;
mod groups;
mod htree;
mod indirect;
mod inline;
mod inodes;
mod journal;
mod kinds;
mod log;
mod mmp;
mod moved;
mod mutations;
mod orphans;
mod quota;
mod superblock;
mod support;
mod symlinks;
mod verity_crypt;
mod walk;
mod xattrs;
