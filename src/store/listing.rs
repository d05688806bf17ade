//! Queries for runs and tests: one by its id, or many by a filter and in pages.

use super::error::{Doing, StoreError};
use super::query::{self, Conditions, filled, get};
use super::reports::quarantined;
use super::rows::{MAX_ROWS, RunRow, TestFilter, TestRow};
use super::{Store, writer};
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap};

/// The columns that [`test_row`] reads, in this order.
const TEST_COLUMNS: &str = "states.run, states.test, states.name, states.outcome, \
    states.class, states.flaky, states.attempts, states.message, states.finished_ms, states.labels";

const RUNS: &str = "SELECT run, name, submitted_by, submitted_ms, \
    (SELECT max(cancelled_ms) FROM run_cancellations AS c WHERE c.run = runs.run), \
    (SELECT coalesce(sum(tests), 0)::UINTEGER FROM run_parts AS p WHERE p.run = runs.run), \
    (SELECT coalesce(bool_or(last), false) FROM run_parts AS p WHERE p.run = runs.run), \
    (SELECT max(finished_ms) FROM test_outcomes AS o WHERE o.run = runs.run) \
    FROM runs";

impl Store {
    /// Lists tests, in the order of their ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tests(&self, filter: &TestFilter) -> Result<Vec<TestRow>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(run) = filter.run {
            conditions.and("states.run = ?", [run.0]);
        }
        if let Some(outcome) = filter.outcome {
            conditions.and_texts("states.outcome = ?", [outcome.name().to_owned()]);
        }
        if let Some(part) = &filter.name {
            conditions.and_texts("contains(lower(states.name), lower(?))", [part.clone()]);
        }
        match filter.done {
            Some(true) => conditions.and_plain("states.outcome IS NOT NULL"),
            Some(false) => conditions.and_plain("states.outcome IS NULL"),
            None => {}
        }
        if let Some(TestId { run, index }) = filter.after {
            // The first comparison is redundant. It lets DuckDB skip whole blocks.
            let after = "states.run >= ? AND (states.run > ? OR states.test > ?)";
            conditions.and(after, [run.0, run.0, index]);
        }
        let select = format!("SELECT {TEST_COLUMNS} FROM test_states AS states");
        let rest =
            format!(" ORDER BY states.run, states.test LIMIT {}", filter.limit.min(MAX_ROWS));
        self.pool.read(|connection| {
            let mut rows = conditions.query(connection, &select, &rest, test_row)?;
            add_quarantines(connection, &mut rows)?;
            Ok(rows)
        })
    }

    /// The test with this id, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn test(&self, test: TestId) -> Result<Option<TestRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and("states.run = ?", [test.run.0]);
        conditions.and("states.test = ?", [test.index]);
        let select = format!("SELECT {TEST_COLUMNS} FROM test_states AS states");
        self.pool.read(|connection| {
            let mut rows = conditions.query(connection, &select, "", test_row)?;
            add_quarantines(connection, &mut rows)?;
            Ok(rows.into_iter().next())
        })
    }

    /// Lists runs, the newest first. `before` restricts the list to older runs than this one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(before) = before {
            conditions.and("runs.run < ?", [before.0]);
        }
        self.runs_where(&conditions, limit)
    }

    /// The run with this id, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn run(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and("runs.run = ?", [run.0]);
        Ok(self.runs_where(&conditions, 1)?.into_iter().next())
    }

    /// Whether there is a run with this id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn has_run(&self, run: RunId) -> Result<bool, StoreError> {
        let sql = filled("SELECT count(*) > 0 FROM runs WHERE run = ?1", [&run.0]);
        self.pool.read(|connection| connection.query_row(&sql, [], |row| row.get(0)).doing("query"))
    }

    /// Numbers of ended tests in quarantine by run and outcome, of the runs from `first` to `last`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn quarantined_by_run(
        &self,
        first: RunId,
        last: RunId,
    ) -> Result<HashMap<RunId, BTreeMap<Outcome, u32>>, StoreError> {
        self.pool.read(|connection| quarantined::by_run(connection, first, last))
    }

    fn runs_where(&self, which: &Conditions, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let rest = format!(" ORDER BY run DESC LIMIT {}", limit.min(MAX_ROWS));
        self.pool.read(|connection| {
            // The ids first, so that only the tests of these runs are read.
            let runs = which.query(connection, "SELECT run FROM runs", &rest, |row| get(row, 0))?;
            let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else {
                return Ok(Vec::new());
            };
            let mut range = Conditions::default();
            range.within(RunId(*oldest), RunId(*newest));
            range.and("runs.run BETWEEN ? AND ?", [*oldest, *newest]);
            let mut rows = range.query(connection, RUNS, &rest, run_row)?;
            add_counts(connection, &mut rows)?;
            Ok(rows.into_iter().map(RunParts::finish).collect())
        })
    }

    /// Number of the last record of the event log that the database contains.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn watermark(&self) -> Result<u64, StoreError> {
        self.pool.read(writer::watermark)
    }
}

