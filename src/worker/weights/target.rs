//! The place into which weights are fetched, and what the fetch of each file shares.

use crate::sys::beneath::create_beneath;
use crate::sys::file_lock::FileLock;
use crate::worker::weights::patience::Limits;
use crate::worker::weights::progress::Progress;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// Keeps other tasks and processes from fetching the same weights. Threads that write hold it as well,
/// so that no other fetch begins before the last of them has ended.
#[derive(Debug)]
pub struct FetchGuard {
    /// Dropped after the lock, for the next task of this process finds the lock free.
    pub lock: FileLock,
    pub turn: OwnedMutexGuard<()>,
}

/// The place into which weights are fetched.
#[derive(Debug)]
pub struct Target<'a> {
    pub key: &'a str,
    /// Directory of the cache, for messages.
    pub root: &'a Path,
    /// Directory of the partial files.
    pub directory: PathBuf,
    pub progress: Arc<Progress>,
    pub guard: Arc<FetchGuard>,
    pub limits: Limits,
}

/// The directory of partial files, for threads that write.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    directory: PathBuf,
}

impl Target<'_> {
    #[must_use]
    pub fn place(&self) -> Place {
        Place { root: self.root.to_owned(), directory: self.directory.clone() }
    }
}

impl Place {
    /// Opens a file for reading and writing, or creates it. What is written to it is in the cache, whatever
    /// another program has linked there.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn file(&self, name: &str) -> io::Result<File> {
        let below = self.directory.strip_prefix(&self.root).map_err(io::Error::other)?;
        create_beneath(&self.root, &below.join(name))
    }
}
