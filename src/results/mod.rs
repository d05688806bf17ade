//! Reports: what the results database answers, as one document, and that document as text.
//!
//! Promises: every form shows the same rows; rendering is pure, so the same report gives
//! the same text; texts of others can neither move a terminal's cursor nor become formulas.

mod assemble;
mod merge;
pub mod render;

pub use assemble::assemble;
pub use merge::merge;
