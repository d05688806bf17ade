//! The record of complete weights in the cache: their key, and for each file its digest and the state
//! in which it was verified.
//!
//! Promise: a file whose size, times or inode differ from the record is read again before it is used.
//! Every file is read again after a restart of the machine, because a power failure may lose content that was
//! not on the disk yet.

use crate::sys::hashing;
use crate::sys::place::boot_id;
use crate::worker::weights::alive::{Alive, WhileAlive};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Version of the records that this program writes and reads.
const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: u32,
    /// The name of these weights on a worker: `sha256:…` or `MODEL@COMMIT`.
    pub key: String,
    pub size_bytes: u64,
    /// Identifies the run of the machine in which the files were verified; empty if unknown.
    boot: String,
    pub files: Vec<RecordedFile>,
}

/// A file of complete weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Relative path with `/` as separator.
    pub path: String,
    pub sha256: String,
    pub size_bytes: u64,
    /// Times and inode when the file was verified.
    stamp: String,
}

/// A file whose content is not that of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub path: String,
    pub reason: String,
}

impl Record {
    /// Records verified files, given as path, digest and size.
    ///
    /// # Errors
    /// A file cannot be inspected.
    pub fn of(key: &str, directory: &Path, files: Vec<(String, String, u64)>) -> io::Result<Self> {
        let recorded = |(path, sha256, size_bytes): (String, String, u64)| {
            let stamp = stamp(&directory.join(&path).symlink_metadata()?);
            Ok(RecordedFile { path, sha256, size_bytes, stamp })
        };
        let files: Vec<_> = files.into_iter().map(recorded).collect::<io::Result<_>>()?;
        let size_bytes = files.iter().map(|file| file.size_bytes).fold(0, u64::saturating_add);
        let boot = boot_id().unwrap_or_default();
        Ok(Self { schema: SCHEMA, key: key.to_owned(), size_bytes, boot, files })
    }

    /// Reads a record. None if there is none, or none of this version.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (record.schema == SCHEMA).then_some(record)
    }

    /// Whether every file is as it was when it was verified.
    #[must_use]
    pub fn is_unchanged(&self, directory: &Path) -> bool {
        let same = |file: &RecordedFile| {
            directory.join(&file.path).symlink_metadata().is_ok_and(|data| {
                data.is_file() && data.len() == file.size_bytes && stamp(&data) == file.stamp
            })
        };
        self.boot == boot_id().unwrap_or_default() && self.files.iter().all(same)
    }

    /// Reads all files again, and returns the damaged ones. `read` receives the number of bytes read.
    ///
    /// # Errors
    /// A file cannot be read, or the caller no longer waits.
    pub fn check(
        &self,
        directory: &Path,
        alive: &Alive,
        read: &dyn Fn(u64),
    ) -> io::Result<Vec<Damage>> {
        let mut damaged = Vec::new();
        for file in &self.files {
            let damage = |reason: String| Damage { path: file.path.clone(), reason };
            let path = directory.join(&file.path);
            match path.symlink_metadata() {
                Ok(data) if !data.is_file() => damaged.push(damage("is not a plain file".into())),
                Ok(data) if data.len() != file.size_bytes => {
                    let (has, whole) = (data.len(), file.size_bytes);
                    damaged.push(damage(format!("has {has} bytes instead of {whole}")));
                }
                Ok(_) => {
                    let mut source = WhileAlive::new(File::open(&path)?, alive);
                    if hashing::hash(&mut source)?.sha256 != file.sha256 {
                        damaged.push(damage("has another content".into()));
                    }
                    read(file.size_bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    damaged.push(damage("is missing".into()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(damaged)
    }

    /// The same record with the present state of its files.
    ///
    /// # Errors
    /// A file cannot be inspected.
    pub fn renewed(&self, directory: &Path) -> io::Result<Self> {
        let files = self.files.iter().cloned();
        let files = files.map(|file| (file.path, file.sha256, file.size_bytes)).collect();
        Self::of(&self.key, directory, files)
    }
}

/// The state by which a later change of a file is detected. The size is compared apart.
#[cfg(unix)]
fn stamp(data: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let (modified, changed) =
        ((data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec()));
    format!("{}.{:09}/{}.{:09}/{}", modified.0, modified.1, changed.0, changed.1, data.ino())
}

#[cfg(not(unix))]
fn stamp(data: &Metadata) -> String {
    format!("{:?}", data.modified().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::sha256_hex;

    #[test]
    fn a_change_is_noticed_and_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for name in ["a", "b", "c"] {
            std::fs::write(path(name), name).expect("written");
        }
        let files = ["a", "b", "c"].map(|name| (name.to_owned(), sha256_hex(name.as_bytes()), 1));
        let record = Record::of("k", directory.path(), files.to_vec()).expect("recorded");
        assert!(record.is_unchanged(directory.path()));
        let alive = Alive::default();
        let check = || record.check(directory.path(), &alive, &|_| {}).expect("read");
        assert_eq!(check(), []);

        std::fs::write(path("a"), "x").expect("written");
        std::fs::write(path("b"), "bb").expect("written");
        std::fs::remove_file(path("c")).expect("removed");
        assert!(!record.is_unchanged(directory.path()));
        let reasons: Vec<_> = check().into_iter().map(|damage| damage.reason).collect();
        let expected = ["has another content", "has 2 bytes instead of 1", "is missing"];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn the_same_content_in_another_file_is_read_and_then_trusted() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        std::fs::write(&path, "a").expect("written");
        let files = vec![("a".to_owned(), sha256_hex(b"a"), 1)];
        let record = Record::of("k", directory.path(), files).expect("recorded");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "a").expect("written");
        assert!(!record.is_unchanged(directory.path()));
        let read = std::cell::Cell::new(0);
        let damaged = record.check(directory.path(), &Alive::default(), &|bytes| read.set(bytes));
        assert_eq!((damaged.expect("read").len(), read.get()), (0, 1));
        let renewed = record.renewed(directory.path()).expect("inspected");
        assert!(renewed.is_unchanged(directory.path()));
        let file = directory.path().join("record.json");
        std::fs::write(&file, serde_json::to_vec(&renewed).expect("json")).expect("written");
        assert_eq!(Record::read(&file), Some(renewed));
    }

    #[test]
    fn reading_ends_when_nobody_waits_for_it() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a"), "a").expect("written");
        let files = vec![("a".to_owned(), sha256_hex(b"a"), 1)];
        let record = Record::of("k", directory.path(), files).expect("recorded");
        let owner = Alive::default();
        let alive = owner.watch();
        drop(owner);
        assert!(record.check(directory.path(), &alive, &|_| {}).is_err());
    }
}
