//! Opening files below a directory in which an untrusted program may have made links.

use std::fs::File;
use std::io;
use std::path::Path;

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
}
