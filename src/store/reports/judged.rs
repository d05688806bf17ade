//! The series of judged runs, and what the verdicts about them follow from.

use crate::domain::added::change_limits::{self, ChangeLimit};
use crate::domain::id::{AttemptId, RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::store::Store;
use crate::store::columns::numbers;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, filled, get, joined};
use crate::store::reports::marks::AcceptedRuns;
use duckdb::Connection;
use duckdb::arrow::datatypes::{Int64Type, UInt16Type, UInt32Type, UInt64Type};
use std::collections::{HashMap, HashSet};

/// A series of the judged runs.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedSeries {
    pub case: CaseId,
    /// Its newest passed attempt in the judged runs, and the worker of this attempt.
    pub newest: AttemptId,
    pub worker: WorkerId,
    /// The limits of changes that the test of this attempt sets.
    pub limits: Vec<ChangeLimit>,
    pub basis: Basis,
}

/// Basis of verdicts, besides the rules. Verdicts hold while limits and accepted changes are the same, and no passed
/// attempt of the series up to the newest one was stored since ([`Store::outdated`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Number of the first row of the table `attempts` that was not stored yet.
    pub attempts: u64,
    /// The label with the limits of changes.
    pub limits: String,
    /// The accepted changes.
    pub accepted: String,
}

impl Basis {
    /// Whether limits and accepted changes are the same.
    #[must_use]
    pub fn has_same_settings(&self, other: &Self) -> bool {
        (&self.limits, &self.accepted) == (&other.limits, &other.accepted)
    }
}

/// Verdicts that were given about a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    pub series: SeriesId,
    pub newest: AttemptId,
    /// As in [`Basis`].
    pub attempts: u64,
}

/// The newest attempts first, then their tests, because labels are long. The values are the first and the last judged
/// run.
const JUDGED: &str = "WITH judged AS MATERIALIZED (SELECT series_id, \
        max({'run': run, 'test': test, 'attempt': attempt, 'worker': worker}) AS newest \
        FROM attempts WHERE run BETWEEN ?1 AND ?2 AND outcome = 'passed' \
        AND series_id IS NOT NULL GROUP BY series_id) \
    SELECT judged.series_id, tests.run, tests.test, newest.attempt, newest.worker, tests.case_id, \
    CASE WHEN contains(tests.labels, '\"change_limits\":') \
    THEN coalesce(tests.labels ->> '$.change_limits', '') ELSE '' END \
    FROM judged JOIN tests ON tests.run = newest.run AND tests.test = newest.test \
    WHERE tests.run BETWEEN ?1 AND ?2 AND tests.case_id IS NOT NULL";

/// Rows are only added to `attempts`, so that their numbers are in the order in which they were stored.
const STORED: &str = "SELECT coalesce(max(rowid) + 1, 0)::UBIGINT FROM attempts";

/// Passed attempts of some series. The values are the number of the first row, the last run, and the ids of the series.
const STORED_SINCE: &str = "SELECT rowid, series_id, run, test, attempt FROM attempts \
    WHERE rowid >= ?1 AND run <= ?2 AND outcome = 'passed' \
    AND series_id IN (SELECT unnest(string_split(?3, ','))::UBIGINT)";

impl Store {
    /// Lists the series of the passed attempts of the judged runs. A series without a case, which belongs to a
    /// database of an earlier version, is not one of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn judged_series(
        &self,
        (first, last): (RunId, RunId),
        accepted: &AcceptedRuns,
    ) -> Result<HashMap<SeriesId, JudgedSeries>, StoreError> {
        self.pool.read(|connection| {
            let stored = connection.query_row(STORED, [], |row| row.get(0)).doing("query")?;
            let sql = filled(JUDGED, [&first.0, &last.0]);
            let mut statement = connection.prepare(&sql).doing("query")?;
            let rows = statement.query_and_then([], |row| {
                let series = SeriesId(get(row, 0)?);
                let newest = AttemptId { test: query::test_id(row, 1, 2)?, number: get(row, 3)? };
                let limits = get(row, 6)?;
                let basis = Basis { attempts: stored, limits, accepted: text(accepted, series) };
                let judged = JudgedSeries {
                    case: CaseId(get(row, 5)?),
                    newest,
                    worker: WorkerId(get(row, 4)?),
                    // They were checked at the submission.
                    limits: change_limits::parse(&basis.limits).unwrap_or_default(),
                    basis,
                };
                Ok((series, judged))
            });
            rows.doing("query")?.collect()
        })
    }

    /// The series whose verdicts do not hold any more, because a passed attempt up to the newest one was stored since:
    /// runs overlap, and results may be late.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn outdated(&self, given: &[Given]) -> Result<HashSet<SeriesId>, StoreError> {
        self.pool.read(|connection| outdated(connection, given))
    }
}

/// As [`Store::outdated`], in a transaction.
pub(super) fn outdated(
    connection: &Connection,
    given: &[Given],
) -> Result<HashSet<SeriesId>, StoreError> {
    let first = given.iter().map(|given| given.attempts).min();
    let last = given.iter().map(|given| given.newest.test.run.0).max();
    let (Some(first), Some(last)) = (first, last) else { return Ok(HashSet::new()) };
    let ids = joined(given.iter().map(|given| given.series.0));
    let given: HashMap<u64, &Given> = given.iter().map(|given| (given.series.0, given)).collect();
    let mut outdated = HashSet::new();
    let sql = filled(STORED_SINCE, [&first, &last, &ids]);
    let mut statement = connection.prepare(&sql).doing("query")?;
    for batch in statement.query_arrow([]).doing("query")? {
        let stored = numbers::<Int64Type>(&batch, 0);
        let series = numbers::<UInt64Type>(&batch, 1);
        let [runs, tests] = [2, 3].map(|at| numbers::<UInt32Type>(&batch, at));
        let attempts = numbers::<UInt16Type>(&batch, 4);
        for row in 0..batch.num_rows() {
            let Some(given) = given.get(&series.value(row)) else { continue };
            let test = TestId { run: RunId(runs.value(row)), index: tests.value(row) };
            let is_stored_since =
                u64::try_from(stored.value(row)).is_ok_and(|at| at >= given.attempts);
            if is_stored_since && test.attempt(attempts.value(row)) <= given.newest {
                outdated.insert(given.series);
            }
        }
    }
    Ok(outdated)
}

/// The accepted changes of a series, the same whatever order they are in. Empty without any.
fn text(accepted: &AcceptedRuns, series: SeriesId) -> String {
    let of_series = accepted.get(&series).into_iter().flatten();
    let mut marks: Vec<String> = of_series
        .map(|(metric, run)| match metric {
            Some(metric) => format!("{run} {metric:?}"),
            None => run.to_string(),
        })
        .collect();
    marks.sort_unstable();
    marks.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_changes_are_one_text_in_any_order() {
        let (all, one) = ((None, RunId(7)), (Some("a \n\"b".to_owned()), RunId(12)));
        let accepted = |marks: Vec<_>| AcceptedRuns::from([(SeriesId(1), marks)]);
        let expected = "r12 \"a \\n\\\"b\"\nr7";
        assert_eq!(text(&accepted(vec![all.clone(), one.clone()]), SeriesId(1)), expected);
        assert_eq!(text(&accepted(vec![one, all]), SeriesId(1)), expected);
        assert_eq!(text(&AcceptedRuns::new(), SeriesId(1)), "");
    }
}
