//! Blobs as files of a directory: `xx/DIGEST`, where `xx` are the first two digits, and the file
//! `identity` of the data directory to which they belong.
//!
//! Promises: a blob that [`BlobStore::put`] has stored survives a power failure; a partly written
//! one is never visible. Content is compared with its digest on every read, except for every second one of
//! [`FileBlobs::stream`], whose readers compare it. A blob that was found by
//! [`BlobStore::verify`] is not removed by a collection within its grace, whatever happens in
//! parallel.

use super::digest::BlobDigest;
use super::error::{BlobError, failed};
use super::interface::{Blob, BlobStore, Stored};
use super::verified::{Comparing, Verified};
use crate::domain::storage_id::StorageId;
use crate::sys::ahead::read_ahead;
use crate::sys::clock::file_time;
use crate::sys::fs::{Stamp, create_private_dir, sync_directory, write_durably};
use crate::sys::hashing::{self, Hashed};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempPath;

/// File with the identity of the data directory.
const IDENTITY: &str = "identity";
/// Maximum size of that file that is read, in bytes.
const MAX_IDENTITY_BYTES: u64 = 1024;
/// Maximum size of the beginning of a blob that is read ahead, in bytes: a chunk of weights.
const MAX_AHEAD_BYTES: u64 = 16 << 20;
/// Beginning of the name of a file that is being written.
const PARTIAL: &str = ".new-";
/// Age from which [`BlobStore::verify`] renews the modification time of a blob. It must be much
/// shorter than the grace of a collection.
pub const RENEWAL_INTERVAL: Duration = Duration::from_hours(1);

/// Blobs as files of a directory.
#[derive(Debug)]
pub struct FileBlobs {
    root: PathBuf,
    verified: Arc<Verified>,
    /// Held while a file is stored, renewed or removed, so that the age that a removal has read is
    /// still true when it removes.
    changes: Mutex<()>,
}

