//! The work directory of a worker: its identity across restarts, and the places of its files.
//!
//! ```text
//! key          the permanent identity          attempts/   one directory for each attempt
//! home         last host and path of the key   files/      test files by SHA-256
//! lock         locked by a running worker      envs/       Python environments
//! spool/       unsent results and logs
//! ```
//! Limit: [`MAX_FILES_BYTES`] of test files are kept when a worker starts.
//!
//! Promises: one process at a time uses a directory. A copy of a directory, as far as it can be
//! distinguished from the original, gets a new key and ends no process of the original.

pub mod directories;
pub mod spool;

use crate::sys::fs::{create_private_dir, remove_dir, write_whole};
use crate::sys::ids;
use crate::sys::place;
use crate::sys::process::{Labels, kill_leftover};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;
use uuid::Uuid;

/// Maximum size of the kept test files. The oldest ones beyond it are removed when a worker starts.
pub const MAX_FILES_BYTES: u64 = 4 * 1024 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum WorkDirError {
    #[error("the work directory {path} is in use by another worker")]
    Busy { path: PathBuf },
    #[error("cannot use {path} as a work directory")]
    Unusable {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
}

#[derive(Debug)]
pub struct WorkDir {
    pub key: Uuid,
    /// Identifies the directory on this machine. No other directory has this id at the same time.
    pub place: String,
    root: PathBuf,
    /// Locked while this value exists.
    _lock: File,
}

impl WorkDir {
    /// Creates the directories, takes the lock, and removes the attempts of an earlier process.
    ///
    /// # Errors
    /// Another worker uses the directory, or it cannot be written.
    pub fn open(root: &Path) -> Result<Self, WorkDirError> {
        let unusable = |error| WorkDirError::Unusable { path: root.to_owned(), error };
        let prepare = || -> io::Result<(PathBuf, File)> {
            // The files of tests are private to this user.
            create_private_dir(root)?;
            for name in ["attempts", "files", "spool/logs", "envs"] {
                std::fs::create_dir_all(root.join(name))?;
            }
            // Programs start in other directories, so the path must be absolute.
            Ok((root.canonicalize()?, File::create(root.join("lock"))?))
        };
        let (root_path, lock) = prepare().map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(WorkDirError::Busy { path: root.to_owned() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let key = identity(&root_path).map_err(unusable)?;
        let place = place::directory_id(&root_path).map_err(unusable)?;
        let work_dir = Self { key, place, root: root_path, _lock: lock };
        work_dir.clear_attempts();
        work_dir.prune_files();
        Ok(work_dir)
    }

    /// The beginning of the markers of all processes of this directory. A copy has another one, even
    /// with the same key.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("{}-{}/", self.key, self.place)
    }

    #[must_use]
    pub fn attempts(&self) -> PathBuf {
        self.root.join("attempts")
    }

    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("spool/logs")
    }

    /// The file with the latest calibrations of this worker.
    #[must_use]
    pub fn calibrations(&self) -> PathBuf {
        self.root.join("calibrations.json")
    }

    #[must_use]
    pub fn envs(&self) -> PathBuf {
        self.root.join("envs")
    }

    fn clear_attempts(&self) {
        let marker = self.marker();
        let killed = kill_leftover(&marker, &Labels::of(&marker));
        if killed > 0 {
            tracing::warn!(killed, "killed processes that an earlier worker had left");
        }
        for entry in std::fs::read_dir(self.attempts()).into_iter().flatten().flatten() {
            if let Err(error) = remove_dir(&entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "cannot remove the directory of an earlier attempt");
            }
        }
    }

    fn prune_files(&self) {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = std::fs::read_dir(self.files())
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let data = entry.metadata().ok()?;
                Some((data.modified().ok()?, data.len(), entry.path()))
            })
            .collect();
        let mut total: u64 = files.iter().map(|(_, size, _)| *size).sum();
        files.sort();
        for (_, size, path) in files {
            if total <= MAX_FILES_BYTES {
                break;
            }
            if std::fs::remove_file(&path).is_ok() {
                total = total.saturating_sub(size);
            }
        }
    }
}

/// The place in which a key was used. A copy of the directory differs in more than one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeyPlace {
    host: String,
    path: PathBuf,
    /// Inode of the file with the key. A moved directory keeps it; a copy has another one.
    inode: Option<u64>,
}

impl KeyPlace {
    fn of(root: &Path) -> io::Result<Self> {
        let inode = place::file_id(&root.join("key").metadata()?).map(|(_, inode)| inode);
        Ok(Self { host: place::host_name(), path: root.to_owned(), inode })
    }

