//! The error of the test kit: what was tried, and what the system or the tool said.

use std::path::Path;

use rustix::io::Errno;

/// Why a step of a test's set-up or observation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// The operation and its object.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program could not be run or reported failure.
    #[error("{command}: {outcome}\n{output}")]
    Tool {
        /// The command line.
        command: String,
        /// Exit status, or why it did not start.
        outcome: String,
        /// What it printed, both streams.
        output: String,
    },
    /// An image does not have the structure an edit or a look-up needs.
    #[error("{0}")]
    Image(String),
}

/// The test kit's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `op` on `path` failed with `source`.
    pub fn io(op: &str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::Io { what: format!("{op} {}", path.display()), source: source.into() }
    }

    /// The error number, for system calls that have one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => Errno::from_io_error(source),
            _ => None,
        }
    }
}

/// Adds what was tried to a failure of the system.
pub(crate) trait Context<T> {
    /// `op` on `path`.
    fn on(self, op: &str, path: &Path) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> Context<T> for std::result::Result<T, E> {
    fn on(self, op: &str, path: &Path) -> Result<T> {
        self.map_err(|error| Error::io(op, path, error))
    }
}
