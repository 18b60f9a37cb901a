//! Running the program, and images to run it on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use extant_testkit::capability::{find_tool, skip};
use tempfile::TempDir;

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// The output as text, of a run that must have succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stderr, "");
        self.text()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Asserts the exit code and that the messages hold `what`.
    pub(crate) fn fails(self, code: i32, what: &str) -> Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(self.stderr.contains(what), "{what:?} not in {:?}", self.stderr);
        self
    }
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_extant"))
}

pub(crate) fn extant<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    let Output { status, stdout, stderr } = program().args(args).output().unwrap();
    let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
    Ran { code: status.code().expect("no signal"), stdout, stderr }
}

/// The program on words separated by spaces.
pub(crate) fn run(line: &str) -> Ran {
    extant(line.split(' '))
}

/// A folder with a copy of the demo image to do harm to.
pub(crate) struct Copy {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Copy {
    pub(crate) fn of_demo() -> Self {
        Self::of(&::extant::demo::image())
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, bytes).unwrap();
        Self { _folder: folder, path }
    }

    /// The program with the image put in for `@`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        extant(line.split(' ').map(|word| if word == "@" { self.name() } else { word }))
    }

    /// A path in the same folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    pub(crate) fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// Runs a tool of e2fsprogs; `None`, said aloud, where it is not installed.
pub(crate) fn tool<S: AsRef<OsStr>>(
    name: &str,
    args: impl IntoIterator<Item = S>,
) -> Option<Output> {
    let Some(path) = find_tool(name) else {
        skip(&format!("{name} is not installed"));
        return None;
    };
    Some(Command::new(path).args(args).output().unwrap())
}

/// Answers of debugfs to one request.
pub(crate) fn debugfs(request: &str, image: &Path) -> Option<Vec<u8>> {
    let args = [OsStr::new("-w"), OsStr::new("-R"), OsStr::new(request), image.as_os_str()];
    tool("debugfs", args).map(|output| output.stdout)
}
