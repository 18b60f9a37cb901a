//! The judge "against the kernel": images filled by the kernel look the same through the library as
//! through a read-only kernel mount; what the kernel here cannot mount is judged by e2fsprogs and
//! by the tree it was made from.
//!
//! `walker` fills the test kit's plain structs through the library's public calls only, so that one
//! `diff` names every difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod casefold;
mod compare;
mod maps;
mod names;
mod nowait;
mod offline;
mod planted;
mod profiles;
mod threads;
mod verity;
mod walker;
mod windows;
