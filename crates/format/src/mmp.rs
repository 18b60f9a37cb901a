//! The multi-mount protection block: who has the file system open (feature `mmp`; kernel
//! documentation, `ext4/mmp.rst`).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::ChecksumSeed;
use crate::features::Incompat;
use crate::{BlockNr, Corrupt, CorruptKind, Place, Superblock};

/// The magic number, "MMP" in its upper bytes.
pub const MMP_MAGIC: u32 = 0x004d_4d50;
/// Sequence of a file system that nobody has open.
pub const SEQUENCE_CLEAN: u32 = 0xff4d_4d50;
/// Sequence of a file system that is being checked.
pub const SEQUENCE_FSCK: u32 = 0xe24d_4d50;
/// The largest sequence of an open file system.
pub const SEQUENCE_MAX: u32 = 0xe24d_4d4f;
/// Bytes of the structure at the start of its block.
pub const MMP_SIZE: usize = 1024;
/// Offset of the checksum.
const CHECKSUM_OFFSET: usize = 0x3fc;
/// Limits of the check interval in seconds.
const CHECK_INTERVAL: (u16, u16) = (5, 300);

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawMmp {
    magic: U32,
    sequence: U32,
    time: U64,
    node_name: [u8; 64],
    device_name: [u8; 32],
    check_interval: U16,
    reserved: [u8; 0x38a],
    checksum: U32,
}

const _: () = {
    assert!(size_of::<RawMmp>() == MMP_SIZE);
    assert!(std::mem::offset_of!(RawMmp, check_interval) == 0x70);
    assert!(std::mem::offset_of!(RawMmp, checksum) == CHECKSUM_OFFSET);
};

/// What the sequence number says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MmpState {
    /// Nobody has the file system open.
    Clean,
    /// A check is running, or was cut off.
    Fsck,
    /// Open, or left open by a crash: an owner counts the number up.
    Active,
    /// A number without a meaning.
    Unknown,
}

/// A checked multi-mount protection block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mmp {
    /// The sequence number.
    pub sequence: u32,
    /// Last update, seconds since 1970.
    pub time: u64,
    node_name: [u8; 64],
    device_name: [u8; 32],
    check_interval: u16,
}

impl Mmp {
    /// The block of the structure; `None` without the feature `mmp`.
    ///
    /// # Errors
    /// [`CorruptKind::MmpBlock`] if it is outside the file system.
    pub fn location(sb: &Superblock) -> Result<Option<BlockNr>, Corrupt> {
        if !sb.features().incompat(Incompat::MMP) {
            return Ok(None);
        }
        let block = sb.raw().mmp_block.get();
        let at = Place::superblock().block(block);
        sb.geometry().run(block, 1).map(Some).ok_or_else(|| Corrupt::new(CorruptKind::MmpBlock, at))
    }

    /// Checks the bytes of the block.
    ///
    /// # Errors
    /// [`CorruptKind::MmpMagic`], [`CorruptKind::MmpChecksum`].
    pub fn parse(bytes: &[u8], sb: &Superblock, at: Place) -> Result<Self, Corrupt> {
        let magic = || Corrupt::new(CorruptKind::MmpMagic, at);
        let (raw, _) = RawMmp::ref_from_prefix(bytes).map_err(|_| magic())?;
        if raw.magic.get() != MMP_MAGIC {
            return Err(magic());
        }
        let sum = checksum(bytes, sb.seed());
        if sb.features().metadata_csum() && sum != raw.checksum.get() {
            return Err(Corrupt::new(CorruptKind::MmpChecksum, at));
        }
        Ok(Self {
            sequence: raw.sequence.get(),
            time: raw.time.get(),
            node_name: raw.node_name,
            device_name: raw.device_name,
            check_interval: raw.check_interval.get(),
        })
    }

    /// What the sequence number says.
    #[must_use]
    pub const fn state(&self) -> MmpState {
        match self.sequence {
            SEQUENCE_CLEAN => MmpState::Clean,
            SEQUENCE_FSCK => MmpState::Fsck,
            1..=SEQUENCE_MAX => MmpState::Active,
            _ => MmpState::Unknown,
        }
    }

