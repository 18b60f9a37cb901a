//! Tests of the blocks of the log.

use proptest::prelude::*;

use super::*;
use crate::testing;

fn layouts() -> impl Iterator<Item = (JournalFeatures, usize)> {
    let (wide, v2, v3) =
        (JournalFeatures::BIT64, JournalFeatures::CSUM_V2, JournalFeatures::CSUM_V3);
    let sizes = [(0, 8), (wide, 12), (v2, 10), (v2 | wide, 14), (v3, 16), (v3 | wide, 16)];
    sizes
        .into_iter()
        .map(|(incompat, size)| (JournalFeatures { incompat, ..JournalFeatures::default() }, size))
}

fn tag(home: u64, flags: u16) -> JournalTag {
    JournalTag { home, flags: TagFlags::from_bits(flags), checksum: 0x1234_5678 }
}

#[test]
fn tags_have_the_size_of_their_features() {
    for (features, size) in layouts() {
        assert_eq!(TagLayout::new(&features).tag_size(), size, "{features:?}");
    }
}

#[test]
fn tags_are_read_as_they_were_written() {
    for (features, size) in layouts() {
        let layout = TagLayout::new(&features);
        let wide = features.incompat(JournalFeatures::BIT64);
        let mut block = vec![0xee; 1024];
        let tags = [tag(77, 0), tag(0x1_0000_0002, 0x3), tag(9, 0xa)];
        let mut at = 12;
        for tag in tags {
            layout.write(&tag, &mut block[at..]);
            at += size + if tag.flags.contains(TagFlags::SAME_UUID) { 0 } else { 16 };
        }
        let read: Vec<_> = DescriptorTags::new(&block, layout).collect();
        assert_eq!(read.len(), 3, "{features:?}");
        for (read, tag) in read.iter().zip(tags) {
            let home = if wide { tag.home } else { tag.home & 0xffff_ffff };
            assert_eq!((read.home, read.flags), (home, tag.flags), "{features:?}");
            assert!(layout.checksum_matches(read, 0x1234_5678));
            assert_eq!(layout.checksum_matches(read, 0x1234_5679), !layout.has_checksums());
        }
    }
}

#[test]
fn tags_end_where_no_whole_one_fits() {
    for (features, size) in layouts() {
        let layout = TagLayout::new(&features);
        let mut block = vec![0; 1024];
        for at in (12..1024).step_by(size) {
            layout.write(&tag(1, 2), &mut block[at..]);
        }
        let most = (layout.body_end(1024) - 12) / size;
        assert_eq!(DescriptorTags::new(&block, layout).count(), most, "{features:?}");
    }
}

#[test]
fn revoked_blocks_have_the_width_of_the_journal() {
    let at = crate::Place::default();
    for (features, _) in layouts() {
        let layout = TagLayout::new(&features);
        let width = layout.revoke_size();
        let mut block = vec![0; 1024];
        block[15] = 16 + 2 * 8;
        block[16 + width - 1] = 7;
        let parsed = RevokeBlock::parse(&block, layout, at).unwrap();
        let blocks: Vec<_> = parsed.blocks().collect();
        assert_eq!((blocks[0], blocks.len()), (7, 16 / width), "{features:?}");
    }
}

#[test]
fn a_revoke_count_stays_in_its_block() {
    let at = crate::Place::default();
    let kind = |used: u32, features: JournalFeatures| {
        let mut block = vec![0; 1024];
        block[12..16].copy_from_slice(&used.to_be_bytes());
        let parsed = RevokeBlock::parse(&block, TagLayout::new(&features), at);
        parsed.map(|block| block.blocks().len()).map_err(|corrupt| corrupt.kind)
    };
    let v3 = JournalFeatures { incompat: JournalFeatures::CSUM_V3, ..Default::default() };
    let none = JournalFeatures::default();
    assert_eq!(kind(16, none), Ok(0));
    assert_eq!(kind(1024, none), Ok(252));
    for bad in [0, 15, 1025, u32::MAX] {
        assert_eq!(kind(bad, none), Err(crate::CorruptKind::JournalRevoke), "{bad}");
    }
    assert_eq!(kind(1020, v3), Ok(251));
    assert_eq!(kind(1021, v3), Err(crate::CorruptKind::JournalRevoke));
}

#[test]
fn commits_are_read_as_they_were_written() {
    let seed = JournalSeed::from_uuid(&[1; 16]);
    let commit =
        CommitBlock { sequence: 5, seconds: 1 << 33, nanoseconds: 6, sum: CommitSum::Crc32(7) };
    let mut block = vec![0; 1024];
    commit.write(&mut block, None);
    assert_eq!(CommitBlock::parse(&block), Some(commit));
    let header = JournalBlockHeader::parse(&block).unwrap();
    assert_eq!((header.kind, header.sequence), (JournalBlockKind::Commit, 5));
    assert!(!CommitBlock::checksum_matches(&block, seed));
    let commit = CommitBlock { sum: CommitSum::None, ..commit };
    let mut block = vec![0; 1024];
    commit.write(&mut block, Some(seed));
    assert!(CommitBlock::checksum_matches(&block, seed));
    block[1023] ^= 1;
    assert!(!CommitBlock::checksum_matches(&block, seed));
    assert_eq!(CommitBlock::parse(&block[..59]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn any_bytes_never_panic(bytes: Vec<u8>, incompat in 0_u32..64) {
        let features = JournalFeatures { incompat, ..JournalFeatures::default() };
        let layout = TagLayout::new(&features);
        prop_assert!(DescriptorTags::new(&bytes, layout).count() <= bytes.len() / 8);
        if let Ok(block) = RevokeBlock::parse(&bytes, layout, crate::Place::default()) {
            prop_assert!(block.blocks().len() <= bytes.len() / 4);
        }
        let _ = CommitBlock::parse(&bytes);
        let seed = JournalSeed::from_uuid(testing::small().raw().uuid.first_chunk().unwrap());
        let _ = seed.tail_matches(&bytes) | CommitBlock::checksum_matches(&bytes, seed);
    }
}
