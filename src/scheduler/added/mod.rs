//! Objects that users add beside runs: templates, and marks on results.

mod marks;
pub(super) mod table;
mod templates;
