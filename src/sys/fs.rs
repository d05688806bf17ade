//! Writing files as a whole, setting files aside, reading files that untrusted programs may have
//! made, and removing directories.

use crate::domain::text;
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// Replaces a file in one step: a reader sees either the old or the new content. Only the owner can
/// read the file. The new content survives the end of this process, but not necessarily a power
/// failure.
///
/// # Errors
/// The directory is missing, full or not writable. The old content is unchanged then.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(path, content)?.persist(path)?;
    Ok(())
}

/// As [`write_whole`], and the new content survives a power failure. Without `private`, every user can
/// read the file.
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
    sync_directory(directory_of(path))
}

/// As [`write_whole`], for a file that a user names: a new file has the mode that the umask leaves, one that is
/// replaced keeps its mode, and a symbolic link still leads to the file. What is not a file, and standard output under
/// one of its names, is written to.
///
/// # Errors
/// As for [`write_whole`].
pub fn write_for_user(path: &Path, content: &[u8]) -> io::Result<()> {
    // They may lead to a file, which has other content, too.
    let streams = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    let is_stream = streams.iter().any(|place| path.starts_with(place));
    let known = match std::fs::metadata(path) {
        Ok(known) if known.is_file() && !is_stream => known,
        Ok(_) => return File::options().append(true).open(path)?.write_all(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            return std::fs::write(path, content);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = tempfile::Builder::new();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            let mut fresh = builder.prefix(".new-").tempfile_in(directory_of(path))?;
            fresh.write_all(content)?;
            fresh.persist(path)?;
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let path = std::fs::canonicalize(path)?;
    let fresh = written_beside(&path, content)?;
    fresh.as_file().set_permissions(known.permissions())?;
    fresh.persist(path)?;
    Ok(())
}

/// Renames a file within its directory, or from one directory to another of the same file system. The
/// new name survives a power failure. A file that has this name is replaced.
///
/// # Errors
/// The file cannot be renamed, or a directory cannot be synced.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    if directory_of(from) != directory_of(to) {
        sync_directory(directory_of(from))?;
    }
    sync_directory(directory_of(to))
}

/// Makes the entries of a directory survive a power failure: files and directories that were made,
/// renamed or removed in it.
///
/// # Errors
/// The directory cannot be opened or synced.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    // Windows has no such operation, and its file systems log changes of names.
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Renames a file to `NAME.LABEL-N`, so that it is no longer used but can be examined, and returns
/// the new path. N is higher than that of the files that were set aside before, of which only the
/// newest ones are kept: `keep` files in all.
///
/// # Errors
/// The directory cannot be read, or the file cannot be renamed.
pub fn set_aside(path: &Path, label: &str, keep: u64) -> io::Result<PathBuf> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(format!(".{label}-"));
    let prefix = prefix.to_string_lossy().into_owned();
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory_of(path))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    let number = numbers.iter().max().map_or(1, |last| last.saturating_add(1));
    let aside = |number: u64| path.with_file_name(format!("{prefix}{number}"));
    rename_durably(path, &aside(number))?;
    for old in numbers.into_iter().filter(|old| number - old >= keep.max(1)) {
        std::fs::remove_file(aside(old))?;
    }
    Ok(aside(number))
}

/// Writes the content into a new file in the same directory. Its mode is 0600.
fn written_beside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut fresh = tempfile::Builder::new().prefix(".new-").tempfile_in(directory_of(path))?;
    fresh.write_all(content)?;
    Ok(fresh)
}

/// Makes a directory, and its parents, that only the owner can read. A directory that exists keeps
/// its mode, since somebody chose it. A directory that was made survives a power failure.
///
/// # Errors
/// The directory cannot be made or synced, or the path is not a directory.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let named = path.ancestors().filter(|part| !part.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|part| !part.exists()).collect();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    missing.into_iter().try_for_each(|made| sync_directory(directory_of(made)))
}