impl FileBlobs {
    /// Uses the directory `root`, whatever its identity. The first blob creates it.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), verified: Arc::default(), changes: Mutex::default() }
    }

    /// Uses the directory `root` of the data directory `identity`. A directory without an identity
    /// is new, or of a version of dtf without identities, and receives this one.
    ///
    /// # Errors
    /// The directory belongs to another data directory, or cannot be created or read.
    pub fn with_identity(root: impl Into<PathBuf>, identity: StorageId) -> Result<Self, BlobError> {
        let blobs = Self::new(root);
        match Self::stored_identity(&blobs.root)? {
            Some(found) if found == identity => Ok(blobs),
            Some(found) => {
                Err(BlobError::OtherIdentity { path: blobs.root, expected: identity, found })
            }
            None => {
                Self::adopt(&blobs.root, identity)?;
                Ok(blobs)
            }
        }
    }

    /// The identity that the directory `root` contains. `None` if there is none, or no directory.
    ///
    /// # Errors
    /// The file with the identity is damaged or cannot be read.
    pub fn stored_identity(root: &Path) -> Result<Option<StorageId>, BlobError> {
        let path = root.join(IDENTITY);
        let Some(file) = existing(&path)? else { return Ok(None) };
        let mut text = String::new();
        match file.take(MAX_IDENTITY_BYTES).read_to_string(&mut text) {
            Ok(_) => match text.trim().parse() {
                Ok(identity) => Ok(Some(identity)),
                Err(_) => Err(BlobError::InvalidIdentity { path }),
            },
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(BlobError::InvalidIdentity { path })
            }
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Gives the directory `root` this identity, durably, whatever it had before. Creates the
    /// directory if necessary.
    ///
    /// # Errors
    /// The directory cannot be created or written.
    pub fn adopt(root: &Path, identity: StorageId) -> Result<(), BlobError> {
        create_private_dir(root).map_err(failed("create", root))?;
        let path = root.join(IDENTITY);
        write_durably(&path, format!("{identity}\n").as_bytes(), false)
            .map_err(failed("write", &path))
    }

    /// The file of a blob, whether or not it exists.
    fn path(&self, digest: &BlobDigest) -> PathBuf {
        self.root.join(digest.group()).join(digest.as_str())
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Size of a blob in bytes, and postpones its removal, as [`BlobStore::verify`] does, but without a
    /// comparison of its content. `None` if it does not exist.
    ///
    /// # Errors
    /// The storage cannot be used.
    pub fn find(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError> {
        self.renew(digest, &self.path(digest))
    }

    /// Reads a whole blob and compares it with its digest, whether or not it was compared before.
    /// Returns whether it exists.
    ///
    /// # Errors
    /// The blob is damaged or cannot be read.
    pub fn reread(&self, digest: &BlobDigest) -> Result<bool, BlobError> {
        self.verified.forget(digest);
        Ok(self.open(digest)?.is_some())
    }

    /// Renews the modification time of a blob. Returns its size in bytes, if it still exists.
    fn renew(&self, digest: &BlobDigest, path: &Path) -> Result<Option<u64>, BlobError> {
        let _guard = self.change();
        // Windows sets times only through a handle that may write.
        let mut options = File::options();
        options.read(true).write(cfg!(windows));
        let Some(file) = if_exists(options.open(path), path)? else { return Ok(None) };
        let metadata = file.metadata().map_err(failed("read", path))?;
        let modified = metadata.modified().map_err(failed("read", path))?;
        // A time in the future comes from a clock that was ahead, and would end in an early removal.
        if modified.elapsed().is_ok_and(|age| age < RENEWAL_INTERVAL) {
            return Ok(Some(metadata.len()));
        }
        let was_verified = self.verified.contains(digest, &Stamp::of(&metadata));
        file.set_modified(file_time()).map_err(failed("renew", path))?;
        if was_verified {
            let metadata = file.metadata().map_err(failed("read", path))?;
            self.verified.remember(digest.clone(), Stamp::of(&metadata));
        }
        Ok(Some(metadata.len()))
    }

    /// Gives a synced file of the same file system the name of its blob, durably. Returns the size of the
    /// file that had this name, in bytes.
    fn keep(
        &self,
        digest: &BlobDigest,
        rename: impl FnOnce(&Path) -> io::Result<File>,
    ) -> Result<u64, BlobError> {
        let path = self.path(digest);
        let (file, replaced) = {
            let _guard = self.change();
            let replaced = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            (rename(&path).map_err(failed("write", &path))?, replaced)
        };
        let directory = self.root.join(digest.group());
        sync_directory(&directory).map_err(failed("write", &directory))?;
        let metadata = file.metadata().map_err(failed("read", &path))?;
        self.verified.remember(digest.clone(), Stamp::of(&metadata));
        Ok(replaced)
    }

    /// As [`BlobStore::put_file`]. Returns the size in bytes of the file that was replaced.
    ///
    /// # Errors
    /// Storing it failed.
    pub fn replace(&self, digest: &BlobDigest, file: TempPath) -> Result<u64, BlobError> {
        let directory = self.root.join(digest.group());
        create_private_dir(&directory).map_err(failed("create", &directory))?;
        // Windows syncs only through a handle that may write.
        let opened = File::options().read(true).write(true).open(&file);
        let mut content = opened.map_err(failed("open", &file))?;
        content.sync_all().map_err(failed("write", &file))?;
        let renamed = self.keep(digest, |path| {
            std::fs::rename(&file, path)?;
            content.try_clone()
        });
        match renamed {
            Err(BlobError::Io { source, .. }) if source.kind() == ErrorKind::CrossesDevices => {
                let replaced = std::fs::metadata(self.path(digest)).map_or(0, |file| file.len());
                self.put(digest, &mut content, u64::MAX).map(|_| replaced)
            }
            renamed => renamed,
        }
    }

    /// Opens a blob for a reader that compares the content with its digest. At most every second time, and only if
    /// the blob was compared since it last changed, it is not compared here as well. Otherwise it is, while it is
    /// read: a damaged blob ends with an error of the kind `InvalidData`. So the next try of a reader that found
    /// damage shows whether the blob itself is damaged.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub fn stream(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError> {
        let path = self.path(digest);
        let Some(file) = existing(&path)? else { return Ok(None) };
        let metadata = file.metadata().map_err(failed("read", &path))?;
        let (size, stamp) = (metadata.len(), Stamp::of(&metadata));
        read_ahead(&file, 0, size.min(MAX_AHEAD_BYTES));
        if self.verified.take(digest, &stamp) {
            return Ok(Some(Blob { size, content: Box::new(file) }));
        }
        let content = Comparing::new(file, size, digest.clone(), Arc::clone(&self.verified));
        Ok(Some(Blob { size, content: Box::new(content.remembering(stamp)) }))
    }

    fn comparing(&self, file: File, size: u64, digest: &BlobDigest) -> Blob {
        let content = Comparing::new(file, size, digest.clone(), Arc::clone(&self.verified));
        Blob { size, content: Box::new(content) }
    }

    /// The entries of the directory of a group; none if the directory does not exist.
    fn entries(&self, group: u8) -> Result<Vec<std::fs::DirEntry>, BlobError> {
        let directory = self.root.join(format!("{group:02x}"));
        match std::fs::read_dir(&directory) {
            Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed("list", &directory)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed("list", &directory)(error)),
        }
    }
}

