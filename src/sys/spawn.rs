//! The only place that starts asynchronous tasks: each has a name and belongs to a group,
//! and a group is joined (or aborted) before its owner ends.
//!
//! Promises: a panic of a task is logged with its name and ends nothing else; dropping the
//! group aborts what still runs.

use std::future::Future;
use std::time::Duration;
use tokio::task::JoinSet;

/// A group of tasks. See the module.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<()>,
}

impl Tasks {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task in this group. Must be called inside a runtime.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        while self.running.try_join_next().is_some() {}
        self.running.spawn(Named { name, task: Box::pin(task), over: false });
    }

    /// Tasks that have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for all tasks; aborts what is left after `limit`. True when none was left.
    pub async fn join(mut self, limit: Duration) -> bool {
        let all = async { while self.running.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        self.running.shutdown().await;
        in_time
    }
}

/// Says which task it was when one panics.
struct Named<F> {
    name: &'static str,
    task: std::pin::Pin<Box<F>>,
    over: bool,
}

impl<F: Future<Output = ()>> Future for Named<F> {
    type Output = ();
    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        let polled = self.task.as_mut().poll(context);
        self.over = polled.is_ready();
        polled
    }
}

impl<F> Drop for Named<F> {
    fn drop(&mut self) {
        if !self.over && std::thread::panicking() {
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
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        tasks.spawn("bad", async { panic!("on purpose") });
        tasks.spawn("good", async move {
            tokio::task::yield_now().await;
            told.send(7).expect("the test listens");
        });
        assert!(tasks.join(Duration::from_secs(20)).await);
        assert_eq!(heard.recv().await, Some(7));
    }

    #[tokio::test]
    async fn what_does_not_end_is_aborted() {
        let mut tasks = Tasks::new();
        tasks.spawn("endless", std::future::pending());
        assert!(!tasks.join(Duration::from_millis(1)).await);
    }
}
