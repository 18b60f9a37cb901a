//! File times: seconds with two extra epoch bits (34 bits in all) and nanoseconds.
//!
//! The base field is a signed 32-bit count of seconds since 1970. Inodes with extra fields add a
//! word whose low two bits count whole periods of 2^32 seconds and whose upper 30 bits are the
//! nanoseconds (kernel documentation, `ext4/inodes.rst`, "Inode Timestamps"). The range is
//! 1901-12-13 to 2446-05-10.

const NANOS_LAST: u32 = 999_999_999;

/// A time stamp: `secs` seconds since 1970 (negative before) and `nanos` nanoseconds on top, 0 to
/// 999,999,999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp {
    /// Whole seconds since 1970, rounded towards the past.
    pub secs: i64,
    /// Nanoseconds since that second.
    pub nanos: u32,
}

impl Timestamp {
    /// The earliest time of the format, with or without extra bits.
    pub const MIN: Self = Self { secs: i32::MIN as i64, nanos: 0 };
    /// The latest time of the format.
    pub const MAX: Self = Self { secs: 0x3_7fff_ffff, nanos: NANOS_LAST };

    /// Reads the two words of a time; `extra` is `None` where the inode has no such field.
    ///
    /// A base with its top bit set counts back from 1970 if the epoch bits are zero, and from the
    /// end of the period they name otherwise. Impossible nanoseconds count as the last one.
    #[must_use]
    pub fn decode(base: u32, extra: Option<u32>) -> Self {
        let extra = extra.unwrap_or(0);
        let epoch = i64::from(extra & 3) << 32;
        Self { secs: i64::from(base.cast_signed()) + epoch, nanos: (extra >> 2).min(NANOS_LAST) }
    }

    /// The two words `(base, extra)` of this time, clamped to the format's range.
    #[must_use]
    pub fn encode(self) -> (u32, u32) {
        let time = self.clamp(Self::MIN, Self::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
        let base = time.secs as i32;
        let epochs = (time.secs - i64::from(base)) >> 32;
        let epoch = u32::try_from(epochs).unwrap_or(0);
        (base.cast_unsigned(), time.nanos.min(NANOS_LAST) << 2 | epoch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of the table in the kernel documentation: epoch bits, base, seconds since 1970.
    const ROWS: [(u32, u32, i64); 10] = [
        (0, 0x8000_0000, -0x8000_0000),
        (0, 0xffff_ffff, -1),
        (0, 0, 0),
        (0, 0x7fff_ffff, 0x7fff_ffff),
        (1, 0x8000_0000, 0x8000_0000),
        (1, 0xffff_ffff, 0xffff_ffff),
        (1, 0, 0x1_0000_0000),
        (2, 0x8000_0000, 0x1_8000_0000),
        (3, 0x8000_0000, 0x2_8000_0000),
        (3, 0x7fff_ffff, 0x3_7fff_ffff),
    ];

    #[test]
    fn documented_rows_round_trip() {
        for (epoch, base, secs) in ROWS {
            let extra = epoch | 7 << 2;
            let time = Timestamp::decode(base, Some(extra));
            assert_eq!(time, Timestamp { secs, nanos: 7 }, "{epoch} {base:#x}");
            assert_eq!(time.encode(), (base, extra), "{secs}");
        }
    }

    #[test]
    fn without_extra_the_base_is_signed() {
        let time = Timestamp::decode(0xffff_fff6, None);
        assert_eq!(time, Timestamp { secs: -10, nanos: 0 });
    }

    #[test]
    fn impossible_nanoseconds_are_clamped() {
        assert_eq!(Timestamp::decode(0, Some(u32::MAX)).nanos, NANOS_LAST);
        assert_eq!(Timestamp::decode(0, Some(1_000_000_000 << 2)).nanos, NANOS_LAST);
        assert_eq!(Timestamp::decode(0, Some(NANOS_LAST << 2)).nanos, NANOS_LAST);
    }

    #[test]
    fn times_out_of_range_are_clamped() {
        let early = Timestamp { secs: i64::MIN, nanos: 5 };
        let late = Timestamp { secs: i64::MAX, nanos: 5 };
        let back = |(base, extra)| Timestamp::decode(base, Some(extra));
        assert_eq!(back(early.encode()), Timestamp::MIN);
        assert_eq!(back(late.encode()), Timestamp::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn every_time_round_trips(
            secs in -0x8000_0000_i64..=0x3_7fff_ffff,
            nanos in 0..1_000_000_000_u32,
        ) {
            let time = Timestamp { secs, nanos };
            let (base, extra) = time.encode();
            prop_assert_eq!(Timestamp::decode(base, Some(extra)), time);
        }
    }
}