/// Adds to each test the quarantine that covers it.
pub(super) fn add_quarantines(
    connection: &Connection,
    rows: &mut [TestRow],
) -> Result<(), StoreError> {
    let tests = rows.iter().map(|row| row.test).collect();
    let mut known = quarantined::of(connection, &tests)?;
    for row in rows {
        row.quarantined = known.remove(&row.test);
    }
    Ok(())
}

/// Reads the columns of a test. Its quarantine is in another table.
pub(super) fn test_row(row: &Row<'_>) -> Result<TestRow, StoreError> {
    Ok(TestRow {
        test: query::test_id(row, 0, 1)?,
        name: get(row, 2)?,
        outcome: query::outcome(row, 3)?,
        class: query::class(row, 4)?,
        flaky: get(row, 5)?,
        attempts: get(row, 6)?,
        message: get(row, 7)?,
        finished_at: query::time(row, 8)?,
        labels: query::labels(row, 9)?,
        quarantined: None,
    })
}

/// A run whose tests have not been counted yet.
struct RunParts {
    row: RunRow,
    closed: bool,
    last_end: Option<Timestamp>,
}

fn run_row(row: &Row<'_>) -> Result<RunParts, StoreError> {
    let cancelled = query::time(row, 4)?;
    let submitted_at = Timestamp(get(row, 3)?);
    Ok(RunParts {
        row: RunRow {
            run: RunId(get(row, 0)?),
            name: get(row, 1)?,
            user: get(row, 2)?,
            submitted_at,
            finished_at: None,
            cancelled: cancelled.is_some(),
            total: get(row, 5)?,
            done: BTreeMap::new(),
            flaky: 0,
            quarantined: BTreeMap::new(),
        },
        closed: get::<bool>(row, 6)? || cancelled.is_some(),
        // A run without tests ends when it is cancelled, or otherwise at its submission.
        last_end: query::time(row, 7)?.or(cancelled).or(Some(submitted_at)),
    })
}

fn add_counts(connection: &Connection, runs: &mut [RunParts]) -> Result<(), StoreError> {
    let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else { return Ok(()) };
    let (newest, oldest) = (newest.row.run, oldest.row.run);
    let mut range = Conditions::default();
    range.and("run BETWEEN ? AND ?", [oldest.0, newest.0]);
    let select = "SELECT run, outcome, count(*), count(*) FILTER (flaky) FROM test_outcomes";
    let counts = range.query(connection, select, " GROUP BY run, outcome", |row| {
        let outcome: Option<Outcome> = query::outcome(row, 1)?;
        Ok((RunId(get(row, 0)?), outcome, get::<u32>(row, 2)?, get::<u32>(row, 3)?))
    })?;
    for (run, outcome, count, flaky) in counts {
        // The runs are in descending order.
        let Ok(position) = runs.binary_search_by(|counted| run.cmp(&counted.row.run)) else {
            continue;
        };
        let row = &mut runs[position].row;
        row.done.extend(outcome.map(|outcome| (outcome, count)));
        row.flaky += flaky;
    }
    let mut quarantined = quarantined::by_run(connection, oldest, newest)?;
    for RunParts { row, .. } in runs {
        row.quarantined = quarantined.remove(&row.run).unwrap_or_default();
    }
    Ok(())
}

impl RunParts {
    fn finish(self) -> RunRow {
        let over = self.closed && self.row.done.values().sum::<u32>() == self.row.total;
        RunRow { finished_at: self.last_end.filter(|_| over), ..self.row }
    }
}