fn directory_of(path: &Path) -> &Path {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

/// Opens a file that an untrusted program may have made, and refuses everything but a plain file: a
/// pipe, which would block, a symbolic link, and a device.
///
/// # Errors
/// The file is missing, not readable, or not a plain file.
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

/// Reads from a position of a file, independently of other readers. Returns the number of bytes; 0 at
/// the end.
///
/// # Errors
/// The file cannot be read.
pub fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileExt;
        file.read_at(buffer, position)
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::FileExt;
        file.seek_read(buffer, position)
    }
}

/// Reads a text file, see [`text::decode`].
///
/// # Errors
/// The file cannot be read, or is neither UTF-8 nor UTF-16 with a byte order mark.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    text::decode(&bytes).map(Cow::into_owned).map_err(invalid)
}

/// The state of a file by which a later change is detected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Device and inode number.
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

    /// Sets the modification time of a file back, and returns its stamp. A change directly after this
    /// call is detected, although the clock of the file system may not have advanced by then. None if
    /// there is no such file.
    ///
    /// # Errors
    /// The file cannot be opened or inspected.
    pub fn set_back(path: &Path) -> io::Result<Option<Self>> {
        let file = match open_plain(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Without permission for this, size and inode still detect most changes.
        let _ = file.set_modified(SystemTime::UNIX_EPOCH);
        Ok(Some(Self::of(&file.metadata()?)))
    }
}

/// Removes a directory and its content, including the content of this user's directories that are not
/// writable. Fast if the directory is empty.
///
/// # Errors
/// A part of the content cannot be removed.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            std::fs::remove_dir_all(path).or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    make_accessible(path);
                    std::fs::remove_dir_all(path)
                }
                _ => Err(error),
            })
        }
        other => other,
    }
}

/// Gives the owner full access to this directory and all directories below it, as far as possible.
fn make_accessible(root: &Path) {
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The removal that follows reports a directory that stays inaccessible.
            let _ = std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700));
        }
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        open.extend(below.map(|entry| entry.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_in_one_step_and_can_be_private() {
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
    fn directories_are_made_with_their_parents() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("a/b/c");
        create_private_dir(&path).expect("made");
        create_private_dir(&path).expect("it exists");
        assert!(path.is_dir());
        std::fs::write(path.join("file"), "").expect("written");
        assert!(create_private_dir(&path.join("file")).is_err(), "it is a file");
        assert!(create_private_dir(&path.join("file/below")).is_err(), "a parent is a file");
    }

    #[test]
    fn a_limited_number_of_files_is_set_aside() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("state");
        std::fs::write(root.path().join("state.bad-x"), "other").expect("written");
        for number in 1..=3 {
            std::fs::write(&path, number.to_string()).expect("written");
            let aside = set_aside(&path, "bad", 2).expect("set aside");
            assert_eq!(aside, root.path().join(format!("state.bad-{number}")));
            assert_eq!(std::fs::read_to_string(aside).expect("there"), number.to_string());
        }
        let mut names: Vec<_> = std::fs::read_dir(root.path())
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["state.bad-2", "state.bad-3", "state.bad-x"]);
        assert!(set_aside(&path, "bad", 2).is_err(), "there is no such file");
    }

    #[test]
    fn files_are_replaced_and_directories_removed() {
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
    fn inaccessible_directories_are_removed_and_links_are_not_followed() {
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
        make_accessible(&root);
        assert_eq!((mode(&root.join("a")), mode(&root.join("a/b"))), (0o700, 0o700));
        assert_eq!(mode(&other), 0o500, "a linked directory is unchanged");
        set(&root.join("a"), 0o500);
        remove_dir(&root).expect("removed");
        assert!(!root.exists() && other.exists());
    }

    #[test]
    #[cfg(unix)]
    fn links_directories_and_devices_are_not_plain_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("a link");
        assert!(open_plain(&link).is_err());
        assert!(open_plain(dir.path()).is_err());
        assert!(open_plain(Path::new("/dev/null")).is_err());
    }
}
