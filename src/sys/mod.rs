//! The operating system: clock, ids, tasks, files.

pub mod clock;
pub mod ids;
pub mod shutdown;
pub mod spawn;
