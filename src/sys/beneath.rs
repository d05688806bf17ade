//! Opening and creating files below a directory in which an untrusted program may have made links.

use std::fs::File;
use std::io;
use std::path::{Component, Path};

/// Opens a plain file below `directory`. Symbolic links are followed as long as they lead to a place
/// below the directory.
///
/// Promise: the file was below the directory when it was opened, also if a program changes the
/// directories meanwhile. The links are resolved first; the resolved path is then opened component by
/// component without following any link, so that a link that was put in its place is an error.
///
/// # Errors
/// The file is missing, not readable, not a plain file, or reached through a link out of the directory.
pub fn open_beneath(directory: &Path, name: &str) -> io::Result<File> {
    let root = directory.canonicalize()?;
    let full = directory.join(name).canonicalize()?;
    let Ok(path) = full.strip_prefix(&root) else {
        let reason =
            format!("it is a link to {}, outside of the directory of the test", full.display());
        return Err(io::Error::other(reason));
    };
    let file = open_without_links(&root, path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}

/// Opens a file below `directory` for reading and writing. The file and the directories on its path are
/// created if they are missing.
///
/// Promise: what is written to the file is below the directory and nowhere else, also if a program changes
/// the directories meanwhile. A link, a file that has another name as well, and everything else that is
/// not a plain file or directory is removed from its place first.
///
/// # Errors
/// The path leads out of the directory, or the file cannot be created.
pub fn create_beneath(directory: &Path, path: &Path) -> io::Result<File> {
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_below || path.file_name().is_none() {
        return Err(io::Error::other(format!("{} is not below a directory", path.display())));
    }
    create_without_links(directory, path)
}

#[cfg(unix)]
fn open_without_links(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let no_links = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut file = File::open(root)?;
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let kind = match components.peek() {
            Some(_) => OFlags::DIRECTORY,
            // A pipe without a writer would block.
            None => OFlags::NONBLOCK,
        };
        file = openat(&file, component.as_os_str(), no_links | kind, Mode::empty())?.into();
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_without_links(root: &Path, path: &Path) -> io::Result<File> {
    crate::sys::fs::open_plain(&root.join(path))
}

#[cfg(unix)]
fn create_without_links(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    use rustix::io::Errno;
    use std::os::unix::fs::MetadataExt;
    let no_links = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The mask of the process applies.
    let (for_file, for_directory) = (Mode::from_raw_mode(0o666), Mode::from_raw_mode(0o777));
    let mut file = File::open(root)?;
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let (name, is_file) = (component.as_os_str(), components.peek().is_none());
        remove_others(&file, name, is_file)?;
        let opened = if is_file {
            let flags = no_links | OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
            openat(&file, name, flags, for_file)?
        } else {
            match mkdirat(&file, name, for_directory) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            openat(&file, name, no_links | OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?
        };
        file = opened.into();
    }
    // A program may have put another one in its place meanwhile.
    let data = file.metadata()?;
    let is_own = data.is_file() && data.nlink() == 1;
    if is_own { Ok(file) } else { Err(io::Error::other("not a plain file with one name")) }
}

/// Removes what is in the place of a file or directory and is neither.
#[cfg(unix)]
fn remove_others(directory: &File, name: &std::ffi::OsStr, is_file: bool) -> io::Result<()> {
    use rustix::fs::{AtFlags, FileType, statat, unlinkat};
    use rustix::io::Errno;
    let found = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let stays = match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => true,
        FileType::RegularFile => is_file && found.st_nlink == 1,
        _ => false,
    };
    if !stays {
        let place = name.display();
        tracing::warn!(%place, "what is neither a plain file nor a directory is removed from here");
        unlinkat(directory, name, AtFlags::empty())?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn create_without_links(root: &Path, path: &Path) -> io::Result<File> {
    let mut full = root.to_owned();
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        full.push(component);
        let is_file = components.peek().is_none();
        if let Ok(found) = full.symlink_metadata()
            && !(if is_file { found.is_file() } else { found.is_dir() })
        {
            return Err(io::Error::other(format!("{} is a link", full.display())));
        }
        if !is_file {
            std::fs::create_dir_all(&full)?;
        }
    }
    File::options().read(true).write(true).create(true).truncate(false).open(&full)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_inside_only_and_pipes_do_not_block() {
        let (inside, outside) =
            (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let root = inside.path();
        std::fs::create_dir_all(root.join("a/b")).expect("made");
        std::fs::write(root.join("a/b/file"), "content").expect("written");
        std::fs::write(outside.path().join("file"), "secret").expect("written");
        symlink("a/b", root.join("relative")).expect("linked");
        symlink(root.join("a/b"), root.join("absolute")).expect("linked");
        symlink(outside.path(), root.join("out")).expect("linked");
        symlink(outside.path().join("file"), root.join("out-file")).expect("linked");
        for name in ["a/b/file", "relative/file", "absolute/file", "./a/../a/b/file"] {
            let mut text = String::new();
            let opened = open_beneath(root, name).expect(name);
            { opened }.read_to_string(&mut text).expect("read");
            assert_eq!(text, "content", "{name}");
        }
        let above = format!("../{}/file", outside.path().file_name().expect("a name").display());
        for name in ["out/file", "out-file", "/etc/hostname", &above] {
            let error = open_beneath(root, name).expect_err(name);
            assert!(error.to_string().contains("outside"), "{name}: {error}");
        }
        assert!(open_beneath(root, "a").is_err(), "a directory");
        assert!(open_beneath(root, "missing").is_err());
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .expect("a pipe");
        assert!(open_beneath(root, "pipe").is_err());
    }

    /// A link that appears between the resolution and the opening.
    #[test]
    fn a_link_in_the_place_of_a_resolved_directory_is_refused() {
        let (inside, outside) =
            (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        std::fs::write(outside.path().join("file"), "secret").expect("written");
        symlink(outside.path(), inside.path().join("a")).expect("linked");
        assert!(open_without_links(inside.path(), Path::new("a/file")).is_err());
        symlink(outside.path().join("file"), inside.path().join("file")).expect("linked");
        assert!(open_without_links(inside.path(), Path::new("file")).is_err());
    }

    #[test]
    fn a_created_file_is_written_below_the_directory_whatever_is_in_its_place() {
        use std::io::Write;
        let (inside, outside) =
            (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let (root, other) = (inside.path(), outside.path().join("file"));
        std::fs::write(&other, "foreign").expect("written");
        std::fs::create_dir(root.join("plain")).expect("made");
        std::fs::write(root.join("plain/file"), "kept").expect("written");
        symlink(&other, root.join("link")).expect("linked");
        symlink(outside.path(), root.join("directory-link")).expect("linked");
        symlink(outside.path().join("new"), root.join("dangling")).expect("linked");
        std::fs::hard_link(&other, root.join("second-name")).expect("linked");
        let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), fifo, mode, 0).expect("a pipe");
        std::fs::write(root.join("file"), "").expect("written");
        for name in
            ["link", "directory-link/file", "dangling", "second-name", "pipe", "file/file", "a/b/c"]
        {
            let mut file = create_beneath(root, Path::new(name)).expect(name);
            file.write_all(b"content").expect(name);
            let read = std::fs::read_to_string(root.join(name)).expect(name);
            assert_eq!(read, "content", "{name}");
            assert!(root.join(name).symlink_metadata().expect(name).is_file(), "{name}");
        }
        let mut kept = String::new();
        let mut plain = create_beneath(root, Path::new("plain/file")).expect("opened");
        plain.read_to_string(&mut kept).expect("read");
        assert_eq!(kept, "kept");
        assert_eq!(std::fs::read_to_string(&other).expect("read"), "foreign");
        assert_eq!(std::fs::read_dir(outside.path()).expect("listed").count(), 1);
        for name in ["../file", "/etc/hostname", "a/../../file", "", "."] {
            assert!(create_beneath(root, Path::new(name)).is_err(), "{name:?}");
        }
        assert!(create_beneath(root, Path::new("a/b")).is_err(), "a directory stays");
    }
}
