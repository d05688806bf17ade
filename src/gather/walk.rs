//! Lists the entries below a directory: files, empty directories, and entries that cannot be sent.
//!
//! Symbolic links are followed inside the plan's directory; the target is listed a second time
//! under the path of the link. Promises: no entry is dropped silently, because each entry that is
//! not a readable file is listed with the reason; the walk ends on every tree. Limits: [`MAX_DEPTH`],
//! [`MAX_ENTRIES`], [`MAX_FILES`].

use crate::plan::files::directory::{Listing, MAX_FILES, Refused};
use crate::text::error::ReadError;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum depth of directories.
const MAX_DEPTH: usize = 32;
/// Maximum number of entries that are visited: links may lead to one directory many times.
const MAX_ENTRIES: usize = 10 * MAX_FILES;

struct Walk<'a> {
    root: &'a Path,
    ignored: &'a [&'a str],
    listing: Listing,
    /// Real paths of the directories that are being listed, outermost first.
    open: Vec<PathBuf>,
    entries: usize,
}

/// Lists everything below the directory `full`, whose path in the plan is `path`. `root` is the
/// directory of the plan. Both are real paths.
///
/// # Errors
/// The directory cannot be read, or a limit is exceeded.
pub fn below(root: &Path, path: &str, full: &Path, ignored: &[&str]) -> Result<Listing, ReadError> {
    let mut walk = Walk { root, ignored, listing: Listing::default(), open: vec![], entries: 0 };
    if let Err(error) = walk.directory(path, full)? {
        return Err(ReadError(format!("{}: {error}", full.display())));
    }
    let Listing { files, empty, refused, left_out } = &mut walk.listing;
    files.sort_unstable();
    empty.sort_unstable();
    left_out.sort_unstable();
    refused.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(walk.listing)
}

impl Walk<'_> {
    /// The outer error ends the walk; the inner one is why this directory cannot be read.
    fn directory(&mut self, path: &str, full: &Path) -> Result<io::Result<()>, ReadError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ReadError(format!("{} is nested too deeply", full.display())));
        }
        let entries =
            match std::fs::read_dir(full).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
                Ok(entries) => entries,
                Err(error) => return Ok(Err(error)),
            };
        let ignored = |name: &std::ffi::OsStr| self.ignored.iter().any(|ignored| name == *ignored);
        if !path.is_empty() && entries.iter().all(|entry| ignored(&entry.file_name())) {
            self.listing.empty.push(path.to_owned());
        }
        self.open.push(full.to_owned());
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(ReadError(format!("more than {MAX_ENTRIES} files and directories")));
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let place = entry.path();
                return Err(ReadError(format!("{} is not a Unicode name", place.display())));
            };
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            if self.ignored.contains(&name) {
                self.listing.left_out.push(path);
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.link(path, &entry.path())?,
                Ok(kind) => self.entry(path, &entry.path(), kind)?,
                Err(error) => self.refuse(path, format!("cannot be inspected: {error}"), true),
            }
        }
        self.open.pop();
        Ok(Ok(()))
    }

    /// `full` is a real path.
    fn entry(&mut self, path: String, full: &Path, kind: FileType) -> Result<(), ReadError> {
        if kind.is_dir() {
            if let Err(error) = self.directory(&path, full)? {
                self.refuse(path, format!("cannot be read: {error}"), true);
            }
        } else if kind.is_file() {
            self.listing.files.push(path);
            if self.listing.files.len() > MAX_FILES {
                return Err(ReadError(format!("there are more than {MAX_FILES} files")));
            }
        } else {
            self.refuse(path, format!("is {}, which cannot be sent", special(kind)), false);
        }
        Ok(())
    }

    fn link(&mut self, path: String, link: &Path) -> Result<(), ReadError> {
        let target = std::fs::read_link(link)
            .map_or_else(|error| error.to_string(), |target| target.display().to_string());
        let to = format!("is a symbolic link to {target:?}");
        let full = match link.canonicalize() {
            Ok(full) => full,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.refuse(path, format!("{to}, which does not exist"), false);
                return Ok(());
            }
            Err(error) => {
                self.refuse(path, format!("{to}, which cannot be followed: {error}"), true);
                return Ok(());
            }
        };
        let kind = match full.symlink_metadata() {
            Ok(data) => data.file_type(),
            Err(error) => {
                self.refuse(path, format!("{to}, which cannot be inspected: {error}"), true);
                return Ok(());
            }
        };
        if !full.starts_with(self.root) {
            let root = self.root.display();
            let why = format!("{to}, which leads out of the plan's directory {root}");
            self.refuse(path, why, kind.is_dir());
        } else if self.open.iter().any(|open| open.starts_with(&full)) {
            self.refuse(
                path,
                format!("{to}, a directory that contains it, which is a cycle"),
                true,
            );
        } else {
            return self.entry(path, &full, kind);
        }
        Ok(())
    }

    fn refuse(&mut self, path: String, why: String, directory: bool) {
        self.listing.refused.push(Refused { path, why, directory });
    }
}

