//! Blocks of a journal.

use extant_format::JournalSuperblock;
use extant_format::checksum::crc32c;
use extant_format::journal::{
    CommitBlock, DescriptorTags, FastCommitRecord, FastCommitRecords, JournalBlockHeader,
    JournalDevice, JournalFeatures, JournalSeed, RevokeBlock, TagLayout, journal_checksum,
};

use super::{System, at, block};

pub(super) fn superblock(system: &System, body: &[u8]) {
    let mut bytes = body.to_vec();
    bytes.resize(1024, 0);
    let size = system.superblock.geometry().block_size();
    let head = [0xc03b_3998, 4, system.options.into(), size.bytes()].map(u32::to_be_bytes).concat();
    if let Some(start) = bytes.get_mut(..16).filter(|_| system.options & 1 == 0) {
        start.copy_from_slice(&head);
    }
    let sum = journal_checksum(&bytes);
    if let Some(field) = bytes.get_mut(0xfc..0x100).filter(|_| system.options & 2 == 0) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    let Ok(journal) = JournalSuperblock::parse(&bytes, size, at()) else { return };
    let end = journal.log_end();
    assert!(journal.first >= 1 && journal.first < end && end <= journal.max_len, "{journal:?}");
    assert!(journal.start == 0 || (journal.first..end).contains(&journal.start), "{journal:?}");
    let area = journal.fast_commit_area();
    assert!(area.start >= end && area.end <= journal.max_len, "{journal:?}");
    let _ = (journal.features.names(), journal.features.unknown(), journal.is_empty());
}

fn features(system: &System) -> JournalFeatures {
    let bit = |n: u8, flag| if system.options >> n & 1 == 0 { 0 } else { flag };
    let incompat = bit(0, JournalFeatures::BIT64)
        | bit(1, JournalFeatures::CSUM_V2)
        | bit(2, JournalFeatures::CSUM_V3);
    JournalFeatures { incompat, ..JournalFeatures::default() }
}

pub(super) fn blocks(system: &System, body: &[u8]) {
    let layout = TagLayout::new(&features(system));
    let bytes = block(system, body);
    let _ = JournalBlockHeader::parse(body);
    let tags: Vec<_> = DescriptorTags::new(&bytes, layout).collect();
    assert!(tags.len() * layout.tag_size() <= layout.body_end(bytes.len()), "{}", tags.len());
    let _ = DescriptorTags::new(body, layout).count();
    for tag in tags {
        let mut written = [0; 32];
        layout.write(&tag, &mut written);
        // A tag that is written in its own layout is read again.
        let mut again = [0; 64];
        if let Some(place) = again.get_mut(12..44) {
            place.copy_from_slice(&written);
        }
        assert_eq!(DescriptorTags::new(&again, layout).next(), Some(tag));
    }
    for bytes in [&bytes[..], body] {
        if let Ok(revoke) = RevokeBlock::parse(bytes, layout, at()) {
            let count = revoke.blocks().len();
            assert!(16 + count * layout.revoke_size() <= layout.body_end(bytes.len()).max(16));
        }
    }
    let seed = JournalSeed::from_uuid(&[system.options; 16]);
    if let Some(commit) = CommitBlock::parse(body) {
        let mut again = vec![0; 1024];
        commit.write(&mut again, Some(seed));
        assert!(CommitBlock::checksum_matches(&again, seed));
        let _ = commit.time();
    }
    let _ = (seed.tail_matches(body), CommitBlock::checksum_matches(body, seed));
}

/// Records are in order and inside the block, as are what they say and what the sum covers.
pub(super) fn fast_commit(_: &System, body: &[u8]) {
    let mut records = FastCommitRecords::new(body);
    let (mut next, mut sum, mut summed, mut tail) = (0, 0, Vec::new(), false);
    for placed in records.by_ref() {
        assert!(placed.offset == next && !tail, "{placed:?} at {next}");
        let length = body.get(next + 2..next + 4).and_then(|bytes| bytes.first_chunk());
        next += 4 + usize::from(length.copied().map_or(0, u16::from_le_bytes));
        assert!(next <= body.len() && placed.summed.len() <= next - placed.offset, "{placed:?}");
        match placed.record {
            FastCommitRecord::AddRange { len, start, .. } => {
                assert!(len <= 0x8000 && start < 1 << 48, "{placed:?}");
            }
            FastCommitRecord::Name { name, .. } => {
                assert!(matches!(name.len(), 1..=255) && inside(body, name), "{placed:?}");
            }
            FastCommitRecord::Inode { bytes, .. } => {
                assert!(bytes.len() >= 128 && inside(body, bytes), "{placed:?}");
            }
            FastCommitRecord::Tail { .. } => tail = true,
            _ => {}
        }
        summed.extend_from_slice(placed.summed);
        sum = placed.add_to(sum);
    }
    assert_eq!(sum, crc32c(0, &summed), "sums of parts, and of all");
    let rest = body.len() - next;
    assert!(records.is_malformed() || tail || rest < 4, "{rest} bytes were not read");
}

fn inside(body: &[u8], part: &[u8]) -> bool {
    let (all, part) = (body.as_ptr_range(), part.as_ptr_range());
    all.start <= part.start && part.end <= all.end
}

/// The superblock of a device with an external journal.
pub(super) fn device(system: &System, body: &[u8]) {
    let mut bytes = [0; JournalDevice::SIZE];
    bytes.iter_mut().zip(body).for_each(|(to, from)| *to = *from);
    for (at, value) in [(0x38, 0x53), (0x39, 0xef), (0x60, 8)] {
        if let Some(byte) = bytes.get_mut(at).filter(|_| system.options & 1 == 0) {
            *byte = value;
        }
    }
    let sum = crc32c(!0, bytes.get(..0x3fc).unwrap_or_default());
    if let Some(field) = bytes.last_chunk_mut::<4>().filter(|_| system.options & 2 == 0) {
        *field = sum.to_le_bytes();
    }
    let Ok(found) = JournalDevice::parse(&bytes, at()) else { return };
    assert_eq!(bytes.get(0x68..0x78), Some(&found.uuid[..]));
    assert!(matches!(found.block_size.bytes(), 1024..=65_536), "{found:?}");
}
