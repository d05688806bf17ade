//! Digests of the files of weights: the manifest of a directory, and how a directory differs from a
//! manifest.
//!
//! Each file is read once: one thread reads it and hashes its chunks, another one hashes the whole.
//! Limits: `MAX_LANES` files at a time, each with at most `file::PIECES` pieces of `file::PIECE_BYTES` in
//! memory. Promises: a file that changes while it is read is an error; the digests of a file that has
//! not changed since, as far as its metadata shows, are not computed again if they are memoised.

mod file;
mod memo;

use self::file::FileDigests;
use self::memo::{Memo, State};
use crate::domain::weights::{Manifest, ManifestFile, WeightsError};
use crate::models::weights::Root;
use crate::sys::fs::open_plain;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Maximum number of files that are hashed at the same time.
const MAX_LANES: usize = 4;

/// Reports the number of bytes that are done, and of all bytes.
pub type HashProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} has changed while it was read")]
    Changed { path: PathBuf },
    #[error("{path}: {source}")]
    Manifest {
        path: PathBuf,
        #[source]
        source: WeightsError,
    },
}

/// Computes digests of files.
#[derive(Debug)]
pub struct Digests {
    memo: Option<Memo>,
}

impl Digests {
    /// Reads every file.
    #[must_use]
    pub fn fresh() -> Self {
        Self { memo: None }
    }

    /// Keeps the digests in a directory, which is created when it is first used.
    #[must_use]
    pub fn memoised(directory: PathBuf) -> Self {
        Self { memo: Some(Memo::new(directory)) }
    }

    /// The manifest of these files, whose paths are relative to the root, with `/`. Links are followed.
    ///
    /// # Errors
    /// A file cannot be read or has changed while it was read, or the files break a limit of manifests.
    pub fn manifest(
        &self,
        root: impl Into<Root>,
        paths: &[String],
        progress: HashProgress<'_>,
    ) -> Result<Manifest, HashError> {
        let root = root.into();
        let files = self.files(&root, paths, progress)?;
        let files = files
            .into_iter()
            .map(|file| file.map_err(|(path, source)| HashError::Read { path, source }));
        let manifest = Manifest::new(files.collect::<Result<_, _>>()?);
        manifest.map_err(|source| HashError::Manifest { path: root.directory, source })
    }

    /// How the files below `root` differ from the manifest, in texts for people. Files that the manifest
    /// does not list are ignored.
    ///
    /// # Errors
    /// A file has changed while it was read.
    pub fn differences(
        &self,
        root: impl Into<Root>,
        manifest: &Manifest,
        progress: HashProgress<'_>,
    ) -> Result<Vec<String>, HashError> {
        let root = root.into();
        let mut differences = Vec::new();
        let mut same_size: Vec<&ManifestFile> = Vec::new();
        for file in &manifest.files {
            match root.place(&file.path).metadata() {
                Ok(found) if found.len() == file.size_bytes => same_size.push(file),
                Ok(found) => differences.push(format!(
                    "{} has {} bytes instead of {}",
                    file.path,
                    found.len(),
                    file.size_bytes
                )),
                Err(error) => differences.push(format!("cannot read {}: {error}", file.path)),
            }
        }
        let paths: Vec<String> = same_size.iter().map(|file| file.path.clone()).collect();
        for (listed, found) in same_size.into_iter().zip(self.files(&root, &paths, progress)?) {
            match found {
                Ok(found) if found == *listed => {}
                Ok(_) => differences.push(format!("{} has another content", listed.path)),
                Err((_, error)) => {
                    differences.push(format!("cannot read {}: {error}", listed.path));
                }
            }
        }
        Ok(differences)
    }

    /// Hashes files on several threads. The results are in the order of `paths`; a file that cannot be
    /// read is one of them.
    fn files(
        &self,
        root: &Root,
        paths: &[String],
        progress: HashProgress<'_>,
    ) -> Result<Vec<Hashed>, HashError> {
        let sizes =
            paths.iter().map(|path| root.place(path).metadata().map_or(0, |file| file.len()));
        let total: u64 = sizes.sum();
        let done = AtomicU64::new(0);
        let report = |more: u64| progress(done.fetch_add(more, Relaxed) + more, total);
        let queue: Mutex<VecDeque<usize>> = Mutex::new((0..paths.len()).collect());
        let results = Mutex::new(Vec::with_capacity(paths.len()));
        // The queue is locked only while the next number is taken.
        let next = || lock(&queue).pop_front();
        let work = || {
            while let Some(number) = next() {
                let hashed = self.file(root, &paths[number], &report);
                if matches!(hashed, Err(HashError::Changed { .. })) {
                    lock(&queue).clear();
                }
                lock(&results).push((number, hashed));
            }
        };
        std::thread::scope(|scope| {
            // Each lane has a second thread.
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let lanes = (cores / 2).clamp(1, MAX_LANES).min(paths.len());
            for _ in 1..lanes {
                scope.spawn(work);
            }
            work();
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(number, _)| *number);
        let results = results.into_iter().map(|(_, hashed)| match hashed {
            Ok(file) => Ok(Ok(file)),
            Err(HashError::Read { path, source }) => Ok(Err((path, source))),
            Err(error) => Err(error),
        });
        results.collect()
    }

    fn file(
        &self,
        root: &Root,
        path: &str,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<ManifestFile, HashError> {
        let full = root.place(path);
        let failed = |source| HashError::Read { path: full.clone(), source };
        let real = full.canonicalize().map_err(failed)?;
        let opened = open_plain(&real).map_err(failed)?;
        let before = State::of(&opened.metadata().map_err(failed)?);
        let known = self.memo.as_ref().and_then(|memo| memo.get(&real, &before));
        let digests = if let Some(digests) = known {
            report(before.size_bytes());
            digests
        } else {
            let digests = file::hash(&opened, report).map_err(failed)?;
            let after = State::of(&real.metadata().map_err(failed)?);
            if after != before || digests.size_bytes != before.size_bytes() {
                return Err(HashError::Changed { path: full });
            }
            if let Some(memo) = &self.memo {
                memo.put(&real, &before, &digests);
            }
            digests
        };
        let FileDigests { sha256, size_bytes, chunks } = digests;
        Ok(ManifestFile { path: path.to_owned(), sha256, size_bytes, chunks })
    }
}

/// The digests of a file, or the reason why it cannot be read.
type Hashed = Result<ManifestFile, (PathBuf, io::Error)>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
