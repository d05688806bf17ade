//! Locks that give a process sole use of a directory, or keep owners out while it is read.
//!
//! Promise: the lock belongs to the operating system, so the end of its holder releases it, however
//! the holder ends.

use crate::sys::place::file_id;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Name of the lock file in a directory.
const LOCK_FILE: &str = "dtf.lock";
/// Prefix of the process id in the lock file of a reader.
const READER: &str = "reader ";
/// Maximum number of bytes of a lock file that are read.
const MAX_CONTENT_BYTES: u64 = 32;
/// How long to wait while a reader holds the lock.
const READER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for another holder: it may be a reader that has not written its id yet.
const NAME_TIMEOUT: Duration = Duration::from_millis(300);
/// Pause between two tries to take the lock.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Sole use of a directory, until the value is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

/// Keeps owners out of a directory while it is read, until the value is dropped. Nothing in the directory
/// changes, so that it may be read-only.
#[derive(Debug)]
pub struct ReadLock {
    directory: PathBuf,
    /// `None` if there was no lock file: no process has used the directory yet.
    file: Option<File>,
}

/// The process that holds a lock, by the content of the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Process id of a process that uses the directory alone.
    Owner(String),
    /// Process id of a process that reads the directory for a short time.
    Reader(String),
    /// Processes with a [`ReadLock`], which do not write their ids.
    Readers,
    /// The process has not written its id yet.
    Unnamed,
}

