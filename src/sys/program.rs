//! The files of the running program: its executable, and the DuckDB library where it is not compiled in.
//!
//! Promises: the files are those that this process runs, also if an update has replaced them on the disk
//! since; where this cannot be ensured, there is an error. A reader gets the content that the digest
//! names, or an error: the rest of a file that changes while it is read is not handed out.

use super::fs::{Stamp, read_at};
use super::hashing;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Name of the executable on another machine.
const EXECUTABLE: &str = if cfg!(windows) { "dtf.exe" } else { "dtf" };
/// Beginning of the name of the DuckDB library, which the executable loads from its own directory first
/// (`build.rs`). A wheel adds a digest to the name.
#[cfg(target_os = "linux")]
const LIBRARY: &str = "libduckdb";

/// The reason why the files of the program are not available.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} was replaced or removed after this program was started", path.display())]
    Replaced { path: PathBuf },
    /// Only Linux lists the libraries that a process has loaded.
    #[error("this build of dtf needs a DuckDB library, whose file is not known on this system")]
    UnknownLibrary,
}

impl ProgramError {
    /// The next step for whoever operates this program.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the permissions of this file",
            Self::Replaced { .. } => "start the coordinator again",
            Self::UnknownLibrary => "build dtf with DUCKDB=bundled, or install it from its package",
        }
    }
}

/// A file of the running program.
#[derive(Debug)]
pub struct ProgramFile {
    /// Its name on another machine. All files of a program belong in one directory.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    path: PathBuf,
    file: File,
    stamp: Stamp,
    sha256: OnceLock<String>,
}

/// Opens the files of the running program, the executable first. To be called at the start: later, some
/// systems only know the path of the executable, at which another file may be by then.
///
/// # Errors
/// See [`ProgramError`].
pub fn running() -> Result<Vec<Arc<ProgramFile>>, ProgramError> {
    let mut files = vec![ProgramFile::open(EXECUTABLE.into(), executable()?)?];
    if let Some(path) = library()? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(ProgramFile::open(name, path)?);
    }
    Ok(files.into_iter().map(Arc::new).collect())
}

