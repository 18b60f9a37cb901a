//! The encryption context: attribute `c` of prefix number 9.

use crate::{Corrupt, CorruptKind, Place};

/// The name of the master key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyId {
    /// Version 1: chosen by the user.
    Descriptor([u8; 8]),
    /// Version 2: derived from the key.
    Identifier([u8; 16]),
}

/// A checked encryption context. Numbers of modes and flags are not judged: nothing is decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncryptionContext {
    /// Cipher of file content (`FSCRYPT_MODE_*`), see [`mode_name`](Self::mode_name).
    pub contents_mode: u8,
    /// Cipher of names and link targets.
    pub filenames_mode: u8,
    /// `FSCRYPT_POLICY_FLAG*`.
    pub flags: u8,
    /// log2 of the bytes encrypted as one unit; 0 for a block. Always 0 in version 1.
    pub log2_data_unit_size: u8,
    /// The master key; its form is the context's version.
    pub key: KeyId,
    /// The file's own number, from which its key is derived.
    pub nonce: [u8; 16],
}

impl EncryptionContext {
    /// Reads the attribute's value: 28 bytes for version 1, 40 for version 2.
    ///
    /// # Errors
    /// [`CorruptKind::EncryptionContext`] for an unknown version or a wrong size.
    pub fn parse(value: &[u8], at: Place) -> Result<Self, Corrupt> {
        let parsed = match value.first() {
            Some(1) => Self::parse_v1(value),
            Some(2) => Self::parse_v2(value),
            _ => None,
        };
        parsed.ok_or(Corrupt::new(CorruptKind::EncryptionContext, at))
    }

    fn parse_v1(value: &[u8]) -> Option<Self> {
        let bytes: &[u8; 28] = value.try_into().ok()?;
        let (&[_, contents_mode, filenames_mode, flags], rest) = bytes.split_first_chunk()?;
        let (descriptor, nonce) = rest.split_first_chunk()?;
        Some(Self {
            contents_mode,
            filenames_mode,
            flags,
            log2_data_unit_size: 0,
            key: KeyId::Descriptor(*descriptor),
            nonce: nonce.try_into().ok()?,
        })
    }

    fn parse_v2(value: &[u8]) -> Option<Self> {
        let bytes: &[u8; 40] = value.try_into().ok()?;
        let (&[_, contents_mode, filenames_mode, flags, log2_data_unit_size, _, _, _], rest) =
            bytes.split_first_chunk()?;
        let (identifier, nonce) = rest.split_first_chunk()?;
        Some(Self {
            contents_mode,
            filenames_mode,
            flags,
            log2_data_unit_size,
            key: KeyId::Identifier(*identifier),
            nonce: nonce.try_into().ok()?,
        })
    }

    /// 1 or 2.
    #[must_use]
    pub const fn version(&self) -> u8 {
        match self.key {
            KeyId::Descriptor(_) => 1,
            KeyId::Identifier(_) => 2,
        }
    }

    /// Names are padded to a multiple of this before encryption: 4, 8, 16 or 32 bytes.
    #[must_use]
    pub const fn name_padding(&self) -> u8 {
        4 << (self.flags & 3)
    }

    /// The name of a cipher as the kernel's documentation has it, `None` for an unknown number.
    #[must_use]
    pub const fn mode_name(mode: u8) -> Option<&'static str> {
        Some(match mode {
            1 => "AES-256-XTS",
            4 => "AES-256-CBC-CTS",
            5 => "AES-128-CBC-ESSIV",
            6 => "AES-128-CBC-CTS",
            7 => "SM4-XTS",
            8 => "SM4-CBC-CTS",
            9 => "Adiantum",
            10 => "AES-256-HCTR2",
            _ => return None,
        })
    }
}
