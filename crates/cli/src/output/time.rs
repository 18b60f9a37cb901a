//! Times in UTC. An image has no time zone, and the reader's would make output differ by place.

use extant::Timestamp;

/// `2026-01-01 00:00:00.000000000 UTC`.
pub(crate) fn full_time(time: Timestamp) -> String {
    match calendar(time) {
        Some(shown) => format!("{}.{:09} UTC", shown.strftime("%Y-%m-%d %H:%M:%S"), time.nanos),
        None => format!("@{}.{:09}", time.secs, time.nanos),
    }
}

/// `2026-01-01 00:00`.
pub(crate) fn short_time(time: Timestamp) -> String {
    match calendar(time) {
        Some(shown) => shown.strftime("%Y-%m-%d %H:%M").to_string(),
        None => format!("@{}", time.secs),
    }
}

/// The whole second of `time`; `None` outside the years that the calendar knows.
fn calendar(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.secs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_the_format_is_shown() {
        let cases = [
            (Timestamp::MIN, "1901-12-13 20:45:52.000000000 UTC"),
            (Timestamp { secs: -1, nanos: 750_000_000 }, "1969-12-31 23:59:59.750000000 UTC"),
            (Timestamp { secs: 0, nanos: 0 }, "1970-01-01 00:00:00.000000000 UTC"),
            (Timestamp::MAX, "2446-05-10 22:38:55.999999999 UTC"),
        ];
        for (time, shown) in cases {
            assert_eq!(full_time(time), shown);
        }
        assert_eq!(short_time(Timestamp::MAX), "2446-05-10 22:38");
        assert_eq!(
            full_time(Timestamp { secs: i64::MAX, nanos: 5 }),
            "@9223372036854775807.000000005"
        );
    }
}
