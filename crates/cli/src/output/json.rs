//! JSON values for what images hold.

use extant::{Corrupt, Timestamp};
use serde_json::{Value, json};

use crate::output::{full_time, hex};

/// Bytes that are text: a string where they are UTF-8, else `{"hex": ...}`.
pub(crate) fn name(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => raw(bytes),
    }
}

/// Bytes that are not text: `{"hex": ...}`.
pub(crate) fn raw(bytes: &[u8]) -> Value {
    json!({ "hex": hex(bytes) })
}

/// A time: seconds since 1970 and nanoseconds as numbers, and as text.
pub(crate) fn time(time: Timestamp) -> Value {
    json!({ "seconds": time.secs, "nanoseconds": time.nanos, "utc": full_time(time) })
}

/// Damage: the stable id of its kind, and its place as text.
pub(crate) fn corrupt(corrupt: &Corrupt) -> Value {
    json!({
        "kind": corrupt.kind.id(),
        "what": corrupt.kind.to_string(),
        "place": corrupt.at.to_string(),
    })
}
