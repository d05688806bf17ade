//! The files of the machine on which devices are detected: those of this machine, or a directory with
//! the same layout.
//!
//! Limits: [`MAX_FILE_BYTES`] of a file, [`MAX_ENTRIES`] of a directory, [`MAX_LINKS`] links of a path.
//!
//! Promise: a link in a directory with recorded files is resolved within this directory, as the system
//! does after `chroot`, so that no file of this machine is read in place of a recorded one.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Maximum size of a file, in bytes; the remaining bytes are not read. `/proc/cpuinfo` of a machine with
/// 4096 processors has 6 MiB.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;
/// Maximum number of entries of a directory that are read.
const MAX_ENTRIES: usize = 16 << 10;
/// Maximum number of symbolic links on the way to a file.
const MAX_LINKS: usize = 40;

/// The directory that contains the files of the machine.
#[derive(Debug, Clone)]
pub(super) enum Root {
    /// The directory `/` of this machine.
    Own,
    /// A directory with recorded files.
    Recorded(PathBuf),
}

impl Root {
    /// The place of a file of the machine, with all links resolved.
    pub fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        match self {
            Self::Own => Path::new(path).canonicalize(),
            Self::Recorded(root) => within(root, Path::new(path)),
        }
    }

    /// The place of a directory whose links are not resolved, for the search path of programs.
    pub fn place(&self, path: &str) -> PathBuf {
        match self {
            Self::Own => PathBuf::from(path),
            Self::Recorded(root) => root.join(relative(path)),
        }
    }

    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = crate::sys::fs::open_plain(&self.resolve(path)?)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether this process may read and write a file; None if the file does not exist.
    #[cfg(unix)]
    pub fn access(&self, path: &str) -> Option<bool> {
        use rustix::fs::Access;
        use std::os::unix::fs::MetadataExt;
        let place = self.resolve(path).ok()?;
        if let Self::Own = self {
            return Some(rustix::fs::access(&place, Access::READ_OK | Access::WRITE_OK).is_ok());
        }
        let metadata = place.metadata().ok()?;
        let status = self.read("/proc/self/status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let ids = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let numbers = line.unwrap_or_default().split_whitespace();
            numbers.filter_map(|number| number.parse().ok()).collect()
        };
        let (users, mut groups) = (ids("Uid:"), ids("Gid:"));
        groups.extend(ids("Groups:"));
        let mode = metadata.mode();
        let bits = if users.is_empty() {
            // The user is unknown, so any permission counts.
            mode | mode >> 3 | mode >> 6
        } else if users.contains(&metadata.uid()) {
            mode >> 6
        } else if groups.contains(&metadata.gid()) {
            mode >> 3
        } else {
            mode
        };
        Some(bits & 0o6 == 0o6)
    }

    /// Whether a file exists: other systems have no permissions of this kind.
    #[cfg(not(unix))]
    pub fn access(&self, path: &str) -> Option<bool> {
        self.resolve(path).ok().map(|_| true)
    }

    /// The names in a directory, sorted. A name that is not text is left out.
    pub fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.resolve(path)?)?.take(MAX_ENTRIES);
        let name = |entry: io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().into_string().ok())
        };
        let names: io::Result<Vec<Option<String>>> = entries.map(name).collect();
        let mut names: Vec<String> = names?.into_iter().flatten().collect();
        names.sort();
        Ok(names)
    }
}

/// A path without its drive and its leading separators.
fn relative(path: &str) -> &str {
    let path = match path.as_bytes() {
        [b'A'..=b'Z' | b'a'..=b'z', b':', ..] => path.get(2..).unwrap_or_default(),
        _ => path,
    };
    path.trim_start_matches(['/', '\\'])
}

/// Resolves a path and its links below `root`, where `/` is `root` and `..` does not leave it.
fn within(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut pending: VecDeque<OsString> = parts(path).into();
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(part) = pending.pop_front() {
        if part == ".." {
            inside.pop();
            continue;
        }
        let place = root.join(&inside).join(&part);
        if std::fs::symlink_metadata(&place)?.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many symbolic links"));
            }
            let target = std::fs::read_link(&place)?;
            if target.has_root() {
                inside = PathBuf::new();
            }
            for part in parts(&target).into_iter().rev() {
                pending.push_front(part);
            }
        } else {
            inside.push(part);
        }
    }
    Ok(root.join(inside))
}

/// The names in a path, without its root.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |part: Component| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn permissions_of_recorded_files_are_those_of_the_recorded_user() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let files = root(&[("dev/kfd", ""), ("proc/self/status", "")]);
        let device = files.path().join("dev/kfd");
        let (uid, gid) = {
            let metadata = device.metadata().expect("a file");
            (metadata.uid(), metadata.gid())
        };
        let recorded = Root::Recorded(files.path().to_owned());
        let access = |mode: u32, status: &str| {
            std::fs::set_permissions(&device, std::fs::Permissions::from_mode(mode)).expect("set");
            std::fs::write(files.path().join("proc/self/status"), status).expect("written");
            recorded.access("/dev/kfd")
        };
        let other = format!("Uid:\t{0}\t{0}\nGid:\t{1}\nGroups:\t{1} \n", uid + 1, gid + 1);
        let member = format!("Uid:\t{0}\t{0}\nGid:\t7\nGroups:\t7 {gid} \n", uid + 1);
        assert_eq!(access(0o660, &other), Some(false));
        assert_eq!(access(0o660, &member), Some(true));
        assert_eq!(access(0o666, &other), Some(true));
        assert_eq!(access(0o600, &format!("Uid:\t{uid}\n")), Some(true));
        assert_eq!(access(0o600, ""), Some(true));
        assert_eq!(access(0o444, ""), Some(false));
        assert_eq!(recorded.access("/dev/none"), None);
    }
    use crate::detect::tests::root;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_of_recorded_files_stay_within_their_directory() {
        let outside = root(&[("secret", "of this machine")]);
        let recorded = root(&[("sys/devices/card/vendor", "0x10de"), ("etc/hostname", "recorded")]);
        let at = recorded.path();
        let link = |target: &Path, name: &str| symlink(target, at.join(name)).expect("linked");
        link(Path::new("../sys/devices/card"), "etc/relative");
        link(Path::new("/sys/devices/card"), "etc/absolute");
        link(Path::new("/etc/absolute/../card/vendor"), "etc/twice");
        link(&outside.path().join("secret"), "etc/out");
        link(Path::new("../../../../../../../etc/hostname"), "etc/above");
        link(Path::new("circle"), "etc/circle");
        let recorded = Root::Recorded(at.to_owned());
        let read =
            |path: &str| recorded.read(path).map(|bytes| String::from_utf8(bytes).expect("text"));
        for path in ["/etc/relative/vendor", "/etc/absolute/vendor", "/etc/twice"] {
            assert_eq!(read(path).expect(path), "0x10de");
        }
        for path in ["/etc/above", "etc/hostname", "/../../etc/./hostname", "C:\\etc/hostname"] {
            let path = path.strip_prefix("C:\\").unwrap_or(path);
            assert_eq!(read(path).expect(path), "recorded");
        }
        assert_eq!(read("/etc/out").expect_err("no such file").kind(), io::ErrorKind::NotFound);
        assert!(read("/etc/circle").expect_err("a circle").to_string().contains("links"));
        assert!(read("/etc").is_err(), "a directory");
        assert_eq!(recorded.list("/sys/devices").expect("a directory"), ["card"]);
        assert_eq!(recorded.place("C:\\Windows"), at.join("Windows"));
    }
}
