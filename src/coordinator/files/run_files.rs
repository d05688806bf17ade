//! The size of the files of each run, against the quota of a run.
//!
//! Counted are the files that the tests of a run name, once for each part of the submission, and the
//! files that workers upload for its results and that were not stored before.
//!
//! Limit: the counts of [`MAX_RUNS`] runs are kept, the newest ones. They are in memory: after a restart
//! the count of a run begins at the files that its stored results name.

use crate::api::error::Code;
use crate::coordinator::http::respond::ApiError;
use crate::domain::id::RunId;
use crate::results::render::figures::bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of runs whose files are counted.
const MAX_RUNS: usize = 10_000;

/// The counts of all runs.
#[derive(Debug)]
pub(crate) struct RunFiles {
    /// Maximum size for one run, in bytes.
    quota: Option<u64>,
    counts: Mutex<BTreeMap<RunId, u64>>,
}

/// The files of a run exceed its quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the files of {} exceed the quota of a run: {} are stored, {} were to be added, and the maximum is {}",
    run.map_or_else(|| "the run".to_owned(), |run| run.to_string()),
    bytes(*used as f64), bytes(*more as f64), bytes(*quota as f64)
)]
pub(crate) struct OverQuota {
    pub run: Option<RunId>,
    pub used: u64,
    pub more: u64,
    pub quota: u64,
}

impl From<OverQuota> for ApiError {
    fn from(over: OverQuota) -> Self {
        Self::new(Code::QuotaExceeded, over.to_string()).hint(
            "use fewer or smaller files, divide the run, or raise the setting storage.max_run_size of \
             the coordinator",
        )
    }
}

impl RunFiles {
    pub fn new(quota: Option<u64>) -> Self {
        Self { quota, counts: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the files of the run are counted here, or the quota is off.
    pub fn knows(&self, run: RunId) -> bool {
        self.quota.is_none() || self.lock().contains_key(&run)
    }

    /// Whether files of `more` bytes may be added to a run, or to a run that has no number yet.
    ///
    /// # Errors
    /// The sum exceeds the quota.
    pub fn check(&self, run: Option<RunId>, more: u64) -> Result<(), OverQuota> {
        let Some(quota) = self.quota else { return Ok(()) };
        let used = run.and_then(|run| self.lock().get(&run).copied()).unwrap_or(0);
        if used.saturating_add(more) > quota {
            return Err(OverQuota { run, used, more, quota });
        }
        Ok(())
    }

    /// Begins the count of a run at the size of the files that its stored results name: 0 for a new
    /// run. A count that has begun is kept.
    pub fn begin(&self, run: RunId, stored: u64) {
        if self.quota.is_none() {
            return;
        }
        let mut counts = self.lock();
        counts.entry(run).or_insert(stored);
        if counts.len() > MAX_RUNS {
            counts.pop_first();
        }
    }

    /// Counts files of a run whose count has begun.
    pub fn add(&self, run: RunId, more: u64) {
        if let Some(count) = self.lock().get_mut(&run) {
            *count = count.saturating_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_refused_what_exceeds_its_quota_and_others_are_not() {
        let files = RunFiles::new(Some(100));
        assert_eq!(files.check(None, 100), Ok(()));
        files.add(RunId(1), 7);
        assert!(!files.knows(RunId(1)), "the size of its stored files is unknown");
        files.begin(RunId(1), 40);
        files.add(RunId(1), 20);
        assert_eq!(files.check(Some(RunId(1)), 40), Ok(()));
        let over = files.check(Some(RunId(1)), 41).expect_err("over the quota");
        let text = "the files of r1 exceed the quota of a run: 60.0 B are stored, 41.0 B were to be added, \
                    and the maximum is 100 B";
        assert_eq!(over.to_string(), text);
        assert_eq!(files.check(Some(RunId(2)), 100), Ok(()));
        assert!(files.check(None, 101).is_err());
        assert_eq!(RunFiles::new(None).check(None, u64::MAX), Ok(()));
    }

    #[test]
    fn the_counts_of_old_runs_are_dropped() {
        let files = RunFiles::new(Some(1));
        for run in 0..=MAX_RUNS {
            files.begin(RunId(u32::try_from(run).expect("small")), 1);
        }
        assert!(!files.knows(RunId(0)) && files.knows(RunId(1)));
        files.begin(RunId(1), 5);
        assert_eq!(files.check(Some(RunId(1)), 0), Ok(()), "the count is known");
    }
}
