//! Digests of files that were computed before, one small file each, in a directory of the cache.
//!
//! Limits: [`MAX_ENTRIES`] entries; the oldest ones are removed first. Promises: digests are used only for
//! a file with the same path, size, times and inode; a file that was changed less than
//! [`SETTLED`] before it was read is not memoised, since a further change may leave the same time.
//! An entry that cannot be read or written only costs the computation.

use super::file::FileDigests;
use crate::domain::digest::sha256_hex;
use crate::sys::clock::file_time;
use crate::sys::fs::{create_private_dir, write_whole};
use crate::sys::ids;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Maximum number of entries after a removal.
const MAX_ENTRIES: usize = 20_000;
/// One in this number of new entries checks the number of entries.
const CHECKED_SHARE: f64 = 1.0 / 64.0;
/// Maximum size of an entry that is read, in bytes: that of a file of 4 TiB.
const MAX_ENTRY_BYTES: u64 = 32 << 20;
/// Age of the last change from which a file is memoised. File systems store times with an accuracy of up
/// to 2 s.
const SETTLED: Duration = Duration::from_secs(3);

/// The state of a file by which a later change is detected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    size_bytes: u64,
    modified_ns: u128,
    /// Time of the last change of content or metadata, device and inode number, where they exist.
    #[serde(default)]
    unix: Option<(i64, i64, u64, u64)>,
}

impl State {
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        #[cfg(unix)]
        let unix = {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.ctime(), metadata.ctime_nsec(), metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let unix = None;
        let modified_ns = modified.unwrap_or_default().as_nanos();
        Self { size_bytes: metadata.len(), modified_ns, unix }
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The same state with times of long ago.
    #[cfg(test)]
    pub fn aged(&self) -> Self {
        let unix = self.unix.map(|(_, _, device, inode)| (1, 0, device, inode));
        Self { size_bytes: self.size_bytes, modified_ns: 1, unix }
    }

    /// Whether the last change is at least [`SETTLED`] ago, so that a further one has another time.
    fn is_settled(&self, now: SystemTime) -> bool {
        let nanos = u64::try_from(self.modified_ns).unwrap_or(u64::MAX);
        let modified = UNIX_EPOCH + Duration::from_nanos(nanos);
        let changed = self.unix.and_then(|(seconds, ..)| u64::try_from(seconds).ok());
        let changed = UNIX_EPOCH + Duration::from_secs(changed.unwrap_or(0));
        now.duration_since(modified.max(changed)).is_ok_and(|age| age >= SETTLED)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: PathBuf,
    state: State,
    digests: FileDigests,
}

/// The entries of a directory.
#[derive(Debug)]
pub struct Memo {
    directory: PathBuf,
}

impl Memo {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn entry(&self, path: &Path) -> PathBuf {
        self.directory.join(sha256_hex(path.as_os_str().as_encoded_bytes()))
    }

    /// The digests of a file in this state.
    pub fn get(&self, path: &Path, state: &State) -> Option<FileDigests> {
        let mut text = Vec::new();
        let file = std::fs::File::open(self.entry(path)).ok()?;
        file.take(MAX_ENTRY_BYTES).read_to_end(&mut text).ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        (entry.path == path && entry.state == *state).then_some(entry.digests)
    }

    /// Keeps the digests of a file.
    pub fn put(&self, path: &Path, state: &State, digests: &FileDigests) {
        if !state.is_settled(file_time()) {
            return;
        }
        let (path, state, digests) = (path.to_owned(), state.clone(), digests.clone());
        let file = self.entry(&path);
        if let Err(error) = self.write(&file, &Entry { path, state, digests }) {
            tracing::debug!(path = %file.display(), %error, "digests are not memoised");
        }
    }

    fn write(&self, file: &Path, entry: &Entry) -> io::Result<()> {
        create_private_dir(&self.directory)?;
        write_whole(file, &serde_json::to_vec(entry)?)?;
        if ids::fraction() < CHECKED_SHARE { self.shorten() } else { Ok(()) }
    }

    /// Removes the oldest entries beyond the maximum number.
    fn shorten(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            entries.push((entry.metadata()?.modified()?, entry.path()));
        }
        entries.sort();
        let more = entries.len().saturating_sub(MAX_ENTRIES);
        entries.into_iter().take(more).try_for_each(|(_, path)| std::fs::remove_file(path))
    }
}
