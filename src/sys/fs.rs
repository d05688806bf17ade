//! Files that must not be half there, and directories that have one owner.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Replaces a file as a whole, durably. With `private`, only the owner can read it, from the
/// first moment on.
///
/// # Errors
/// Trouble with the disk; the old content is still there then.
pub fn write_atomically(path: &Path, content: &[u8], private: bool) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    // Such files start out as 0600.
    let mut fresh = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    fresh.write_all(content)?;
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt;
        fresh.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = private;
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

/// Sole ownership of a directory, for as long as it lives. A killed process loses it with its
/// last breath: the lock is the operating system's.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{path} is in use by process {holder}")]
    Held { path: PathBuf, holder: String },
    #[error("cannot lock {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DirectoryLock {
    /// Locks `directory` by the file `dtf.lock` in it, which names the holder's process id.
    ///
    /// # Errors
    /// When another process holds it, by name, and trouble with the disk.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.to_owned();
        let failed = |source| LockError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(directory.join("dtf.lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.take(32).read_to_string(&mut holder).map_err(failed)?;
                let holder = holder.trim();
                let holder = if holder.is_empty() { "that does not tell its id" } else { holder };
                return Err(LockError::Held { path, holder: holder.to_owned() });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_can_be_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "old and longer").expect("written");
        write_atomically(&path, b"new", true).expect("replaced");
        assert_eq!(std::fs::read(&path).expect("there"), b"new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
            assert_eq!(mode(&path) & 0o777, 0o600);
            write_atomically(&path, b"open", false).expect("replaced");
            assert_eq!(mode(&path) & 0o777, 0o644);
        }
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
    }

    #[test]
    fn the_second_owner_learns_who_the_first_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = DirectoryLock::acquire(directory.path()).expect("free");
        let refused = DirectoryLock::acquire(directory.path()).expect_err("held");
        let own = std::process::id().to_string();
        assert!(refused.to_string().ends_with(&format!("is in use by process {own}")));
        drop(lock);
        DirectoryLock::acquire(directory.path()).expect("free again");
    }
}
