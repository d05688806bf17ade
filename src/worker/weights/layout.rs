//! The directory in which a machine keeps weights. Several workers may use it.
//!
//! ```text
//! complete/NAME/   files/…, record.json, used (its time is that of the last use)
//! partial/NAME/    files/…, about.json (key and whole size)
//! locks/           NAME.use, NAME.fetch, room
//! removed/         weights that are being removed
//! ```
//!
//! Locks: who uses weights shares `NAME.use`, who fetches or repairs them holds `NAME.fetch` alone, who
//! makes room holds `room` alone. Weights are removed by a process that holds both locks of their name.
//!
//! Promises: weights appear as complete in one step, and disappear in one step. Weights in use or in
//! work are not removed.

use crate::domain::digest::sha256_hex;
use crate::sys::clock::file_time;
use crate::sys::file_lock::FileLock;
use crate::sys::fs::{create_private_dir, remove_dir, write_whole};
use crate::sys::ids;
use crate::worker::weights::record::Record;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Maximum number of characters of a key in the name of its directory.
const MAX_NAME: usize = 100;

#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// Weights of which the directory has all files or a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub is_complete: bool,
    /// Size of all files, in bytes, of partial weights as well.
    pub size_bytes: u64,
    /// Size of the files that exist, in bytes.
    pub present_bytes: u64,
    pub used: SystemTime,
}

/// `about.json` of partial weights.
#[derive(Serialize, Deserialize)]
struct About {
    key: String,
    size_bytes: u64,
}

impl Layout {
    /// Creates the directories.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        create_private_dir(&root)?;
        for name in ["complete", "partial", "locks", "removed"] {
            std::fs::create_dir_all(root.join(name))?;
        }
        let layout = Self { root };
        layout.clear_removed();
        Ok(layout)
    }

    /// As [`Self::open`], for a directory that is only read: none is created.
    #[must_use]
    pub fn existing(root: &Path) -> Option<Self> {
        let root = std::path::absolute(root).ok()?;
        root.join("complete").is_dir().then_some(Self { root })
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Directory of the files of complete weights.
    #[must_use]
    pub fn files(&self, key: &str) -> PathBuf {
        self.complete(key).join("files")
    }

    #[must_use]
    pub fn record(&self, key: &str) -> PathBuf {
        self.complete(key).join("record.json")
    }

    /// Directory of the files of weights that are being fetched.
    #[must_use]
    pub fn partial_files(&self, key: &str) -> PathBuf {
        self.partial(key).join("files")
    }

    fn complete(&self, key: &str) -> PathBuf {
        self.root.join("complete").join(name_of(key))
    }

    fn partial(&self, key: &str) -> PathBuf {
        self.root.join("partial").join(name_of(key))
    }

    #[must_use]
    pub fn use_lock(&self, key: &str) -> PathBuf {
        self.lock(key, "use")
    }

    #[must_use]
    pub fn fetch_lock(&self, key: &str) -> PathBuf {
        self.lock(key, "fetch")
    }

    #[must_use]
    pub fn room_lock(&self) -> PathBuf {
        self.root.join("locks/room")
    }

    fn lock(&self, key: &str, purpose: &str) -> PathBuf {
        self.root.join("locks").join(format!("{}.{purpose}", name_of(key)))
    }

    /// Creates the directory of partial weights, which then count with their whole size.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(&self, key: &str, size_bytes: u64) -> io::Result<()> {
        std::fs::create_dir_all(self.partial_files(key))?;
        let about = About { key: key.to_owned(), size_bytes };
        write_whole(&self.partial(key).join("about.json"), &serde_json::to_vec(&about)?)
    }

    /// Makes partial weights complete. The caller holds the fetch lock.
    ///
    /// # Errors
    /// A directory cannot be written or renamed.
    pub fn complete_partial(&self, record: &Record) -> io::Result<()> {
        let (partial, complete) = (self.partial(&record.key), self.complete(&record.key));
        self.discard(&complete)?;
        write_whole(&partial.join("record.json"), &serde_json::to_vec(record)?)?;
        write_whole(&partial.join("used"), b"")?;
        std::fs::rename(&partial, &complete)
    }

    /// Makes complete weights partial, so that their damaged files are fetched again. The caller
    /// holds the fetch lock.
    ///
    /// # Errors
    /// A directory cannot be written or renamed.
    pub fn reopen(&self, key: &str, size_bytes: u64) -> io::Result<()> {
        let partial = self.partial(key);
        self.discard(&partial)?;
        std::fs::rename(self.complete(key), partial)?;
        self.begin(key, size_bytes)
    }

    /// Notes that weights are used now.
    pub fn touch(&self, key: &str) {
        let used = self.complete(key).join("used");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(used);
        // The time only decides which weights are removed first.
        let _ = file.and_then(|file| file.set_modified(file_time()));
    }

    /// All weights of the directory. Entries that cannot be read, or disappear meanwhile, are left out.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn stored(&self) -> io::Result<Vec<Stored>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.root.join("complete"))? {
            let path = entry?.path();
            let Some(record) = Record::read(&path.join("record.json")) else { continue };
            let (key, size_bytes) = (record.key, record.size_bytes);
            let used = modified(&path.join("used"));
            let present_bytes = size_bytes;
            all.push(Stored { key, is_complete: true, size_bytes, present_bytes, used });
        }
        for entry in std::fs::read_dir(self.root.join("partial"))? {
            let path = entry?.path();
            let about = std::fs::read(path.join("about.json")).ok();
            let about = about.and_then(|text| serde_json::from_slice::<About>(&text).ok());
            let Some(About { key, size_bytes }) = about else { continue };
            let (present_bytes, used) = (present(&path), modified(&path.join("about.json")));
            all.push(Stored { key, is_complete: false, size_bytes, present_bytes, used });
        }
        Ok(all)
    }

    /// Whether a process uses or fetches weights. Locks that cannot be inspected count as used.
    #[must_use]
    pub fn is_in_use(&self, key: &str) -> bool {
        let is_free = |lock: &Path| matches!(FileLock::try_alone(lock), Ok(Some(_)));
        !(is_free(&self.use_lock(key)) && is_free(&self.fetch_lock(key)))
    }

    /// Removes weights, complete or partial. False if a process uses or fetches them.
    ///
    /// # Errors
    /// The locks cannot be inspected, or the directory cannot be removed.
    pub fn remove(&self, key: &str) -> io::Result<bool> {
        let Some(_used) = FileLock::try_alone(&self.use_lock(key))? else { return Ok(false) };
        let Some(_fetched) = FileLock::try_alone(&self.fetch_lock(key))? else { return Ok(false) };
        self.discard(&self.complete(key))?;
        self.discard(&self.partial(key))?;
        for lock in [self.use_lock(key), self.fetch_lock(key)] {
            // A lock file that stays behind is empty, and is used again.
            let _ = std::fs::remove_file(lock);
        }
        Ok(true)
    }

    /// Removes a directory in one step: first its name, then its content.
    fn discard(&self, path: &Path) -> io::Result<()> {
        let aside = self.root.join("removed").join(ids::new_id().to_string());
        match std::fs::rename(path, &aside) {
            Ok(()) => remove_dir(&aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes what an earlier process did not finish removing.
    fn clear_removed(&self) {
        let entries = std::fs::read_dir(self.root.join("removed")).into_iter().flatten();
        for entry in entries.flatten() {
            match remove_dir(&entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %entry.path().display(), %error, "cannot remove old weights");
                }
                _ => {}
            }
        }
    }
}

