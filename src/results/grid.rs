//! Tests over the newest runs, and the use of workers, as documents of the API.

use crate::api::SCHEMA;
use crate::api::v1::grid::{
    DEFAULT_RUNS, GridQuery, GridRow, GridRun, GridTest, GridView, MAX_TESTS, PARTS,
    UtilisationView, WorkerUse,
};
use crate::api::v1::test_views::{TestQuery, TestView};
use crate::domain::id::RunId;
use crate::domain::time::{Millis, Timestamp};
use crate::results::reader::Reader;
use crate::store::StoreError;
use std::collections::BTreeMap;

impl Reader {
    /// Reports the outcomes of tests with the same name in the newest runs.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn grid(&self, query: &GridQuery) -> Result<GridView, StoreError> {
        let before = query.to.map(|to| RunId(to.0.saturating_add(1)));
        let runs = self.runs(before, query.runs.unwrap_or(DEFAULT_RUNS) as usize)?;
        let ids: Vec<RunId> = runs.iter().map(|view| view.run).collect();
        let (tests, truncated) = newest(&ids, MAX_TESTS, |run, limit| {
            let (run, name) = (Some(run), query.name.clone());
            self.tests(&TestQuery { run, name, ..TestQuery::default() }, None, limit)
        })?;
        let columns = runs.into_iter().map(|view| GridRun {
            run: view.run,
            name: view.name,
            submitted_at: view.submitted_at,
        });
        Ok(GridView { schema: SCHEMA, runs: columns.collect(), rows: rows(tests), truncated })
    }

    /// Reports how much of each worker was used in the period of this length before `now`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn utilisation(&self, now: Timestamp, hours: u32) -> Result<UtilisationView, StoreError> {
        let part = Millis((u64::from(hours) * 3_600_000 / u64::from(PARTS)).max(1));
        let from = Timestamp(now.0.saturating_sub(part.0 * u64::from(PARTS)));
        let mut workers: Vec<WorkerUse> = Vec::new();
        for row in self.store().busy(from, part, PARTS)? {
            if workers.last().is_none_or(|last| last.worker != row.worker) {
                workers.push(WorkerUse { worker: row.worker, running: vec![0.0; PARTS as usize] });
            }
            let uses = workers.last_mut().and_then(|last| last.running.get_mut(row.part as usize));
            if let Some(running) = uses {
                *running = row.busy.0 as f64 / part.0 as f64;
            }
        }
        Ok(UtilisationView { schema: SCHEMA, from, part_ms: part, workers })
    }
}

/// At most `max` tests of the runs, which are in the order from the newest one, and whether some were cut:
/// those of the oldest runs. `read` reads a number of tests of a run.
fn newest<T, E>(
    runs: &[RunId],
    max: usize,
    mut read: impl FnMut(RunId, usize) -> Result<Vec<T>, E>,
) -> Result<(Vec<T>, bool), E> {
    let mut tests = Vec::new();
    for run in runs {
        tests.extend(read(*run, max + 1 - tests.len())?);
        if tests.len() > max {
            tests.truncate(max);
            return Ok((tests, true));
        }
    }
    Ok((tests, false))
}

/// One row for each name. The tests are in the order of their runs, the newest first.
fn rows(tests: Vec<TestView>) -> Vec<GridRow> {
    let mut rows: BTreeMap<String, Vec<GridTest>> = BTreeMap::new();
    for view in tests {
        let TestView { test, name, outcome, flaky, quarantined, .. } = view;
        let quarantined = quarantined.map(|known| known.quarantine);
        rows.entry(name).or_default().push(GridTest { test, outcome, flaky, quarantined });
    }
    rows.into_iter().map(|(name, tests)| GridRow { name, tests }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn the_newest_runs_of_a_grid_are_complete_if_it_is_cut() {
        let three = |run: RunId, limit: usize| Ok::<_, Infallible>(vec![run.0; limit.min(3)]);
        let of = |max| newest(&[RunId(9), RunId(8), RunId(7)], max, three).expect("reads");
        assert_eq!(of(9), (vec![9, 9, 9, 8, 8, 8, 7, 7, 7], false));
        assert_eq!(of(4), (vec![9, 9, 9, 8], true));
        assert_eq!(of(3), (vec![9, 9, 9], true));
    }
}
