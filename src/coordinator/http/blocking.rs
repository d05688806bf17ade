//! Work that would hold up the threads that serve connections.

use crate::coordinator::http::respond::ApiError;

/// Runs work that blocks or computes for long on its own thread.
///
/// # Errors
/// The work panicked, or the runtime is shutting down.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ApiError::internal("a background task failed", &error))
}
