//! Small things about files that the standard library leaves to its callers.

use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

/// Opens a plain file for reading that someone not trusted may have put there: no pipe
/// that blocks, no link that leads elsewhere, no device.
///
/// # Errors
/// Missing, unreadable, or not a plain file.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}

/// Puts a whole file in place in one step: readers see the old content or the new.
/// Survives the end of the process, not necessarily a power cut.
///
/// # Errors
/// The directory is missing, full or not writable.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("the path has no directory"))?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// Removes a directory with everything in it; quick when it is empty.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            std::fs::remove_dir_all(path)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_files_replace_and_directories_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).expect("mkdir");
        let path = inner.join("file");
        write_whole(&path, b"one").expect("written");
        write_whole(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        assert!(open_plain(&path).is_ok());
        remove_dir(&inner).expect("removed");
        assert!(!inner.exists());
    }

    #[test]
    #[cfg(unix)]
    fn links_directories_and_devices_are_no_plain_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("a link");
        assert!(open_plain(&link).is_err());
        assert!(open_plain(dir.path()).is_err());
        assert!(open_plain(Path::new("/dev/null")).is_err());
    }
}
