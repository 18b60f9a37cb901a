//! Row 52: quota inodes. Reading needs no quota: whatever they are, everything else is readable,
//! and what they name belongs to nobody else.

use extant_testkit::hostile::{ImageEditor, SmallImage, Spot, small_image};

use crate::support::{only, unrelated_reads_right, walked};

const QUOTA: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "quota,project", "-I", "256"];
/// Where the superblock names them: for users, groups, projects.
const NUMBERS: [u64; 3] = [0x240, 0x244, 0x26c];

fn quota_image() -> ImageEditor {
    ImageEditor::new(small_image(&SmallImage::new(QUOTA)).unwrap())
}

#[test]
fn row_52_wrong_type() {
    for mode in [0, 0x41ed, 0xa1ff, 0x6180, 0xf1ff] {
        for at in NUMBERS {
            let mut image = quota_image();
            let inode = image.get_u32(Spot::Superblock, at).unwrap();
            image.set_u16(Spot::Inode(inode), 0, mode).unwrap();
            let (report, fs) = walked(&image);
            assert_eq!(report.findings.len(), 0, "{mode:#x} {at:#x}");
            unrelated_reads_right(&fs);
        }
    }
}

/// The journal, the root, the resize inode, itself twice, free, outside.
#[test]
fn row_52_another_inode() {
    let base = quota_image();
    let inodes = base.get_u32(Spot::Superblock, 0).unwrap();
    for number in [0, 1, 2, 3, 7, 8, inodes, inodes + 1, u32::MAX] {
        for at in NUMBERS {
            let mut image = base.clone();
            image.set_u32(Spot::Superblock, at, number).unwrap();
            let (report, fs) = walked(&image);
            assert_eq!(report.findings.len(), 0, "{number} {at:#x}");
            unrelated_reads_right(&fs);
        }
    }
    // A file that has a name: it is set aside, and nothing else is.
    let file = base.lookup("/tiny").unwrap();
    for at in NUMBERS {
        let mut image = base.clone();
        image.set_u32(Spot::Superblock, at, file).unwrap();
        let (report, fs) = walked(&image);
        let paths: Vec<_> = report.findings.iter().map(|f| f.path.as_str()).collect();
        assert!(!paths.is_empty() && paths.iter().all(|path| path.contains("tiny")), "{paths:?}");
        unrelated_reads_right(&fs);
    }
}

/// Cycles and depth are of the tree in the file, which nothing reads: all of it may be anything.
#[test]
fn row_52_tree() {
    for fill in [0_u8, 1, 0xff] {
        let mut image = quota_image();
        for at in NUMBERS {
            let inode = image.get_u32(Spot::Superblock, at).unwrap();
            let blocks = image.file_size(inode).unwrap() / 1024;
            assert!(blocks >= 3);
            for logical in 0..u32::try_from(blocks).unwrap() {
                let block = image.map_block(inode, logical).unwrap().unwrap();
                image.set_bytes(Spot::Block(block), 0, &[fill; 1024]).unwrap();
            }
        }
        let (report, fs) = walked(&image);
        assert_eq!(report.findings.len(), 0);
        unrelated_reads_right(&fs);
    }
}

/// A map that leads out of the image is damage that is noted; one that leads over metadata is for
/// those who write.
#[test]
fn row_52_map() {
    for (block, noted) in [(2_u32, 0), (8192, 1)] {
        let mut image = quota_image();
        let inode = image.get_u32(Spot::Superblock, NUMBERS[0]).unwrap();
        image.set_u32(Spot::Inode(inode), 0x28 + 20, block).unwrap();
        let fs = only(&image, &[]);
        let (damage, _) = fs.volume().damage();
        assert_eq!(damage.len(), noted, "{block} {damage:?}");
    }
}
