//! The only place that starts tasks: each has a name.

use std::future::Future;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// Runs `future` as a task of the current runtime; its log lines carry `name`.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.instrument(tracing::debug_span!("task", name)))
}
