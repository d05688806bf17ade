//! What a coordinator needs to know at its start.

use std::path::PathBuf;

/// Events after which a snapshot of the state is worth its price, unless set otherwise.
pub const SNAPSHOT_EVENTS: u64 = 200_000;

#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds log, results and files; created when missing. One coordinator at a time.
    pub data_dir: PathBuf,
    /// Lines of `TOKEN` or `ROLE USER TOKEN`, readable by the owner only. Without it
    /// everybody who reaches the address is the admin, and it must be a loopback address.
    pub token_file: Option<PathBuf>,
    /// Stored events after which a snapshot is taken, so that restarts stay short.
    pub snapshot_events: u64,
}

impl Settings {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), token_file: None, snapshot_events: SNAPSHOT_EVENTS }
    }
}
