//! Files that tests hand on to tests that depend on them.
//!
//! Promises: a test that has passed without a file that it was to hand on has not passed;
//! what is kept is in the spool before the result is told, so that whoever depends on it
//! finds it. Limit: [`MAX_BLOB_BYTES`] for each.

use crate::api::MAX_BLOB_BYTES;
use crate::api::v1::tests::Artifact;
use crate::domain::id::{RunId, TestId};
use crate::domain::launch::{FileRef, Input};
use crate::sys::fs::{open_plain, write_whole};
use crate::worker::files::{self, FileError, sha256_hex};
use crate::worker::link::{Link, LinkError};
use std::io::Read;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("cannot look up what {test} hands on")]
    Look {
        test: TestId,
        #[source]
        error: LinkError,
    },
    #[error("{test} has handed on no file {name:?}")]
    Missing { test: TestId, name: String },
    #[error(transparent)]
    Fetch(#[from] FileError),
}

/// Copies the files into the spool.
///
/// # Errors
/// Why the first of them cannot be handed on, for people.
pub fn keep(directory: &Path, names: &[String], spool: &Path) -> Result<Vec<Artifact>, String> {
    names.iter().map(|name| keep_one(directory, name, spool)).collect()
}

fn keep_one(directory: &Path, name: &str, spool: &Path) -> Result<Artifact, String> {
    let mut content = Vec::new();
    let read = open_plain(&directory.join(name))
        .and_then(|file| file.take(MAX_BLOB_BYTES + 1).read_to_end(&mut content));
    read.map_err(|error| format!("the file {name:?} that it hands on cannot be read: {error}"))?;
    let size_bytes = content.len() as u64;
    if size_bytes > MAX_BLOB_BYTES {
        return Err(format!("the file {name:?} has more than {MAX_BLOB_BYTES} bytes"));
    }
    let sha256 = sha256_hex(&content);
    write_whole(&spool.join(&sha256), &content)
        .map_err(|error| format!("the file {name:?} cannot be spooled: {error}"))?;
    Ok(Artifact { name: name.to_owned(), sha256, size_bytes })
}

/// Puts what other tests of the run have handed on into `directory`.
///
/// # Errors
/// The first file that cannot be had.
pub async fn place<L: Link>(
    inputs: &[Input],
    run: RunId,
    cache: &Path,
    directory: &Path,
    link: &L,
) -> Result<(), InputError> {
    let mut files = Vec::with_capacity(inputs.len());
    for input in inputs {
        let test = TestId { run, index: input.test };
        let found = link.artifacts(test).await.map_err(|error| InputError::Look { test, error })?;
        let artifact = found.into_iter().find(|artifact| artifact.name == input.artifact);
        let name = || input.artifact.clone();
        let Artifact { sha256, size_bytes, .. } =
            artifact.ok_or_else(|| InputError::Missing { test, name: name() })?;
        files.push(FileRef { path: input.path.clone(), sha256, size_bytes });
    }
    Ok(files::place(&files, cache, directory, link).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_spooled_by_its_digest() {
        let dir = tempfile::tempdir().expect("a directory");
        let spool = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("out.bin"), "content").expect("written");
        let kept = keep(dir.path(), &["out.bin".into()], spool.path()).expect("kept");
        assert_eq!((kept[0].name.as_str(), kept[0].size_bytes), ("out.bin", 7));
        let spooled = std::fs::read(spool.path().join(&kept[0].sha256)).expect("spooled");
        assert_eq!(spooled, b"content");
        let missing = keep(dir.path(), &["other".into()], spool.path()).expect_err("missing");
        assert!(missing.contains("\"other\""), "{missing}");
        std::fs::create_dir(dir.path().join("folder")).expect("mkdir");
        assert!(keep(dir.path(), &["folder".into()], spool.path()).is_err());
    }
}
