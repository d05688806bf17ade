//! A trait for running programs, so that tests replay recorded answers instead.

use super::completion::Completion;
use super::run::{Call, Limits, run};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Runs programs, or replays recorded answers.
pub trait Runner: Send + Sync {
    /// Runs one program to its end, within the limits.
    fn run<'a>(&'a self, call: &'a Call, limits: Limits) -> BoxFuture<'a, Completion>;
}

/// Runs programs on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    fn run<'a>(&'a self, call: &'a Call, limits: Limits) -> BoxFuture<'a, Completion> {
        run(call, limits).boxed()
    }
}
