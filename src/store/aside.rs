//! Moves databases aside that cannot be used.
//!
//! Limit: [`MAX_DAMAGED`] damaged databases are kept beside the database, the newest ones. The event
//! log, with the archive for the records that compaction removed, has everything that is in them.

use super::error::StoreError;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Maximum number of damaged databases that are kept.
const MAX_DAMAGED: usize = 3;
/// Part of the names of damaged databases, before their number.
const DAMAGED: &str = ".damaged-";

/// Renames a database and its write-ahead log to `<name>.damaged-<n>`, and removes the oldest ones if
/// there are too many.
///
/// # Errors
/// The file system reports an error.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::File {
        doing: "move aside the damaged results database",
        path: path.to_owned(),
        source,
    };
    let mut numbers = numbers(path).map_err(failed)?;
    let number = numbers.last().map_or(1, |last| last + 1);
    let aside = numbered(path, number);
    for (from, to) in [(path.to_owned(), aside.clone()), (log_of(path), log_of(&aside))] {
        match fs::rename(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    numbers.push(number);
    for old in &numbers[..numbers.len().saturating_sub(MAX_DAMAGED)] {
        let old = numbered(path, *old);
        remove(&old);
        remove(&log_of(&old));
    }
    Ok(aside)
}

/// Removes a database and its write-ahead log, if they exist.
///
/// # Errors
/// The file system reports an error.
pub fn remove_database(path: &Path) -> Result<(), StoreError> {
    for file in [path.to_owned(), log_of(path)] {
        match fs::remove_file(&file) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                let doing = "remove the database";
                return Err(StoreError::File { doing, path: file, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The numbers of the damaged databases beside `path`, in order.
fn numbers(path: &Path) -> io::Result<Vec<u64>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}{DAMAGED}");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let entry = entry?.file_name();
        let entry = entry.to_string_lossy();
        let number = entry.strip_prefix(&prefix).map(|rest| rest.trim_end_matches(".wal"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    with_suffix(path, &format!("{DAMAGED}{number}"))
}

/// The write-ahead log of a database.
fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, ".wal")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a file or a directory. If that fails, the next damaged database tries it again.
fn remove(path: &Path) {
    let removed = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    if let Err(error) = removed
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "cannot remove a damaged results database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_damaged_databases_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("results.duckdb");
        for n in 1..=5 {
            fs::write(&file, format!("database {n}")).expect("written");
            fs::write(log_of(&file), format!("log {n}")).expect("written");
            let aside = set_aside(&file).expect("moved");
            assert_eq!(fs::read_to_string(aside).expect("kept"), format!("database {n}"));
        }
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .expect("read")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        let kept = (3..=5).flat_map(|n| {
            [format!("results.duckdb.damaged-{n}"), format!("results.duckdb.damaged-{n}.wal")]
        });
        assert_eq!(names, kept.collect::<Vec<_>>());
    }
}
