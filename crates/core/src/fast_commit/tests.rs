//! Records made by hand: which of an area count, and what they do to a file system of mke2fs(8).

mod area;
mod hostile;
mod image;
mod replay;