impl BlobStore for FileBlobs {
    fn put(
        &self,
        digest: &BlobDigest,
        content: &mut dyn Read,
        limit: u64,
    ) -> Result<u64, BlobError> {
        let path = self.path(digest);
        let directory = self.root.join(digest.group());
        create_private_dir(&directory).map_err(failed("create", &directory))?;
        let mut fresh = tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempfile_in(&directory)
            .map_err(failed("create a file in", &directory))?;
        let mut content = content.take(limit.saturating_add(1));
        let copied = hashing::copy(&mut content, fresh.as_file_mut());
        let Hashed { sha256, size } = copied.map_err(failed("write", &path))?;
        if size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        if sha256 != digest.as_str() {
            return Err(BlobError::Mismatch { expected: digest.clone(), actual: sha256 });
        }
        fresh.as_file().sync_all().map_err(failed("write", &path))?;
        self.keep(digest, |path| Ok(fresh.persist(path)?))?;
        Ok(size)
    }

    fn put_file(&self, digest: &BlobDigest, file: TempPath) -> Result<(), BlobError> {
        self.replace(digest, file).map(drop)
    }

    fn open(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError> {
        let path = self.path(digest);
        let Some(mut file) = existing(&path)? else { return Ok(None) };
        let metadata = file.metadata().map_err(failed("read", &path))?;
        read_ahead(&file, 0, metadata.len().min(MAX_AHEAD_BYTES));
        let stamp = Stamp::of(&metadata);
        if !self.verified.contains(digest, &stamp) {
            let hashed = hashing::hash(&mut file).map_err(failed("read", &path))?;
            if hashed.sha256 != digest.as_str() {
                return Err(BlobError::Damaged { path });
            }
            file.rewind().map_err(failed("read", &path))?;
            self.verified.remember(digest.clone(), stamp);
        }
        Ok(Some(self.comparing(file, metadata.len(), digest)))
    }

    fn get(&self, digest: &BlobDigest, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path(digest);
        let Some(file) = existing(&path)? else { return Ok(None) };
        let size = file.metadata().map_err(failed("read", &path))?.len();
        if size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        let mut content = Comparing::new(file, size, digest.clone(), Arc::clone(&self.verified));
        let mut bytes = Vec::new();
        match content.read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(BlobError::Damaged { path })
            }
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    fn verify(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError> {
        if self.open(digest)?.is_none() {
            return Ok(None);
        }
        self.find(digest)
    }

    fn list(&self, group: u8, visit: &mut dyn FnMut(Stored)) -> Result<(), BlobError> {
        for entry in self.entries(group)? {
            let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let path = entry.path();
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &path)(error)),
            };
            let renewed = metadata.modified().map_err(failed("read", &path))?;
            visit(Stored { digest, size: metadata.len(), renewed });
        }
        Ok(())
    }

    fn remove(&self, digest: &BlobDigest, before: SystemTime) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        let _guard = self.change();
        let Some(file) = existing(&path)? else { return Ok(None) };
        let metadata = file.metadata().map_err(failed("read", &path))?;
        if metadata.modified().map_err(failed("read", &path))? >= before {
            return Ok(None);
        }
        std::fs::remove_file(&path).map_err(failed("remove", &path))?;
        self.verified.forget(digest);
        Ok(Some(metadata.len()))
    }

    fn adopted(&self) -> Result<Option<SystemTime>, BlobError> {
        let path = self.root.join(IDENTITY);
        match std::fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(modified) => Ok(Some(modified)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("inspect", &path)(error)),
        }
    }

    fn remove_partial(&self, group: u8, before: SystemTime) -> Result<u64, BlobError> {
        let mut removed = 0;
        for entry in self.entries(group)? {
            let path = entry.path();
            let is_partial =
                entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL));
            // A file that another thread has finished meanwhile has another name.
            let Some(metadata) = entry.metadata().ok().filter(|_| is_partial) else { continue };
            if metadata.modified().map_err(failed("read", &path))? < before {
                std::fs::remove_file(&path).map_err(failed("remove", &path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Opens a file for reading. `None` if it does not exist.
fn existing(path: &Path) -> Result<Option<File>, BlobError> {
    if_exists(File::open(path), path)
}

/// An opened file. `None` if it does not exist.
fn if_exists(opened: io::Result<File>, path: &Path) -> Result<Option<File>, BlobError> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}
