//! How often the log is compacted.

use std::time::Duration;

/// The intervals of a compaction.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time from the start to the first check. Short, so that a coordinator that is started every
    /// day also compacts; long enough for the work of a start.
    pub first_check: Duration,
    /// Time between two checks.
    pub check_interval: Duration,
    /// Minimum time between two exports, between two verifications of the archive, and after an error.
    pub min_interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            first_check: seconds(60),
            check_interval: seconds(3600),
            min_interval: seconds(24 * 3600),
        }
    }
}
