//! From what people write to the tests that run: plan files, model families, generated
//! scripts, estimates.
//!
//! ```text
//! plan file ─ source (limits, syntax) ─ node (tree) ─ document ─┬ entry, matrix ──────┐
//! command line ─ request ─ models ─ generate (catalogue, classify, library, estimate) ─┴ submission
//! library (layers of texts) ─ template (one of them, compiled)
//! ```
//! Pure: what a plan names (files, model configurations) comes in through
//! [`files::Files`], what it means goes out as values. Limits stand beside the types.

mod case;
pub mod catalogue;
pub mod check;
pub mod classify;
mod dependency;
pub mod depth;
pub mod description;
pub mod document;
pub mod embedded;
pub mod entry;
pub mod estimate;
pub mod family;
mod fields;
pub mod files;
pub mod flags;
pub mod generate;
mod glob;
pub mod graph;
pub mod history;
pub mod identify;
pub mod library;
pub mod locate;
pub mod markers;
pub mod matrix;
pub mod models;
pub mod names;
pub mod needs;
pub mod node;
mod order;
pub mod parameters;
pub mod priority;
pub mod problem;
pub mod pytest;
pub mod python;
pub mod python_json;
pub mod quantised;
pub mod quantity;
pub mod request;
pub mod settings;
mod sizes;
pub mod source;
pub mod sources;
pub mod submission;
pub mod template;
pub mod template_path;
pub mod weights;
mod write;

#[cfg(test)]
mod tests;
