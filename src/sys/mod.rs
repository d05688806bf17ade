//! The operating system: clock, ids, tasks, signals, files, processes, memory.

pub mod caches;
pub mod clock;
pub mod fs;
pub mod ids;
pub mod limits;
pub mod memory;
pub mod place;
pub mod private;
pub mod process;
pub mod shutdown;
pub mod spawn;
