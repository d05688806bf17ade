//! Whether a run waits for workers that are not there: nothing of it runs, and no present worker
//! can run what is left.
//!
//! Such a run is told of while it is waited for, and given up after a while. Without any worker
//! it is waited for unless a person says for how long: fleets that grow with their work begin
//! with none.

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

/// How long it is waited for other workers when nobody says: one that starts again is back.
const DEFAULT_LIMIT: Duration = Duration::from_mins(1);
/// Maximum number of tests that are looked at for one that nobody can run.
const MAX_LOOKED_AT: u32 = 20;
/// Characters of a reason that are shown.
const REASON_CHARS: usize = 300;

#[derive(Debug)]
pub struct Stuck {
    /// As a person said.
    limit: Option<Duration>,
    since: Option<Instant>,
    /// Tests that nobody can run, when it was told last.
    told: u32,
}

impl Stuck {
    pub fn new(limit: Option<Millis>) -> Self {
        Self { limit: limit.map(Duration::from), since: None, told: 0 }
    }

    /// Tells of tests that nobody can run; returns whether it has waited for long enough.
    pub async fn look(&mut self, client: &Client, view: &RunView, progress: &Progress) -> bool {
        let counts = &view.counts;
        if counts.unschedulable != self.told {
            self.told = counts.unschedulable;
            if self.told > 0 {
                let tests = counted(self.told.into(), "test");
                // Why is said where it can be seen; that they wait is known all the same.
                let why = reason(client, view.run).await.ok().flatten();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                progress.note(&format!("queued: no worker can run {tests}{why}"));
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

/// Everything that waits is unschedulable, and what is blocked waits for that.
fn nothing_can_run(counts: &RunCounts) -> bool {
    counts.unschedulable > 0 && counts.leased == 0 && counts.waiting == counts.unschedulable
}

/// What the nearest worker lacks for one of the tests that nobody can run.
async fn reason(client: &Client, run: RunId) -> Result<Option<String>, ClientError> {
    let query = TestQuery {
        run: Some(run),
        phase: Some(Phase::Waiting),
        limit: Some(MAX_LOOKED_AT),
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
        return Ok(Some(plain(&format!("{}: {lack}", test.name), REASON_CHARS)));
    }
    Ok(None)
}

/// Whether some worker is there. When nobody can tell, the run is not given up.
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
