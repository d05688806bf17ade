//! Working directories of attempts: one each, empty at the start.
//!
//! Promises: two attempts never have one directory at a time, and none finds anything in
//! its own. A directory that its attempt left as it was made serves the next one, because
//! making and removing one costs as much as starting a process; any other is removed.

use crate::sys::fs::remove_dir;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub struct Directories {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    made: u64,
    free: Vec<PathBuf>,
}

impl Directories {
    /// Below `root`, which exists and holds nothing else.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, state: Mutex::default() }
    }

    /// An empty directory.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn take(&self) -> io::Result<PathBuf> {
        let path = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(path) = state.free.pop() {
                return Ok(path);
            }
            state.made += 1;
            self.root.join(state.made.to_string())
        };
        std::fs::create_dir(&path)?;
        Ok(path)
    }

    /// Takes one back of which nothing is needed any more.
    pub fn give_back(&self, path: PathBuf) {
        if self.is_unused(&path).unwrap_or(false) {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).free.push(path);
        } else if let Err(error) = remove_dir(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove a directory");
        }
    }

    fn is_unused(&self, path: &Path) -> io::Result<bool> {
        let (own, root) = (path.symlink_metadata()?, self.root.symlink_metadata()?);
        Ok(own.is_dir() && same_access(&own, &root) && path.read_dir()?.next().is_none())
    }
}

impl Drop for Directories {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for path in state.free.drain(..) {
            // Whatever stays is cleared when the worker starts again.
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// Made by the same process, a directory and its parent differ in this only by intent.
#[cfg(unix)]
fn same_access(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.mode(), one.uid(), one.gid()) == (other.mode(), other.uid(), other.gid())
}

#[cfg(not(unix))]
fn same_access(one: &Metadata, other: &Metadata) -> bool {
    one.permissions() == other.permissions()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_as_it_was_made_is_used_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("attempts");
        std::fs::create_dir(&root).expect("mkdir");
        let directories = Directories::new(root.clone());
        let (first, second) =
            (directories.take().expect("one"), directories.take().expect("another"));
        assert_ne!(first, second);
        directories.give_back(first.clone());
        assert_eq!(directories.take().expect("the same"), first);

        std::fs::write(first.join(".left"), "x").expect("written");
        directories.give_back(first.clone());
        assert!(!first.exists());
        std::fs::remove_dir(&second).expect("removed by its attempt");
        directories.give_back(second.clone());
        let third = directories.take().expect("a third");
        assert!(third != first && third != second && third.is_dir());
        directories.give_back(third);
        drop(directories);
        assert_eq!(root.read_dir().expect("listed").count(), 0, "none stays behind");
    }

    #[test]
    #[cfg(unix)]
    fn one_with_other_permissions_is_removed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("attempts");
        std::fs::create_dir(&root).expect("mkdir");
        let directories = Directories::new(root);
        let path = directories.take().expect("one");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o500)).expect("chmod");
        directories.give_back(path.clone());
        assert!(!path.exists());
    }
}
