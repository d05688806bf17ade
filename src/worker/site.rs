//! A worker's directory: who it is across restarts, and where its things lie.
//!
//! ```text
//! key          the worker's lasting name        attempts/   one directory for each attempt
//! lock         held while a worker uses it      files/      test files by SHA-256
//! spool/       results and logs to be sent      envs/       Python environments
//! ```
//! Limits: [`MAX_FILES_BYTES`] of test files survive a start of the worker.

use crate::sys::fs::create_private_dir;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;
use uuid::Uuid;

/// Test files beyond this, the oldest first, are removed when the worker starts.
pub const MAX_FILES_BYTES: u64 = 4 * 1024 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SiteError {
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
pub struct Site {
    pub key: Uuid,
    root: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

impl Site {
    /// Makes the directories, takes the lock, clears what an earlier process left of its attempts.
    ///
    /// # Errors
    /// Another worker uses the directory, or it cannot be written.
    pub fn open(root: &Path) -> Result<Self, SiteError> {
        let unusable = |error| SiteError::Unusable { path: root.to_owned(), error };
        let prepare = || -> io::Result<(PathBuf, File)> {
            // What tests write, and what they were given, is nobody else's business.
            create_private_dir(root)?;
            for name in ["attempts", "files", "spool/logs", "envs"] {
                std::fs::create_dir_all(root.join(name))?;
            }
            // Programs are started from their own directories, so the path must not be relative.
            Ok((root.canonicalize()?, File::create(root.join("lock"))?))
        };
        let (root_path, lock) = prepare().map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(SiteError::Busy { path: root.to_owned() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let key = read_key(&root_path.join("key")).map_err(unusable)?;
        let site = Self { key, root: root_path, _lock: lock };
        site.clear_attempts();
        site.prune_files();
        Ok(site)
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

    #[must_use]
    pub fn envs(&self) -> PathBuf {
        self.root.join("envs")
    }

    fn clear_attempts(&self) {
        let killed = crate::sys::process::kill_marked(&self.key.to_string());
        if killed > 0 {
            tracing::warn!(killed, "ended processes that an earlier worker left behind");
        }
        for entry in std::fs::read_dir(self.attempts()).into_iter().flatten().flatten() {
            if let Err(error) = std::fs::remove_dir_all(entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "cannot clear an attempt");
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

fn read_key(path: &Path) -> io::Result<Uuid> {
    match std::fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            let message =
                format!("{} holds no worker key; remove it to get a new one", path.display());
            io::Error::other(message)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = Uuid::new_v4();
            crate::sys::fs::write_whole(path, key.to_string().as_bytes())?;
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
        let site = Site::open(dir.path()).expect("a site");
        let key = site.key;
        std::fs::create_dir_all(site.attempts().join("old/deep")).expect("mkdir");
        assert!(matches!(Site::open(dir.path()), Err(SiteError::Busy { .. })));
        drop(site);
        let site = until_free(dir.path()).expect("a site again");
        assert_eq!(site.key, key);
        assert!(!site.attempts().join("old").exists());
        drop(site);
        std::fs::write(dir.path().join("key"), "rubbish").expect("written");
        assert!(matches!(until_free(dir.path()), Err(SiteError::Unusable { .. })));
    }

    /// A process that another test is just starting holds the lock, too, until it has become
    /// another program.
    fn until_free(path: &Path) -> Result<Site, SiteError> {
        let begun = std::time::Instant::now();
        loop {
            match Site::open(path) {
                Err(SiteError::Busy { .. }) if begun.elapsed().as_secs() < 10 => {
                    std::thread::yield_now();
                }
                opened => return opened,
            }
        }
    }
}
