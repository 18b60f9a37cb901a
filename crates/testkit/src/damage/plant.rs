//! The tree in every base image, and making the image.

use std::fs::File;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::recipes::Recipe;
use crate::error::{Context, Error, Result};
use crate::hostile::ImageEditor;
use crate::image::{Scratch, debugfs, run, run_accepting};

/// Makes the image of `recipe`, sound by e2fsck.
pub(super) fn make(recipe: &Recipe) -> Result<ImageEditor> {
    let scratch = Scratch::new()?;
    let source = scratch.folder("source")?;
    plant(&source, recipe)?;
    let image = scratch.sparse_file("base.img", recipe.mib)?;
    let (source, path) = (source.display().to_string(), image.display().to_string());
    let fixed = ["-q", "-F", "-U", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"];
    let args: Vec<&str> = recipe.args.split_whitespace().collect();
    run("mke2fs", &[&fixed[..], &args, &["-d", &source, &path]].concat())?;
    debugfs(&image, &commands(recipe))?;
    if !recipe.edits.is_empty() {
        let mut editor = ImageEditor::read(&image)?;
        recipe.edits.iter().try_for_each(|edit| edit(&mut editor))?;
        editor.write(&image)?;
    }
    // Makes the hash trees, and the counts right.
    run_accepting("e2fsck", &["-fyD", &path], &[0, 1])?;
    if !recipe.tune2fs.is_empty() {
        let args: Vec<&str> = recipe.tune2fs.split_whitespace().collect();
        run("tune2fs", &[&args[..], &[&path]].concat())?;
    }
    let verdict = crate::oracle::check(&image, None)?;
    if verdict.code != 0 {
        return Err(Error::Image(format!("{} is not sound: {}", recipe.name, verdict.text)));
    }
    ImageEditor::read(&image)
}

fn commands(recipe: &Recipe) -> Vec<String> {
    let text = |length: usize| "0123456789".repeat(length / 10);
    let mut commands = vec!["rm /gone".to_owned(), "mknod /device c 5 1".to_owned()];
    if !recipe.args.contains("-r 0") {
        commands.extend([
            "ea_set /xattr-small user.small 12345678".to_owned(),
            format!("ea_set /xattr-large user.large {}", text(500)),
            "ea_set /xattr-large user.empty \"\"".to_owned(),
            "ea_set /xattr-both user.first abcdef".to_owned(),
            "ea_set /xattr-both security.second 0123456789".to_owned(),
            format!("ea_set /xattr-both user.third {}", text(300)),
            "ea_set /dir user.of-a-folder yes".to_owned(),
            "ea_set /tiny-xattr user.beside data".to_owned(),
        ]);
    }
    if recipe.args.contains("ea_inode") {
        let value = text(2_000);
        for (file, name) in [("ea-one", "big"), ("ea-two", "big"), ("ea-two", "second")] {
            let value = if name == "big" { &value } else { &text(1_500) };
            commands.push(format!("ea_set /{file} user.{name} {value}"));
        }
    }
    for (path, field, id) in [("/dir/a", "uid", 1000), ("/dir/b", "gid", 70_000)] {
        commands.push(format!("set_inode_field {path} {field} {id}"));
    }
    commands.extend(recipe.debugfs.iter().map(|&command| command.to_owned()));
    commands
}

fn write(root: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = root.join(name);
    std::fs::write(&path, bytes).on("write", &path)
}

fn folder(root: &Path, name: &str) -> Result<()> {
    let path = root.join(name);
    std::fs::create_dir_all(&path).on("mkdir", &path)
}

fn plant(root: &Path, recipe: &Recipe) -> Result<()> {
    let text: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    write(root, "file", &text)?;
    for name in ["empty", "gone", "fallocated", "xattr-small", "xattr-large", "xattr-share"] {
        write(root, name, name.as_bytes())?;
    }
    for name in ["xattr-both", "ea-one", "ea-two", "tiny-xattr"] {
        write(root, name, name.as_bytes())?;
    }
    // In an inode of 256 bytes: the map alone, the map and an attribute, too much.
    for length in [20, 60, 61, 100, 150, 700] {
        write(root, &format!("tiny-{length}"), text.get(..length).unwrap_or_default())?;
    }
    for name in ["dir/sub", "deep/one/two/three", "many", "crypt", "hollow"] {
        folder(root, name)?;
    }
    write(root, "dir/a", b"a")?;
    write(root, "dir/b", b"b")?;
    for number in 0..5 {
        write(root, &format!("deep/one/name-{number}"), b"")?;
    }
    for length in [16, 32] {
        let letter = if length == 16 { "A" } else { "B" };
        write(root, &format!("crypt/{}", letter.repeat(length)), b"cipher")?;
    }
    for number in 0..300 {
        write(root, &format!("many/name-{number:03}-{}", "x".repeat(20)), b"")?;
    }
    links(root)?;
    fragmented(root, recipe)?;
    sparse(root, recipe)?;
    if recipe.huge > 0 {
        folder(root, "huge")?;
    }
    (0..recipe.huge)
        .try_for_each(|number| write(root, &format!("huge/{number:04}{}", "y".repeat(236)), b""))
}

fn links(root: &Path) -> Result<()> {
    let link = |target: &str, name: &str| {
        let path = root.join(name);
        symlink(target, &path).on("symlink", &path)
    };
    link("file", "link")?;
    link(&"0123456789".repeat(10), "slow")?;
    for name in ["hard", "dir/hard"] {
        std::fs::hard_link(root.join("file"), root.join(name)).on("link", root)?;
    }
    for (name, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
        let path = root.join(name);
        mknodat(CWD, &path, kind, Mode::from_raw_mode(0o644), 0).on("mknod", &path)?;
    }
    Ok(())
}

/// Every other block.
fn fragmented(root: &Path, recipe: &Recipe) -> Result<()> {
    let path = root.join("fragmented");
    let file = File::create(&path).on("create", &path)?;
    for number in 0..recipe.fragments {
        let byte = u8::try_from(number % 255).unwrap_or_default() + 1;
        let block = vec![byte; usize::try_from(recipe.block).unwrap_or_default()];
        file.write_all_at(&block, number * 2 * recipe.block).on("write", &path)?;
    }
    Ok(())
}

/// A block behind each level of indirect blocks.
fn sparse(root: &Path, recipe: &Recipe) -> Result<()> {
    let path = root.join("sparse");
    let file = File::create(&path).on("create", &path)?;
    let fanout = recipe.block / 4;
    let single = 12;
    let double = single + fanout;
    let triple = double + fanout * fanout;
    for logical in [0, 11, single + 5, double + 3, double + fanout + 9, triple + 1, triple + 700] {
        if recipe.block < 4096 || logical < triple {
            file.write_all_at(b"here", logical * recipe.block).on("write", &path)?;
        }
    }
    Ok(())
}
