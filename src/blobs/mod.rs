//! Blobs: files that are named by the SHA-256 of their content, such as logs, scripts and artifacts.
//!
//! [`BlobStore`] is the interface, [`FileBlobs`] keeps blobs as files of a directory. An object
//! store can implement the same interface.
//!
//! Promises: when [`BlobStore::put`] has returned, the blob is stored durably and completely under
//! the digest of its content; a partly written blob is never visible. All calls block.

use crate::domain::digest::{hexadecimal, is_sha256_hex, sha256_hex};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 in 64 lower-case hexadecimal digits")]
pub struct InvalidDigest(String);

impl BlobDigest {
    /// The digest of a whole content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256_hex(bytes))
    }

    /// The digest as the hash function returns it.
    #[must_use]
    pub fn from_hash(hash: &[u8]) -> Self {
        Self(hexadecimal(hash))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobDigest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_sha256_hex(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Name of the directory for blobs in a data directory.
pub const DIRECTORY: &str = "blobs";

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the content has the digest {actual}, not {expected}")]
    Mismatch { expected: BlobDigest, actual: BlobDigest },
    #[error("the content is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the stored blob {0} is damaged")]
    Damaged(BlobDigest),
    #[error("cannot read the blob {digest}")]
    Read {
        digest: BlobDigest,
        #[source]
        source: io::Error,
    },
    #[error("cannot {doing} {path}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::Io { doing, path, source }
}

/// A blob that is open for reading.
pub struct Blob {
    /// Size of the content, in bytes.
    pub size: u64,
    /// The content from its beginning. It has not been compared with the digest.
    pub content: Box<dyn Read + Send>,
}

/// Storage of blobs, for use from many threads and processes.
pub trait BlobStore: Send + Sync {
    /// Stores `content` durably and returns its size in bytes. Storing a blob again is harmless.
    ///
    /// # Errors
    /// The content is larger than `limit` or does not match the digest, or storing it failed.
    fn put(
        &self,
        digest: &BlobDigest,
        content: &mut dyn Read,
        limit: u64,
    ) -> Result<u64, BlobError>;

    /// Opens a blob for reading. `None` if it does not exist.
    ///
    /// # Errors
    /// The blob cannot be read.
    fn open(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError>;

    /// Size of a blob in bytes. `None` if it does not exist.
    ///
    /// # Errors
    /// The storage cannot be read.
    fn size(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError>;

    /// Reads a whole blob of at most `limit` bytes and compares it with its digest. `None` if it does
    /// not exist.
    ///
    /// # Errors
    /// The blob is larger than `limit`, is damaged, or cannot be read.
    fn get(&self, digest: &BlobDigest, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let Some(blob) = self.open(digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = blob.content.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| BlobError::Read { digest: digest.clone(), source })?;
        if bytes.len() as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
        if BlobDigest::of(&bytes) != *digest {
            return Err(BlobError::Damaged(digest.clone()));
        }
        Ok(Some(bytes))
    }
}

/// Blobs as files of a directory.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    root: PathBuf,
}

impl FileBlobs {
    /// Uses the directory `root` and creates it if necessary.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(failed("create", &root))?;
        Ok(Self { root })
    }

    /// The file of a blob, whether or not it exists.
    fn path(&self, digest: &BlobDigest) -> PathBuf {
        self.root.join(&digest.0[..2]).join(&digest.0)
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
        let directory = self.root.join(&digest.0[..2]);
        std::fs::create_dir_all(&directory).map_err(failed("create", &directory))?;
        let mut fresh = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&directory)
            .map_err(failed("create a file in", &directory))?;
        let mut hashing = Hashing { file: fresh.as_file_mut(), hash: Sha256::new() };
        let mut content = content.take(limit.saturating_add(1));
        let size = io::copy(&mut content, &mut hashing).map_err(failed("write", &path))?;
        if size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        let actual = BlobDigest::from_hash(&hashing.hash.finalize());
        if actual != *digest {
            return Err(BlobError::Mismatch { expected: digest.clone(), actual });
        }
        fresh.as_file().sync_all().map_err(failed("write", &path))?;
        fresh.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
        sync_directory(&directory).map_err(failed("write", &directory))?;
        Ok(size)
    }

    fn open(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError> {
        let path = self.path(digest);
        match File::open(&path) {
            Ok(file) => {
                let size = file.metadata().map_err(failed("read", &path))?.len();
                Ok(Some(Blob { size, content: Box::new(file) }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    fn size(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }
}

/// Makes the entry of a new file in its directory durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Writes to a file and hashes what it writes.
struct Hashing<'a> {
    file: &'a mut File,
    hash: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, FileBlobs) {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = FileBlobs::new(directory.path().join("blobs")).expect("blobs");
        (directory, blobs)
    }

    #[test]
    fn what_is_put_comes_back_under_its_digest() {
        let (_directory, blobs) = blobs();
        let digest = BlobDigest::of(b"abc");
        assert_eq!(
            digest.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(blobs.size(&digest).expect("an answer"), None);
        for _ in 0..2 {
            assert_eq!(blobs.put(&digest, &mut &b"abc"[..], 3).expect("stored"), 3);
        }
        assert_eq!(blobs.size(&digest).expect("an answer"), Some(3));
        assert_eq!(blobs.open(&digest).expect("an answer").map(|blob| blob.size), Some(3));
        assert_eq!(blobs.get(&digest, 3).expect("an answer").as_deref(), Some(&b"abc"[..]));
        let cut = blobs.get(&digest, 2).expect_err("too large");
        assert!(matches!(cut, BlobError::TooLarge { limit: 2 }), "{cut}");
    }

    #[test]
    fn wrong_large_and_missing_content_is_refused_and_leaves_nothing() {
        let (directory, blobs) = blobs();
        let digest = BlobDigest::of(b"abc");
        assert!(matches!(blobs.put(&digest, &mut &b"abd"[..], 3), Err(BlobError::Mismatch { .. })));
        assert!(matches!(
            blobs.put(&digest, &mut &b"abc"[..], 2),
            Err(BlobError::TooLarge { limit: 2 })
        ));
        assert_eq!(blobs.get(&digest, 3).expect("an answer"), None);
        let left = std::fs::read_dir(directory.path().join("blobs/ba")).expect("listed").count();
        assert_eq!(left, 0);
    }

    #[test]
    fn damage_is_noticed() {
        let (_directory, blobs) = blobs();
        let digest = BlobDigest::of(b"abc");
        blobs.put(&digest, &mut &b"abc"[..], 3).expect("stored");
        std::fs::write(blobs.path(&digest), b"abd").expect("written");
        assert!(matches!(blobs.get(&digest, 3), Err(BlobError::Damaged(_))));
    }

    #[test]
    fn paths_are_not_digests() {
        for text in ["", "../../../../etc/passwd", &"A".repeat(64), &"a".repeat(63)] {
            assert!(text.parse::<BlobDigest>().is_err(), "{text:?}");
        }
    }
}
