//! The seven file types, as the inode's mode and as directory entries have them (kernel
//! documentation, `ext4/inodes.rst` and `ext4/directory.rst`).

/// Mask of the type in a mode.
const TYPE_MASK: u16 = 0xf000;

/// The type of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A symbolic link.
    Symlink,
}

impl FileType {
    /// All types, ordered by their directory entry byte, 1 to 7.
    pub const ALL: [Self; 7] = [
        Self::Regular,
        Self::Directory,
        Self::CharDevice,
        Self::BlockDevice,
        Self::Fifo,
        Self::Socket,
        Self::Symlink,
    ];

    /// The type in the upper four bits of a mode; `None` for the nine values without a meaning.
    #[must_use]
    pub fn from_mode(mode: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.mode_bits() == mode & TYPE_MASK)
    }

    /// The type byte of a directory entry; `None` for 0 ("unknown") and values above 7.
    #[must_use]
    pub fn from_dir_entry(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.dir_entry_byte() == byte)
    }

    /// The upper four bits of a mode, in place.
    #[must_use]
    pub const fn mode_bits(self) -> u16 {
        match self {
            Self::Fifo => 0x1000,
            Self::CharDevice => 0x2000,
            Self::Directory => 0x4000,
            Self::BlockDevice => 0x6000,
            Self::Regular => 0x8000,
            Self::Symlink => 0xa000,
            Self::Socket => 0xc000,
        }
    }

    /// The type byte of a directory entry, 1 to 7.
    #[must_use]
    pub const fn dir_entry_byte(self) -> u8 {
        match self {
            Self::Regular => 1,
            Self::Directory => 2,
            Self::CharDevice => 3,
            Self::BlockDevice => 4,
            Self::Fifo => 5,
            Self::Socket => 6,
            Self::Symlink => 7,
        }
    }

    /// The first character of an `ls -l` line.
    #[must_use]
    pub const fn char_for_ls(self) -> char {
        match self {
            Self::Regular => '-',
            Self::Directory => 'd',
            Self::CharDevice => 'c',
            Self::BlockDevice => 'b',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::Symlink => 'l',
        }
    }

    /// The type in words, lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular file",
            Self::Directory => "directory",
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Symlink => "symbolic link",
        }
    }

    /// Whether it is a block or character device.
    #[must_use]
    pub const fn is_device(self) -> bool {
        matches!(self, Self::CharDevice | Self::BlockDevice)
    }

    /// Whether it has content reached through a block map: regular file, directory, symlink.
    #[must_use]
    pub const fn has_content(self) -> bool {
        matches!(self, Self::Regular | Self::Directory | Self::Symlink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_entry_byte_round_trip_and_nothing_else_is_a_type() {
        let by_mode = (0..16_u16).filter_map(|n| FileType::from_mode(n << 12 | 0o7777));
        assert_eq!(by_mode.count(), 7);
        for (n, kind) in FileType::ALL.into_iter().enumerate() {
            assert_eq!(FileType::from_mode(kind.mode_bits() | 0o644), Some(kind));
            assert_eq!(FileType::from_dir_entry(kind.dir_entry_byte()), Some(kind));
            assert_eq!(usize::from(kind.dir_entry_byte()), n + 1);
        }
        assert_eq!(FileType::from_dir_entry(0), None);
        assert!((8..=255).all(|byte| FileType::from_dir_entry(byte).is_none()));
    }

    #[test]
    fn ls_characters() {
        let chars: String = FileType::ALL.into_iter().map(FileType::char_for_ls).collect();
        assert_eq!(chars, "-dcbpsl");
    }
}
