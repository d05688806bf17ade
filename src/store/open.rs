//! Opening the file: detects files that are in use, and moves aside files that cannot be used.

use super::aside::set_aside;
use super::error::StoreError;
use super::migrate::{self, Schema, VERSION};
use super::pool::{Pool, connect_again};
use super::writer::Writer;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use duckdb::{AccessMode, Config, Connection};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// Working memory of the database. Queries that need more use temporary files beside it.
const MEMORY: &str = "256MB";
/// The same for a command that reads a database which no coordinator has open, and its maximum number of threads: half
/// of the processors, because a report asks several questions at the same time.
const MEMORY_ALONE: &str = "1GB";
const MAX_THREADS_ALONE: usize = 8;
/// Oldest version of DuckDB that reads new files.
const STORAGE: &str = "v1.5.0";
/// Number of rows of a row group. A checkpoint joins small groups at the end of a table, and compresses their rows
/// again: with the usual 122,880 rows, this took a third of the writer's time, and with 16,384 still 23 %.
pub const GROUP_ROWS: u32 = 4096;
/// Size of the write-ahead log from which a checkpoint is made. It is replayed after a crash. What was not written by a
/// checkpoint takes [`MEMORY`] that queries need.
const CHECKPOINT: &str = "64MB";
/// Name of a database that is attached.
pub(super) const NAME: &str = "results";
/// Parts of DuckDB's error message if another process has the file open, on Unix and on Windows.
const IN_USE: [&str; 2] = ["Could not set lock", "being used by another process"];
/// Parts of DuckDB's error message if the file may be intact, but cannot be opened now.
const TRANSIENT: [&str; 6] = [
    "No space left",
    "Disk quota exceeded",
    "Input/output error",
    "Permission denied",
    "Too many open files",
    "Read-only file system",
];

/// The connections to an open database.
pub(super) struct Connections {
    pub pool: Pool,
    pub writer: Writer,
    /// The path that an unusable file was moved to.
    pub rebuilt: Option<PathBuf>,
}

pub(super) fn open(path: &Path, identity: StorageId) -> Result<Connections, StoreError> {
    match try_open(path, identity) {
        Ok(opened) => Ok(opened),
        Err(error) if !is_permanent(&error) => Err(error),
        Err(error) => {
            let aside = set_aside(path)?;
            let reason = with_causes(&error);
            tracing::warn!(reason, aside = %aside.display(), "results database moved aside");
            Ok(Connections { rebuilt: Some(aside), ..try_open(path, identity)? })
        }
    }
}

pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let exists = path.try_exists();
    let unreadable = |source| StoreError::File { doing: "read", path: path.to_owned(), source };
    if !exists.map_err(unreadable)? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let processors = available_parallelism().map_or(1, usize::from);
    let threads = processors.div_ceil(2).min(MAX_THREADS_ALONE);
    let connection = open_with(path, MEMORY_ALONE, threads)?;
    let foreign = |reason| StoreError::Foreign { path: path.to_owned(), reason };
    match migrate::inspect(&connection).map_err(|source| opening(path, source))? {
        Schema::Version(VERSION) => Ok(connection),
        Schema::Version(version) => Err(StoreError::Outdated { path: path.to_owned(), version }),
        Schema::Empty => Err(foreign("it is empty".to_owned())),
        Schema::Foreign(reason) => Err(foreign(reason)),
    }
}

fn try_open(path: &Path, identity: StorageId) -> Result<Connections, StoreError> {
    check_access(path)?;
    let connection = connect(path)?;
    let version = match migrate::inspect(&connection).map_err(|source| opening(path, source))? {
        Schema::Empty => 0,
        Schema::Version(version) => version,
        Schema::Foreign(reason) => {
            return Err(StoreError::Foreign { path: path.to_owned(), reason });
        }
    };
    check_length(path, &connection)?;
    if (1..VERSION).contains(&version) {
        tracing::info!(
            "updating the results database from version {version} of its schema to {VERSION}, which takes minutes if \
             it is large"
        );
    }
    migrate::migrate(&connection, version).map_err(|source| opening(path, source))?;
    check_identity(path, &connection, identity)?;
    let attached = attached(path);
    let first = connect_again(&connection, attached).map_err(|source| opening(path, source))?;
    let pool = Pool::new(first, attached);
    Ok(Connections { pool, writer: Writer::new(connection)?, rebuilt: None })
}

