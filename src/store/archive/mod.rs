//! The archive: all rows of the results database as Parquet files, so that the event log can drop
//! old records and the database can still be built again.
//!
//! An archive is a directory `archive/<watermark>` with files of rows and `manifest.json`, which
//! has the identity of the data directory, the last record that the rows cover, and the size and
//! digest of each file. Promises: an archive is complete or not visible, because it is written beside
//! its name, synced and renamed; nothing is restored from a file that does not match its digest;
//! errors name the file. Limits: a manifest has at most `MAX_MANIFEST_BYTES`; one archive is kept.
//! All calls block.

mod error;
mod export;
mod manifest;
mod restore;

pub use error::ArchiveError;
pub use manifest::{Manifest, Part};

use crate::domain::digest::hexadecimal;
use crate::domain::storage_id::StorageId;
use crate::sys::fs::{sync_directory, write_durably};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Name of the directory for archives in a data directory.
pub const DIRECTORY: &str = "archive";
/// Name of the description of an archive in its directory.
const MANIFEST: &str = "manifest.json";
/// Prefix of the name of an archive that is being written.
const UNFINISHED: &str = ".new-";
/// Maximum size of a manifest, in bytes.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// Size of the pieces in which files are read for their digest, in bytes.
const READ_BYTES: usize = 1 << 20;

/// A complete archive. Its files are not read until [`Archive::verify`] or [`Archive::restore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Directory of the archive.
    pub path: PathBuf,
    pub manifest: Manifest,
}

impl Archive {
    /// The archive in `archives` that covers the most records. `None` if there is none.
    ///
    /// # Errors
    /// The directory or the manifest cannot be read, or the manifest is damaged or of a later version.
    pub fn newest(archives: &Path) -> Result<Option<Self>, ArchiveError> {
        let newest = entries(archives)?.into_iter().filter_map(|name| number(&name)).max();
        newest
            .map(|watermark| Self::open(archives.join(watermark.to_string()), watermark))
            .transpose()
    }

    fn open(path: PathBuf, watermark: u64) -> Result<Self, ArchiveError> {
        let manifest = Self::read_manifest(&path)?;
        if manifest.watermark != watermark {
            let reason = format!("it ends with record {}, unlike its name", manifest.watermark);
            return Err(ArchiveError::damaged(&path.join(MANIFEST), reason));
        }
        Ok(Self { path, manifest })
    }

    fn read_manifest(path: &Path) -> Result<Manifest, ArchiveError> {
        let file = path.join(MANIFEST);
        let reading = ArchiveError::file("read", &file);
        let mut bytes = Vec::new();
        let opened = File::open(&file).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ArchiveError::damaged(path, "it has no manifest.json"),
            _ => ArchiveError::file("read", &file)(source),
        })?;
        opened.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes).map_err(reading)?;
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ArchiveError::damaged(&file, "it is larger than a manifest"));
        }
        Manifest::decode(&bytes, &file)
    }

    /// The rows in a directory that [`Store::export_to`](super::Store::export_to) has written.
    ///
    /// # Errors
    /// As for [`Archive::newest`].
    pub fn at(directory: &Path) -> Result<Self, ArchiveError> {
        let path = directory.to_owned();
        Ok(Self { manifest: Self::read_manifest(&path)?, path })
    }

    /// Compares each file with its size and digest. Reads all of them.
    ///
    /// # Errors
    /// A file is missing, cannot be read, or differs.
    pub fn verify(&self) -> Result<(), ArchiveError> {
        for part in &self.manifest.parts {
            let file = self.path.join(&part.file);
            let (bytes, sha256) = digest(&file).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => ArchiveError::damaged(&file, "it is missing"),
                _ => ArchiveError::file("read", &file)(source),
            })?;
            if bytes != part.bytes {
                let reason = format!("it has {bytes} bytes, and {} were stored", part.bytes);
                return Err(ArchiveError::damaged(&file, reason));
            }
            if sha256 != part.sha256 {
                return Err(ArchiveError::damaged(&file, "its content has another digest"));
            }
        }
        Ok(())
    }

    /// Gives the archive another identity, durably. For a data directory that has got a new one.
    ///
    /// # Errors
    /// The manifest cannot be written. The old one is kept then.
    pub fn adopt(&mut self, identity: StorageId) -> Result<(), ArchiveError> {
        let mut manifest = self.manifest.clone();
        manifest.identity = identity;
        manifest.store(&self.path)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Removes all other archives, and archives whose writing was interrupted.
    ///
    /// # Errors
    /// A directory cannot be read or removed.
    pub fn remove_others(&self) -> Result<(), ArchiveError> {
        let Some(archives) = self.path.parent() else { return Ok(()) };
        for name in entries(archives)? {
            let path = archives.join(&name);
            let other = number(&name).is_some() || name.starts_with(UNFINISHED);
            if other && path != self.path {
                fs::remove_dir_all(&path).map_err(ArchiveError::file("remove", &path))?;
            }
        }
        sync_directory(archives).map_err(ArchiveError::file("sync", archives))
    }
}

impl Manifest {
    fn store(&self, archive: &Path) -> Result<(), ArchiveError> {
        let file = archive.join(MANIFEST);
        write_durably(&file, &self.encode(), true).map_err(ArchiveError::file("write", &file))
    }
}

/// The names in the directory of archives, which need not exist.
fn entries(archives: &Path) -> Result<Vec<String>, ArchiveError> {
    let reading = |source| ArchiveError::file("read", archives)(source);
    let entries = match fs::read_dir(archives) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(reading)?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().map_err(reading)
}

/// The watermark in the name of an archive.
fn number(name: &str) -> Option<u64> {
    let watermark = name.parse::<u64>().ok()?;
    // "+7" and "007" are not names of archives.
    (watermark.to_string() == name).then_some(watermark)
}

/// Size in bytes and SHA-256 of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; READ_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, hexadecimal(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

fn text(path: &Path) -> Result<&str, ArchiveError> {
    let refused = || io::Error::other("its name is not valid UTF-8");
    path.to_str().ok_or_else(|| ArchiveError::file("use", path)(refused()))
}

/// A literal of SQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
