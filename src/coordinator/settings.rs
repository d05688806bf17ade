//! The settings that a coordinator starts with.

use std::path::PathBuf;

/// Default number of stored events after which a snapshot of the state is taken.
pub const SNAPSHOT_EVENTS: u64 = 200_000;

#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory of the log, the results and the files. It is created if it does not exist. Only one
    /// coordinator can use it at a time.
    pub data_dir: PathBuf,
    /// File with lines of `TOKEN` or `ROLE USER TOKEN`, which only its owner can read. Without it the
    /// coordinator listens on loopback addresses only, and every program on this machine is an
    /// admin.
    pub token_file: Option<PathBuf>,
    /// Number of stored events after which a snapshot is taken, so that a restart replays few.
    pub snapshot_events: u64,
}

impl Settings {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), token_file: None, snapshot_events: SNAPSHOT_EVENTS }
    }
}
