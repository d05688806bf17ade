//! Knowledge about models: the configuration of a model, its family, its weights, its number of
//! parameters, and the memory and time that its tests need.
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
pub mod gguf;
pub mod identify;
pub mod interpret;
pub mod markers;
pub mod parameters;
pub mod quantised;
pub mod sizes;
pub mod source;
pub mod weights;
