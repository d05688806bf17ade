//! Finds the source of results: a coordinator, a `dtf run` that is running, or a data directory (of a
//! `dtf run` or a coordinator that has stopped).

use crate::api::page::PageQuery;
use crate::api::v1::changes::{ChangesQuery, ChangesView};
use crate::api::v1::flaky::{FlakyQuery, FlakyView};
use crate::api::v1::matrix::{MatrixView, SummaryView};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::RunView;
use crate::api::v1::test_views::{TestQuery, TestView, Why};
use crate::blobs::{self, FileBlobs};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::{Global, Server};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::serving;
use crate::cli::terminal::console::Console;
use crate::client::{Client, ClientError};
use crate::config::roles::LocalSettings;
use crate::config::{File, Resolver};
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::log::LOG_FILE;
use crate::results::{self, Completion, CurrentStore, Reader};
use crate::store::{self, Cause, Store, StoreError};
use crate::sys::clock::Clock;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Directory of imported results in a data directory.
pub const IMPORTED: &str = "imported";
/// Maximum number of tests of one run that match a part of a name.
const MAX_NAMED: u32 = 100;
/// Number of runs among which the newest one is searched that is not a confirmation. A run has at most two.
const MAX_SEARCHED: u32 = 100;

/// The source of results for a command.
pub enum Source {
    /// A coordinator, or a `dtf run` that is running.
    Coordinator(Client),
    /// A data directory that no coordinator uses.
    Stored(Stored),
}

impl Source {
    /// Selects the source: the one of a flag; otherwise a configured coordinator, a configured
    /// directory, the coordinator of this machine, or the results of `dtf run` on this machine.
    ///
    /// # Errors
    /// The settings cannot be read, or there are no results at the source.
    pub async fn of(
        console: Console,
        global: &Global,
        args: ResultsArgs,
    ) -> Result<Self, CliError> {
        let file = settings(global)?;
        let connection = connection(global, &file, args.coordinator.as_deref());
        let local = LocalSettings::resolve(args.data_dir, &mut Resolver::new(&file));
        if local.is_named && (args.only_stored || !connection.is_named) {
            return Self::at(console, &local.data_dir).await;
        }
        let client = connect(&connection)?;
        if connection.is_named || is_reachable(&client).await {
            return Ok(Self::Coordinator(client));
        }
        Self::at(console, &local.data_dir).await
    }

    /// The results in a directory: from the `dtf run` that uses it, otherwise from the disk.
    async fn at(console: Console, directory: &Path) -> Result<Self, CliError> {
        if let Some(working) = serving::find(directory).await {
            return Ok(Self::Coordinator(working.client));
        }
        Stored::open(console, directory).map(Self::Stored)
    }

    /// Leaves the results open, for a command that ends now: to close them takes about 20 ms, because DuckDB
    /// gives its memory back piece by piece. Nothing is lost, because they are open for reading only. They are closed
    /// if there may be temporary files, which DuckDB removes then.
    pub fn leave_open(self) {
        if let Self::Stored(Stored { directory, reader, _copy: None, .. }) = self {
            let temporary = directory.join(format!("{}.tmp", store::FILE_NAME));
            if matches!(temporary.try_exists(), Ok(false)) {
                std::mem::forget(reader);
            }
        }
    }

    /// Lists the newest runs, the newest first.
    pub async fn newest_runs(&self, limit: u32) -> Result<Vec<RunId>, CliError> {
        Ok(self.newest(limit).await?.into_iter().map(|run| run.run).collect())
    }

    /// The newest run that somebody submitted: a confirmation of suspected changes belongs to the run
    /// before it.
    pub async fn latest_run(&self) -> Result<Option<RunId>, CliError> {
        let newest = self.newest(MAX_SEARCHED).await?;
        Ok(newest.into_iter().find(|run| run.confirms().is_none()).map(|run| run.run))
    }

    async fn newest(&self, limit: u32) -> Result<Vec<RunView>, CliError> {
        match self {
            Self::Coordinator(client) => {
                let newest = PageQuery { limit: Some(limit), ..PageQuery::default() };
                Ok(client.runs(&newest).await?.items)
            }
            Self::Stored(stored) => stored.reader.runs(None, limit as usize).map_err(unreadable),
        }
    }

