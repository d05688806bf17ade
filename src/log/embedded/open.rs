//! Creating and opening the log file.

use super::beside::{LOG_FILE, WITNESS_FILE, set_untrusted_aside, start_witness};
use super::compare::{self, WitnessFinding};
use super::guarded::Guarded;
use super::handle::EmbeddedLog;
use super::space;
use super::step::Step;
use super::tables::{self, Position};
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log::error::LogError;
use crate::log::event_log::Snapshot;
use crate::log::position::Sequence;
use crate::log::staged::StagedFile;
use crate::log::witness::Testimony;
use crate::sys::fs::rename_durably;
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// First bytes of each redb file.
const MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
/// Page cache of redb, whose default is 1 GiB. Appends need little, and a replay reads once.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// State of the log file of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFile {
    Missing,
    /// The file is empty or has no magic number. Versions of dtf that created the file in place left
    /// such a file when they were interrupted.
    NotBegun,
    Present,
}

/// Makes the file layer of redb from a file. Tests use layers that fail on demand.
pub(in crate::log) type Layer<'a> = &'a dyn Fn(File) -> io::Result<Box<dyn StorageBackend>>;

/// The file without a layer.
pub(in crate::log) fn plain(file: File) -> io::Result<Box<dyn StorageBackend>> {
    Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
}

/// Whether differences from the witness are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Losses {
    Refused,
    Accepted,
}

/// Whether free pages of the file are given back to the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    GiveBack,
    Keep,
}

/// Compares the identity and the last record of a log with other parts of its directory.
type Compare<'a> = &'a dyn Fn(StorageId, Sequence) -> Result<(), LogError>;

