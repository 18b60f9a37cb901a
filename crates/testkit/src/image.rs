//! Making image files with the system's e2fsprogs in a temporary folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::capability::find_tool;
use crate::error::{Context, Error, Result};
use crate::profile::Profile;

/// A folder for images that goes away with the value. It is on `/dev/shm` where that is there,
/// since images are large, sparse and short-lived.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Errors
    /// If no temporary folder can be made.
    pub fn new() -> Result<Self> {
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() { shm.to_path_buf() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new()
            .prefix("extant-test-")
            .tempdir_in(&base)
            .on("mkdtemp", &base)?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of `name` in the folder; nothing is created.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes an empty folder `name`.
    ///
    /// # Errors
    /// If it exists or cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::create_dir(&path).on("mkdir", &path)?;
        Ok(path)
    }

    /// A sparse file `name` of `mib` MiB.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn sparse_file(&self, name: &str, mib: u64) -> Result<PathBuf> {
        let path = self.join(name);
        let file = File::create(&path).on("create", &path)?;
        file.set_len(mib << 20).on("set size of", &path)?;
        Ok(path)
    }

    /// An empty file system of `profile`, made by `mke2fs`, of `mib` MiB and at least `inodes`
    /// inodes.
    ///
    /// # Errors
    /// If `mke2fs` fails.
    pub fn mkfs(&self, profile: &Profile, mib: u64, inodes: u64) -> Result<PathBuf> {
        self.mkfs_from(profile, mib, inodes, None)
    }

    /// As [`mkfs`](Self::mkfs), filled from folder `source` (`mke2fs -d`), for profiles that the
    /// kernel does not mount.
    ///
    /// # Errors
    /// If `mke2fs` fails.
    pub fn mkfs_from(
        &self,
        profile: &Profile,
        mib: u64,
        inodes: u64,
        source: Option<&Path>,
    ) -> Result<PathBuf> {
        let path = self.sparse_file(&format!("{}.img", profile.name), mib)?;
        let mut args = profile.mke2fs_args();
        args.extend(["-N".to_owned(), inodes.to_string()]);
        if let Some(source) = source {
            args.extend(["-d".to_owned(), source.display().to_string()]);
        }
        args.push(path.display().to_string());
        run("mke2fs", &args)?;
        Ok(path)
    }

    /// A copy of the image at `from`; holes stay holes.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn copy(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.join(name);
        run("cp", &[OsStr::new("--sparse=always"), from.as_os_str(), to.as_os_str()])?;
        Ok(to)
    }
}

/// Runs `tool` and returns what it printed on its standard output.
///
/// # Errors
/// If it cannot be started or its exit status is not 0; the error holds both output streams.
pub fn run(tool: &str, args: &[impl AsRef<OsStr>]) -> Result<String> {
    run_accepting(tool, args, &[0]).map(|(_, output)| output)
}

/// As [`run`], for tools whose exit status is an answer: returns status and standard output.
///
/// # Errors
/// If it cannot be started or its exit status is not in `accepted`.
pub fn run_accepting(
    tool: &str,
    args: &[impl AsRef<OsStr>],
    accepted: &[i32],
) -> Result<(i32, String)> {
    run_with(tool, args, accepted, &[])
}

/// As [`run_accepting`], with variables in the environment.
///
/// # Errors
/// As [`run_accepting`].
pub fn run_with(
    tool: &str,
    args: &[impl AsRef<OsStr>],
    accepted: &[i32],
    variables: &[(&str, &str)],
) -> Result<(i32, String)> {
    let program = find_tool(tool).unwrap_or_else(|| PathBuf::from(tool));
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null());
    command.envs(variables.iter().copied());
    let result = command.output();
    let fail = |outcome, output| Error::Tool { command: format!("{command:?}"), outcome, output };
    let done = result.map_err(|error| fail(error.to_string(), String::new()))?;
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    match done.status.code() {
        Some(code) if accepted.contains(&code) => Ok((code, output)),
        _ => Err(fail(done.status.to_string(), output + &String::from_utf8_lossy(&done.stderr))),
    }
}

/// Runs `commands` (one debugfs command each) on `image`, writable.
///
/// debugfs exits 0 even if a command fails, so anything on its error stream except the version
/// line and progress of `Allocated inode` is an error.
///
/// # Errors
/// If debugfs fails or complains.
pub fn debugfs(image: &Path, commands: &[impl AsRef<str>]) -> Result<String> {
    let mut script = tempfile::NamedTempFile::new().on("create", Path::new("debugfs script"))?;
    for command in commands {
        writeln!(script, "{}", command.as_ref()).on("write", script.path())?;
    }
    let program = find_tool("debugfs").unwrap_or_else(|| PathBuf::from("debugfs"));
    let mut command = Command::new(program);
    command.arg("-w").arg("-f").arg(script.path()).arg(image).env("LC_ALL", "C");
    let done = command.output().on("run debugfs on", image)?;
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&done.stderr);
    let complaint = complaints.lines().find(|line| !line.starts_with("debugfs 1."));
    if complaint.is_some() || !done.status.success() {
        let outcome = complaint.unwrap_or("failed").to_owned();
        return Err(Error::Tool { command: format!("{command:?}"), outcome, output });
    }
    Ok(output)
}

/// Checks `image` with `e2fsck -fn` and returns its transcript.
///
/// # Errors
/// If e2fsck finds anything at all.
pub fn e2fsck(image: &Path) -> Result<String> {
    run("e2fsck", &[OsStr::new("-fn"), image.as_os_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_failures_say_what_failed() {
        let scratch = Scratch::new().unwrap();
        let absent = scratch.join("absent.img");
        let error = e2fsck(&absent).unwrap_err().to_string();
        assert!(error.contains("absent.img") && error.contains("e2fsck"), "{error}");
        let error = run("no-such-tool", &["x"]).unwrap_err().to_string();
        assert!(error.contains("no-such-tool"), "{error}");
    }

    #[test]
    fn debugfs_complaints_are_errors() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.sparse_file("t.img", 2).unwrap();
        run("mke2fs", &[OsStr::new("-q"), path.as_os_str()]).unwrap();
        debugfs(&path, &["mkdir /d"]).unwrap();
        assert!(debugfs(&path, &["rmdir /none"]).is_err());
        e2fsck(&path).unwrap();
    }

    #[test]
    fn the_folder_goes_away() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_path_buf();
        scratch.sparse_file("x", 1).unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
