//! What this machine can do, and skipping with a reason where it cannot.
//!
//! A skipped test prints `SKIP: test: reason` and appends the same line to the file named by
//! `EXTANT_SKIP_LOG`, so that the runner can show the count last.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Something a test needs from the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    /// Effective user 0.
    Root,
    /// Root, loop devices and a kernel with ext4.
    KernelMount,
    /// `KernelMount`, `CONFIG_FS_ENCRYPTION`, and a C compiler for the ioctls.
    KernelEncryption,
    /// A C compiler, for the ioctls.
    Compiler,
    /// A program on the path or in the sbin folders.
    Tool(&'static str),
    /// The folder of corrupted images, see [`crate::corpus`].
    Corpus,
}

/// True if the machine has `capability`; else the test named by the current thread is recorded
/// as skipped, and the caller returns.
#[must_use]
pub fn need(capability: Capability) -> bool {
    match missing(capability) {
        None => true,
        Some(reason) => {
            skip(&reason);
            false
        }
    }
}

/// Records that the current test (the thread's name) is skipped, and why.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("SKIP: {}: {reason}\n", thread.name().unwrap_or("unnamed test"));
    eprint!("{line}");
    if let Some(log) = std::env::var_os("EXTANT_SKIP_LOG") {
        let file = OpenOptions::new().create(true).append(true).open(&log);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!("cannot append to {}: {error}", Path::new(&log).display());
        }
    }
}

/// Why `capability` is not there; `None` if it is.
#[must_use]
pub fn missing(capability: Capability) -> Option<String> {
    match capability {
        Capability::Root => {
            (!rustix::process::geteuid().is_root()).then(|| "needs root".to_owned())
        }
        Capability::KernelMount => missing_mount(),
        Capability::KernelEncryption => missing_mount()
            .or_else(|| missing(Capability::Compiler))
            .or_else(|| missing_kernel_feature("encryption")),
        Capability::Compiler => missing(Capability::Tool("cc")),
        Capability::Tool(name) => {
            find_tool(name).is_none().then(|| format!("needs the program {name}"))
        }
        Capability::Corpus => crate::corpus::directory()
            .is_none()
            .then(|| "needs the image corpora (EXTANT_CORPUS)".to_owned()),
    }
}

fn missing_mount() -> Option<String> {
    missing(Capability::Root)
        .or_else(|| {
            (!Path::new("/dev/loop-control").exists()).then(|| "needs loop devices".to_owned())
        })
        .or_else(|| {
            let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
            (!known.contains("\text4\n")).then(|| "needs ext4 in the kernel".to_owned())
        })
        .or_else(|| missing(Capability::Tool("mount")))
        .or_else(|| missing(Capability::Tool("mke2fs")))
}

fn missing_kernel_feature(name: &str) -> Option<String> {
    let path = Path::new("/sys/fs/ext4/features").join(name);
    (!path.exists()).then(|| format!("needs ext4 with {name} in the kernel"))
}

/// Where the program `name` is; the sbin folders count even if they are not on the path.
#[must_use]
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_shell_and_not_nonsense() {
        assert!(find_tool("sh").is_some());
        assert_eq!(missing(Capability::Tool("sh")), None);
        let reason = missing(Capability::Tool("no-such-program-here")).unwrap();
        assert!(reason.contains("no-such-program-here"));
    }
}
