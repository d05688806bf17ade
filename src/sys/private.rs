//! Files with secrets, which only their owner may read.
//!
//! Promise: the file that is checked is the file that is read, also when another one is put in its
//! place meanwhile.

use crate::domain::text;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The reason why a file with a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    #[error("cannot read the token file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the token file {path} can be read by others (mode {mode:03o})")]
    Readable { path: PathBuf, mode: u32 },
    #[error("the token file {path} is too large (maximum {max} bytes)")]
    TooLarge { path: PathBuf, max: u64 },
}

impl PrivateFileError {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Readable { .. } => Some("let only its owner read it: chmod 600 FILE"),
            Self::Read { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// Reads a text of at most `max` bytes.
///
/// # Errors
/// A file that cannot be read, that users other than its owner can read, or that is larger.
pub fn read_private(path: &Path, max: u64) -> Result<String, PrivateFileError> {
    let unreadable = |source| PrivateFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = shared_mode(&metadata).filter(|_| !is_credential(path, &metadata));
    if let Some(mode) = mode {
        return Err(PrivateFileError::Readable { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.by_ref().take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max {
        return Err(PrivateFileError::TooLarge { path: path.to_owned(), max });
    }
    let text = text::decode(&bytes).map_err(|error| unreadable(io::Error::other(error)))?;
    Ok(text.into_owned())
}

/// The mode of a file that its group or others have any right to.
#[cfg(unix)]
fn shared_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Whether a file is a credential that systemd passes to this service. systemd gives the user of the
/// service access by an access list, whose mask appears as permission of the group of root.
#[cfg(unix)]
fn is_credential(path: &Path, metadata: &Metadata) -> bool {
    #[expect(clippy::disallowed_methods, reason = "systemd names the directory only there")]
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    is_credential_in(directory.as_deref().map(Path::new), path, metadata)
}

#[cfg(unix)]
fn is_credential_in(directory: Option<&Path>, path: &Path, metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let is_inside = directory
        .is_some_and(|directory| directory.is_absolute() && path.parent() == Some(directory));
    is_inside && metadata.uid() == 0 && metadata.gid() == 0 && metadata.mode() & 0o777 == 0o440
}

#[cfg(not(unix))]
fn is_credential(_: &Path, _: &Metadata) -> bool {
    false
}

/// Windows protects the files in the profile of a user by access lists.
#[cfg(not(unix))]
fn shared_mode(_: &Metadata) -> Option<u32> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_private_files_of_a_sensible_size_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let missing = read_private(&path, 10).expect_err("missing");
        assert!(matches!(missing, PrivateFileError::Read { .. }), "{missing}");
        std::fs::write(&path, "0123456789").expect("written");
        for mode in [0o644, 0o640, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let shared = read_private(&path, 10).expect_err("shared");
            assert!(matches!(shared, PrivateFileError::Readable { mode: is, .. } if is == mode));
            assert!(shared.hint().is_some_and(|hint| hint.contains("chmod 600")));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(read_private(&path, 10).expect("private"), "0123456789");
        let large = read_private(&path, 9).expect_err("too large");
        assert_eq!(
            large.to_string(),
            format!("the token file {path:?} is too large (maximum 9 bytes)").replace('"', "")
        );
    }

    #[test]
    fn a_credential_of_systemd_may_have_the_mask_of_its_access_list() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "x").expect("written");
        let within = |directory: Option<&Path>, mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let metadata = std::fs::metadata(&path).expect("read");
            is_credential_in(directory, &path, &metadata)
        };
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(within(Some(directory.path()), 0o440), is_root);
        assert!(!within(Some(directory.path()), 0o444) && !within(Some(directory.path()), 0o640));
        assert!(!within(None, 0o440) && !within(Some(Path::new("/run/credentials/other")), 0o440));
        assert!(!within(Some(Path::new("")), 0o440));
    }
}
