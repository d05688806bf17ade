//! From what people write to the tests that run: plan files, the command line, generated scripts.
//!
//! ```text
//! plan file ─ text::source ─ document ─┬─ entry, matrix ─────────────────────┬─ submission
//!                                      └─┐                                   │
//! command line ─ request ────────────────┴─ model_entry ─ generate ──────────┘
//! ```
//! Pure: the files that a plan names come in through [`files::directory::PlanFiles`], the models
//! through [`crate::models::source::ModelSource`]; the result is a value. Limits are constants beside
//! their types.

mod dependency;
pub mod document;
pub mod entry;
pub mod files;
pub mod folders;
pub mod generate;
pub mod graph;
pub mod history;
mod keys;
pub mod matrix;
pub mod model_entry;
pub mod names;
pub mod needs;
pub mod packages;
pub mod priority;
pub mod pytest;
pub mod request;
mod resolve;
pub mod settings;
pub mod sources;
pub mod submission;
mod weights;
mod write;

#[cfg(test)]
mod tests;
