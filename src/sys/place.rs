//! Which directory of which machine this is.

use crate::domain::digest::sha256_hex;
use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Names a directory on this machine until the next boot, in hexadecimal: two that exist at the
/// same time do not share a name, wherever they are mounted. A copy has another name.
///
/// # Errors
/// The directory cannot be looked at.
pub fn name_of(directory: &Path) -> io::Result<String> {
    let directory = directory.canonicalize()?;
    let number = number(&directory.metadata()?);
    // Elsewhere than on Linux the host and the path have to do.
    let (machine, path) = match (boot(), number) {
        (Some(boot), Some(_)) => (boot, String::new()),
        _ => (host(), directory.display().to_string()),
    };
    let text = format!("{machine}\n{number:?}\n{path}");
    let mut name = sha256_hex(text.as_bytes());
    name.truncate(32);
    Ok(name)
}

/// Name of this host; empty when it has none.
#[must_use]
pub fn host() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// Device and number of a file.
#[cfg(unix)]
#[must_use]
pub fn number(data: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((data.dev(), data.ino()))
}

#[cfg(not(unix))]
#[must_use]
pub fn number(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Differs for every start of every kernel.
fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_name_and_another_place_another() {
        let (one, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let name = |path: &Path| name_of(path).expect("a name");
        assert_eq!(name(one.path()), name(&one.path().join(".")));
        assert_ne!(name(one.path()), name(other.path()));
    }
}
