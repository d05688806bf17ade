//! Records of the stored weights: `records/DIGEST.json`, one file for each manifest. Weights count as
//! stored if they have a record.
//!
//! Limit: [`MAX_RECORDS`]. Promise: a record that was added survives a power failure; the time of the
//! last use may be lost.

use crate::blobs::{BlobDigest, BlobError};
use crate::domain::causes::with_causes;
use crate::domain::time::Timestamp;
use crate::sys::fs::{create_private_dir, sync_directory, write_durably, write_whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Maximum number of stored weights.
pub const MAX_RECORDS: usize = 10_000;
/// Maximum size of a record that is read, in bytes.
const MAX_RECORD_BYTES: u64 = 64 * 1024;
/// Age from which the time of the last use is written again.
const WRITE_INTERVAL_MS: u64 = 60_000;
/// End of the name of a record.
pub const SUFFIX: &str = ".json";

/// Weights that were pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name for people, such as that of the directory.
    pub name: String,
    /// The user who pushed them first.
    pub user: String,
    pub pushed_at: Timestamp,
    /// When they were last pushed, submitted or fetched.
    pub used_at: Timestamp,
    /// Size of the files, in bytes.
    pub size_bytes: u64,
    pub files: u32,
    /// Only the manifest is stored: workers read the files themselves.
    pub in_place: bool,
}

/// The records of a directory, all in memory.
#[derive(Debug)]
pub struct Records {
    directory: PathBuf,
    records: BTreeMap<BlobDigest, Record>,
}

impl Records {
    /// Reads all records. One that cannot be read is reported in the log and left where it is: its
    /// weights count as not stored.
    ///
    /// # Errors
    /// The directory cannot be created or listed.
    pub fn open(directory: PathBuf) -> Result<Self, BlobError> {
        let failed = |doing| {
            let directory = directory.clone();
            move |error| BlobError::of_io(doing, &directory, error)
        };
        create_private_dir(&directory).map_err(failed("create"))?;
        let mut records = BTreeMap::new();
        for entry in std::fs::read_dir(&directory).map_err(failed("list"))? {
            let path = entry.map_err(failed("list"))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(Ok(digest)) = name.strip_suffix(SUFFIX).map(str::parse) else { continue };
            match read(&path) {
                Ok(record) if records.len() < MAX_RECORDS => {
                    records.insert(digest, record);
                }
                Ok(_) => tracing::warn!(path = %path.display(), "too many records of weights"),
                Err(error) => {
                    let reason = with_causes(&error);
                    tracing::error!(path = %path.display(), reason, "a record of weights is damaged");
                }
            }
        }
        Ok(Self { directory, records })
    }

    pub fn get(&self, digest: &BlobDigest) -> Option<&Record> {
        self.records.get(digest)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&BlobDigest, &Record)> {
        self.records.iter()
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds or replaces a record, durably.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&mut self, digest: &BlobDigest, record: Record) -> Result<(), BlobError> {
        let path = self.path(digest);
        let text = serde_json::to_vec(&record).map_err(io::Error::from);
        let written = text.and_then(|text| write_durably(&path, &text, true));
        written.map_err(|error| BlobError::of_io("write", &path, error))?;
        self.records.insert(digest.clone(), record);
        Ok(())
    }

    /// Notes a use. A failed write loses nothing but the time, so it is only reported.
    pub fn touch(&mut self, digest: &BlobDigest, now: Timestamp) {
        let path = self.path(digest);
        let Some(record) = self.records.get_mut(digest) else { return };
        let due = now.since(record.used_at).0 >= WRITE_INTERVAL_MS;
        record.used_at = record.used_at.max(now);
        if !due {
            return;
        }
        let text = serde_json::to_vec(record).map_err(io::Error::from);
        if let Err(error) = text.and_then(|text| write_whole(&path, &text)) {
            tracing::warn!(path = %path.display(), %error, "cannot note the use of weights");
        }
    }

    /// Removes a record, durably. Returns whether there was one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&mut self, digest: &BlobDigest) -> Result<bool, BlobError> {
        let path = self.path(digest);
        let removed = match std::fs::remove_file(&path) {
            Ok(()) => sync_directory(&self.directory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| BlobError::of_io("remove", &path, error))?;
        Ok(self.records.remove(digest).is_some())
    }

    fn path(&self, digest: &BlobDigest) -> PathBuf {
        self.directory.join(format!("{digest}{SUFFIX}"))
    }
}

/// Reads one record.
///
/// # Errors
/// The file cannot be read, or is not a record.
pub fn read(path: &Path) -> io::Result<Record> {
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(MAX_RECORD_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
