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
        let mut tests: Vec<TestView> = Vec::new();
        // The newest runs are complete if the limit cuts.
        for run in &runs {
            let filter =
                TestQuery { run: Some(run.run), name: query.name.clone(), ..TestQuery::default() };
            let room = MAX_TESTS + 1 - tests.len();
            tests.extend(self.tests(&filter, None, room)?);
            if tests.len() > MAX_TESTS {
                break;
            }
        }
        let truncated = tests.len() > MAX_TESTS;
        tests.truncate(MAX_TESTS);
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
