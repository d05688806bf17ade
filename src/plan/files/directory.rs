//! The directory of a plan, from which its files are read.
//!
//! A plan names paths relative to its own directory, and the caller of this module reads them.
//! Limits: [`MAX_FILE_BYTES`] a file, [`MAX_FILES`] a list.

use crate::text::error::ReadError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum size of a file, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Maximum number of files that one plan may list.
pub const MAX_FILES: usize = 20_000;

/// The content of a directory and of the directories below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Every file that can be read, by the path through which it was found.
    pub files: Vec<String>,
    /// Empty directories.
    pub empty: Vec<String>,
    /// Entries that cannot be sent.
    pub refused: Vec<Refused>,
    /// Paths that were left out, because their name is ignored.
    pub left_out: Vec<String>,
}

/// An entry that cannot be sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub path: String,
    /// Predicate of a sentence whose subject is the path: "is a socket".
    pub why: String,
    /// Whether it is a directory or a link to one, so that files may be below it.
    pub directory: bool,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.path, self.why)
    }
}

/// The directory of the plan. Paths are relative, with `/`.
pub trait PlanFiles {
    /// Reads a file.
    ///
    /// # Errors
    /// The file is missing, is not a file, cannot be read, or is larger than [`MAX_FILE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// Lists a file, or every file below a directory. The empty path is the directory of the plan.
    ///
    /// # Errors
    /// The path is missing, an entry cannot be read, or there are more than [`MAX_FILES`].
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError>;

    /// Lists files like [`PlanFiles::list`], but returns entries that cannot be read separately.
    /// Entries whose name is in `ignored` are left out. Links are followed inside the directory of
    /// the plan.
    ///
    /// # Errors
    /// The path is missing or cannot be read, or a limit is exceeded.
    fn survey(&self, path: &str, _ignored: &[&str]) -> Result<Listing, ReadError> {
        Ok(Listing { files: self.list(path)?, ..Listing::default() })
    }

    /// Whether the file is executable.
    fn executable(&self, _path: &str) -> bool {
        false
    }
}

/// Generated files, which are not on a disk, in front of the files of a directory.
pub struct Overlay<'a> {
    pub made: &'a BTreeMap<String, Arc<[u8]>>,
    pub files: &'a dyn PlanFiles,
}

impl PlanFiles for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match self.made.get(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.files.read(path),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if self.made.contains_key(path) {
            return Ok(vec![path.to_owned()]);
        }
        self.files.list(path)
    }

    fn survey(&self, path: &str, ignored: &[&str]) -> Result<Listing, ReadError> {
        if self.made.contains_key(path) {
            return Ok(Listing { files: vec![path.to_owned()], ..Listing::default() });
        }
        self.files.survey(path, ignored)
    }

    fn executable(&self, path: &str) -> bool {
        !self.made.contains_key(path) && self.files.executable(path)
    }
}
