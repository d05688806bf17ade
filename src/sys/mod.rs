//! The operating system: tasks, signals, files, processes.

pub mod files;
pub mod process;
pub mod shutdown;
pub mod spawn;
