//! The weights that clients have pushed: chunks by digest, manifests, and records of what is stored.
//!
//! | path below `weights` | content |
//! | --- | --- |
//! | `identity` | identity of the data directory |
//! | `xx/DIGEST` | a chunk of at most 16 MiB |
//! | `manifests/xx/DIGEST` | a manifest |
//! | `records/DIGEST.json` | the name, the user and the last use of the weights of a manifest |
//!
//! Promises: a chunk is durable when [`WeightsStore::put_chunk`] returns, and weights when
//! [`WeightsStore::commit`] returns, and then all their chunks are stored. Readers compare content with its
//! digest. Weights that were used within [`HOLD`] are not removed. Limits:
//! [`record::MAX_RECORDS`] weights; a manifest is in memory while it is handled, chunks never are.
//! All calls block.

pub mod record;
mod removal;
#[cfg(test)]
mod tests;

use self::record::{MAX_RECORDS, Record, Records};
use crate::blobs::{Blob, BlobDigest, BlobError, BlobStore, FileBlobs};
use crate::domain::storage_id::StorageId;
use crate::domain::time::{Millis, Timestamp};
use crate::domain::weights::{CHUNK_BYTES, MAX_MANIFEST_BYTES, Manifest};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;

/// Name of the directory in a data directory.
pub const DIRECTORY: &str = "weights";
/// Directories below it.
pub const MANIFESTS: &str = "manifests";
pub const RECORDS: &str = "records";
/// Time after their last use for which weights are not removed, so that a push can be followed by a
/// submission.
pub const HOLD: Millis = Millis::from_secs(600);
/// Time after their last use for which weights are not removed on request: more than the time limit of a
/// submission, which may have found them and not be stored yet.
pub const REMOVAL_HOLD: Millis = Millis::from_secs(150);
/// Maximum number of damaged chunks that are remembered.
const MAX_DAMAGED: usize = 100_000;

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error(transparent)]
    Storage(#[from] BlobError),
    #[error("{missing} of the {all} chunks are not stored")]
    Incomplete { missing: usize, all: usize },
    #[error("{MAX_RECORDS} weights are stored, which is the maximum number")]
    TooMany,
    #[error("the weights {0} were used less than 3 minutes ago, and a submission may be under way")]
    JustUsed(BlobDigest),
    #[error("the stored manifest {0} is missing or malformed")]
    Malformed(BlobDigest),
}

impl WeightsError {
    /// Whether a stored file is not what it was. The next push replaces it.
    fn is_damage(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Storage(BlobError::Damaged { .. }))
    }
}

/// Whether a test can use the weights of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// All chunks are stored.
    Complete,
    /// Only the manifest is stored.
    ManifestOnly,
    /// This number of chunks is missing or damaged.
    Incomplete(usize),
    /// Nothing was pushed with this digest, it was removed, or its manifest is damaged.
    Unknown,
}

/// A chunk of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub digest: BlobDigest,
    pub size: u64,
}

/// The stored weights of one coordinator.
#[derive(Debug)]
pub struct WeightsStore {
    chunks: FileBlobs,
    manifests: FileBlobs,
    state: Mutex<State>,
    /// Held by what checks that everything is stored, and by what removes.
    changes: Mutex<()>,
    /// Size of chunks and manifests, in bytes.
    used: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    records: Records,
    /// Chunks that were found to be damaged and not replaced since.
    damaged: HashSet<BlobDigest>,
    /// When the last removal made too little room.
    exhausted_at: Option<Timestamp>,
}

impl WeightsStore {
    /// Opens or creates the directory `root` of the data directory `identity`.
    ///
    /// # Errors
    /// The directory belongs to another data directory, or cannot be created or read.
    pub fn open(root: &Path, identity: StorageId) -> Result<Self, BlobError> {
        let chunks = FileBlobs::with_identity(root, identity)?;
        let records = Records::open(root.join(RECORDS))?;
        let state = State { records, damaged: HashSet::new(), exhausted_at: None };
        let store = Self {
            chunks,
            manifests: FileBlobs::new(root.join(MANIFESTS)),
            state: Mutex::new(state),
            changes: Mutex::default(),
            used: Arc::default(),
        };
        store.count()?;
        Ok(store)
    }

