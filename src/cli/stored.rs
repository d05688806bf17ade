//! Where results are: at a coordinator, at a `dtf run` that works, or in a data directory where
//! nobody serves them (those of `dtf run`, or of a coordinator that has stopped).

use super::args::{Global, Server};
use super::connect::{address, client_at, path, settings};
use super::console::Console;
use super::failure::Failure;
use super::results::ResultsArgs;
use super::serving;
use crate::api::page::PageQuery;
use crate::api::v1::test_views::{AttemptDetail, TestQuery, TestView, Why};
use crate::blobs::{self, Blobs};
use crate::client::{Client, ClientError};
use crate::config::{File, locate};
use crate::coordinator::{self, Completed};
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::store::rows::AttemptFilter;
use crate::store::{self, Store, StoreError};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Tests of one run that a part of a name may match, for a person to choose from.
const MAX_NAMED: u32 = 100;

/// Where a command finds results.
pub enum Source {
    /// A coordinator, or a `dtf run` that works.
    Coordinator(Client),
    Stored(Stored),
}

impl Source {
    /// What a flag asks for; else the coordinator that is named, the directory that is, the
    /// coordinator of this machine, the results of `dtf run` on this machine.
    pub async fn of(console: Console, global: &Global, args: ResultsArgs) -> Result<Self, Failure> {
        let file = settings(global)?;
        let (url, named) = address(&file, &Server { coordinator: args.coordinator })?;
        match file.pick(args.data_dir, "data_dir", path)? {
            Some(directory) if args.only_stored || !named => Self::at(console, &directory).await,
            _ => {
                let client = client_at(url, global, &file)?;
                if named || is_there(&client).await {
                    return Ok(Self::Coordinator(client));
                }
                Self::at(console, &locate::data_dir("local")).await
            }
        }
    }

    /// The results in a directory: from the `dtf run` that works there, else from the disk.
    async fn at(console: Console, directory: &Path) -> Result<Self, Failure> {
        if let Some(working) = serving::find(directory).await {
            return Ok(Self::Coordinator(working.client));
        }
        Stored::open(console, directory).map(Self::Stored)
    }

    /// Runs, the newest first.
    pub async fn newest_runs(&self, limit: u32) -> Result<Vec<RunId>, Failure> {
        match self {
            Self::Coordinator(client) => {
                let newest = PageQuery { limit: Some(limit), ..PageQuery::default() };
                Ok(client.runs(&newest).await?.items.into_iter().map(|run| run.run).collect())
            }
            Self::Stored(stored) => {
                let runs = stored.store.runs(None, limit as usize);
                let runs = runs.map_err(|error| Failure::chain(&error))?;
                Ok(runs.into_iter().map(|run| run.run).collect())
            }
        }
    }

    /// Tests of a run with a text in their names.
    pub async fn tests_named(&self, run: RunId, text: &str) -> Result<Vec<TestView>, Failure> {
        match self {
            Self::Coordinator(client) => {
                let query = TestQuery {
                    run: Some(run),
                    name: Some(text.to_owned()),
                    limit: Some(MAX_NAMED),
                    ..TestQuery::default()
                };
                Ok(client.tests(&query).await?.items)
            }
            Self::Stored(stored) => {
                let filter = store::rows::TestFilter {
                    run: Some(run),
                    name: Some(text.to_owned()),
                    limit: MAX_NAMED as usize,
                    ..store::rows::TestFilter::default()
                };
                let found = stored.store.tests(&filter).map_err(|error| Failure::chain(&error))?;
                Ok(found.into_iter().map(coordinator::test_view).collect())
            }
        }
    }
}

/// Whether anybody answers, even with a refusal.
async fn is_there(client: &Client) -> bool {
    !matches!(client.status().await, Err(ClientError::Unreachable { .. }))
}

/// A client for commands that need a coordinator: the one that is named, that of this machine,
/// or the `dtf run` that works on it.
pub async fn live(global: &Global, server: &Server) -> Result<Client, Failure> {
    let file = settings(global)?;
    let (url, named) = address(&file, server)?;
    let client = client_at(url, global, &file)?;
    if named || is_there(&client).await {
        return Ok(client);
    }
    let directory = local_dir(&file)?;
    match serving::find(&directory).await {
        Some(working) => Ok(working.client),
        None => Err(nobody(&client, &directory)),
    }
}

/// Where `dtf run` keeps its results unless a flag names another place.
fn local_dir(file: &File) -> Result<PathBuf, Failure> {
    let named = file.pick(variable("DTF_DATA_DIR").map(PathBuf::from), "data_dir", path)?;
    Ok(named.unwrap_or_else(|| locate::data_dir("local")))
}

#[expect(clippy::disallowed_methods, reason = "these commands have no flag for it")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn nobody(client: &Client, directory: &Path) -> Failure {
    let failure = Failure::new(format!(
        "no coordinator runs at {}, and no `dtf run` is working in {}",
        client.url(),
        directory.display()
    ));
    failure.hint(if directory.join(store::FILE_NAME).exists() {
        "the results of `dtf run` are read by dtf report, dtf why and dtf logs; \
         this command needs a coordinator: start one with `dtf coordinator`"
    } else {
        "start a coordinator with `dtf coordinator`, or name one with --coordinator"
    })
}

