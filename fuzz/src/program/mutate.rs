//! Mutations that keep records whole, beside libFuzzer's own.

use super::{HEADER, MOST_EDITS, RECORD};

/// Numbers that depend on a seed alone (SplitMix64).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `limit`; 0 for a limit of 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = limit as u64;
        let n = self.next().checked_rem(limit).unwrap_or(0);
        usize::try_from(n).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }

    /// Any record. Small numbers are likelier where fields count things.
    fn record(&mut self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record.iter_mut().for_each(|byte| *byte = self.byte());
        if self.below(2) == 0 {
            // The high bytes of region, offset and value.
            for n in [3, 5, 9, 10, 11] {
                record.iter_mut().skip(n).take(1).for_each(|byte| *byte = 0);
            }
        }
        record
    }
}

/// Changes the first `size` bytes of `data` and returns their new number, at most `max`. One time
/// in three it is `other`, libFuzzer's own mutation.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max: usize,
    seed: u32,
    other: impl FnOnce(&mut [u8], usize, usize) -> usize,
) -> usize {
    let mut random = Random(seed.into());
    let choice = random.below(9);
    let max = max.min(data.len());
    if choice < 3 || max < HEADER + RECORD {
        return other(data, size, max);
    }
    let input = data.get(..size).unwrap_or_default();
    let mut header = [0; HEADER];
    header.iter_mut().zip(input).for_each(|(to, from)| *to = *from);
    let body = input.get(HEADER..).unwrap_or_default();
    let mut records: Vec<[u8; RECORD]> =
        body.chunks_exact(RECORD).filter_map(|chunk| chunk.try_into().ok()).collect();
    change(&mut header, &mut records, choice, &mut random);
    records.truncate(MOST_EDITS.min((max - HEADER) / RECORD));
    let new: Vec<u8> = header.into_iter().chain(records.into_iter().flatten()).collect();
    data.iter_mut().zip(&new).for_each(|(to, from)| *to = *from);
    new.len()
}

fn change(
    header: &mut [u8; HEADER],
    records: &mut Vec<[u8; RECORD]>,
    choice: usize,
    random: &mut Random,
) {
    let (at, many) = (random.below(records.len()), records.len() > 1);
    match (choice, records.get_mut(at)) {
        // A new byte of a record: another operation, region, field or value.
        (3 | 4, Some(record)) => {
            let n = random.below(RECORD);
            record.iter_mut().skip(n).take(1).for_each(|byte| *byte = random.byte());
        }
        // A step in a field of a record.
        (5, Some(record)) => {
            let (n, step) = (random.below(RECORD), random.below(5));
            let step = u8::try_from(step).unwrap_or(0).wrapping_sub(2);
            record.iter_mut().skip(n).take(1).for_each(|byte| *byte = byte.wrapping_add(step));
        }
        (6, Some(_)) if many => {
            records.remove(at);
        }
        (7, _) => {
            let n = random.below(HEADER);
            header.iter_mut().skip(n).take(1).for_each(|byte| *byte = random.byte());
        }
        _ => records.insert(at, random.record()),
    }
}