    /// Measures the stored files.
    fn count(&self) -> Result<(), BlobError> {
        let mut sum = 0;
        for group in 0..=u8::MAX {
            self.chunks.list(group, &mut |stored| sum += stored.size)?;
            self.manifests.list(group, &mut |stored| sum += stored.size)?;
        }
        self.used.store(sum, Relaxed);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Size of chunks and manifests in bytes, which follows every change.
    pub fn size(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.used)
    }

    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Whether further weights can be recorded.
    pub fn takes_more(&self) -> bool {
        self.state().records.len() < MAX_RECORDS
    }

    /// The chunks of a manifest that are not stored with their size, or are known to be damaged, each
    /// once. The others are kept for another 23 hours at least.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub fn missing(&self, manifest: &Manifest) -> Result<Vec<Chunk>, BlobError> {
        let mut missing = Vec::new();
        for chunk in chunks(manifest) {
            let is_damaged = self.state().damaged.contains(&chunk.digest);
            if is_damaged || self.chunks.find(&chunk.digest)? != Some(chunk.size) {
                missing.push(chunk);
            }
        }
        Ok(missing)
    }

    /// Whether a chunk is stored and not known to be damaged.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub fn has_chunk(&self, digest: &BlobDigest) -> Result<bool, BlobError> {
        let is_damaged = self.state().damaged.contains(digest);
        Ok(!is_damaged && self.chunks.find(digest)?.is_some())
    }

    /// Stores a file whose content has this digest, as the caller has found when it wrote the file.
    ///
    /// # Errors
    /// Storing it failed.
    pub fn put_chunk(&self, digest: &BlobDigest, file: TempPath) -> Result<(), BlobError> {
        let inspected = std::fs::metadata(&file);
        let size = inspected.map_err(|error| BlobError::of_io("read", &file, error))?.len();
        let replaced = self.chunks.replace(digest, file)?;
        self.added(size);
        self.subtract(replaced);
        self.state().damaged.remove(digest);
        Ok(())
    }

    /// Opens a chunk for a reader that compares it with its digest. `None` if it does not exist. Its content
    /// is compared here as well while it is read, as [`FileBlobs::stream`] does: the reader of a damaged chunk
    /// fails at the end, and calls [`Self::note_damaged`]. From then on the content is compared before the
    /// chunk is opened.
    ///
    /// # Errors
    /// The chunk is known to be damaged, or cannot be read.
    pub fn open_chunk(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError> {
        if !self.state().damaged.contains(digest) {
            return self.chunks.stream(digest);
        }
        self.chunks.open(digest).inspect_err(|error| {
            if let BlobError::Damaged { .. } = error {
                self.note_damaged(digest);
            }
        })
    }

    /// Reads a chunk and compares it with its digest. Returns whether it exists.
    ///
    /// # Errors
    /// As for [`Self::open_chunk`].
    pub fn reread(&self, digest: &BlobDigest) -> Result<bool, BlobError> {
        self.chunks.reread(digest).inspect_err(|error| {
            if let BlobError::Damaged { .. } = error {
                self.note_damaged(digest);
            }
        })
    }

    /// Notes that the content of a chunk does not match its digest.
    pub fn note_damaged(&self, digest: &BlobDigest) {
        let mut state = self.state();
        if state.damaged.len() < MAX_DAMAGED {
            state.damaged.insert(digest.clone());
        }
    }

    /// Stores a manifest, whose canonical text is `text`, and its record. A repeated call renews the
    /// time of use. Unless only the manifest is pushed, all chunks must be stored.
    ///
    /// # Errors
    /// Chunks are missing, too many weights are stored, or storing it failed.
    pub fn commit(
        &self,
        manifest: &Manifest,
        text: &[u8],
        record: Record,
    ) -> Result<BlobDigest, WeightsError> {
        let digest = BlobDigest::of(text);
        let _changes = self.changes();
        if !record.in_place {
            let missing = self.missing(manifest)?.len();
            if missing > 0 {
                return Err(WeightsError::Incomplete { missing, all: chunks(manifest).len() });
            }
        }
        let known = self.state().records.get(&digest).cloned();
        if known.is_none() && !self.takes_more() {
            return Err(WeightsError::TooMany);
        }
        if self.read_manifest(&digest).is_err() {
            let replaced = self.manifests.find(&digest)?.unwrap_or(0);
            let size = self.manifests.put(&digest, &mut &*text, MAX_MANIFEST_BYTES as u64)?;
            self.added(size);
            self.subtract(replaced);
        }
        match known {
            Some(known) if !known.in_place || record.in_place => {
                self.state().records.touch(&digest, record.used_at);
            }
            _ => self.state().records.put(&digest, record)?,
        }
        Ok(digest)
    }

    /// The text of a manifest. `None` if its weights are not stored. Counts as a use.
    ///
    /// # Errors
    /// It is damaged or cannot be read.
    pub fn manifest(
        &self,
        digest: &BlobDigest,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, BlobError> {
        {
            let mut state = self.state();
            if state.records.get(digest).is_none() {
                return Ok(None);
            }
            state.records.touch(digest, now);
        }
        self.manifests.get(digest, MAX_MANIFEST_BYTES as u64)
    }

    /// Whether a test can use the weights of a manifest. Counts as a use.
    ///
    /// # Errors
    /// The storage cannot be read, or the manifest is damaged.
    pub fn held(&self, digest: &BlobDigest, now: Timestamp) -> Result<Held, WeightsError> {
        let _changes = self.changes();
        let Some(record) = self.state().records.get(digest).cloned() else {
            return Ok(Held::Unknown);
        };
        self.state().records.touch(digest, now);
        if record.in_place {
            return Ok(Held::ManifestOnly);
        }
        let manifest = match self.read_manifest(digest) {
            Err(error) if error.is_damage() => return Ok(Held::Unknown),
            manifest => manifest?,
        };
        let missing = self.missing(&manifest)?.len();
        Ok(if missing == 0 { Held::Complete } else { Held::Incomplete(missing) })
    }

    /// The stored weights with their records, in the order of their digests.
    pub fn list(&self) -> Vec<(BlobDigest, Record)> {
        let state = self.state();
        state.records.iter().map(|(digest, record)| (digest.clone(), record.clone())).collect()
    }

    fn read_manifest(&self, digest: &BlobDigest) -> Result<Manifest, WeightsError> {
        let malformed = || WeightsError::Malformed(digest.clone());
        let text = self.manifests.get(digest, MAX_MANIFEST_BYTES as u64)?.ok_or_else(malformed)?;
        Manifest::parse(&text).map_err(|_| malformed())
    }

    fn added(&self, bytes: u64) {
        self.used.fetch_add(bytes, Relaxed);
    }

    fn subtract(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.used.fetch_update(Relaxed, Relaxed, less);
    }
}

/// The chunks of a manifest, each once, in the order of the files.
pub fn chunks(manifest: &Manifest) -> Vec<Chunk> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for file in &manifest.files {
        for (number, chunk) in (0..).zip(file.chunk_digests()) {
            // Digests of a checked manifest are well-formed.
            let Ok(digest) = chunk.parse::<BlobDigest>() else { continue };
            let size = CHUNK_BYTES.min(file.size_bytes - number * CHUNK_BYTES);
            if seen.insert(digest.to_bytes()) {
                all.push(Chunk { digest, size });
            }
        }
    }
    all
}

/// Path of the directory with weights in a data directory.
#[must_use]
pub fn root(data_dir: &Path) -> PathBuf {
    data_dir.join(DIRECTORY)
}
