//! Parents of directories.

use extant_testkit::hostile::Spot;

use crate::entries::{Block, change};
use crate::support::{EXT2, EXT4, PLAIN, found, image, only};

const ALL: [&[&str]; 3] = [EXT4, PLAIN, EXT2];

#[test]
fn dir_parent() {
    for args in ALL {
        let base = image(args);
        let sub = base.lookup("/dir/sub").unwrap();
        for parent in [2, sub, base.lookup("/tiny").unwrap(), base.lookup("/many").unwrap(), 8] {
            let mut editor = base.clone();
            change(&mut editor, ("/dir/sub", ".."), 0, &parent.to_le_bytes());
            println!("{args:?} {parent}");
            only(&editor, &["dir.parent"]);
        }
        let mut editor = base.clone();
        change(&mut editor, ("/", ".."), 0, &sub.to_le_bytes());
        only(&editor, &["dir.parent"]);
    }
}

#[test]
fn dir_second_name() {
    for args in ALL {
        let base = image(args);
        let sub = base.lookup("/dir/sub").unwrap();
        for path in ["/dir", "/"] {
            let mut editor = base.clone();
            Block::of(&editor, path, 0).add(&mut editor, sub, b"again", 2);
            only(&editor, &["dir.second_name"]);
        }
        // In its own descendant.
        let mut editor = base.clone();
        let dir = editor.lookup("/dir").unwrap();
        Block::of(&editor, "/dir/sub", 0).add(&mut editor, dir, b"up", 2);
        only(&editor, &["dir.second_name"]);
    }
}

#[test]
fn dir_unconnected() {
    for args in ALL {
        let mut editor = image(args);
        change(&mut editor, ("/dir", "sub"), 0, &[0; 4]);
        only(&editor, &["dir.unconnected"]);
        // What is in it is connected to it.
        let mut editor = image(args);
        change(&mut editor, ("/", "dir"), 0, &[0; 4]);
        only(&editor, &["dir.unconnected"]);
    }
}

/// Two directories that are each other's parents, and in no other.
#[test]
fn dir_loop() {
    for args in ALL {
        let mut editor = image(args);
        let (dir, sub) = (editor.lookup("/dir").unwrap(), editor.lookup("/dir/sub").unwrap());
        Block::of(&editor, "/dir/sub", 0).add(&mut editor, dir, b"up", 2);
        change(&mut editor, ("/dir", ".."), 0, &sub.to_le_bytes());
        change(&mut editor, ("/", "dir"), 0, &[0; 4]);
        // The root has one directory less in it.
        let root = Spot::Inode(2);
        let links = editor.get_u16(root, 0x1a).unwrap();
        editor.set_u16(root, 0x1a, links - 1).unwrap();
        let links = editor.get_u16(Spot::Inode(sub), 0x1a).unwrap();
        editor.set_u16(Spot::Inode(sub), 0x1a, links + 1).unwrap();
        // e2fsck 1.47 finds nothing.
        found(&editor, &["dir.loop"]);
    }
}

#[test]
fn lost_and_found_is_not_needed() {
    for args in [PLAIN, EXT2] {
        let recipe = extant_testkit::hostile::SmallImage {
            debugfs: &["rmdir /lost+found"],
            ..extant_testkit::hostile::SmallImage::new(args)
        };
        let image = extant_testkit::hostile::small_image(&recipe).unwrap();
        only(&extant_testkit::hostile::ImageEditor::new(image), &[]);
    }
}
