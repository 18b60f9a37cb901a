//! Directories inside their inodes: the number of the parent, and two parts with entries.

use extant_format::dir::DirEntry;
use extant_format::inline_data::{INODE_CAPACITY, InlineData, InlineDir};
use extant_format::xattr::IbodyXattrs;
use extant_format::{Corrupt, CorruptKind};

use super::scan::{Found, Scan};
use super::{Dir, Worker};
use crate::{Problem, ProblemKind};

impl Worker<'_> {
    /// Checks a directory of inline data.
    pub(super) fn inline(&mut self, dir: &Dir<'_>) {
        let at = dir.at();
        let Ok(attributes) = IbodyXattrs::parse(dir.inode.ea_area(), at) else {
            return self.census.lose_names();
        };
        let value = attributes.inline_data().and_then(|entry| entry.value);
        let Some(map) = dir.inode.map_bytes().first_chunk() else { return };
        let capacity = INODE_CAPACITY + value.map_or(0, <[u8]>::len);
        if dir.inode.size != capacity as u64 {
            return self.census.lose_names();
        }
        // What is wrong with the attribute or the size is told with the inode.
        let Ok(data) = InlineData::new(map, value, dir.inode.size, at) else {
            return self.census.lose_names();
        };
        match InlineDir::parse(data, &dir.rule, at) {
            Ok(inline) => self.inline_entries(dir, &inline, &data.to_vec()),
            Err(corrupt) => {
                self.push_lost(Problem::corrupt(ProblemKind::DirectoryInline, corrupt));
            }
        }
    }

    fn inline_entries(&mut self, dir: &Dir<'_>, inline: &InlineDir<'_>, content: &[u8]) {
        if self.image.geometry().inode(inline.parent).is_some() {
            self.links.set_dotdot(dir.index, inline.parent);
        } else {
            let problem = Problem::new(ProblemKind::DirectoryDotDot, dir.at());
            self.push(problem.found(inline.parent));
        }
        let mut scan = Scan::new(dir, None);
        for entry in inline.entries() {
            match entry {
                Ok(entry) => self.entry(&mut scan, &Found::new(&entry, content, dir.at())),
                Err(corrupt) => self.inline_broken(corrupt),
            }
        }
        if scan.names.any_twice() {
            let mut suspects = std::mem::take(&mut scan.names).suspects();
            let entries: Vec<DirEntry<'_>> = inline.entries().filter_map(Result::ok).collect();
            for entry in &entries {
                self.again(dir, &mut suspects, &Found::new(entry, content, dir.at()));
            }
        }
    }

    fn inline_broken(&mut self, corrupt: Corrupt) {
        let kind = match corrupt.kind {
            CorruptKind::InlineDirectory => ProblemKind::DirectoryInline,
            _ => ProblemKind::DirectoryChain,
        };
        self.push_lost(Problem::corrupt(kind, corrupt));
    }
}
