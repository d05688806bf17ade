//! The session of a worker with its coordinator.
//!
//! `run` has the main loop, `answers` handles what the coordinator answers, `attempts` starts and
//! stops attempts; all three work on the `state`. `requests` builds the requests, `tries` the
//! pauses between failed ones, `dispute` decides when two processes share one identity.

mod answers;
mod attempts;
mod dispute;
mod job;
mod requests;
mod run;
pub mod state;
mod tries;