impl Holder {
    fn parse(content: &str) -> Self {
        let content = content.trim();
        match content.strip_prefix(READER) {
            Some(id) => Self::Reader(id.to_owned()),
            None if content.is_empty() => Self::Unnamed,
            None => Self::Owner(content.to_owned()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(id) => write!(f, "process {id}"),
            Self::Reader(id) => write!(f, "process {id}, which reads it"),
            Self::Readers => f.write_str("a check or another process that reads it"),
            Self::Unnamed => f.write_str("another process"),
        }
    }
}

/// The reason why a directory was not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{path} is in use by {holder}")]
    Held { path: PathBuf, holder: Holder },
    #[error("another process began to use {path} while it was read")]
    Begun { path: PathBuf },
    #[error("cannot lock {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DirectoryLock {
    /// Locks `directory` with the file `dtf.lock` in it, which contains the process id of the holder.
    ///
    /// # Errors
    /// Another process holds the lock, or the lock file cannot be read or written.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        Self::try_acquire(directory, "")
    }

    /// As [`Self::acquire`], but waits up to `READER_TIMEOUT` while readers hold the lock.
    ///
    /// # Errors
    /// As for [`Self::acquire`].
    pub fn acquire_after_readers(directory: &Path) -> Result<Self, LockError> {
        waiting(|| Self::try_acquire(directory, ""))
    }

    /// Locks the directory for a short read. Owners that use [`Self::acquire_after_readers`], and
    /// other readers, wait for its end.
    ///
    /// # Errors
    /// As for [`Self::acquire`].
    pub fn acquire_to_read(directory: &Path) -> Result<Self, LockError> {
        waiting(|| Self::try_acquire(directory, READER))
    }

    fn try_acquire(directory: &Path, role: &str) -> Result<Self, LockError> {
        let path = directory.to_owned();
        let failed = |source| LockError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(directory.join(LOCK_FILE)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            // The id in the file is that of an earlier owner if the lock can be shared.
            Err(TryLockError::WouldBlock) if file.try_lock_shared().is_ok() => {
                return Err(LockError::Held { path, holder: Holder::Readers });
            }
            Err(error) => return Err(refused(error, directory, &file)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{role}{}", std::process::id()).map_err(failed)?;
        Ok(Self { file })
    }

    /// Whether the locked file is still the lock file of `directory`. If it was removed or replaced,
    /// another process can lock the directory too. Only systems with inode numbers detect this.
    ///
    /// # Errors
    /// The lock file cannot be inspected.
    pub fn is_in_place(&self, directory: &Path) -> io::Result<bool> {
        match std::fs::metadata(directory.join(LOCK_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            stored => Ok(file_id(&stored?) == file_id(&self.file.metadata()?)),
        }
    }
}

impl ReadLock {
    /// Locks `directory`, after readers that need it alone for a short time.
    ///
    /// # Errors
    /// An owner holds the lock, or the lock file cannot be read.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: directory.to_owned(), source };
        waiting(|| {
            let file = match File::open(directory.join(LOCK_FILE)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                opened => Some(opened.map_err(failed)?),
            };
            if let Some(file) = file.as_ref()
                && let Err(error) = file.try_lock_shared()
            {
                return Err(refused(error, directory, file));
            }
            Ok(Self { directory: directory.to_owned(), file })
        })
    }

    /// Ends the lock.
    ///
    /// # Errors
    /// An owner has begun meanwhile, which only a directory without a lock file permits.
    pub fn release(self) -> Result<(), LockError> {
        if self.file.is_none() && self.directory.join(LOCK_FILE).exists() {
            return Err(LockError::Begun { path: self.directory });
        }
        Ok(())
    }
}

/// The error of a lock that was not taken.
fn refused(error: TryLockError, directory: &Path, file: &File) -> LockError {
    let path = directory.to_owned();
    let read = match error {
        TryLockError::WouldBlock => {
            let mut content = String::new();
            file.take(MAX_CONTENT_BYTES).read_to_string(&mut content).map(|_| content)
        }
        TryLockError::Error(source) => Err(source),
    };
    match read {
        Ok(content) => LockError::Held { path, holder: Holder::parse(&content) },
        Err(source) => LockError::Io { path, source },
    }
}

/// Tries to take a lock, and waits while readers hold it.
#[expect(
    clippy::disallowed_methods,
    reason = "the system sends no notification when a lock becomes free"
)]
fn waiting<T>(take: impl Fn() -> Result<T, LockError>) -> Result<T, LockError> {
    let start = Instant::now();
    loop {
        let (path, holder) = match take() {
            Err(LockError::Held { path, holder }) => (path, holder),
            other => return other,
        };
        let limit = match holder {
            Holder::Reader(_) | Holder::Readers => READER_TIMEOUT,
            Holder::Owner(_) | Holder::Unnamed => NAME_TIMEOUT,
        };
        if start.elapsed() >= limit {
            return Err(LockError::Held { path, holder });
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_process_that_holds_the_lock() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = DirectoryLock::acquire(directory.path()).expect("free");
        let refused = DirectoryLock::acquire(directory.path()).expect_err("held");
        let own = std::process::id().to_string();
        assert!(refused.to_string().ends_with(&format!("is in use by process {own}")));
        drop(lock);
        DirectoryLock::acquire(directory.path()).expect("free again");
    }

    #[test]
    fn an_owner_waits_for_readers_and_readers_for_each_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        for acquire in [DirectoryLock::acquire_after_readers, DirectoryLock::acquire_to_read] {
            let reader = DirectoryLock::acquire_to_read(path).expect("free");
            let refused = DirectoryLock::acquire(path).expect_err("held");
            assert!(refused.to_string().ends_with(", which reads it"), "{refused}");
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| acquire(path).map(drop));
                drop(reader);
                waiting.join().expect("no panic").expect("free in the end");
            });
        }
        let owner = DirectoryLock::acquire_after_readers(path).expect("free");
        let refused = DirectoryLock::acquire_to_read(path).expect_err("held");
        let own = format!("is in use by process {}", std::process::id());
        assert!(refused.to_string().ends_with(&own), "{refused}");
        drop(owner);
    }

    #[test]
    fn a_directory_is_read_without_a_change_while_owners_wait() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let unused = ReadLock::acquire(path).expect("no owner");
        assert!(!path.join(LOCK_FILE).exists());
        let owner = DirectoryLock::acquire(path).expect("there is no lock file to hold");
        assert!(matches!(unused.release(), Err(LockError::Begun { .. })));
        let refused = ReadLock::acquire(path).expect_err("an owner");
        let own = format!("is in use by process {}", std::process::id());
        assert!(refused.to_string().ends_with(&own), "{refused}");
        drop(owner);
        let content = std::fs::read(path.join(LOCK_FILE)).expect("there");
        let readers =
            [ReadLock::acquire(path), ReadLock::acquire(path)].map(|lock| lock.expect("shared"));
        assert_eq!(std::fs::read(path.join(LOCK_FILE)).expect("there"), content);
        let refused = DirectoryLock::acquire(path).expect_err("readers");
        assert!(refused.to_string().ends_with("another process that reads it"), "{refused}");
        let [first, second] = readers;
        first.release().expect("no owner has begun");
        std::thread::scope(|scope| {
            let owner = scope.spawn(|| DirectoryLock::acquire_after_readers(path).map(drop));
            drop(second);
            owner.join().expect("no panic").expect("free in the end");
        });
    }
}
