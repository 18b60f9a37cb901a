//! Randomness: the machine's, or a stream that a test seeds.
//!
//! [`fill`] is fit for keys and nonces unless a test seeded it. Under the explorer numbers belong
//! to the schedule and come back when it is replayed.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::imp;

/// The state of the seeded stream; `None` is the machine's entropy.
static SEEDED: Mutex<Option<u64>> = Mutex::new(None);

/// Fills `bytes` with random bytes.
///
/// # Errors
/// The operating system has no entropy to give.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let mut seeded = SEEDED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(state) = seeded.as_mut() else {
        drop(seeded);
        return imp::entropy(bytes);
    };
    for chunk in bytes.chunks_mut(8) {
        let word = step(state).to_le_bytes();
        chunk.iter_mut().zip(word).for_each(|(to, from)| *to = from);
    }
    Ok(())
}

/// A random number; not for secrets: without entropy it falls back to the clock.
#[must_use]
pub fn next_u64() -> u64 {
    let mut bytes = [0; 8];
    match fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => {
            let now = imp::wall_clock();
            step(&mut (u64::from(now.nanos) ^ now.secs.unsigned_abs().rotate_left(32)))
        }
    }
}

/// For tests: from now on the process draws from a stream that `seed` decides.
pub fn seed(seed: u64) {
    *SEEDED.lock().unwrap_or_else(PoisonError::into_inner) = Some(seed);
}

/// For tests: back to the machine's entropy.
pub fn unseed() {
    *SEEDED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(all(test, not(extant_explore)))]
mod tests {
    use super::*;

    /// Published outputs of SplitMix64 for seed 1234567.
    #[test]
    fn splitmix_vectors() {
        let mut state = 1_234_567;
        let out = [step(&mut state), step(&mut state), step(&mut state)];
        assert_eq!(out, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    /// One test for all of seeding: it is global to the process.
    #[test]
    fn seeded_streams_repeat_and_real_ones_do_not() {
        seed(5);
        let first = (next_u64(), next_u64());
        seed(5);
        assert_eq!((next_u64(), next_u64()), first);
        assert_ne!(first.0, first.1);
        unseed();
        let (mut a, mut b) = ([0; 24], [0; 24]);
        fill(&mut a).unwrap();
        fill(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