/// Compares the identity of the database. A database without one adopts the given one.
fn check_identity(
    path: &Path,
    connection: &Connection,
    expected: StorageId,
) -> Result<(), StoreError> {
    let sql = "SELECT max(id) FROM identity";
    let stored: Option<String> =
        connection.query_row(sql, [], |row| row.get(0)).map_err(|source| opening(path, source))?;
    let Some(text) = stored else {
        let adopted = connection.execute("INSERT INTO identity VALUES (?)", [expected.to_string()]);
        return adopted.map(drop).map_err(|source| opening(path, source));
    };
    match text.parse() {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(StoreError::OtherIdentity { path: path.to_owned(), expected, found }),
        Err(error) => {
            Err(StoreError::Foreign { path: path.to_owned(), reason: format!("{error}") })
        }
    }
}

/// Checks that the end of the file was not cut off. DuckDB would not notice at this point, because
/// it reads blocks only when it needs them. Free blocks do not count, because those at the end may
/// never have been written.
pub(super) fn check_length(path: &Path, connection: &Connection) -> Result<(), StoreError> {
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

/// Opens a file without changing it, whatever its content is.
pub(super) fn connect_read_only(path: &Path) -> Result<Connection, StoreError> {
    open_with(path, MEMORY, 1)
}

fn open_with(path: &Path, memory: &str, threads: usize) -> Result<Connection, StoreError> {
    let open = || {
        let config = config(memory, threads)?.access_mode(AccessMode::ReadOnly)?;
        Connection::open_with_flags(path, config)
    };
    open().map_err(|source| opening(path, source))
}

/// The name with which [`connect`] attaches a file. A statement contains only UTF-8: a file with another name is opened
/// directly, and has large row groups.
fn attached(path: &Path) -> Option<&'static str> {
    path.to_str().map(|_| NAME)
}

/// Opens a file, or creates it. It is attached, because only then the size of row groups can be set.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let config = config(MEMORY, 1)?
            .with("checkpoint_threshold", CHECKPOINT)?
            // Memory that a query has freed returns to the system, although no other query follows.
            .with("allocator_background_threads", "true")?;
        let Some(file) = path.to_str() else { return Connection::open_with_flags(path, config) };
        let config = config.with("temp_directory", format!("{file}.tmp"))?;
        let connection = Connection::open_in_memory_with_flags(config)?;
        let file = file.replace('\'', "''");
        connection.execute_batch(&format!(
            "ATTACH '{file}' AS {NAME} (TYPE duckdb, ROW_GROUP_SIZE {GROUP_ROWS}); USE {NAME}"
        ))?;
        Ok(connection)
    };
    open().map_err(|source| opening(path, source))
}

fn config(memory: &str, threads: usize) -> duckdb::Result<Config> {
    Config::default()
        .max_memory(memory)?
        .with("threads", threads.to_string())?
        // A new file has the format of this version, which compresses long texts well.
        .with("storage_compatibility_version", STORAGE)?
        // DuckDB must not download anything.
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")
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

/// Whether the error is due to the file itself, and to what this program can replace.
fn is_permanent(error: &StoreError) -> bool {
    match error {
        StoreError::InUse { .. } | StoreError::File { .. } | StoreError::OtherIdentity { .. } => {
            false
        }
        StoreError::Open { source, .. } | StoreError::Query { source, .. } => {
            let text = source.to_string();
            !TRANSIENT.iter().any(|cause| text.contains(cause))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{StoreError, holder, is_permanent};
    use std::path::PathBuf;

    #[test]
    fn a_full_disk_and_an_exceeded_quota_are_no_damage() {
        let error = |text: &str| StoreError::Open {
            path: PathBuf::from("results.duckdb"),
            source: duckdb::Error::InvalidColumnName(text.to_owned()).into(),
        };
        for text in ["No space left on device", "Disk quota exceeded"] {
            assert!(!is_permanent(&error(text)), "{text}");
        }
        assert!(is_permanent(&error("Serialization Error")));
    }

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
