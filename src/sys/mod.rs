//! The operating system: clock, ids, tasks, files.

pub mod clock;
pub mod fs;
pub mod ids;
pub mod shutdown;
pub mod spawn;