    /// Lists the tests of a run whose names contain `text`.
    pub async fn tests_named(&self, run: RunId, text: &str) -> Result<Vec<TestView>, CliError> {
        let query = TestQuery {
            run: Some(run),
            name: Some(text.to_owned()),
            limit: Some(MAX_NAMED),
            ..TestQuery::default()
        };
        match self {
            Self::Coordinator(client) => Ok(client.tests(&query).await?.items),
            Self::Stored(stored) => {
                stored.reader.tests(&query, None, MAX_NAMED as usize).map_err(unreadable)
            }
        }
    }

    /// Reports the tests of a run, or of several.
    pub async fn report(&self, query: &ReportQuery) -> Result<ReportView, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.report_view(query).await?),
            Self::Stored(stored) => {
                let query = query.clone();
                stored.ask(move |reader| reader.report(&query)).await
            }
        }
    }

    /// The matrix of the tests that `query` selects.
    pub async fn matrix(&self, query: &ReportQuery) -> Result<MatrixView, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.matrix(query).await?),
            Self::Stored(stored) => {
                let query = query.clone();
                stored.ask(move |reader| reader.matrix(&query)).await
            }
        }
    }

    /// The slowest tests and the workers of the tests that `query` selects.
    pub async fn summary(&self, query: &ReportQuery) -> Result<SummaryView, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.summary(query).await?),
            Self::Stored(stored) => {
                let query = query.clone();
                stored.ask(move |reader| reader.summary(&query)).await
            }
        }
    }

    /// Flaky tests.
    pub async fn flaky(&self, query: &FlakyQuery) -> Result<FlakyView, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.flaky(query).await?),
            Self::Stored(stored) => {
                let query = query.clone();
                stored.ask(move |reader| reader.flaky(&query, Clock::start().now())).await
            }
        }
    }

    /// Whether there is a run with this id.
    pub async fn has_run(&self, run: RunId) -> Result<bool, CliError> {
        match self {
            Self::Coordinator(client) => match client.run(run).await {
                Ok(_) => Ok(true),
                Err(ClientError::NotFound(_)) => Ok(false),
                Err(error) => Err(error.into()),
            },
            Self::Stored(stored) => stored.reader.has_run(run).map_err(unreadable),
        }
    }

    /// The output of an attempt that has ended.
    pub async fn log(&self, attempt: AttemptId) -> Result<Vec<u8>, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.log(attempt, 0).await?),
            Self::Stored(stored) => stored.log(attempt),
        }
    }

    /// Reports what changed. `None` if a run does not exist, or if there are no runs.
    pub async fn changes(&self, query: &ChangesQuery) -> Result<Option<ChangesView>, CliError> {
        match self {
            Self::Coordinator(client) => match client.changes(query).await {
                Ok(view) => Ok(Some(view)),
                Err(ClientError::NotFound(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Stored(stored) => {
                let query = query.clone();
                stored.ask(move |reader| reader.changes(&query)).await
            }
        }
    }

    /// Explains why a test waits, was skipped, or ended as it did.
    pub async fn why(&self, test: TestId) -> Result<Why, CliError> {
        match self {
            Self::Coordinator(client) => Ok(client.why(test).await?),
            Self::Stored(stored) => {
                let why = stored.reader.why(test).map_err(unreadable)?;
                why.ok_or_else(|| stored.absent(test))
            }
        }
    }
}

/// Whether a coordinator answers, even with an error.
async fn is_reachable(client: &Client) -> bool {
    !matches!(client.status().await, Err(ClientError::Unreachable { .. }))
}

/// A client for commands that need a coordinator: the configured one, the one of this machine, or a
/// `dtf run` that is running on it.
///
/// # Errors
/// No such coordinator is reachable.
pub async fn live(global: &Global, server: &Server) -> Result<Client, CliError> {
    let file = settings(global)?;
    let connection = connection(global, &file, server.coordinator.as_deref());
    let client = connect(&connection)?;
    if connection.is_named || is_reachable(&client).await {
        return Ok(client);
    }
    let directory = local_dir(&file);
    match serving::find(&directory).await {
        Some(working) => Ok(working.client),
        None => Err(no_coordinator(&client, &directory)),
    }
}

/// The directory in which `dtf run` stores its results, unless a flag names another one.
fn local_dir(file: &File) -> PathBuf {
    let variable = variable("DTF_DATA_DIR").map(PathBuf::from);
    LocalSettings::resolve(variable, &mut Resolver::new(file)).data_dir
}

#[expect(clippy::disallowed_methods, reason = "these commands have no flag for it")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn no_coordinator(client: &Client, directory: &Path) -> CliError {
    let error = CliError::new(format!(
        "no coordinator is reachable at {}, and no `dtf run` is using {}",
        client.url(),
        directory.display()
    ));
    error.hint(if directory.join(store::FILE_NAME).exists() {
        "dtf report, dtf why and dtf logs read the results of `dtf run`; this command needs a \
         coordinator: start one with `dtf coordinator`"
    } else {
        "start a coordinator with `dtf coordinator`, or name one with --coordinator"
    })
}

/// The results in a data directory. The database is changed only to add results that the event log
/// already contains.
pub struct Stored {
    directory: PathBuf,
    reader: Arc<Reader>,
    /// The questions that may be answered at the same time.
    turns: Semaphore,
    /// Holds a copy of the results if the database itself is in use.
    _copy: Option<TempDir>,
}

impl Stored {
    fn open(console: Console, directory: &Path) -> Result<Self, CliError> {
        let path = directory.join(store::FILE_NAME);
        let (store, copy) = match open_migrated(console, directory, &path) {
            Ok(store) => completed(console, directory, store)?,
            Err(StoreError::Missing(_)) => {
                let (store, copy) = without_database(console, directory)?;
                (store, Some(copy))
            }
            Err(error @ StoreError::InUse { .. }) => {
                let (store, copy) = from_log(directory, &error.to_string())?;
                console.note(&format!("{error}; these results are read from the event log"));
                (store, Some(copy))
            }
            Err(error) => return Err(unreadable(error)),
        };
        let reader = Arc::new(Reader::new(CurrentStore::new(store)));
        let turns = Semaphore::new(available_parallelism().map_or(1, usize::from));
        Ok(Self { directory: directory.to_owned(), reader, turns, _copy: copy })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Answers queries.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Answers a question on its own thread, so that as many are answered at the same time as there are processors,
    /// in the order in which they are asked.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, CliError> {
        // It is never closed.
        let _turn = self.turns.acquire().await;
        let reader = Arc::clone(&self.reader);
        match spawn_blocking(move || question(&reader)).await {
            Ok(answer) => answer.map_err(unreadable),
            Err(error) => resume_unwind(error.into_panic()),
        }
    }

    /// Closes the database. Its file, and the directory that holds it if it is a copy.
    pub fn into_file(self) -> (PathBuf, Option<TempDir>) {
        let Self { directory, reader, _copy: copy, .. } = self;
        reader.store().close();
        let place = copy.as_ref().map_or(directory.as_path(), TempDir::path);
        (place.join(store::FILE_NAME), copy)
    }

    /// The stored output of an attempt.
    pub fn log(&self, attempt: AttemptId) -> Result<Vec<u8>, CliError> {
        let view = self.reader.attempt(attempt).map_err(unreadable)?;
        let view = view.ok_or_else(|| self.absent(attempt))?;
        let blobs = FileBlobs::new(self.directory.join(blobs::DIRECTORY));
        Ok(results::output(&blobs, view).map_err(failed)?.bytes)
    }

    pub fn test(&self, test: TestId) -> Result<TestView, CliError> {
        let test_view = self.reader.test(test).map_err(unreadable)?;
        test_view.ok_or_else(|| self.absent(test))
    }

    fn absent(&self, id: impl std::fmt::Display) -> CliError {
        let error = CliError::new(format!("there is no {id} in {}", self.directory.display()));
        error
            .with_exit(Exit::NoTest)
            .hint("dtf report lists the tests; --coordinator names a coordinator that may have it")
    }
}

fn failed<E: std::error::Error>(error: E) -> CliError {
    CliError::from_error(&error)
}

/// An error of the results database, with the next step if it is damaged.
pub fn unreadable(error: StoreError) -> CliError {
    let is_damaged = matches!(error.cause(), Cause::Damage | Cause::Invalidated);
    let error = failed(error);
    if !is_damaged {
        return error;
    }
    error.hint(
        "the event log and the archive have all results: move results.duckdb away and start a \
         coordinator or `dtf run` with this --data-dir, which writes it again",
    )
}

/// Opens the database. One of an earlier version is migrated first.
fn open_migrated(console: Console, directory: &Path, path: &Path) -> Result<Store, StoreError> {
    let error = match Store::open_read_only(path) {
        Err(error @ StoreError::Outdated { .. }) => error,
        opened => return opened,
    };
    console.note(&format!("{error}. It is updated now; this takes minutes if it is large"));
    match results::complete(directory, None) {
        Ok(Completion::InUse) => Err(error),
        Ok(_) => Store::open_read_only(path),
        Err(other) => {
            tracing::warn!("{}", CliError::from_error(&other).message);
            Err(error)
        }
    }
}

/// Whether a directory without an event log is one of imported results.
fn is_imported(directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let parent = directory.parent().and_then(Path::file_name);
    let has_log = directory.join(LOG_FILE).try_exists();
    parent.is_some_and(|name| name == IMPORTED) && matches!(has_log, Ok(false))
}

/// Adds to the database the results that only the event log contains.
fn completed(
    console: Console,
    directory: &Path,
    store: Store,
) -> Result<(Store, Option<TempDir>), CliError> {
    let known = store.watermark().map_err(unreadable)?;
    match results::complete(directory, Some(known)) {
        Ok(Completion::NothingMissing) => Ok((store, None)),
        Ok(Completion::Completed) => {
            drop(store);
            let path = directory.join(store::FILE_NAME);
            Ok((Store::open_read_only(&path).map_err(failed)?, None))
        }
        Ok(Completion::InUse) => {
            drop(store);
            let why =
                "the results database is in use by another process and lacks the newest results";
            let (store, copy) = from_log(directory, why)?;
            console.note(&format!("{why}; they are read from the event log"));
            Ok((store, Some(copy)))
        }
        // Imported results never had a log.
        Err(_) if is_imported(directory) => Ok((store, None)),
        Err(error) => {
            let error = CliError::from_error(&error).message;
            console.warning(&format!("newer results may be missing: {error}"));
            Ok((store, None))
        }
    }
}

/// The error about a directory without results.
pub fn no_results(directory: &Path) -> CliError {
    CliError::new(format!("there are no results in {}", directory.display()))
}

/// Reads the results from the event log if there is one, but no database.
fn without_database(console: Console, directory: &Path) -> Result<(Store, TempDir), CliError> {
    let log = directory.join(LOG_FILE);
    let has_log = log.try_exists();
    if !has_log.map_err(|error| CliError::new(format!("cannot read {}: {error}", log.display())))? {
        let hint = "name a coordinator with --coordinator, or run tests: dtf run MODEL";
        return Err(no_results(directory).hint(hint));
    }
    let why = format!("there is no {} in {}", store::FILE_NAME, directory.display());
    let copy = tempfile::tempdir().map_err(failed)?;
    let store = results::from_log(directory, &copy.path().join(store::FILE_NAME));
    let store = store.map_err(|error| {
        let error = CliError::from_error(&error).message;
        CliError::new(format!("{why}, and the event log cannot be read: {error}")).hint(format!(
            "check the directory with `dtf coordinator --check --data-dir {}`",
            directory.display()
        ))
    })?;
    console.note(&format!("{why}; these results are read from the event log"));
    Ok((store, copy))
}

/// Reads the results from the event log into a temporary database.
fn from_log(directory: &Path, in_use: &str) -> Result<(Store, TempDir), CliError> {
    let refused = || {
        CliError::new(in_use).hint(
            "ask the coordinator that uses it, or close the database there (in a notebook: \
             connection.close())",
        )
    };
    let copy = tempfile::tempdir().map_err(|error| {
        tracing::debug!(%error, "no temporary directory");
        refused()
    })?;
    let store = results::from_log(directory, &copy.path().join(store::FILE_NAME));
    let store = store.map_err(|error| {
        tracing::debug!(%error, "the event log cannot be read instead");
        refused()
    })?;
    Ok((store, copy))
}
