//! Attributes of inodes in the forms that several commands show.

use extant::{FileType, Node, Stat};
use serde_json::{Map, Value, json};

use crate::output::json;

/// `drwxr-xr-t`, with the letters of ls(1).
pub(super) fn mode_text(file_type: FileType, mode: u16) -> String {
    let mut text = String::from(file_type.char_for_ls());
    for (shift, special, letters) in [(6, 0o4000, "sS"), (3, 0o2000, "sS"), (0, 0o1000, "tT")] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        let executes = bits & 1 != 0;
        let letter = if executes { letters.chars().next() } else { letters.chars().last() };
        text.push(match letter.filter(|_| mode & special != 0) {
            Some(letter) => letter,
            None if executes => 'x',
            None => '-',
        });
    }
    text
}

/// The attributes of an inode for JSON.
pub(super) fn stat_json(stat: &Stat) -> Map<String, Value> {
    let value = json!({
        "ino": stat.ino.get(),
        "type": stat.file_type.name(),
        "mode": format!("{:04o}", stat.mode & 0o7777),
        "uid": stat.uid,
        "gid": stat.gid,
        "links": stat.links,
        "device": stat.device.map(|(major, minor)| json!({ "major": major, "minor": minor })),
        "size_bytes": stat.size,
        "allocated_bytes": stat.blocks_512.saturating_mul(512),
        "atime": json::time(stat.atime),
        "mtime": json::time(stat.mtime),
        "ctime": json::time(stat.ctime),
        "btime": stat.btime.map(json::time),
        "flags": stat.flags.names().collect::<Vec<_>>(),
        "generation": stat.generation,
        "project": stat.project,
    });
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// The size, or the numbers of a device.
pub(super) fn size_text(stat: &Stat) -> String {
    match stat.device {
        Some((major, minor)) => format!("{major}, {minor}"),
        None => stat.size.to_string(),
    }
}

/// The target of a symbolic link; `None` for anything else.
pub(super) fn target(node: &Node) -> extant::Result<Option<Vec<u8>>> {
    match node.file_type() {
        FileType::Symlink => node.read_link(extant::IoFlags::NONE).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_their_letters() {
        let text = |mode| mode_text(FileType::Regular, mode);
        assert_eq!(text(0o644), "-rw-r--r--");
        assert_eq!(text(0o7777), "-rwsrwsrwt");
        assert_eq!(text(0o7000), "---S--S--T");
        assert_eq!(mode_text(FileType::Directory, 0o1750), "drwxr-x--T");
    }
}