impl EmbeddedLog {
    /// Inspects the log file of a directory, without opening it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn inspect(directory: &Path) -> Result<LogFile, LogError> {
        let path = directory.join(LOG_FILE);
        let mut start = Vec::new();
        let read = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LogFile::Missing),
            Err(error) => Err(error),
            Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut start),
        };
        read.map_err(|source| Step::Open.io_error(&path, source))?;
        Ok(if start == *MAGIC { LogFile::Present } else { LogFile::NotBegun })
    }

    /// Creates the log in the directory, with this identity. It replaces a file that has not begun.
    ///
    /// # Errors
    /// There is a log, or it cannot be created.
    pub fn create(directory: &Path, identity: StorageId) -> Result<Self, LogError> {
        Self::create_on(directory, identity, &plain)
    }

    /// As [`Self::create`], over any file layer.
    pub(in crate::log) fn create_on(
        directory: &Path,
        identity: StorageId,
        layer: Layer<'_>,
    ) -> Result<Self, LogError> {
        let path = directory.join(LOG_FILE);
        if Self::inspect(directory)? == LogFile::Present {
            return Err(LogError::Exists { path });
        }
        let witness = directory.join(WITNESS_FILE);
        if witness.exists() {
            set_untrusted_aside(&witness, "the event log is created");
        }
        create_file(&path, layer, &mut |database| {
            let prepared = tables::prepare(database, Some(identity));
            prepared.map(|_| ()).map_err(|error| error.at(Step::Create, &path))
        })?;
        Self::open_on(directory, None, layer)
    }

    /// Opens the log in the directory. A log of a version without identities receives the identity
    /// `adopt`.
    ///
    /// # Errors
    /// The file is missing, is not a log, is damaged, is in use, has no identity, or cannot be opened.
    /// The witness proves that records are missing: the file is unchanged then.
    pub fn open(directory: &Path, adopt: Option<StorageId>) -> Result<Self, LogError> {
        Self::open_on(directory, adopt, &plain)
    }

    /// As [`Self::open`]. Before the file is changed, `compare` receives the identity and the last
    /// record of the log; its error ends the opening.
    ///
    /// # Errors
    /// As for [`Self::open`], and the error of `compare`.
    pub fn open_compared(
        directory: &Path,
        adopt: Option<StorageId>,
        compare: Compare<'_>,
    ) -> Result<Self, LogError> {
        Ok(Self::open_with(directory, adopt, &plain, Losses::Refused, Space::GiveBack, compare)?.0)
    }

    /// As [`Self::open`], over any file layer.
    pub(in crate::log) fn open_on(
        directory: &Path,
        adopt: Option<StorageId>,
        layer: Layer<'_>,
    ) -> Result<Self, LogError> {
        Ok(Self::open_with(directory, adopt, layer, Losses::Refused, Space::GiveBack, &|_, _| {
            Ok(())
        })?
        .0)
    }

    /// Opens a log whose witness may prove that records are missing. Also returns the last record that
    /// the witness knows. [`Self::renew`] must follow: a witness that is ahead is no longer in the way
    /// then.
    ///
    /// # Errors
    /// As for [`Self::open`], except for the witness.
    pub fn open_after_loss(
        directory: &Path,
        adopt: Option<StorageId>,
    ) -> Result<(Self, Option<Sequence>), LogError> {
        Self::open_with(directory, adopt, &plain, Losses::Accepted, Space::Keep, &|_, _| Ok(()))
    }

    fn open_with(
        directory: &Path,
        adopt: Option<StorageId>,
        layer: Layer<'_>,
        losses: Losses,
        space: Space,
        compare: Compare<'_>,
    ) -> Result<(Self, Option<Sequence>), LogError> {
        let path = directory.join(LOG_FILE);
        require_log(directory, &path)?;
        remove_interrupted_creation(&path)?;
        let failed = |source| Step::Open.io_error(&path, source);
        let file = File::options().read(true).write(true).open(&path).map_err(failed)?;
        let staged = StagedFile::new(layer(file).map_err(failed)?).map_err(failed)?;
        let (mut database, position, testimony, seen) = Step::Open.run(&path, || {
            let (database, position) = open_staged(&staged, &path, adopt)?;
            let identity = position.identity;
            let identity = identity.ok_or_else(|| LogError::NoIdentity { path: path.clone() })?;
            let mark = compare::last_mark(&database, &position, &path)?;
            let finding = compare::with_witness(&database, &position, &path)?;
            let seen = accept_or_refuse(finding, losses, &position, &path)?;
            compare(identity, position.last)?;
            Ok((database, position, Testimony { identity, mark }, seen))
        })?;
        staged.accept().map_err(failed)?;
        if position.base > 0 && space == Space::GiveBack {
            let len = staged.len().map_err(failed)?;
            if let Err(error) = space::give_back(&mut database, len, &path) {
                let reason = with_causes(&error);
                tracing::warn!(path = %path.display(), reason, "cannot give space of the event log back");
                drop(database);
                return Self::open_with(directory, adopt, layer, losses, Space::Keep, compare);
            }
        }
        // Until the renewal, the witness proves the loss.
        let is_refused = losses == Losses::Refused;
        let witness = is_refused.then(|| start_witness(&path, testimony)).transpose()?;
        let log = Self {
            database: Arc::new(database),
            identity: testimony.identity,
            path,
            base: position.base,
            last: position.last,
            term: position.term,
            witness,
            poisoned: false,
            buffer: Vec::new(),
        };
        Ok((log, seen))
    }
}

fn require_log(directory: &Path, path: &Path) -> Result<(), LogError> {
    let path = path.to_owned();
    match EmbeddedLog::inspect(directory)? {
        LogFile::Missing => Err(LogError::Missing { path }),
        LogFile::NotBegun => {
            let reason = "it does not begin with the magic number of redb";
            Err(LogError::NotALog { path, reason })
        }
        LogFile::Present => Ok(()),
    }
}