    /// The host that updated the block last: bytes up to the first zero byte, for the caller to
    /// escape.
    #[must_use]
    pub fn node_name(&self) -> &[u8] {
        until_zero(&self.node_name)
    }

    /// The device as that host named it, likewise.
    #[must_use]
    pub fn device_name(&self) -> &[u8] {
        until_zero(&self.device_name)
    }

    /// Seconds between checks, brought into the range 5 to 300.
    #[must_use]
    pub fn check_interval(&self) -> u16 {
        let (min, max) = CHECK_INTERVAL;
        self.check_interval.clamp(min, max)
    }
}

/// The checksum that the block should carry: over all bytes of the structure before the field.
fn checksum(bytes: &[u8], seed: ChecksumSeed) -> u32 {
    seed.sum(bytes.get(..CHECKSUM_OFFSET).unwrap_or_default())
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    fn block(sequence: u32, interval: u16, sb: &Superblock) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..4].copy_from_slice(&MMP_MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(b"node");
        bytes[80..112].fill(b'd');
        bytes[112..114].copy_from_slice(&interval.to_le_bytes());
        let sum = checksum(&bytes, sb.seed());
        bytes[1020..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn states_names_and_interval() {
        let sb = testing::small();
        let cases = [
            (0xff4d_4d50, MmpState::Clean),
            (0xe24d_4d50, MmpState::Fsck),
            (1, MmpState::Active),
            (0xe24d_4d4f, MmpState::Active),
            (0xe24d_4d51, MmpState::Unknown),
            (0, MmpState::Unknown),
        ];
        for (sequence, state) in cases {
            let mmp = Mmp::parse(&block(sequence, 10, &sb), &sb, Place::default()).unwrap();
            assert_eq!(mmp.state(), state, "{sequence:#x}");
            assert_eq!(mmp.node_name(), b"node");
            assert_eq!(mmp.device_name(), [b'd'; 32], "a name without a zero byte");
        }
        for (stored, used) in [(0, 5), (5, 5), (77, 77), (300, 300), (u16::MAX, 300)] {
            let mmp = Mmp::parse(&block(1, stored, &sb), &sb, Place::default()).unwrap();
            assert_eq!(mmp.check_interval(), used);
        }
    }

    #[test]
    fn each_rejection_has_its_kind() {
        let sb = testing::small();
        let kind = |bytes: &[u8]| Mmp::parse(bytes, &sb, Place::default()).unwrap_err().kind;
        let good = block(1, 5, &sb);
        let mut bad = good.clone();
        bad[0] ^= 1;
        assert_eq!(kind(&bad), CorruptKind::MmpMagic);
        assert_eq!(kind(&good[..1023]), CorruptKind::MmpMagic);
        for byte in [4, 500, 1023] {
            let mut bad = good.clone();
            bad[byte] ^= 1;
            assert_eq!(kind(&bad), CorruptKind::MmpChecksum, "{byte}");
        }
    }

    #[test]
    fn the_block_must_be_inside_the_file_system() {
        assert_eq!(Mmp::location(&testing::small()), Ok(None));
        let at = |block: u64| {
            Mmp::location(&testing::with(|raw| {
                raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::MMP.bits());
                raw.mmp_block.set(block);
            }))
        };
        assert_eq!(at(8191).unwrap().map(BlockNr::get), Some(8191));
        for bad in [0, 1, 8192, u64::MAX] {
            assert_eq!(at(bad).unwrap_err().kind, CorruptKind::MmpBlock, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_bytes_never_panic(mut bytes: Vec<u8>, magic: bool) {
            bytes.resize(bytes.len().max(if magic { 1024 } else { 0 }), 0);
            if magic {
                bytes[..4].copy_from_slice(&MMP_MAGIC.to_le_bytes());
            }
            let sb = testing::with(|raw| raw.feature_ro_compat.set(0));
            let parsed = Mmp::parse(&bytes, &sb, Place::default());
            prop_assert_eq!(parsed.is_ok(), magic);
            if let Ok(mmp) = parsed {
                prop_assert!((5..=300).contains(&mmp.check_interval()));
                prop_assert!(mmp.node_name().len() + mmp.device_name().len() <= 96);
            }
        }
    }
}
