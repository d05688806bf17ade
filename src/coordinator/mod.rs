//! The coordinator role: owns the scheduler, the event log and the results database, and
//! serves the API.
//!
//! One thread owns the scheduler (`runtime`), one commits (`commit`), one feeds the
//! results database (`projector`); HTTP runs on the caller's runtime, for which two
//! threads suffice. Promises: acknowledged requests survive a crash at any moment; a
//! coordinator that cannot store facts stops; an address that other machines reach needs a token.

mod again;
mod announce;
mod check;
mod clock;
mod commit;
mod compaction;
mod database;
mod files;
mod health;
pub mod http;
mod leadership;
mod live;
mod mailbox;
mod metrics;
mod pages;
mod projector;
mod recovery;
mod runtime;
mod settings;
mod standby;
mod startup;
#[cfg(test)]
mod tests;
mod tick;
mod weights;

pub use check::check;
pub use check::report::{Part, Report};
pub use compaction::offline::{RemovalError, Removed, count_old, remove_old};
pub use http::auth::TokenFileError;
pub use recovery::error::RecoveryError;
pub use recovery::{identity_of, is_data_directory};
pub use settings::{
    DEFAULT_LOG_RETENTION, MAX_RUN_BYTES, MAX_WEIGHTS_BYTES, Settings, StorageLimits,
};
pub use startup::{CoordinatorError, run};
