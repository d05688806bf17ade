//! Starts asynchronous tasks. Each task has a name and belongs to a group, and the owner of a group
//! joins or aborts it before it ends. No other module starts tasks.
//!
//! Promises: a panic of a task is logged with the name of the task and ends nothing else. Dropping
//! the group aborts its running tasks.

use std::future::Future;
use std::time::Duration;
use tokio::task::JoinSet;

/// A group of tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<()>,
}

impl Tasks {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task in this group. Requires a Tokio runtime.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        while self.running.try_join_next().is_some() {}
        self.running.spawn(Named { name, task: Box::pin(task), is_done: false });
    }

    /// Number of tasks that have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for all tasks, and aborts those that still run after `limit`. Returns whether all ended
    /// in time.
    pub async fn join(mut self, limit: Duration) -> bool {
        let all = async { while self.running.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        self.running.shutdown().await;
        in_time
    }
}

/// A task that logs its name if it panics.
struct Named<F> {
    name: &'static str,
    task: std::pin::Pin<Box<F>>,
    is_done: bool,
}

impl<F: Future<Output = ()>> Future for Named<F> {
    type Output = ();
    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        let polled = self.task.as_mut().poll(context);
        self.is_done = polled.is_ready();
        polled
    }
}

impl<F> Drop for Named<F> {
    fn drop(&mut self) {
        if !self.is_done && std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_joins_its_tasks_and_survives_a_panic() {
        let mut tasks = Tasks::new();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        tasks.spawn("bad", async { panic!("on purpose") });
        tasks.spawn("good", async move {
            tokio::task::yield_now().await;
            sender.send(7).expect("the test receives");
        });
        assert!(tasks.join(Duration::from_secs(20)).await);
        assert_eq!(receiver.recv().await, Some(7));
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_aborted() {
        let mut tasks = Tasks::new();
        tasks.spawn("endless", std::future::pending());
        assert!(!tasks.join(Duration::from_millis(1)).await);
    }
}
