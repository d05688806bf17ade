//! The directories of attempts: one for each attempt, empty at its start.
//!
//! Promises: two attempts never have the same directory at the same time. A root that was removed
//! is created again. A directory that its attempt left unchanged is used for the next attempt,
//! because creating and removing one costs as much as starting a process; any other is removed.

use crate::sys::fs::remove_dir;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of consecutive names that are skipped because they exist.
const MAX_SKIPPED: u32 = 10_000;

#[derive(Debug)]
pub struct Directories {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    created: u64,
    free: Vec<PathBuf>,
    /// The last request for a directory failed.
    is_failing: bool,
}

impl Directories {
    /// Directories below `root`, which contains nothing else.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, state: Mutex::default() }
    }

    /// An empty directory.
    ///
    /// # Errors
    /// The disk is full, or the place cannot be written.
    pub fn take(&self) -> io::Result<PathBuf> {
        let taken = self.reuse().map_or_else(|| self.create(), Ok);
        self.state().is_failing = taken.is_err();
        taken
    }

    /// Checks whether attempts can have directories, so that no lease is taken only to fail.
    ///
    /// # Errors
    /// No directory can be created.
    pub fn check(&self) -> io::Result<()> {
        if self.is_failing() {
            let path = self.take()?;
            self.give_back(path);
        }
        Ok(())
    }

    /// Whether the last request for a directory failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.state().is_failing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reuse(&self) -> Option<PathBuf> {
        let mut state = self.state();
        // Tests run as the same user, and may have removed a free directory.
        std::iter::from_fn(|| state.free.pop()).find(|path| self.is_unused(path).unwrap_or(false))
    }

    fn create(&self) -> io::Result<PathBuf> {
        for _ in 0..MAX_SKIPPED {
            let number = {
                let mut state = self.state();
                state.created += 1;
                state.created
            };
            let path = self.root.join(number.to_string());
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                // An earlier directory that could not be removed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    tracing::warn!(path = %self.root.display(), "the directory of attempts was removed; created it again");
                    std::fs::create_dir_all(&self.root)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("{MAX_SKIPPED} consecutive names are in use")))
    }

    /// Takes back a directory whose contents are not needed any more.
    pub fn give_back(&self, path: PathBuf) {
        if self.is_unused(&path).unwrap_or(false) {
            self.state().free.push(path);
        } else if let Err(error) = remove_dir(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove the directory of an attempt");
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
            // The next start of the worker removes what remains.
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// Whether both have the same owner and mode. A directory and its parent, created by the same process,
/// differ in this only when a test has changed them.
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
    fn a_removed_root_is_made_again_and_a_name_in_use_is_passed_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("attempts");
        let directories = Directories::new(root.clone());
        let first = directories.take().expect("the root is made");
        directories.give_back(first.clone());
        std::fs::remove_dir_all(&root).expect("removed");
        let again = directories.take().expect("another one");
        assert!(again.is_dir() && again != first);
        let number = again.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        let further = |more: u32| root.join((number.expect("a number") + more).to_string());
        std::fs::create_dir(further(1)).expect("left by somebody");
        std::fs::write(further(2), "x").expect("left by somebody");
        assert_eq!(directories.take().expect("the next"), further(3));
    }

    #[test]
    fn whether_directories_can_be_had_is_asked_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("attempts");
        std::fs::write(&root, "in the way").expect("written");
        let directories = Directories::new(root.clone());
        directories.check().expect("nothing is known so far");
        assert!(directories.take().is_err());
        assert!(directories.check().is_err());
        std::fs::remove_file(&root).expect("removed");
        directories.check().expect("it works again");
        assert_eq!(root.read_dir().expect("listed").count(), 1, "kept for the next attempt");
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
