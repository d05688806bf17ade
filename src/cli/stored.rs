//! Where results are: at a coordinator, or where none serves them (those of `dtf run`, or of
//! a coordinator that has stopped).

use super::args::{Global, Server};
use super::connect::{address, client_at, path, settings};
use super::failure::Failure;
use super::results::ResultsArgs;
use crate::api::v1::tests::{AttemptDetail, TestView, Why};
use crate::blobs::{self, Blobs};
use crate::client::{Client, ClientError};
use crate::config::locate;
use crate::coordinator;
use crate::domain::id::{AttemptId, TestId};
use crate::store::{self, Store, StoreError};
use std::path::{Path, PathBuf};

/// Where a command finds results.
pub enum Source {
    Coordinator {
        client: Client,
        /// Whether somebody named it; otherwise it may as well not be there.
        named: bool,
    },
    Stored(Stored),
}

impl Source {
    /// What a flag asks for; else the coordinator that is named, the directory that is, the
    /// coordinator of this machine.
    pub fn of(global: &Global, args: ResultsArgs) -> Result<Self, Failure> {
        let file = settings(global)?;
        let (url, named) = address(&file, &Server { coordinator: args.coordinator })?;
        match file.pick(args.data_dir, "data_dir", path)? {
            Some(directory) if args.only_stored || !named => {
                Stored::open(&directory).map(Self::Stored)
            }
            _ => Ok(Self::Coordinator { client: client_at(url, global, &file)?, named }),
        }
    }
}

/// A data directory, of which nothing is changed.
pub struct Stored {
    directory: PathBuf,
    store: Store,
}

impl Stored {
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(store::FILE_NAME);
        if !path.exists() {
            return Err(Failure::new(format!("there are no results in {}", directory.display()))
                .hint("name a coordinator with --coordinator, or make results: dtf run MODEL"));
        }
        let store = Store::open_read_only(&path).map_err(|error| match error {
            StoreError::InUse { .. } => Failure::new(error.to_string())
                .hint("ask the coordinator that uses it, or wait until `dtf run` has ended"),
            error => Failure::chain(&error),
        })?;
        Ok(Self { directory: directory.to_owned(), store })
    }

    /// The results of `dtf run`, where nobody named a coordinator and none is there.
    ///
    /// # Errors
    /// The coordinator's `error` otherwise.
    pub fn instead_of(error: ClientError, named: bool) -> Result<Self, Failure> {
        let directory = locate::data_dir("local");
        let away = matches!(error, ClientError::Unreachable { .. }) && !named;
        if away && directory.join(store::FILE_NAME).exists() {
            return Self::open(&directory);
        }
        Err(error.into())
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
        Ok(coordinator::ended(self.test(test)?))
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
