//! The machine on which devices are detected: its files, and the tools of the vendors.

use super::tools;
use crate::sys::process::{Completion, Runner};
use std::path::Path;
use std::time::Duration;

/// Interval at which a person is informed that a tool is still running.
pub const NOTICE_INTERVAL: Duration = Duration::from_secs(1);

/// Access to the machine on which devices are detected.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    pub tools: &'a dyn Runner,
    /// `/`, or in tests a directory with the same layout.
    pub root: &'a Path,
    /// Interval between two calls of `on_wait`, usually [`NOTICE_INTERVAL`].
    pub notice_interval: Duration,
    /// Called while a tool runs, with its name and its run time so far.
    pub on_wait: &'a (dyn Fn(&str, Duration) + Send + Sync),
}

impl Host<'_> {
    /// Runs a tool within [`tools::LIMITS`].
    pub(super) async fn run(&self, program: &str, args: &[&str]) -> Completion {
        let call = tools::call(program, args);
        let mut run = self.tools.run(&call, tools::LIMITS);
        let begun = tokio::time::Instant::now();
        loop {
            match tokio::time::timeout(self.notice_interval, &mut run).await {
                Ok(completion) => return completion,
                Err(_) => (self.on_wait)(program, begun.elapsed()),
            }
        }
    }
}
