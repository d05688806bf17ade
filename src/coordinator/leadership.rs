//! Which coordinator may append to the event log.
//!
//! Leadership keeps two coordinators from working at the same time. It is not the last defence:
//! the log refuses what an earlier term appends.

use crate::sys::lock::{DirectoryLock, LockError};
use std::path::PathBuf;

/// The right to lead, which at most one process has at a time.
pub(crate) trait Leadership: Send + Sync {
    /// Becomes the leader. Does nothing in a process that leads already.
    ///
    /// # Errors
    /// Another process leads, or the right cannot be asked for.
    fn acquire(&mut self) -> Result<(), LockError>;

    /// The reason why this process does not lead any more; `None` while it does.
    fn lost(&self) -> Option<String>;
}

/// The lock of the data directory. It ends with the process.
pub(crate) struct DirectoryLeadership {
    data_dir: PathBuf,
    lock: Option<DirectoryLock>,
}

impl DirectoryLeadership {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), lock: None }
    }
}

impl Leadership for DirectoryLeadership {
    fn acquire(&mut self) -> Result<(), LockError> {
        if self.lock.is_none() {
            self.lock = Some(DirectoryLock::acquire_after_readers(&self.data_dir)?);
        }
        Ok(())
    }

    fn lost(&self) -> Option<String> {
        let directory = self.data_dir.display();
        let Some(lock) = &self.lock else { return Some(format!("{directory} is not locked")) };
        match lock.is_in_place(&self.data_dir) {
            Ok(true) => None,
            Ok(false) => Some(format!("the lock file of {directory} was removed or replaced")),
            // This is not evidence of a loss; the log refuses the writes of an old leader.
            Err(error) => {
                tracing::warn!(%error, "cannot check the lock file of {directory}");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_lock_is_held_until_its_file_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut first = DirectoryLeadership::new(directory.path());
        assert!(first.lost().is_some(), "not acquired yet");
        first.acquire().expect("free");
        first.acquire().expect("held by this process");
        assert_eq!(first.lost(), None);
        let mut second = DirectoryLeadership::new(directory.path());
        assert!(matches!(second.acquire(), Err(LockError::Held { .. })));
        std::fs::remove_file(directory.path().join("dtf.lock")).expect("removed");
        assert!(first.lost().is_some());
        second.acquire().expect("a new lock file");
        assert!(first.lost().is_some(), "another process leads");
        assert_eq!(second.lost(), None);
    }
}
