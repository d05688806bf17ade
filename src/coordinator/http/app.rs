//! What every handler can reach.

use crate::api::error::Code;
use crate::api::v1::test_views::AttemptView;
use crate::coordinator::health::Health;
use crate::coordinator::http::auth::Authenticators;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::refusals::Refusals;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::Mailbox;
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::Progress;
use crate::coordinator::results::{Fault, Results};
use crate::domain::id::AttemptId;
use crate::sys::clock::Clock;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests with large bodies at a time.
pub const MAX_HEAVY: usize = 4;
/// How long a list or report waits until the database has caught up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct App {
    pub mailbox: Mailbox,
    pub progress: Arc<Progress>,
    pub results: Arc<dyn Results>,
    pub live: Arc<LiveLogs>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub authenticators: Authenticators,
    pub refusals: Refusals,
    pub clock: Clock,
    /// Text of the OpenAPI document.
    pub openapi: &'static str,
    /// Names the data directory.
    pub identity: String,
    /// Where blobs are written before their digest is known.
    pub incoming: PathBuf,
    pub heavy: Semaphore,
    pub connections: AtomicUsize,
}

impl App {
    /// Returns when everything acknowledged so far can be read from the database.
    pub async fn settled(&self) -> Result<(), ApiError> {
        if self.progress.wait_projected(PATIENCE).await {
            return Ok(());
        }
        Err(ApiError::new(Code::Unavailable, "the results database has fallen behind")
            .hint("GET /health/ready says whether it can be written"))
    }

    /// Reads from database or disk, off the threads that serve connections.
    pub async fn results<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Results) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ApiError> {
        let results = Arc::clone(&self.results);
        blocking(move || read(&*results))
            .await?
            .map_err(|fault| ApiError::internal("results or files cannot be read", &fault))
    }

    /// An attempt that has ended.
    pub async fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, ApiError> {
        self.settled().await?;
        self.results(move |r| r.attempt(attempt)).await
    }

    /// Blocks.
    pub fn has_blob(&self, sha256: &str) -> Result<bool, ApiError> {
        let size = self.results.blob_size(sha256);
        size.map(|size| size.is_some())
            .map_err(|fault| ApiError::internal("files cannot be read", &fault))
    }

    /// The whole blob: for logs, which are small.
    pub async fn read_blob(&self, sha256: String) -> Result<Option<Vec<u8>>, ApiError> {
        self.results(move |r| {
            let Some(mut file) = r.blob(&sha256)? else { return Ok(None) };
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(|error| error.to_string())?;
            Ok(Some(content))
        })
        .await
    }
}
