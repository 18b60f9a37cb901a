//! The ioctls that need unsafe code, through a small C program built at first use.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::image::run;

const SOURCE: &str = include_str!("../c/ioctls.c");

/// A value that an ioctl gave, or its error.
pub type Answer = std::result::Result<u32, Errno>;

/// What the attribute ioctls say about one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// `FS_IOC_GETFLAGS`: the inode flags that the kernel shows.
    pub flags: Answer,
    /// `FS_IOC_GETVERSION`: the inode generation.
    pub generation: Answer,
    /// `FS_IOC_FSGETXATTR`: the project id.
    pub project: Answer,
}

/// How [`shutdown`] leaves the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShutdownMode {
    /// Freeze, then stop: everything is on the device.
    Default,
    /// Write the log, then stop.
    LogFlush,
    /// Stop at once.
    NoLogFlush,
}

/// The built program. It is kept beside the test binaries and named by its source's hash, so that
/// processes share it and a changed source is built anew.
fn program() -> Result<&'static Path> {
    static PROGRAM: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(|| build().map_err(|error| error.to_string())) {
        Ok(path) => Ok(path),
        Err(text) => Err(Error::Image(text.clone())),
    }
}

fn build() -> Result<PathBuf> {
    let hash = blake3::hash(SOURCE.as_bytes()).to_hex();
    let exe = std::env::current_exe().on("find", Path::new("the test binary"))?;
    let folder = exe.parent().map_or_else(std::env::temp_dir, Path::to_path_buf);
    let path = folder.join(format!("extant-ioctls-{}", hash.get(..16).unwrap_or_default()));
    if path.exists() {
        return Ok(path);
    }
    let work = tempfile::tempdir_in(&folder).on("mkdtemp in", &folder)?;
    let (source, built) = (work.path().join("ioctls.c"), work.path().join("ioctls"));
    std::fs::write(&source, SOURCE).on("write", &source)?;
    let args = [OsStr::new("-O1"), OsStr::new("-o"), built.as_os_str(), source.as_os_str()];
    run("cc", &args)?;
    std::fs::rename(&built, &path).on("rename to", &path)?;
    Ok(path)
}

/// The attributes of every one of `paths`, in their order. Only for regular files and directories:
/// a path is opened, and opening a device node asks its driver.
///
/// # Errors
/// If the program cannot be built or run; a file's own error is in its [`Attributes`].
pub fn attributes(paths: &[PathBuf]) -> Result<Vec<Attributes>> {
    let mut command = Command::new(program()?);
    command.arg("attrs").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().on("run", Path::new("ioctls"))?;
    let mut input = Vec::new();
    for path in paths {
        input.extend_from_slice(path.as_os_str().as_bytes());
        input.push(0);
    }
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        let feeder = scope.spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(&input)));
        let output = child.wait_with_output();
        // A failed write shows as a short answer below.
        drop(feeder.join());
        output
    })
    .on("run", Path::new("ioctls"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answers: Option<Vec<_>> = text.lines().map(parse_line).collect();
    answers
        .filter(|list| list.len() == paths.len())
        .ok_or_else(|| Error::Image(format!("ioctls attrs answered badly: {text}")))
}

fn parse_line(line: &str) -> Option<Attributes> {
    let mut words = line.split(' ').map(parse_answer);
    Some(Attributes { flags: words.next()??, generation: words.next()??, project: words.next()?? })
}

fn parse_answer(word: &str) -> Option<Answer> {
    match word.strip_prefix('!') {
        Some(code) => Some(Err(Errno::from_raw_os_error(code.parse().ok()?))),
        None => Some(Ok(word.parse().ok()?)),
    }
}

fn call(args: &[&OsStr]) -> Result<()> {
    let program = program()?;
    run(&program.display().to_string(), args).map(drop)
}

/// Adds the test key to the file system of `dir` and makes the empty directory `dir` encrypted
/// with it: AES-256-XTS contents, AES-256-CTS names padded to 32 bytes. The key is gone with the
/// mount.
///
/// # Errors
/// If the kernel or the file system cannot.
pub fn encrypt(dir: &Path) -> Result<()> {
    call(&[OsStr::new("encrypt"), dir.as_os_str()])
}

/// Sets the project id of `path`.
///
/// # Errors
/// If the file system has no project ids, or is read-only.
pub fn set_project(path: &Path, project: u32) -> Result<()> {
    let id = project.to_string();
    call(&[OsStr::new("setproject"), OsStr::new(&id), path.as_os_str()])
}

/// Gives the file system mounted at `mount` another UUID, through its journal.
///
/// # Errors
/// If the kernel refuses: checksums must not depend on the UUID.
pub fn set_uuid(mount: &Path, uuid: [u8; 16]) -> Result<()> {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    call(&[OsStr::new("setuuid"), mount.as_os_str(), OsStr::new(&hex)])
}

/// Gives the file system mounted at `mount` another label, through its journal.
///
/// # Errors
/// If the kernel refuses.
pub fn set_label(mount: &Path, label: &str) -> Result<()> {
    call(&[OsStr::new("setlabel"), mount.as_os_str(), OsStr::new(label)])
}

/// Forces the file system mounted at `mount` to stop, as if the machine had.
///
/// # Errors
/// If the kernel refuses.
pub fn shutdown(mount: &Path, mode: ShutdownMode) -> Result<()> {
    let word = match mode {
        ShutdownMode::Default => "default",
        ShutdownMode::LogFlush => "logflush",
        ShutdownMode::NoLogFlush => "nologflush",
    };
    call(&[OsStr::new("shutdown"), mount.as_os_str(), OsStr::new(word)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Capability, need};

    #[test]
    fn attributes_answer_in_order() {
        if !need(Capability::Compiler) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent\nwith a newline");
        let answers = attributes(&[absent, folder.path().to_path_buf()]).unwrap();
        assert_eq!(answers[0].flags, Err(Errno::NOENT));
        assert_ne!(answers[1].flags, Err(Errno::NOENT));
    }

    #[test]
    fn odd_answers_are_refused() {
        assert_eq!(parse_line("1 2"), None);
        assert_eq!(parse_line("1 2 x"), None);
        let line = parse_line("1 !25 3").unwrap();
        assert_eq!(line.generation, Err(Errno::NOTTY));
    }
}
