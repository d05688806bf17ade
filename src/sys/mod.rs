//! The operating system: clock, ids, tasks, signals, files, processes.

pub mod clock;
pub mod fs;
pub mod ids;
pub mod process;
pub mod shutdown;
pub mod spawn;
