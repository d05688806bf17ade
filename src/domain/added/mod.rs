//! Objects that users add to a coordinator beside runs: templates, marks on results, and limits of changes.

pub mod change_limits;
pub mod marks;
pub mod template;