/// Names the kind of an entry that is not a file, a directory or a link.
fn special(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    let _ = kind;
    "of an unknown kind"
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("a path").join("plan");
        for directory in ["suite/deep", "suite/nothing/here", "data/more", "suite/.git"] {
            std::fs::create_dir_all(root.join(directory)).expect("made");
        }
        for file in ["suite/deep/a.py", "data/x.txt", "data/more/y.txt", "suite/.git/config"] {
            std::fs::write(root.join(file), file).expect("written");
        }
        (place, root)
    }

    fn listing(root: &Path) -> Listing {
        below(root, "suite", &root.join("suite"), &[".git"]).expect("listed")
    }

    fn why(listing: &Listing, path: &str) -> String {
        let entry = listing.refused.iter().find(|refused| refused.path == path);
        entry.unwrap_or_else(|| panic!("{path} is not among {listing:?}")).why.clone()
    }

    #[test]
    fn files_empty_directories_and_links_inside_are_found() {
        let (_place, root) = tree();
        for (target, link) in [
            ("deep/a.py", "suite/file"),
            ("file", "suite/chain"),
            ("../data", "suite/data"),
            ("deep", "suite/twice"),
        ] {
            symlink(target, root.join(link)).expect("linked");
        }
        symlink(root.join("data/x.txt"), root.join("suite/absolute")).expect("linked");
        let listing = listing(&root);
        let files = [
            "suite/absolute",
            "suite/chain",
            "suite/data/more/y.txt",
            "suite/data/x.txt",
            "suite/deep/a.py",
            "suite/file",
            "suite/twice/a.py",
        ];
        assert_eq!(listing.files, files);
        assert_eq!(listing.empty, ["suite/nothing/here"]);
        assert_eq!(listing.left_out, ["suite/.git"]);
        assert_eq!(listing.refused, []);
    }

    #[test]
    fn what_cannot_travel_is_named_with_the_reason() {
        let (place, root) = tree();
        std::fs::write(place.path().join("secret"), "s").expect("written");
        for (target, link) in [
            ("../../secret", "suite/out"),
            ("/etc", "suite/etc"),
            ("nowhere", "suite/dangling"),
            ("self", "suite/self"),
            ("..", "suite/deep/up"),
            ("../..", "suite/deep/top"),
        ] {
            symlink(target, root.join(link)).expect("linked");
        }
        mknodat(CWD, root.join("suite/pipe"), Kind::Fifo, Mode::RUSR, 0).expect("made");
        let socket = std::os::unix::net::UnixListener::bind(root.join("suite/socket"));
        socket.expect("bound");
        let listing = listing(&root);
        for (path, words) in [
            ("suite/out", "\"../../secret\", which leads out of the plan's directory"),
            ("suite/etc", "\"/etc\", which leads out"),
            ("suite/dangling", "\"nowhere\", which does not exist"),
            ("suite/self", "which cannot be followed"),
            ("suite/deep/up", "a cycle"),
            ("suite/deep/top", "a cycle"),
            ("suite/pipe", "a named pipe"),
            ("suite/socket", "a socket"),
        ] {
            let why = why(&listing, path);
            assert!(why.contains(words), "{path}: {why}");
        }
        assert_eq!(listing.files.iter().filter(|path| path.ends_with("a.py")).count(), 1);
    }

    #[test]
    fn links_that_multiply_end_at_a_limit() {
        let (_place, root) = tree();
        for level in 0..20 {
            let directory = root.join(format!("suite/l{level}"));
            std::fs::create_dir(&directory).expect("made");
            for way in ["a", "b", "c"] {
                symlink(format!("../l{}", level + 1), directory.join(way)).expect("linked");
            }
        }
        std::fs::create_dir(root.join("suite/l20")).expect("made");
        let refused = below(&root, "suite", &root.join("suite"), &[]).expect_err("too many");
        assert!(refused.0.contains("more than"), "{refused}");
    }
}
