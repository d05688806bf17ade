//! Finds programs the way a shell does, without starting anything.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

/// What a look for a program led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    Found(PathBuf),
    /// There is a file of that name, but nobody may execute it.
    NotExecutable(PathBuf),
    Absent,
}

/// The program that `name` means: a path is taken from `cwd`, a plain name is looked up in
/// `path` (the value of a `PATH` variable). None when there is no such executable file.
#[must_use]
pub fn find(name: &OsStr, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    match search(name, path, cwd) {
        Search::Found(program) => Some(program),
        Search::NotExecutable(_) | Search::Absent => None,
    }
}

/// The Python interpreter of this machine, by its usual names in `path`.
#[must_use]
pub fn python(path: &OsStr) -> Option<PathBuf> {
    let names = if cfg!(windows) { ["python", "py"] } else { ["python3", "python"] };
    names.iter().find_map(|name| find(name.as_ref(), path, Path::new("")))
}

/// As [`find`], and tells a file that is not executable from none.
#[must_use]
pub fn search(name: &OsStr, path: &OsStr, cwd: &Path) -> Search {
    let plain = Path::new(name);
    let candidates: Vec<PathBuf> = if plain.components().count() > 1 || plain.is_absolute() {
        vec![cwd.join(plain)]
    } else {
        let directories = std::env::split_paths(path).filter(|dir| dir.is_absolute());
        directories.map(|directory| directory.join(name)).collect()
    };
    if let Some(program) = candidates.iter().find_map(|path| with_suffix(path.clone())) {
        return Search::Found(program);
    }
    let file = candidates.into_iter().find(|path| path.is_file());
    file.map_or(Search::Absent, Search::NotExecutable)
}

#[cfg(unix)]
fn with_suffix(path: PathBuf) -> Option<PathBuf> {
    executable(&path).then_some(path)
}

#[cfg(windows)]
fn with_suffix(path: PathBuf) -> Option<PathBuf> {
    if executable(&path) {
        return Some(path);
    }
    ["exe", "cmd", "bat"].iter().map(|suffix| path.with_extension(suffix)).find(|p| executable(p))
}

#[cfg(unix)]
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(windows)]
fn executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn names_go_through_the_path_and_paths_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("tool");
        std::fs::write(&file, "#!/bin/sh\n").expect("a file");
        let path = dir.path().as_os_str();
        assert_eq!(find("tool".as_ref(), path, Path::new("/")), None, "not executable");
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(find("tool".as_ref(), path, Path::new("/")), Some(file.clone()));
        assert_eq!(
            find("./tool".as_ref(), "".as_ref(), dir.path()),
            Some(dir.path().join("./tool"))
        );
        assert_eq!(find("absent".as_ref(), path, Path::new("/")), None);
    }
}