/// The kernel opens the file that runs under this name, whatever is at its path now.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "other systems may not know it")]
fn executable() -> Result<PathBuf, ProgramError> {
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
fn executable() -> Result<PathBuf, ProgramError> {
    let path = EXECUTABLE.into();
    std::env::current_exe().map_err(|source| ProgramError::Unreadable { path, source })
}

/// Path of the loaded DuckDB library. `None` if it is a part of the executable.
#[cfg(target_os = "linux")]
fn library() -> Result<Option<PathBuf>, ProgramError> {
    const MAPS: &str = "/proc/self/maps";
    let maps = std::fs::read_to_string(MAPS)
        .map_err(|source| ProgramError::Unreadable { path: MAPS.into(), source })?;
    mapped(&maps, LIBRARY).map_err(|path| ProgramError::Replaced { path })
}

#[cfg(not(target_os = "linux"))]
fn library() -> Result<Option<PathBuf>, ProgramError> {
    if cfg!(feature = "bundled") { Ok(None) } else { Err(ProgramError::UnknownLibrary) }
}

/// The path of a loaded library, whose name begins with `name`, in the text of `/proc/self/maps`.
///
/// # Errors
/// The path of a library that was removed or replaced since it was loaded.
#[cfg(target_os = "linux")]
fn mapped(maps: &str, name: &str) -> Result<Option<PathBuf>, PathBuf> {
    for line in maps.lines() {
        let Some(start) = line.find('/') else { continue };
        let path = line.get(start..).unwrap_or_default();
        let present = path.strip_suffix(" (deleted)");
        let file = present.unwrap_or(path).rsplit('/').next().unwrap_or_default();
        let rest = file.strip_prefix(name).and_then(|rest| rest.split_once(".so"));
        if rest.is_some_and(|(digest, version)| {
            (digest.is_empty() || digest.starts_with('-'))
                && (version.is_empty() || version.starts_with('.'))
        }) {
            return present.map_or(Ok(Some(path.into())), |path| Err(path.into()));
        }
    }
    Ok(None)
}

impl ProgramFile {
    fn open(name: String, path: PathBuf) -> Result<Self, ProgramError> {
        let unreadable = |source| ProgramError::Unreadable { path: path.clone(), source };
        let file = File::open(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let (size, stamp) = (metadata.len(), Stamp::of(&metadata));
        Ok(Self { name, size, path, file, stamp, sha256: OnceLock::new() })
    }

    /// SHA-256 of the content. The first call reads the whole file, and so blocks.
    ///
    /// # Errors
    /// The file was changed or cannot be read.
    pub fn sha256(self: &Arc<Self>) -> Result<&str, ProgramError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let hashed = hashing::hash(&mut self.content(0));
        let hashed = hashed
            .map_err(|source| ProgramError::Unreadable { path: self.path.clone(), source })?;
        Ok(self.sha256.get_or_init(|| hashed.sha256))
    }

    /// Reads the content from a position on.
    #[must_use]
    pub fn content(self: &Arc<Self>, from: u64) -> ProgramReader {
        ProgramReader { file: Arc::clone(self), position: from }
    }
}

/// Reads a file of the program, and fails when the file was changed.
#[derive(Debug)]
pub struct ProgramReader {
    file: Arc<ProgramFile>,
    position: u64,
}

impl Read for ProgramReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = read_at(&self.file.file, buffer, self.position)?;
        // After the read, so that the piece is of the same file as the digest.
        if Stamp::of(&self.file.file.metadata()?) != self.file.stamp {
            return Err(io::Error::other("the file was changed after this program was started"));
        }
        self.position += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::sha256_hex;

    fn file(path: &std::path::Path) -> Arc<ProgramFile> {
        Arc::new(ProgramFile::open("dtf".into(), path.to_owned()).expect("opened"))
    }

    #[test]
    fn the_running_program_is_this_file() {
        let files = running().expect("the files");
        let content = std::fs::read(std::env::current_exe().expect("a path")).expect("read");
        assert_eq!(files[0].name, EXECUTABLE);
        assert_eq!(files[0].size, content.len() as u64);
        assert_eq!(files[0].sha256().expect("a digest"), sha256_hex(&content));
        let mut end = Vec::new();
        files[0].content(files[0].size - 3).read_to_end(&mut end).expect("read");
        assert_eq!(end, content[content.len() - 3..]);
        let needs_library = cfg!(all(target_os = "linux", not(feature = "bundled")));
        assert_eq!(files.len(), 1 + usize::from(needs_library));
    }

    #[test]
    fn a_replaced_file_is_still_the_one_that_runs_and_a_changed_one_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("dtf");
        std::fs::write(&path, "old").expect("written");
        let running = file(&path);
        std::fs::write(directory.path().join("new"), "new").expect("written");
        std::fs::rename(directory.path().join("new"), &path).expect("replaced");
        assert_eq!(running.sha256().expect("a digest"), sha256_hex(b"old"));

        let running = file(&path);
        let mut content = running.content(0);
        content.read_exact(&mut [0]).expect("unchanged");
        std::fs::write(&path, "changed").expect("written");
        assert!(content.read_exact(&mut [0]).is_err(), "no content of another file");
        assert!(matches!(running.sha256(), Err(ProgramError::Unreadable { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loaded_library_is_found_and_a_replaced_one_is_recognised() {
        const AT: &str = "7f00-7f01 r-xp 00000000 08:01 12345        ";
        let find =
            |path: &str| mapped(&format!("7e00-7e01 rw-p 0 00:00 0 [heap]\n{AT}{path}\n"), LIBRARY);
        let found = |path: &str| Ok(Some(PathBuf::from(path)));
        assert_eq!(find("/opt/a b/libduckdb.so"), found("/opt/a b/libduckdb.so"));
        assert_eq!(find("/opt/libduckdb.so.1.5"), found("/opt/libduckdb.so.1.5"));
        assert_eq!(find("/opt/libduckdb-3f4962cd.so"), found("/opt/libduckdb-3f4962cd.so"));
        assert_eq!(find("/opt/libduckdbs.so"), Ok(None));
        assert_eq!(find("/opt/libduckdb.so (deleted)"), Err("/opt/libduckdb.so".into()));
        assert_eq!(find("/opt/notlibduckdb.so"), Ok(None));
        assert_eq!(find("/opt/libduckdb.sock"), Ok(None));
        assert_eq!(find("/opt/libduckdb.so/libc.so.6"), Ok(None));
    }
}