    /// One difference alone proves nothing: a container has a new host name at each start, a file
    /// system may renumber its files, and a restored backup has the same path.
    fn is_copy_of(&self, original: &Self) -> bool {
        let is_elsewhere = self.host != original.host || self.path != original.path;
        is_elsewhere && (self.inode.is_none() || self.inode != original.inode)
    }
}

/// The key of this directory. A copy of another directory gets a new one.
fn identity(root: &Path) -> io::Result<Uuid> {
    let (key_file, home_file) = (root.join("key"), root.join("home"));
    let key = read_key(&key_file)?;
    let mut home = KeyPlace::of(root)?;
    let before = std::fs::read(&home_file).ok();
    let before = before.and_then(|text| serde_json::from_slice::<KeyPlace>(&text).ok());
    if before.as_ref() == Some(&home) {
        return Ok(key);
    }
    let mut own = key;
    if let Some(original) = before.filter(|original| home.is_copy_of(original)) {
        // The original sends its own results.
        let aside = root.join(format!("spool-of-{key}"));
        std::fs::rename(root.join("spool"), &aside)?;
        std::fs::create_dir_all(root.join("spool/logs"))?;
        std::fs::remove_file(&key_file)?;
        own = read_key(&key_file)?;
        home = KeyPlace::of(root)?;
        tracing::warn!(
            original = %original.path.display(),
            host = original.host,
            "this work directory is a copy of another; it gets a new identity"
        );
    }
    write_whole(&home_file, &serde_json::to_vec(&home)?)?;
    Ok(own)
}

fn read_key(path: &Path) -> io::Result<Uuid> {
    match std::fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            let message = format!(
                "{} does not contain a worker key; remove it to get a new one",
                path.display()
            );
            io::Error::other(message)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = ids::new_id();
            write_whole(path, key.to_string().as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_the_lock_keeps_others_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let work_dir = WorkDir::open(dir.path()).expect("a work directory");
        let key = work_dir.key;
        std::fs::create_dir_all(work_dir.attempts().join("old/deep")).expect("mkdir");
        assert!(matches!(WorkDir::open(dir.path()), Err(WorkDirError::Busy { .. })));
        drop(work_dir);
        let work_dir = until_free(dir.path()).expect("a work directory again");
        assert_eq!(work_dir.key, key);
        assert!(!work_dir.attempts().join("old").exists());
        drop(work_dir);
        std::fs::write(dir.path().join("key"), "rubbish").expect("written");
        assert!(matches!(until_free(dir.path()), Err(WorkDirError::Unusable { .. })));
    }

    #[test]
    fn a_copy_gets_a_new_key_and_a_moved_directory_keeps_its_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, copy, moved) =
            (dir.path().join("one"), dir.path().join("copy"), dir.path().join("moved"));
        let work_dir = WorkDir::open(&one).expect("a work directory");
        let (key, marker) = (work_dir.key, work_dir.marker());
        drop(work_dir);
        std::fs::create_dir_all(copy.join("spool")).expect("made");
        for file in ["key", "home"] {
            std::fs::copy(one.join(file), copy.join(file)).expect("copied");
        }
        std::fs::write(copy.join("spool/results"), "of the original").expect("written");
        let work_dir = until_free(&copy).expect("a work directory");
        assert_ne!(work_dir.key, key);
        assert_eq!(std::fs::read_dir(work_dir.spool()).expect("listed").count(), 1, "logs alone");
        assert!(copy.join(format!("spool-of-{key}/results")).exists());
        let own = work_dir.key;
        drop(work_dir);
        assert_eq!(until_free(&copy).expect("a work directory").key, own, "it stays");
        std::fs::rename(&one, &moved).expect("moved");
        let work_dir = until_free(&moved).expect("a work directory");
        assert_eq!((work_dir.key, work_dir.marker()), (key, marker));
    }

    #[test]
    fn one_difference_alone_makes_no_copy() {
        let home = |host: &str, path: &str, inode| KeyPlace {
            host: host.into(),
            path: path.into(),
            inode: Some(inode),
        };
        let original = home("a", "/w", 7);
        for (other, copy) in [
            (home("a", "/w", 8), false),
            (home("b", "/w", 7), false),
            (home("a", "/v", 7), false),
            (home("b", "/w", 8), true),
            (home("a", "/v", 8), true),
        ] {
            assert_eq!(other.is_copy_of(&original), copy, "{other:?}");
        }
    }

    /// A process that another test is starting inherits the lock until its program is loaded.
    fn until_free(path: &Path) -> Result<WorkDir, WorkDirError> {
        let begun = std::time::Instant::now();
        loop {
            match WorkDir::open(path) {
                Err(WorkDirError::Busy { .. }) if begun.elapsed().as_secs() < 10 => {
                    std::thread::yield_now();
                }
                opened => return opened,
            }
        }
    }
}
