//! Files by content: logs, scripts, artifacts, named by their SHA-256.
//!
//! Promises: what [`Blobs::put`] has returned is on disk, whole, under the digest of its
//! bytes; a file is never seen half-written. Everything here blocks: call it from a thread
//! that may.

use crate::domain::digest::{hexadecimal, is_sha256_hex, sha256_hex};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A SHA-256, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 in lower-case hexadecimal")]
pub struct InvalidDigest(String);

impl BlobDigest {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256_hex(bytes))
    }

    fn from_hash(hash: &[u8]) -> Self {
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

/// The folder of the blobs in a data directory.
pub const FOLDER: &str = "blobs";

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the content has the digest {found}, not {expected}")]
    Mismatch { expected: BlobDigest, found: BlobDigest },
    #[error("the content has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("no blob {0}")]
    Missing(BlobDigest),
    #[error("the stored blob {0} is damaged")]
    Damaged(BlobDigest),
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

/// One directory of blobs. Safe to use from many threads and processes.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(failed("create", &root))?;
        Ok(Self { root })
    }

    /// Where a blob lies, or would lie.
    #[must_use]
    pub fn path(&self, digest: &BlobDigest) -> PathBuf {
        self.root.join(&digest.0[..2]).join(&digest.0)
    }

    #[must_use]
    pub fn contains(&self, digest: &BlobDigest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores `content` durably and returns its size. Storing it again is harmless.
    ///
    /// # Errors
    /// Content that is too large or not what the digest says, and trouble with the disk.
    pub fn put(
        &self,
        digest: &BlobDigest,
        content: impl Read,
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
        let found = BlobDigest::from_hash(hashing.hash.finalize().as_ref());
        if found != *digest {
            return Err(BlobError::Mismatch { expected: digest.clone(), found });
        }
        fresh.as_file().sync_all().map_err(failed("write", &path))?;
        fresh.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
        sync_directory(&directory).map_err(failed("write", &directory))?;
        Ok(size)
    }

    /// Opens a blob for reading, unchecked.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn open_blob(&self, digest: &BlobDigest) -> Result<File, BlobError> {
        let path = self.path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(digest.clone()),
            _ => failed("read", &path)(error),
        })
    }

    /// Reads a blob of at most `limit` bytes and checks it.
    ///
    /// # Errors
    /// When it is missing, larger, or damaged.
    pub fn get(&self, digest: &BlobDigest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        let file = self.open_blob(digest)?;
        let path = self.path(digest);
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed("read", &path))?;
        if bytes.len() as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
        if BlobDigest::of(&bytes) != *digest {
            return Err(BlobError::Damaged(digest.clone()));
        }
        Ok(bytes)
    }
}

/// The directory entry must be as durable as the file.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

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

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::open(directory.path().join("blobs")).expect("blobs");
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
        assert!(!blobs.contains(&digest));
        for _ in 0..2 {
            assert_eq!(blobs.put(&digest, &b"abc"[..], 3).expect("stored"), 3);
        }
        assert_eq!(blobs.get(&digest, 3).expect("there"), b"abc");
    }

    #[test]
    fn wrong_large_and_missing_content_is_refused_and_leaves_nothing() {
        let (directory, blobs) = blobs();
        let digest = BlobDigest::of(b"abc");
        assert!(matches!(blobs.put(&digest, &b"abd"[..], 3), Err(BlobError::Mismatch { .. })));
        assert!(matches!(
            blobs.put(&digest, &b"abc"[..], 2),
            Err(BlobError::TooLarge { limit: 2 })
        ));
        assert!(matches!(blobs.get(&digest, 3), Err(BlobError::Missing(_))));
        let left = std::fs::read_dir(directory.path().join("blobs/ba")).expect("listed").count();
        assert_eq!(left, 0);
    }

    #[test]
    fn damage_is_noticed() {
        let (_directory, blobs) = blobs();
        let digest = BlobDigest::of(b"abc");
        blobs.put(&digest, &b"abc"[..], 3).expect("stored");
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