/// A data directory, of which nothing is changed.
pub struct Stored {
    directory: PathBuf,
    store: Store,
    /// Holds a copy of the results, where the database itself is in use.
    _copy: Option<TempDir>,
}

impl Stored {
    fn open(console: Console, directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(store::FILE_NAME);
        if !path.exists() {
            return Err(Failure::new(format!("there are no results in {}", directory.display()))
                .hint("name a coordinator with --coordinator, or make results: dtf run MODEL"));
        }
        let (store, copy) = match Store::open_read_only(&path) {
            Ok(store) => completed(console, directory, store)?,
            Err(error @ StoreError::InUse { .. }) => {
                let (store, copy) = from_log(directory, &error.to_string())?;
                console.note(&format!("{error}; these results are read from the event log"));
                (store, Some(copy))
            }
            Err(error) => return Err(Failure::chain(&error)),
        };
        Ok(Self { directory: directory.to_owned(), store, _copy: copy })
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What an attempt wrote, as far as it was kept.
    pub fn log(&self, attempt: AttemptId) -> Result<Vec<u8>, Failure> {
        let found = self.store.attempt(attempt).map_err(|error| Failure::chain(&error))?;
        let found = found.ok_or_else(|| self.absent(&attempt.to_string()))?;
        let unreadable = |what: String| Failure::new(format!("the output of {attempt}: {what}"));
        let detail: AttemptDetail = match found.detail {
            Some(detail) => {
                serde_json::from_str(detail.get()).map_err(|error| unreadable(error.to_string()))?
            }
            None => AttemptDetail::default(),
        };
        let Some(log) = detail.log else { return Ok(detail.output.into_bytes()) };
        let digest = log.sha256.parse().map_err(|_| unreadable("no digest".to_owned()))?;
        let blobs = Blobs::open(self.directory.join(blobs::FOLDER));
        let blobs = blobs.map_err(|error| Failure::chain(&error))?;
        blobs.get(&digest, log.size_bytes).map_err(|error| Failure::chain(&error))
    }

    pub fn why(&self, test: TestId) -> Result<Why, Failure> {
        let filter = AttemptFilter {
            test: Some(test),
            limit: coordinator::MAX_ATTEMPTS,
            ..AttemptFilter::default()
        };
        let attempts = self.store.attempts(&filter).map_err(|error| Failure::chain(&error))?;
        let attempts: Vec<_> = attempts.into_iter().map(coordinator::attempt_view).collect();
        Ok(coordinator::ended(self.test(test)?, &attempts))
    }

    pub fn test(&self, test: TestId) -> Result<TestView, Failure> {
        let found = self.store.test(test).map_err(|error| Failure::chain(&error))?;
        found.map(coordinator::test_view).ok_or_else(|| self.absent(&test.to_string()))
    }

    fn absent(&self, what: &str) -> Failure {
        Failure::new(format!("no {what} in {}", self.directory.display()))
            .hint("dtf report lists the tests; --coordinator names one that may have it")
    }
}

/// The database with everything that the event log has.
fn completed(
    console: Console,
    directory: &Path,
    store: Store,
) -> Result<(Store, Option<TempDir>), Failure> {
    let failed = |error: StoreError| Failure::chain(&error);
    let known = store.watermark().map_err(failed)?;
    match coordinator::complete_results(directory, known) {
        Ok(Completed::Whole) => Ok((store, None)),
        Ok(Completed::Now) => {
            drop(store);
            let path = directory.join(store::FILE_NAME);
            Ok((Store::open_read_only(&path).map_err(failed)?, None))
        }
        Ok(Completed::InUse) => {
            drop(store);
            let why =
                "the results database is in use by another process and lacks the newest results";
            let (store, copy) = from_log(directory, why)?;
            console.note(&format!("{why}; they are read from the event log"));
            Ok((store, Some(copy)))
        }
        Err(error) => {
            let error = Failure::chain(&error).message;
            console.warning(&format!("newer results may be missing: {error}"));
            Ok((store, None))
        }
    }
}

/// The results as the event log tells them, in a temporary database.
fn from_log(directory: &Path, in_use: &str) -> Result<(Store, TempDir), Failure> {
    let refused = || {
        Failure::new(in_use).hint(
            "ask the coordinator that uses it, or close the database there (in a notebook: \
             connection.close())",
        )
    };
    let copy = tempfile::tempdir().map_err(|error| {
        tracing::debug!(%error, "no temporary directory");
        refused()
    })?;
    let store = coordinator::results_from_log(directory, &copy.path().join(store::FILE_NAME));
    let store = store.map_err(|error| {
        tracing::debug!(%error, "the event log cannot be read instead");
        refused()
    })?;
    Ok((store, copy))
}
