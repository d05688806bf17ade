//! The terminal: results, messages and progress.

pub mod console;
pub mod notices;
pub mod progress;
