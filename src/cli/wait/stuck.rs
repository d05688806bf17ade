//! Detects a run that waits for missing workers: none of its tests runs, and no present worker can run
//! the remaining ones.
//!
//! The user is notified of such a run, and the wait for it ends after a time limit. If there are no
//! workers at all, there is no limit by default, because some fleets start workers only on demand.

use crate::api::v1::runs::{RunCounts, RunView};
use crate::api::v1::test_views::TestQuery;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::terminal::progress::Progress;
use crate::client::{Client, ClientError};
use crate::domain::id::RunId;
use crate::domain::test::Phase;
use crate::domain::time::Millis;
use crate::results::render::figures::counted;
use crate::results::render::words::plain;
use std::time::{Duration, Instant};

/// Default time limit of the wait for other workers. A worker that restarts is back by then.
const DEFAULT_LIMIT: Duration = Duration::from_mins(1);
/// Maximum number of tests that are inspected to find one that no worker can run.
const MAX_INSPECTED: u32 = 20;
/// Maximum number of characters of a reason.
const MAX_REASON_CHARS: usize = 300;

#[derive(Debug)]
pub struct Stuck {
    /// The time limit, if the user gave one.
    limit: Option<Duration>,
    since: Option<Instant>,
    /// The number of tests in the last note to the user.
    noted: u32,
}

impl Stuck {
    pub fn new(limit: Option<Millis>) -> Self {
        Self { limit: limit.map(Duration::from), since: None, noted: 0 }
    }

    /// Notes tests that no worker can run. Returns whether the time limit has been reached.
    pub async fn update(&mut self, client: &Client, view: &RunView, progress: &Progress) -> bool {
        let counts = &view.counts;
        if counts.unschedulable != self.noted {
            self.noted = counts.unschedulable;
            if self.noted > 0 {
                let tests = counted(self.noted.into(), "test");
                // The note is useful even if the reason cannot be determined.
                let reason = reason(client, view.run).await.ok().flatten();
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                progress.note(&format!("queued: no worker can run {tests}{reason}"));
            }
        }
        if !nothing_can_run(counts) {
            self.since = None;
            return false;
        }
        let waited = self.since.get_or_insert_with(Instant::now).elapsed();
        match self.limit {
            Some(limit) => waited >= limit,
            None => waited >= DEFAULT_LIMIT && any_worker(client).await,
        }
    }
}

/// Whether no test of the run can run: all waiting tests are unschedulable, and the blocked ones
/// depend on them.
fn nothing_can_run(counts: &RunCounts) -> bool {
    counts.unschedulable > 0 && counts.leased == 0 && counts.waiting == counts.unschedulable
}

/// The reason why no worker can run one of the tests: the unmet requirement of the nearest worker.
async fn reason(client: &Client, run: RunId) -> Result<Option<String>, ClientError> {
    let query = TestQuery {
        run: Some(run),
        phase: Some(Phase::Waiting),
        limit: Some(MAX_INSPECTED),
        ..TestQuery::default()
    };
    for test in client.tests(&query).await?.items {
        let why = client.why(test.test).await?;
        if why.workers.iter().any(|worker| worker.lacks.is_none()) {
            continue;
        }
        let lacks = why.workers.iter().filter_map(|worker| {
            worker.lacks.as_ref().map(|lacks| (lacks, format!("{} {lacks}", worker.name)))
        });
        let nearest = lacks.min_by(|(one, _), (other, _)| one.nearest_first(other));
        let lack = nearest.map_or("there are no workers".to_owned(), |(_, lack)| lack);
        return Ok(Some(plain(&format!("{}: {lack}", test.name), MAX_REASON_CHARS)));
    }
    Ok(None)
}

/// Whether there is an active worker. If this cannot be determined, the wait continues.
async fn any_worker(client: &Client) -> bool {
    let active = |worker: &WorkerView| worker.state == WorkerState::Active;
    client.workers().await.is_ok_and(|workers| workers.items.iter().any(active))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_stuck_when_nothing_of_it_runs_or_can() {
        let counts = |blocked, waiting, leased, unschedulable| RunCounts {
            total: 10,
            blocked,
            waiting,
            leased,
            unschedulable,
            ..RunCounts::default()
        };
        assert!(nothing_can_run(&counts(0, 2, 0, 2)));
        assert!(nothing_can_run(&counts(3, 2, 0, 2)));
        assert!(!nothing_can_run(&counts(0, 2, 1, 2)), "something runs");
        assert!(!nothing_can_run(&counts(0, 3, 0, 2)), "something can run");
        assert!(!nothing_can_run(&counts(0, 0, 0, 0)), "nothing is left");
    }
}
