//! Files that must not be half there, files that others may have put there, and
//! directories that have one owner.

use crate::domain::text;
use std::borrow::Cow;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use tempfile::NamedTempFile;

/// Puts a whole file in place in one step: readers see the old content or the new. Only the
/// owner can read it. Survives the end of the process, not necessarily a power cut.
///
/// # Errors
/// The directory is missing, full or not writable; the old content is still there then.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(path, content)?.persist(path)?;
    Ok(())
}

/// As [`write_whole`], and survives a power cut. Without `private`, everybody can read it.
///
/// # Errors
/// As for [`write_whole`].
pub fn write_durably(path: &Path, content: &[u8], private: bool) -> io::Result<()> {
    let fresh = written_beside(path, content)?;
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt;
        fresh.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = private;
    fresh.as_file().sync_all()?;
    fresh.persist(path)?;
    #[cfg(unix)]
    File::open(directory_of(path))?.sync_all()?;
    Ok(())
}

/// Such files start out as 0600.
fn written_beside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut fresh = tempfile::Builder::new().prefix(".new-").tempfile_in(directory_of(path))?;
    fresh.write_all(content)?;
    Ok(fresh)
}

/// Makes a directory, and those above it, that only the owner can look into. One that is
/// there keeps its mode: somebody chose it.
///
/// # Errors
/// It cannot be made, or is no directory.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn directory_of(path: &Path) -> &Path {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

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

/// The text of a file that people or their programs wrote, see [`text::decode`].
///
/// # Errors
/// It cannot be read, or is neither UTF-8 nor UTF-16 with a byte order mark.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    text::decode(&bytes).map(Cow::into_owned).map_err(invalid)
}

/// What tells a file that was written again from one that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// File system and number in it.
    #[cfg(unix)]
    identity: (u64, u64),
}

impl Stamp {
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: (metadata.dev(), metadata.ino()),
        }
    }

    /// The stamp of a file that somebody may write again at once. Its time of modification is
    /// set back, since the clock of a file system may not have moved on by then.
    ///
    /// # Errors
    /// It cannot be looked at; not there is none.
    pub fn set_back(path: &Path) -> io::Result<Option<Self>> {
        let file = match open_plain(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Where that is not allowed, the rest has to do.
        let _ = file.set_modified(SystemTime::UNIX_EPOCH);
        Ok(Some(Self::of(&file.metadata()?)))
    }
}

/// Removes a directory with everything in it, also what is in directories of this user that
/// nobody may write to; quick when it is empty.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            std::fs::remove_dir_all(path).or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    open_up(path);
                    std::fs::remove_dir_all(path)
                }
                _ => Err(error),
            })
        }
        other => other,
    }
}

/// Lets the owner list and change this directory and all below it, as far as that is possible.
fn open_up(root: &Path) {
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Whoever removes the directory next reports what cannot be done.
            let _ = std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700));
        }
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        open.extend(below.map(|entry| entry.path()));
    }
}

/// Before the process id of a reader in the file of a lock.
const READER: &str = "reader ";
/// How long a reader may have a directory before it counts as in use.
const READER_PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take until a new holder has written who it is.
const WRITING_PATIENCE: Duration = Duration::from_millis(300);
/// Between two looks at a lock.
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
        Self::try_acquire(directory, "")
    }

    /// As [`Self::acquire`], but waits while readers have the directory, which is not for long.
    ///
    /// # Errors
    /// As for [`Self::acquire`].
    pub fn acquire_after_readers(directory: &Path) -> Result<Self, LockError> {
        Self::acquire_patiently(directory, "")
    }

    /// For a reader, which has it for the time of a look: owners and other readers wait for it.
    ///
    /// # Errors
    /// As for [`Self::acquire`].
    pub fn acquire_to_read(directory: &Path) -> Result<Self, LockError> {
        Self::acquire_patiently(directory, READER)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "between two looks; nothing tells of a free lock"
    )]
    fn acquire_patiently(directory: &Path, role: &str) -> Result<Self, LockError> {
        let start = Instant::now();
        loop {
            let refused = match Self::try_acquire(directory, role) {
                Err(LockError::Held { path, holder }) => LockError::Held { path, holder },
                other => return other,
            };
            // Who has just taken it has not written yet who it is.
            let reader =
                matches!(&refused, LockError::Held { holder, .. } if holder.starts_with(READER));
            let patience = if reader { READER_PATIENCE } else { WRITING_PATIENCE };
            if start.elapsed() >= patience {
                return Err(refused);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn try_acquire(directory: &Path, role: &str) -> Result<Self, LockError> {
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
        writeln!(file, "{role}{}", std::process::id()).map_err(failed)?;
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
        write_durably(&path, b"new", true).expect("replaced");
        assert_eq!(std::fs::read(&path).expect("there"), b"new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
            assert_eq!(mode(&path) & 0o777, 0o600);
            write_durably(&path, b"open", false).expect("replaced");
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

    #[test]
    fn an_owner_waits_for_readers_and_readers_for_each_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path();
        for acquire in [DirectoryLock::acquire_after_readers, DirectoryLock::acquire_to_read] {
            let reader = DirectoryLock::acquire_to_read(place).expect("free");
            assert!(DirectoryLock::acquire(place).is_err(), "held");
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| acquire(place).map(drop));
                drop(reader);
                waiting.join().expect("no panic").expect("free in the end");
            });
        }
        let owner = DirectoryLock::acquire_after_readers(place).expect("free");
        let refused = DirectoryLock::acquire_to_read(place).expect_err("held");
        let own = format!("is in use by process {}", std::process::id());
        assert!(refused.to_string().ends_with(&own), "{refused}");
        drop(owner);
    }

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
    fn directories_without_permissions_are_opened_and_links_are_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let (root, other) = (dir.path().join("root"), dir.path().join("other"));
        std::fs::create_dir_all(root.join("a/b")).expect("made");
        std::fs::create_dir(&other).expect("made");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        std::os::unix::fs::symlink(&other, root.join("link")).expect("linked");
        for (path, bits) in [(root.join("a/b"), 0), (root.join("a"), 0o500), (other.clone(), 0o500)]
        {
            set(&path, bits);
        }
        open_up(&root);
        assert_eq!((mode(&root.join("a")), mode(&root.join("a/b"))), (0o700, 0o700));
        assert_eq!(mode(&other), 0o500, "it lies elsewhere");
        set(&root.join("a"), 0o500);
        remove_dir(&root).expect("removed");
        assert!(!root.exists() && other.exists());
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
