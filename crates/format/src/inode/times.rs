//! Setting times in a slot.

use zerocopy::IntoBytes;

use super::{BASE_SIZE, RawExtra, RawInode};
use crate::Timestamp;

/// Sets the times of the last change, of the content and of the inode, in `slot`: with their extra
/// words where the extra fields reach that far.
pub fn set_change_times(slot: &mut [u8], time: Timestamp) {
    let (base, word) = time.encode();
    let Some(raw) = RawInode::from_slot_mut(slot) else { return };
    raw.mtime.set(base);
    raw.ctime.set(base);
    let Some(rest) = slot.get_mut(BASE_SIZE..) else { return };
    let Some(mut extra) = RawExtra::in_use(rest) else { return };
    let used = usize::from(extra.extra_isize.get()).min(size_of::<RawExtra>());
    extra.ctime_extra.set(word);
    extra.mtime_extra.set(word);
    if let (Some(to), Some(from)) = (rest.get_mut(..used), extra.as_bytes().get(..used)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;

    #[test]
    fn extra_words_are_set_where_they_are_in_use() {
        let time = Timestamp { secs: 0x1_0000_0005, nanos: 7 };
        for (size, extra, words) in [(128, 0, 0), (256, 0, 0), (256, 8, 1), (256, 32, 2)] {
            let mut slot = vec![0; size];
            if size > BASE_SIZE {
                slot[BASE_SIZE] = extra;
            }
            slot.extend([9; 4]);
            set_change_times(&mut slot, time);
            let (raw, _) = RawInode::read_from_prefix(&slot).unwrap();
            assert_eq!((raw.mtime.get(), raw.ctime.get(), raw.atime.get()), (5, 5, 0));
            let rest = &slot[BASE_SIZE.min(size)..size];
            let set = rest.chunks_exact(4).filter(|word| *word == [29, 0, 0, 0]).count();
            assert_eq!(set, words, "{size} {extra}");
            assert_eq!(slot[size..], [9; 4]);
        }
    }
}
