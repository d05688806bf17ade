//! Gathers from this machine and the model hub what tests are made from: the directories of plans
//! and models, descriptions of published models, pytest suites, and the workers that could run them.
//!
//! Prints nothing: notes, warnings and progress go to [`Notices`]. Promises: a file that cannot be
//! read is an error or a note with the reason, never absent. Limits: in the modules.

pub mod base_model;
pub mod commits;
pub mod digests;
mod error;
pub mod fit;
pub mod hub;
mod model_directory;
mod notices;
pub mod peek;
mod plan_directory;
pub mod pytest;
mod walk;

pub use error::{GatherError, Reason};
pub use notices::Notices;
pub use plan_directory::PlanDirectory;
