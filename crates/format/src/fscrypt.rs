//! Encryption without keys: the context that each encrypted file stores, and the names that stand
//! for encrypted names and symbolic link targets.
//!
//! Source: kernel documentation, `filesystems/fscrypt.rst`, "Contexts" and "No-key names".

mod context;
mod nokey;

pub use context::{EncryptionContext, KeyId};
pub use nokey::{MAX_ENCODED, NokeyName, nokey_name, symlink_target};

/// The shortest ciphertext of a name or target.
pub const MIN_NAME: usize = 16;

#[cfg(test)]
mod tests;
