//! The files of tests: fetched once, verified, kept by their SHA-256, and copied into the directory
//! of each attempt.
//!
//! Limit: [`MAX_BLOB_BYTES`] for each file.
//!
//! Promises: a file whose content does not match its digest is never kept or used. Files are written
//! while they arrive, so their size costs no memory. Each attempt has
//! its own copies, so a change does not affect other tests.

use crate::api::MAX_BLOB_BYTES;
use crate::domain::launch::FileRef;
use crate::sys::hashing;
use crate::worker::link::Link;
use crate::worker::link::LinkError;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot fetch the file {path}: {error}")]
    Fetch {
        path: String,
        #[source]
        error: LinkError,
    },
    #[error(
        "the content of the file {path} does not match its digest: it was damaged on its way from \
         the coordinator, or the submission is wrong; submit the plan again"
    )]
    Corrupt { path: String },
    #[error("the file {path} is too large ({size} bytes, maximum {MAX_BLOB_BYTES})")]
    TooLarge { path: String, size: u64 },
    #[error("cannot write the file {path}: {error}")]
    Place {
        path: String,
        #[source]
        error: io::Error,
    },
}

/// Copies `files` into `directory` and creates the `directories` there. `Launch::check` has checked
/// the paths.
///
/// # Errors
/// The first file that cannot be fetched or written.
pub async fn place<L: Link>(
    files: &[FileRef],
    directories: &[String],
    cache: &Path,
    directory: &Path,
    link: &L,
) -> Result<(), FileError> {
    for file in files {
        let kept = fetch(file, cache, link).await?;
        let target = directory.join(&file.path);
        let copy = || -> io::Result<()> {
            if let Some(parent) = target.parent().filter(|parent| *parent != directory) {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::copy(&kept, &target)?;
            if file.executable { make_executable(&target) } else { Ok(()) }
        };
        copy().map_err(|error| FileError::Place { path: file.path.clone(), error })?;
    }
    for path in directories {
        std::fs::create_dir_all(directory.join(path))
            .map_err(|error| FileError::Place { path: path.clone(), error })?;
    }
    Ok(())
}

/// Makes a file executable for its owner. Kept files are private to this user.
#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other platforms have a mode to set")]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Fetches `files` into the cache, where they are named by their SHA-256.
///
/// # Errors
/// The first file that cannot be fetched or written.
pub async fn keep<L: Link>(files: &[FileRef], cache: &Path, link: &L) -> Result<(), FileError> {
    for file in files {
        fetch(file, cache, link).await?;
    }
    Ok(())
}

async fn fetch<L: Link>(file: &FileRef, cache: &Path, link: &L) -> Result<PathBuf, FileError> {
    let path = || file.path.clone();
    if file.size_bytes > MAX_BLOB_BYTES {
        return Err(FileError::TooLarge { path: path(), size: file.size_bytes });
    }
    let kept = cache.join(&file.sha256);
    if std::fs::metadata(&kept).is_ok_and(|data| data.len() == file.size_bytes) {
        return Ok(kept);
    }
    let place = |error| FileError::Place { path: path(), error };
    let fresh = tempfile::Builder::new().prefix(".new-").tempfile_in(cache).map_err(place)?;
    link.get_blob(file.sha256.clone(), file.size_bytes, fresh.path().to_owned())
        .await
        .map_err(|error| FileError::Fetch { path: path(), error })?;
    let hashing = tokio::task::spawn_blocking(move || {
        // The link may have replaced the file.
        let hashed = hashing::hash(&mut File::open(fresh.path())?)?;
        Ok::<_, io::Error>((fresh, hashed))
    });
    let (fresh, hashed) = hashing.await.map_err(io::Error::other).flatten().map_err(place)?;
    if hashed.size != file.size_bytes || hashed.sha256 != file.sha256 {
        return Err(FileError::Corrupt { path: path() });
    }
    fresh.persist(&kept).map_err(|error| place(error.error))?;
    Ok(kept)
}
