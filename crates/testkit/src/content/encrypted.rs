//! A tree that the kernel encrypts; the key is gone with the mount.

use std::os::unix::fs::symlink;

use super::Site;
use super::extents::pattern;
use crate::error::{Context, Result};
use crate::ioctls;

pub(super) fn write(site: &mut Site) -> Result<()> {
    if !site.holds.encryption {
        site.skip("encrypted tree", "no encryption in this profile");
        return Ok(());
    }
    let root = site.folder("encrypted")?;
    ioctls::encrypt(&root)?;
    for length in [0, 1, 15, 16, 50, 150, 4096, 100_000] {
        let path = root.join(format!("file-{length}"));
        std::fs::write(&path, pattern(11, length)).on("write", &path)?;
    }
    // Cipher texts are padded to 32 bytes; names above 149 bytes are shown by a hash of the rest.
    for length in [1, 16, 31, 32, 33, 100, 144, 149, 150, 160, 200, 250, 255] {
        let path = root.join("n".repeat(length));
        std::fs::write(&path, "").on("write", &path)?;
    }
    for length in [1, 20, 40, 60, 200, 900] {
        let path = root.join(format!("link-{length}"));
        symlink("t".repeat(length), &path).on("symlink", &path)?;
    }
    let below = root.join("below");
    std::fs::create_dir(&below).on("mkdir", &below)?;
    std::fs::create_dir(below.join("empty")).on("mkdir", &below)?;
    for number in 0..site.scale.names.min(500) {
        let path = below.join(format!("many{number}"));
        std::fs::write(&path, "").on("write", &path)?;
    }
    Ok(())
}
