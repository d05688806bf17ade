//! Objects that users add to a coordinator beside runs: templates, and marks on results.

pub mod marks;
pub mod template;
