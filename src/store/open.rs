//! Opening the file: detects files that are in use, and moves aside files that cannot be used.

use super::error::{EngineError, StoreError};
use super::migrate::{self, Schema, VERSION};
use duckdb::{AccessMode, Config, Connection};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Working memory of the database. Queries that need more use temporary files beside it.
const MEMORY: &str = "256MB";
/// Maximum number of unusable files that are kept beside the database.
const MAX_ASIDE: u32 = 10_000;
/// Parts of DuckDB's error message if another process has the file open, on Unix and on Windows.
const IN_USE: [&str; 2] = ["Could not set lock", "being used by another process"];
/// Parts of DuckDB's error message if the file may be intact, but cannot be opened now.
const TRANSIENT: [&str; 6] = [
    "No space left",
    "Input/output error",
    "Permission denied",
    "Too many open files",
    "Read-only file system",
    "Out of Memory",
];

pub(super) fn open(path: &Path) -> Result<(Connection, Option<PathBuf>), StoreError> {
    match try_open(path) {
        Ok(connection) => Ok((connection, None)),
        Err(error @ (StoreError::InUse { .. } | StoreError::File { .. })) => Err(error),
        Err(StoreError::Open { path, source }) if !is_permanent(&source) => {
            Err(StoreError::Open { path, source })
        }
        Err(error) => {
            let aside = set_aside(path)?;
            tracing::warn!(%error, aside = %aside.display(), "results database moved aside");
            Ok((try_open(path)?, Some(aside)))
        }
    }
}

pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let connection = connect(path, AccessMode::ReadOnly)?;
    let foreign = |reason| StoreError::Foreign { path: path.to_owned(), reason };
    match migrate::inspect(&connection).map_err(|source| opening(path, source))? {
        Schema::Version(VERSION) => Ok(connection),
        Schema::Version(old) => Err(foreign(format!(
            "its schema has version {old}; a coordinator migrates it to {VERSION}"
        ))),
        Schema::Empty => Err(foreign("it is empty".to_owned())),
        Schema::Foreign(reason) => Err(foreign(reason)),
    }
}

fn try_open(path: &Path) -> Result<Connection, StoreError> {
    check_access(path)?;
    let connection = connect(path, AccessMode::ReadWrite)?;
    let version = match migrate::inspect(&connection).map_err(|source| opening(path, source))? {
        Schema::Empty => 0,
        Schema::Version(version) => version,
        Schema::Foreign(reason) => {
            return Err(StoreError::Foreign { path: path.to_owned(), reason });
        }
    };
    check_length(path, &connection)?;
    migrate::migrate(&connection, version).map_err(|source| opening(path, source))?;
    Ok(connection)
}

/// Checks that the end of the file was not cut off. DuckDB would not notice at this point, because
/// it reads blocks only when it needs them. Free blocks do not count, because those at the end may
/// never have been written.
fn check_length(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let blocks = connection.query_row(
        "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database()",
        [],
        |row| row.get::<_, u64>(0),
    );
    let expected = blocks.map_err(|source| opening(path, source))?;
    let actual = fs::metadata(path).map_or(0, |file| file.len());
    if actual < expected {
        let reason = format!("it has {actual} bytes, but at least {expected} are in use");
        return Err(StoreError::Foreign { path: path.to_owned(), reason });
    }
    Ok(())
}

/// Checks that the file may be written. One that may not is left to the administrator; it is not
/// treated as damaged.
fn check_access(path: &Path) -> Result<(), StoreError> {
    match fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
            Ok(())
        }
        Err(source) => Err(StoreError::File {
            doing: "open the results database",
            path: path.to_owned(),
            source,
        }),
    }
}

fn connect(path: &Path, mode: AccessMode) -> Result<Connection, StoreError> {
    let open = || {
        let config = Config::default()
            .access_mode(mode)?
            .max_memory(MEMORY)?
            .threads(1)?
            // DuckDB must not download anything.
            .with("autoinstall_known_extensions", "false")?
            .with("autoload_known_extensions", "false")?;
        Connection::open_with_flags(path, config)
    };
    open().map_err(|source| opening(path, source))
}

fn opening(path: &Path, source: duckdb::Error) -> StoreError {
    let path = path.to_owned();
    match holder(&source.to_string()) {
        Some(holder) => StoreError::InUse { path, holder },
        None => StoreError::Open { path, source: source.into() },
    }
}

/// The process that has the file open, if DuckDB's error message reports one:
/// `Conflicting lock is held in /usr/bin/python3.12 (PID 4711) by user rig`.
fn holder(message: &str) -> Option<String> {
    if !IN_USE.iter().any(|words| message.contains(words)) {
        return None;
    }
    let named = || {
        let (_, rest) = message.split_once("lock is held in ")?;
        let (program, rest) = rest.split_once(" (PID ")?;
        let (process, _) = rest.split_once(')')?;
        let process: u32 = process.trim().parse().ok()?;
        let program = program.rsplit(['/', '\\']).next().unwrap_or(program);
        let program: String = program.chars().filter(|c| !c.is_control()).take(60).collect();
        Some(format!("process {process} ({program})"))
    };
    Some(named().unwrap_or_else(|| "another process".to_owned()))
}

/// Whether the error is due to the file itself.
fn is_permanent(error: &EngineError) -> bool {
    let text = error.to_string();
    !TRANSIENT.iter().any(|cause| text.contains(cause))
}

/// Renames a database and its write-ahead log to `<name>.damaged-<n>`. Callers use it for a file
/// that opens but must not be used, for example because it is ahead of the event log.
///
/// # Errors
/// The file system reports an error.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let moving = |source| StoreError::File {
        doing: "move aside the damaged results database",
        path: path.to_owned(),
        source,
    };
    let (aside, aside_wal) = (1..=MAX_ASIDE)
        .map(|n| (with(&format!(".damaged-{n}")), with(&format!(".damaged-{n}.wal"))))
        .find(|(aside, wal)| !aside.exists() && !wal.exists())
        .ok_or_else(|| moving(ErrorKind::AlreadyExists.into()))?;
    for (from, to) in [(path.to_owned(), &aside), (with(".wal"), &aside_wal)] {
        match fs::rename(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(moving(error)),
            _ => {}
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::holder;

    #[test]
    fn the_holder_is_named_where_duckdb_names_it() {
        let message = "IO Error: Could not set lock on file \"/d/results.duckdb\": Conflicting lock is \
                    held in /usr/bin/python3.12 (PID 4711) by user rig. See also https://duckdb.org";
        assert_eq!(holder(message).as_deref(), Some("process 4711 (python3.12)"));
        let unnamed = "IO Error: Could not set lock on file \"/d/results.duckdb\": Resource busy";
        assert_eq!(holder(unnamed).as_deref(), Some("another process"));
        let windows = "Cannot open file \"r\": The process cannot access the file because it is \
                       being used by another process.";
        assert_eq!(holder(windows).as_deref(), Some("another process"));
        assert_eq!(holder("IO Error: No space left on device"), None);
    }
}
