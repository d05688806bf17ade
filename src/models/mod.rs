//! What dtf knows about models: where the configuration of a model is, which family it belongs to,
//! which weights it has, how many parameters, and how much memory and time its tests need.
//!
//! ```text
//! source (directory, cache, hub) ─ description ─ catalogue ─┬─ classify (family, markers) ─ flags
//!                                                           └─ parameters ─ estimate
//! ```
//! Pure: files are read through [`source::ModelSource`].

pub mod catalogue;
pub mod classify;
pub mod description;
pub mod estimate;
pub mod family;
pub mod flags;
pub mod identify;
pub mod interpret;
pub mod markers;
pub mod parameters;
pub mod quantised;
pub mod sizes;
pub mod source;
pub mod weights;
