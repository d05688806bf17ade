//! Finds programs as a shell does, without starting them.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

/// Result of a search for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    Found(PathBuf),
    /// There is a file of this name, but it is not executable.
    NotExecutable(PathBuf),
    NotFound,
}

/// Finds the program `name`. A path is relative to `cwd`; a plain name is searched in `path`, the
/// value of a `PATH` variable. None if there is no such executable file.
#[must_use]
pub fn find(name: &OsStr, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    match search(name, path, cwd) {
        Search::Found(program) => Some(program),
        Search::NotExecutable(_) | Search::NotFound => None,
    }
}

/// Finds a Python interpreter by its usual names in `path`, the value of a `PATH` variable.
#[must_use]
pub fn python(path: &OsStr) -> Option<PathBuf> {
    let names = if cfg!(windows) { ["python", "py"] } else { ["python3", "python"] };
    names.iter().find_map(|name| find(name.as_ref(), path, Path::new("")))
}

/// As [`find`], but distinguishes a file that is not executable from a missing one.
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
    file.map_or(Search::NotFound, Search::NotExecutable)
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
    fn names_are_searched_in_the_path_variable_and_paths_are_not() {
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