/// Creates a log file beside its name, fills it, and gives it its name, durably.
fn create_file(
    path: &Path,
    layer: Layer<'_>,
    fill: &mut dyn FnMut(&Database) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let fresh = fresh_path(path);
    Step::Create.run(path, || {
        let failed = |source| Step::Create.io_error(path, source);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&fresh).map_err(failed)?;
        let synced = file.try_clone().map_err(failed)?;
        let backend = StagedFile::new(layer(file).map_err(failed)?).map_err(failed)?;
        // There is nothing to inspect first.
        backend.accept().map_err(failed)?;
        let database = builder()
            .create_with_backend(backend)
            .map(Guarded::new)
            .map_err(|source| Step::Create.error(path, source))?;
        fill(&database)?;
        database.close().map_err(|source| Step::Create.error(path, source))?;
        synced.sync_all().map_err(failed)?;
        rename_durably(&fresh, path).map_err(failed)
    })
}

/// Writes a log with this state in place of the records up to `base`, and with these records.
pub(in crate::log) fn write_log(
    path: &Path,
    identity: StorageId,
    base: Option<(Sequence, Snapshot)>,
    records: &mut dyn Iterator<Item = (Sequence, Vec<u8>)>,
) -> Result<(), LogError> {
    if path.exists() {
        return Err(LogError::Exists { path: path.to_owned() });
    }
    let mut base = base;
    create_file(path, &plain, &mut |database| {
        tables::prepare(database, Some(identity)).map_err(|error| error.at(Step::Create, path))?;
        let failed = |source| Step::Create.error(path, source);
        if let Some((removed, (at, pieces))) = base.take() {
            tables::store_base(database, removed, at, &mut pieces.into_iter()).map_err(failed)?;
        }
        tables::store_records(database, records).map_err(failed)
    })
}

/// The file under which a new log is created.
fn fresh_path(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}

fn remove_interrupted_creation(path: &Path) -> Result<(), LogError> {
    let path = fresh_path(path);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(LogError::Beside { doing: "remove", path, source })
        }
        _ => Ok(()),
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // Without this, redb trusts a file that was closed, and damage can spread or end in a panic.
    builder.set_check_integrity_on_open(true);
    builder
}

/// Returns the last record that the witness knows. Reports a witness that cannot be used.
fn accept_or_refuse(
    finding: WitnessFinding,
    losses: Losses,
    position: &Position,
    path: &Path,
) -> Result<Option<Sequence>, LogError> {
    let path = path.with_file_name(WITNESS_FILE);
    let warn = |problem: &str| {
        tracing::warn!(path = %path.display(), problem, "the witness of the event log is written again");
    };
    match finding {
        WitnessFinding::Agrees { sequence, is_damaged } => {
            if is_damaged {
                warn("a part of it is damaged");
            }
            Ok(Some(sequence))
        }
        WitnessFinding::Differs { error, .. } if losses == Losses::Refused => Err(error),
        WitnessFinding::Differs { sequence, .. } => Ok(Some(sequence)),
        WitnessFinding::Unreadable => {
            warn("it is damaged");
            Ok(None)
        }
        WitnessFinding::Missing => {
            // A new log, and a log of an older version, have none.
            if position.last > 0 && !position.is_adopted {
                warn("it is missing");
            }
            Ok(None)
        }
        WitnessFinding::Outdated => Ok(None),
    }
}

/// Opens the database of a log for reading. Its changes are never accepted.
pub(in crate::log) fn open_read_only(
    directory: &Path,
    stage: impl FnOnce(File) -> io::Result<StagedFile>,
) -> Result<(Guarded, Position), LogError> {
    let path = directory.join(LOG_FILE);
    require_log(directory, &path)?;
    Step::Open.run(&path, || {
        let failed = |source| Step::Open.io_error(&path, source);
        let staged = File::open(&path).and_then(stage).map_err(failed)?;
        open_staged(&staged, &path, None)
    })
}

/// Opens the database of a log file without a change to the file.
fn open_staged(
    staged: &StagedFile,
    path: &Path,
    adopt: Option<StorageId>,
) -> Result<(Guarded, Position), LogError> {
    let database = builder()
        .create_with_backend(staged.clone())
        .map(Guarded::new)
        .map_err(|source| Step::Open.error(path, source))?;
    let position = tables::prepare(&database, adopt).map_err(|error| error.at(Step::Open, path))?;
    Ok((database, position))
}
