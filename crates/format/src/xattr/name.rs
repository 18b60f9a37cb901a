//! Attribute names: the prefix is stored as a number.

/// The prefix numbers (`EXT4_XATTR_INDEX_*`).
pub mod index {
    /// `user.`
    pub const USER: u8 = 1;
    /// `system.posix_acl_access`, the whole name.
    pub const POSIX_ACL_ACCESS: u8 = 2;
    /// `system.posix_acl_default`, the whole name.
    pub const POSIX_ACL_DEFAULT: u8 = 3;
    /// `trusted.`
    pub const TRUSTED: u8 = 4;
    /// `security.`
    pub const SECURITY: u8 = 6;
    /// `system.`: inline data, as `system.data`; never shown.
    pub const SYSTEM: u8 = 7;
    /// `system.richacl`, the whole name; never shown.
    pub const RICHACL: u8 = 8;
    /// The encryption context, under the name `c`; never shown and without a prefix.
    pub const ENCRYPTION: u8 = 9;
    /// `gnu.`, of GNU Hurd.
    pub const HURD: u8 = 10;
}

/// Number, prefix, whether the prefix is the whole name, whether system calls show it.
type Row = (u8, &'static str, bool, bool);

const PREFIXES: [Row; 8] = [
    (index::USER, "user.", false, true),
    (index::POSIX_ACL_ACCESS, "system.posix_acl_access", true, true),
    (index::POSIX_ACL_DEFAULT, "system.posix_acl_default", true, true),
    (index::TRUSTED, "trusted.", false, true),
    (index::SECURITY, "security.", false, true),
    (index::RICHACL, "system.richacl", true, false),
    (index::SYSTEM, "system.", false, false),
    (index::HURD, "gnu.", false, true),
];

fn row(name_index: u8) -> Option<&'static Row> {
    PREFIXES.iter().find(|row| row.0 == name_index)
}

/// The prefix, or the whole name, that a prefix number stands for; `None` if there is none.
#[must_use]
pub fn prefix(name_index: u8) -> Option<&'static str> {
    row(name_index).map(|row| row.1)
}

/// Whether an entry is shown: its prefix is one that Linux has a handler for, and the rest of the
/// name is present where it must be and absent where it must not.
pub(super) fn is_shown(name_index: u8, rest: &[u8]) -> bool {
    row(name_index).is_some_and(|&(_, _, whole, shown)| shown && whole == rest.is_empty())
}

/// Splits a full name as system calls take it into prefix number and rest, for look-ups; `None`
/// if no attribute can have that name.
#[must_use]
pub fn split_name(full: &[u8]) -> Option<(u8, &[u8])> {
    PREFIXES.iter().filter(|row| row.3).find_map(|&(index, prefix, whole, _)| {
        let rest = full.strip_prefix(prefix.as_bytes())?;
        (whole == rest.is_empty()).then_some((index, rest))
    })
}
