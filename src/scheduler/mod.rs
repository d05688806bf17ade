//! Decides which test runs where and when, and what the end of an attempt means for its test.
//!
//! Pure: time is an argument, and nothing here waits, reads or writes. [`Scheduler::decide`] reads
//! the state and returns facts with an answer; [`Scheduler::apply`] changes the state by a fact,
//! and a restart is a fold of `apply` over the log. [`engine::Engine`] drives both for a batch of
//! requests; its caller stores the facts of the batch and then sends the answers.
//!
//! Promises, checked by `check_invariants` after each fact in tests:
//! amounts held never exceed the capability of the worker; a test has at most one live lease;
//! epochs only grow; no test starts before its dependencies allow it; a cancelled run stays
//! cancelled; replaying the log gives the state that the log was written from.
//!
//! Terms that the parts share:
//! - *queue class*: the waiting tests with the same requirement (`classes`);
//! - *head*: the best waiting test of a class; a claim compares heads, never all tests;
//! - *amounts*: what a worker has and a test takes: cores, memory, slots, devices (`amounts`);
//! - *seat*: the place of one running test on a worker with the amounts that it takes; short
//!   tests granted ahead wait in a seat and take it over one after the other (`grant`);
//! - *hungry*: a worker with an open claim that may have room, so that it is served next;
//! - *contested*: a class in which tests of several runs wait at the best priority;
//! - *distance*: how far the weights of a test are from a worker (`weights`).

mod added;
mod amounts;
mod cancel;
mod classes;
mod command;
mod core;
mod corrections;
mod deadline;
mod demand;
mod deps;
pub mod engine;
mod error;
mod explain;
mod grant;
mod invariants;
mod report;
mod snapshot;
mod state;
mod status;
mod submit;
#[cfg(test)]
mod tests;
mod view;
mod weights;
mod worker;

pub use command::{
    Answer, Command, Delivery, Finished, Identity, Lease, NewQuarantine, Signal, Step, Submission,
    Unschedulable,
};
pub use deadline::{HEARTBEAT_INTERVAL, LEASE_TIMEOUT};
pub use error::{FactError, Rejected};
pub use snapshot::{RestoreError, Snapshot};
pub use state::Scheduler;
pub use status::{
    Availability, Counts, Demand, Explanation, Overview, RunSummary, RunningTest, TestStatus,
    WaitingTests, WeightsStatus, WorkerFit, WorkerStatus,
};
