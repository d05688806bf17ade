//! Identity of a directory and of the machine it is on.

use crate::domain::digest::sha256_hex;
use std::fs::Metadata;
use std::io;
use std::path::Path;

/// A hexadecimal id of a directory, valid until the next boot of the machine. Two directories that
/// exist at the same time have different ids, wherever they are mounted. A copy has another id.
///
/// # Errors
/// The directory cannot be read.
pub fn directory_id(directory: &Path) -> io::Result<String> {
    let directory = directory.canonicalize()?;
    let file = file_id(&directory.metadata()?);
    // Systems other than Linux have no boot id, so host name and path are used there.
    let (machine, path) = match (boot_id(), file) {
        (Some(boot), Some(_)) => (boot, String::new()),
        _ => (host_name(), directory.display().to_string()),
    };
    let text = format!("{machine}\n{file:?}\n{path}");
    let mut id = sha256_hex(text.as_bytes());
    id.truncate(32);
    Ok(id)
}

/// Name of this host; empty if it has none.
#[must_use]
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// Device and inode number of a file; None on systems without them.
#[cfg(unix)]
#[must_use]
pub fn file_id(data: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((data.dev(), data.ino()))
}

#[cfg(not(unix))]
#[must_use]
pub fn file_id(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// The id of the running kernel, which is new after every boot.
#[must_use]
pub fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_id_and_another_directory_another() {
        let (one, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let id = |path: &Path| directory_id(path).expect("an id");
        assert_eq!(id(one.path()), id(&one.path().join(".")));
        assert_ne!(id(one.path()), id(other.path()));
    }
}
