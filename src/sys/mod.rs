//! Access to the operating system: clock, random ids, tasks, signals, files, processes, memory.

pub mod ahead;
pub mod beneath;
pub mod browser;
pub mod caches;
pub mod clock;
pub mod direct;
pub mod disk;
pub mod file_lock;
pub mod fs;
pub mod hashing;
pub mod ids;
pub mod limits;
pub mod lock;
pub mod memory;
pub mod panics;
pub mod place;
pub mod private;
pub mod process;
pub mod program;
pub mod shutdown;
pub mod spawn;
