//! The series of judged runs, and what the verdicts about them follow from.

use crate::domain::added::change_limits::{self, ChangeLimit};
use crate::domain::id::{AttemptId, RunId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::reports::marks::AcceptedRuns;
use duckdb::params;
use std::collections::HashMap;

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

/// Basis of verdicts, besides the rules: they are the same while it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Number of the passed attempts of the series up to the newest one.
    pub attempts: u64,
    /// Digest of which ones they are.
    pub digest: u64,
    /// The label with the limits of changes.
    pub limits: String,
    /// The accepted changes.
    pub accepted: String,
}

/// A metric of a judged series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesMetric {
    pub case: CaseId,
    pub series: SeriesId,
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    pub unit: String,
    /// `lower`, `higher`, or another word.
    pub better: String,
    pub is_figure: bool,
    /// The limits of changes that the newest test sets.
    pub limits: Vec<ChangeLimit>,
    /// The worker of the newest attempt.
    pub worker: WorkerId,
}

impl JudgedSeries {
    /// A metric of this series.
    pub(super) fn metric(
        &self,
        series: SeriesId,
        metric: String,
        (unit, better): (String, String),
        is_figure: bool,
    ) -> SeriesMetric {
        let Self { case, worker, limits, .. } = self;
        let (case, worker, limits) = (*case, *worker, limits.clone());
        SeriesMetric { case, series, metric, unit, better, is_figure, limits, worker }
    }
}

/// The parameters are the first and the last judged run. The digest is the sum of the hashes of the attempts. Another
/// version of DuckDB may have other hashes: verdicts are given again then.
const JUDGED: &str = "WITH judged AS MATERIALIZED (SELECT attempts.series_id, \
    max({'run': attempts.run, 'test': attempts.test, 'attempt': attempts.attempt, \
    'worker': attempts.worker, 'case_id': tests.case_id, \
    'limits': CASE WHEN contains(tests.labels, '\"change_limits\":') \
    THEN tests.labels ->> '$.change_limits' END}) AS newest \
    FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    WHERE attempts.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER \
    AND tests.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND attempts.outcome = 'passed' \
    AND attempts.series_id IS NOT NULL AND tests.case_id IS NOT NULL GROUP BY attempts.series_id), \
    counted AS (SELECT attempts.series_id, count(*) AS attempts, \
    (sum(hash(attempts.run, attempts.test, attempts.attempt)) \
    % 18446744073709551616)::UBIGINT AS digest FROM attempts \
    SEMI JOIN judged ON judged.series_id = attempts.series_id \
    WHERE attempts.run <= ?2::UINTEGER AND attempts.outcome = 'passed' GROUP BY attempts.series_id) \
    SELECT judged.series_id, newest.run, newest.test, newest.attempt, newest.worker, newest.case_id, \
    coalesce(newest.limits, ''), counted.attempts, counted.digest \
    FROM judged JOIN counted ON counted.series_id = judged.series_id";

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
            let mut statement = connection.prepare(JUDGED).doing("query")?;
            let rows = statement.query_and_then(params![first.0, last.0], |row| {
                let series = SeriesId(get(row, 0)?);
                let newest = AttemptId { test: query::test_id(row, 1, 2)?, number: get(row, 3)? };
                let basis = Basis {
                    attempts: get(row, 7)?,
                    digest: get(row, 8)?,
                    limits: get(row, 6)?,
                    accepted: text(accepted, series),
                };
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
