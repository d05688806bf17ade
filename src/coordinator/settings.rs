//! The settings that a coordinator starts with.

use crate::coordinator::compaction::pace::Pace;
use crate::domain::time::Millis;
use std::path::PathBuf;
use std::time::Duration;

/// Default number of stored events after which a snapshot of the state is taken.
pub const SNAPSHOT_EVENTS: u64 = 200_000;
/// Default time from the start to the first search for stored files that nothing names.
const COLLECT_AFTER: Duration = Duration::from_mins(10);
/// Default maximum size of the files of one run, in bytes.
pub const MAX_RUN_BYTES: u64 = 64 << 30;
/// Default maximum size of the stored weights, in bytes.
pub const MAX_WEIGHTS_BYTES: u64 = 500 << 30;
/// Default time for which the event log keeps its records: 180 days. The log is needed to build the
/// results database again without the archive, and for columns that a later version derives from
/// the facts; results older than two releases rarely need either.
pub const DEFAULT_LOG_RETENTION: Millis = Millis::from_secs(180 * 24 * 3600);

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
    pub storage: StorageLimits,
    /// Time from the start to the first search for stored files that nothing names.
    pub collect_after: Duration,
    /// Continue although the event log has lost records.
    pub accept_lost_records: bool,
    /// How often the log is compacted.
    pub compaction: Pace,
    /// Run suspects of changes again on their workers.
    pub confirm_changes: bool,
}

/// Limits of what a coordinator stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// Maximum size of the data directory. None: no limit.
    pub max_data_bytes: Option<u64>,
    /// Maximum size of the files of one run: those that its tests name, and those that its tests
    /// leave. None: no limit.
    pub max_run_bytes: Option<u64>,
    /// Free disk space below which uploads and submissions are refused. None: 1 GiB, or 5 % of the
    /// disk if that is less.
    pub min_free_bytes: Option<u64>,
    /// Maximum size of the stored weights. None: no limit.
    pub max_weights_bytes: Option<u64>,
    /// Time for which the event log keeps its records. None: all of them.
    pub log_retention: Option<Millis>,
}

impl StorageLimits {
    /// The limits of a coordinator without settings.
    pub const DEFAULT: Self = Self {
        max_data_bytes: None,
        max_weights_bytes: Some(MAX_WEIGHTS_BYTES),
        max_run_bytes: Some(MAX_RUN_BYTES),
        min_free_bytes: None,
        log_retention: Some(DEFAULT_LOG_RETENTION),
    };
    /// No limits of size but that of the disk.
    pub const NONE: Self = Self {
        max_data_bytes: None,
        max_weights_bytes: None,
        max_run_bytes: None,
        min_free_bytes: Some(0),
        log_retention: Some(DEFAULT_LOG_RETENTION),
    };
}

impl Settings {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            token_file: None,
            snapshot_events: SNAPSHOT_EVENTS,
            storage: StorageLimits::DEFAULT,
            collect_after: COLLECT_AFTER,
            accept_lost_records: false,
            compaction: Pace::default(),
            confirm_changes: true,
        }
    }
}