/// The name of the directory for a key: readable, and different for different keys.
fn name_of(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let readable: String = key.chars().take(MAX_NAME).map(plain).collect();
    let digest = sha256_hex(key.as_bytes());
    format!("{}-{}", readable.trim_start_matches('.'), digest.get(..12).unwrap_or(&digest))
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Size of all files below a directory. Links are not followed.
fn present(root: &Path) -> u64 {
    let (mut open, mut total) = (vec![root.to_owned()], 0_u64);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => open.push(entry.path()),
                Ok(data) => total = total.saturating_add(data.len()),
                Err(_) => {}
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sha256:abc";

    fn complete(layout: &Layout, key: &str, content: &str) {
        layout.begin(key, content.len() as u64).expect("begun");
        let directory = layout.partial_files(key);
        std::fs::write(directory.join("a"), content).expect("written");
        let file = ("a".to_owned(), sha256_hex(content.as_bytes()), content.len() as u64);
        let record = Record::of(key, &directory, vec![file]).expect("recorded");
        layout.complete_partial(&record).expect("completed");
    }

    #[test]
    fn weights_become_complete_partial_again_and_disappear() {
        let root = tempfile::tempdir().expect("a directory");
        let layout = Layout::open(&root.path().join("weights")).expect("opened");
        complete(&layout, KEY, "four");
        assert_eq!(std::fs::read(layout.files(KEY).join("a")).expect("there"), b"four");
        let of = |layout: &Layout| {
            let all = layout.stored().expect("listed");
            all.into_iter().map(|s| (s.key, s.is_complete, s.size_bytes)).collect::<Vec<_>>()
        };
        assert_eq!(of(&layout), [(KEY.to_owned(), true, 4)]);
        layout.reopen(KEY, 4).expect("reopened");
        assert_eq!(of(&layout), [(KEY.to_owned(), false, 4)]);
        assert!(!layout.files(KEY).exists());
        assert!(layout.remove(KEY).expect("removed"));
        assert_eq!(
            (of(&layout), root.path().join("weights/locks").read_dir().expect("read").count()),
            (vec![], 0)
        );
    }

    #[test]
    fn weights_in_use_or_in_work_stay() {
        let root = tempfile::tempdir().expect("a directory");
        let layout = Layout::open(root.path()).expect("opened");
        complete(&layout, KEY, "four");
        let other = Layout::open(root.path()).expect("another process");
        for lock in [layout.use_lock(KEY), layout.fetch_lock(KEY)] {
            let held = FileLock::shared(&lock).expect("locked");
            assert!(!other.remove(KEY).expect("inspected"));
            drop(held);
        }
        assert!(other.remove(KEY).expect("inspected"));
    }

    #[test]
    fn names_are_readable_and_differ() {
        let name = name_of("owner/model@1a2b");
        assert!(name.starts_with("owner-model-1a2b-"), "{name}");
        assert_ne!(name, name_of("owner-model@1a2b"));
        assert!(!name_of("../x").contains('/') && !name_of("..").starts_with('.'));
    }
}
