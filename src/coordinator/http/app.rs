//! The state of the coordinator that every handler can use.

use crate::api::error::Code;
use crate::api::v1::test_views::AttemptView;
use crate::blobs::{BlobDigest, BlobError, BlobStore};
use crate::coordinator::files::run_files::RunFiles;
use crate::coordinator::files::space::Space;
use crate::coordinator::health::Health;
use crate::coordinator::http::auth::Authenticators;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::refusals::Refusals;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::router::bodies::Bodies;
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::Mailbox;
use crate::coordinator::metrics::Metrics;
use crate::coordinator::pages::streams::Streams;
use crate::coordinator::projector::Progress;
use crate::coordinator::weights::WeightsStore;
use crate::domain::causes::with_causes;
use crate::domain::id::AttemptId;
use crate::log::LogReader;
use crate::results::{self, Output, OutputError, Reader};
use crate::store::{Cause, StoreError};
use crate::sys::clock::Clock;
use crate::sys::program::{ProgramError, ProgramFile};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Time limit for the results database to catch up, before a list or report is read from it.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) struct App {
    pub mailbox: Mailbox,
    pub progress: Arc<Progress>,
    pub results: Reader,
    pub blobs: Arc<dyn BlobStore>,
    pub weights: Arc<WeightsStore>,
    pub log: Arc<dyn LogReader>,
    pub live: Arc<LiveLogs>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub space: Arc<Space>,
    pub run_files: Arc<RunFiles>,
    pub authenticators: Authenticators,
    pub refusals: Refusals,
    pub streams: Streams,
    pub clock: Clock,
    /// Text of the OpenAPI document. The first call builds it.
    pub openapi: fn() -> &'static str,
    /// The files of this program, from the start of the coordinator on.
    pub program: Result<Vec<Arc<ProgramFile>>, ProgramError>,
    /// Identity of the data directory.
    pub identity: String,
    /// Directory for uploaded files whose digest is not known yet.
    pub incoming: PathBuf,
    pub bodies: Bodies,
    /// The right to send a copy of the results database.
    pub snapshots: Arc<Semaphore>,
    pub connections: AtomicUsize,
}

impl App {
    /// Waits until everything that was acknowledged so far can be read from the results database.
    ///
    /// # Errors
    /// The database has not caught up within the time limit.
    pub async fn settled(&self) -> Result<(), ApiError> {
        if self.progress.wait_projected(CATCH_UP_TIMEOUT).await {
            return Ok(());
        }
        if let Some(reason) = self.progress.unavailable() {
            return Err(repaired_later(reason));
        }
        Err(ApiError::new(
            Code::Unavailable,
            "the results database has not caught up with the event log",
        )
        .hint("try again; GET /health/ready reports whether it can be written"))
    }

    /// Queries the results database, off the threads that serve connections.
    pub async fn results<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let reader = self.results.clone();
        blocking(move || query(&reader)).await?.map_err(|error| self.unreadable(&error))
    }

    /// The answer to a query that failed. The projector learns of faults that it can repair.
    fn unreadable(&self, error: &StoreError) -> ApiError {
        const DAMAGED: &str = "the results database is damaged or must be opened again";
        match error.cause() {
            cause if error.needs_reopening() => {
                let reason = with_causes(error);
                tracing::error!(reason, "{DAMAGED}");
                self.progress.report_fault(cause);
                repaired_later(DAMAGED)
            }
            _ if matches!(error, StoreError::Closed) => {
                repaired_later(self.progress.unavailable().unwrap_or_else(|| error.to_string()))
            }
            Cause::Memory => {
                let reason = with_causes(error);
                tracing::warn!(reason, "a query needs more memory than the results database has");
                ApiError::new(
                    Code::Unavailable,
                    "the query needs more memory than the results database has",
                )
                .hint("ask for less: one run, a shorter time, or a lower limit")
            }
            _ => ApiError::internal("the results database cannot be read", error),
        }
    }

    /// Uses the storage of blobs, off the threads that serve connections.
    pub async fn blobs<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn BlobStore) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let blobs = Arc::clone(&self.blobs);
        blocking(move || work(&*blobs)).await?.map_err(|error| self.blob_error(error))
    }

    /// An attempt that has ended.
    pub async fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, ApiError> {
        self.settled().await?;
        self.results(move |results| results.attempt(attempt)).await
    }

    /// The stored output of an attempt that has ended. `None` if there is no such attempt.
    pub async fn output(&self, attempt: AttemptId) -> Result<Option<Output>, ApiError> {
        let Some(view) = self.attempt(attempt).await? else { return Ok(None) };
        let blobs = Arc::clone(&self.blobs);
        let output = blocking(move || results::output(&*blobs, view)).await?;
        output.map(Some).map_err(|error| match error {
            OutputError::Blob(error) => self.blob_error(error),
            OutputError::Missing(_) => ApiError::new(Code::Damaged, error.to_string()).hint(
                "restore the file from a backup of the data directory, or run the test again",
            ),
            OutputError::Digest(_) => {
                ApiError::internal("the output of the attempt cannot be read", &error)
            }
        })
    }

    /// Size of a stored blob, whose removal is postponed. A damaged one counts as not stored, so that
    /// the client uploads it again. Blocks.
    pub fn stored_blob(&self, digest: &BlobDigest) -> Result<Option<u64>, ApiError> {
        match self.blobs.verify(digest) {
            Err(error @ BlobError::Damaged { .. }) => {
                self.blob_error(error);
                Ok(None)
            }
            size => size.map_err(|error| self.blob_error(error)),
        }
    }

    /// The answer to a failed use of the storage of blobs. Counts damaged blobs, and notes that
    /// the disk is full.
    pub fn blob_error(&self, error: BlobError) -> ApiError {
        match &error {
            BlobError::Damaged { .. } => {
                self.metrics.damaged_files.fetch_add(1, Relaxed);
            }
            BlobError::Full { path, source } => {
                self.space.write_failed(&self.health, path, source);
            }
            _ => {}
        }
        error.into()
    }
}

/// The answer while the database is checked or rebuilt.
fn repaired_later(reason: impl Into<String>) -> ApiError {
    ApiError::new(Code::Unavailable, reason).hint(
        "try again later; nothing is lost, and GET /health/ready reports the progress; submissions \
         and workers are not affected",
    )
}
