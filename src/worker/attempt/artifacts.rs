//! Artifacts: files that a test passes to the tests that depend on it.
//!
//! Limit: [`MAX_BLOB_BYTES`] for each file.
//!
//! Promises: a test without one of its artifacts has not passed. A test that has failed leaves those
//! that it wrote, for people. Artifacts are in the spool before
//! the result is reported, so that dependent tests find them. They are copied piece by piece, so their
//! size costs no memory. A link is followed inside the attempt's directory only.

use crate::api::MAX_BLOB_BYTES;
use crate::api::v1::test_views::Artifact;
use crate::domain::id::{RunId, TestId};
use crate::domain::launch::{FileRef, Input};
use crate::sys::beneath::open_beneath;
use crate::sys::hashing::{self, Hashed};
use crate::worker::files::{self, FileError};
use crate::worker::link::{Link, LinkError};
use std::io::Read;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("cannot query the artifacts of {test}")]
    Query {
        test: TestId,
        #[source]
        error: LinkError,
    },
    #[error("{test} has no artifact {name:?}")]
    Missing { test: TestId, name: String },
    #[error(transparent)]
    Fetch(#[from] FileError),
}

/// Copies the artifacts of an attempt into the spool.
///
/// # Errors
/// A message for people about the first artifact that cannot be kept.
pub fn keep(directory: &Path, names: &[String], spool: &Path) -> Result<Vec<Artifact>, String> {
    names.iter().map(|name| keep_one(directory, name, spool)).collect()
}

/// Copies the artifacts that exist into the spool. Returns them, and messages about the others.
pub fn keep_existing(
    directory: &Path,
    names: &[String],
    spool: &Path,
) -> (Vec<Artifact>, Vec<String>) {
    let existing = names.iter().filter(|name| directory.join(name).exists());
    let (mut kept, mut errors) = (Vec::new(), Vec::new());
    for name in existing {
        match keep_one(directory, name, spool) {
            Ok(artifact) => kept.push(artifact),
            Err(error) => errors.push(error),
        }
    }
    (kept, errors)
}

fn keep_one(directory: &Path, name: &str, spool: &Path) -> Result<Artifact, String> {
    let unreadable = |error| format!("cannot read the artifact {name:?}: {error}");
    let unspooled = |error| format!("cannot spool the artifact {name:?}: {error}");
    let file = open_beneath(directory, name).map_err(unreadable)?;
    let executable = is_executable(&file.metadata().map_err(unreadable)?);
    let mut fresh =
        tempfile::Builder::new().prefix(".new-").tempfile_in(spool).map_err(unspooled)?;
    let copied = hashing::copy(&mut file.take(MAX_BLOB_BYTES + 1), fresh.as_file_mut());
    let Hashed { sha256, size } =
        copied.map_err(|error| format!("cannot copy the artifact {name:?}: {error}"))?;
    if size > MAX_BLOB_BYTES {
        let maximum = MAX_BLOB_BYTES >> 20;
        return Err(format!("the artifact {name:?} is too large (maximum {maximum} MiB)"));
    }
    fresh.persist(spool.join(&sha256)).map_err(|error| unspooled(error.error))?;
    Ok(Artifact { name: name.to_owned(), sha256, size_bytes: size, executable })
}

#[cfg(unix)]
fn is_executable(data: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    data.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

/// Copies the artifacts of other tests of the run into `directory`.
///
/// # Errors
/// The first artifact that is missing or cannot be fetched.
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
        let artifacts =
            link.artifacts(test).await.map_err(|error| InputError::Query { test, error })?;
        let artifact = artifacts.into_iter().find(|artifact| artifact.name == input.artifact);
        let name = || input.artifact.clone();
        let Artifact { sha256, size_bytes, executable, .. } =
            artifact.ok_or_else(|| InputError::Missing { test, name: name() })?;
        files.push(FileRef { path: input.path.clone(), sha256, size_bytes, executable });
    }
    Ok(files::place(&files, &[], cache, directory, link).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_spooled_by_their_digests() {
        let dir = tempfile::tempdir().expect("a directory");
        let spool = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("out.bin"), "content").expect("written");
        let kept = keep(dir.path(), &["out.bin".into()], spool.path()).expect("kept");
        assert_eq!((kept[0].name.as_str(), kept[0].size_bytes), ("out.bin", 7));
        let spooled = std::fs::read(spool.path().join(&kept[0].sha256)).expect("spooled");
        assert_eq!(spooled, b"content");
        let missing = keep(dir.path(), &["other".into()], spool.path()).expect_err("missing");
        assert!(missing.contains("\"other\""), "{missing}");
        std::fs::create_dir(dir.path().join("directory")).expect("mkdir");
        assert!(keep(dir.path(), &["directory".into()], spool.path()).is_err());
    }

    #[test]
    fn a_failed_test_leaves_the_artifacts_that_it_wrote() {
        let dir = tempfile::tempdir().expect("a directory");
        let spool = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("out.bin"), "content").expect("written");
        std::fs::create_dir(dir.path().join("directory")).expect("mkdir");
        let names = ["out.bin", "directory", "missing"].map(str::to_owned);
        let (kept, errors) = keep_existing(dir.path(), &names, spool.path());
        assert_eq!(kept.iter().map(|kept| &*kept.name).collect::<Vec<_>>(), ["out.bin"]);
        assert!(errors.len() == 1 && errors[0].contains("\"directory\""), "{errors:?}");
    }

    #[test]
    #[cfg(unix)]
    fn programs_stay_programs_and_links_stay_inside() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("a directory");
        let spool = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("built");
        std::fs::write(&program, "#!/bin/sh\n").expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        symlink("built", dir.path().join("latest")).expect("linked");
        symlink("/etc", dir.path().join("etc")).expect("linked");
        let kept = keep(dir.path(), &["built".into(), "latest".into()], spool.path());
        assert!(kept.expect("kept").iter().all(|artifact| artifact.executable));
        let refused = keep(dir.path(), &["etc/passwd".into()], spool.path());
        let refused = refused.expect_err("outside");
        assert!(refused.contains("/etc/passwd, outside"), "{refused}");
    }
}
