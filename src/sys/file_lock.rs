//! Locks on files, between processes and between the users of one process.
//!
//! Promises: a lock belongs to the operating system, so the end of its holder releases it, however the
//! holder ends. The file of a lock may be removed by a process that holds it alone: a lock on a removed
//! file is never given out.

use crate::sys::place::file_id;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Maximum number of times in a row that the file of a lock may be removed while it is locked.
const MAX_REMOVALS: usize = 1000;

/// A lock on a file, until the value is dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Shares the lock with other holders. Waits while a process holds it alone.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn shared(path: &Path) -> io::Result<Self> {
        for _ in 0..MAX_REMOVALS {
            let file = open(path)?;
            file.lock_shared()?;
            if is_at(&file, path) {
                return Ok(Self { _file: file });
            }
        }
        Err(removed())
    }

    /// Holds the lock alone. None while it has another holder.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn try_alone(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..MAX_REMOVALS {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => return Ok(Some(Self { _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(removed())
    }

    /// Holds the lock alone. Waits while it has another holder.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn alone(path: &Path) -> io::Result<Self> {
        for _ in 0..MAX_REMOVALS {
            let file = open(path)?;
            file.lock()?;
            if is_at(&file, path) {
                return Ok(Self { _file: file });
            }
        }
        Err(removed())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether the path still names this file. Systems without file ids do not remove open files.
fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: io::Result<std::fs::Metadata>| metadata.ok().map(|data| file_id(&data));
    id(file.metadata()) == id(path.metadata())
}

fn removed() -> io::Error {
    io::Error::other("the file of the lock is removed again and again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_shared_or_held_alone_also_in_one_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let alone = || FileLock::try_alone(&path).expect("locked or not");
        let (first, second) =
            (FileLock::shared(&path).expect("free"), FileLock::shared(&path).expect("shared"));
        drop(first);
        assert!(alone().is_none(), "one holder is left");
        drop(second);
        let owner = alone().expect("free");
        assert!(alone().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| FileLock::shared(&path).map(drop));
            drop(owner);
            waiting.join().expect("no panic").expect("free in the end");
        });
    }

    #[test]
    #[cfg(unix)]
    fn the_lock_of_a_removed_file_keeps_nobody_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let owner = FileLock::try_alone(&path).expect("locked").expect("free");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| FileLock::shared(&path));
            std::fs::remove_file(&path).expect("removed");
            drop(owner);
            let shared = waiting.join().expect("no panic").expect("locked");
            assert!(FileLock::try_alone(&path).expect("inspected").is_none(), "the lock is real");
            drop(shared);
        });
    }
}
