//! Rows of marks, and of the tests that quarantines cover.
//!
//! Promise: a quarantine covers a test if it precedes the end of the test in the log, and has neither
//! been removed nor expired by then; the name of a worker is the one that it had by then. So the rows are
//! the same when they are written anew. A test that was skipped because of a covered test is covered, too.

use super::tables::{Table, Tables};
use crate::domain::access::Subject;
use crate::domain::added::marks::{AcceptedSeries, Quarantine};
use crate::domain::id::{AcceptanceId, QuarantineId, RunId, TestId};
use crate::domain::time::Timestamp;
use duckdb::{Connection, params};

/// Kinds of marks in the table of removals.
pub(in crate::store) const QUARANTINE: &str = "quarantine";
pub(in crate::store) const ACCEPTANCE: &str = "acceptance";
/// Maximum number of tests of one statement.
const MAX_LISTED: usize = 5_000;

pub(super) fn quarantine(
    tables: &mut Tables<'_>,
    QuarantineId(id): QuarantineId,
    quarantine: &Quarantine,
) -> duckdb::Result<()> {
    let Quarantine { covered, reason, by, added, expires } = quarantine;
    let name_like = like(&covered.pattern);
    let (worker, backend) = (covered.worker.as_deref(), covered.backend.as_deref());
    let row =
        params![id, covered.pattern, name_like, worker, backend, reason, &**by, added.0, expires.0];
    tables.append(Table::Quarantines, row)
}

pub(super) fn removed(
    tables: &mut Tables<'_>,
    kind: &str,
    mark: u32,
    by: &Subject,
    at: Timestamp,
) -> duckdb::Result<()> {
    tables.append(Table::MarkRemovals, params![kind, mark, &**by, at.0])
}

pub(super) fn accepted(
    tables: &mut Tables<'_>,
    AcceptanceId(id): AcceptanceId,
    RunId(run): RunId,
    series: &[AcceptedSeries],
    (reason, by): (&str, &Subject),
    at: Timestamp,
) -> duckdb::Result<()> {
    for AcceptedSeries { case, series, metric } in series {
        let metric = metric.as_deref();
        let row = params![id, case.0, series.0, metric, run, reason, &**by, at.0];
        tables.append(Table::Acceptances, row)?;
    }
    Ok(())
}

/// Adds the rows of those of the ended tests that quarantines cover. Their outcomes are stored.
pub(super) fn cover(connection: &Connection, ended: &[TestId]) -> duckdb::Result<()> {
    for tests in ended.chunks(MAX_LISTED) {
        connection.execute(&covered(tests), [])?;
    }
    // A dependant may precede its dependency in the list, and may have dependants itself.
    loop {
        let mut added = 0;
        for tests in ended.chunks(MAX_LISTED) {
            added += connection.execute(&inherited(tests), [])?;
        }
        if added == 0 {
            return Ok(());
        }
    }
}

fn covered(tests: &[TestId]) -> String {
    let runs = || tests.iter().map(|test| test.run.0);
    let (first, last) = (runs().min().unwrap_or(0), runs().max().unwrap_or(0));
    format!(
        r"INSERT INTO quarantined
        SELECT ended.run, ended.test, min(quarantines.quarantine)
        FROM {ended}
        JOIN test_outcomes AS outcomes ON outcomes.run = ended.run AND outcomes.test = ended.test
        JOIN tests ON tests.run = ended.run AND tests.test = ended.test
        LEFT JOIN (
            SELECT run, test, arg_max(worker, attempt) AS worker FROM attempts
            WHERE run BETWEEN {first} AND {last} GROUP BY run, test
        ) AS last ON last.run = ended.run AND last.test = ended.test
        LEFT JOIN worker_names AS workers ON workers.worker = last.worker
        JOIN quarantines ON outcomes.finished_ms < quarantines.expires_ms
        AND tests.name LIKE quarantines.name_like ESCAPE '\'
        AND (quarantines.backend IS NULL OR quarantines.backend = tests.backend)
        AND (quarantines.worker IS NULL OR quarantines.worker = workers.name
            OR quarantines.worker = concat('w', last.worker))
        WHERE quarantines.quarantine NOT IN (SELECT mark FROM mark_removals WHERE kind = '{QUARANTINE}')
        GROUP BY ended.run, ended.test",
        ended = listed(tests),
    )
}

fn inherited(tests: &[TestId]) -> String {
    format!(
        "INSERT INTO quarantined
        SELECT ended.run, ended.test, min(quarantined.quarantine)
        FROM {ended}
        JOIN test_outcomes AS outcomes ON outcomes.run = ended.run AND outcomes.test = ended.test
        JOIN quarantined ON quarantined.run = ended.run AND quarantined.test = outcomes.dependency
        WHERE (ended.run, ended.test) NOT IN (SELECT run, test FROM quarantined)
        GROUP BY ended.run, ended.test",
        ended = listed(tests),
    )
}

/// A list of tests as a table.
fn listed(tests: &[TestId]) -> String {
    let pairs: Vec<_> =
        tests.iter().map(|test| format!("({},{})", test.run.0, test.index)).collect();
    format!("(VALUES {}) AS ended(run, test)", pairs.join(","))
}

/// A pattern with `*` and `?` as one for `LIKE` with the escape character `\`.
fn like(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        match character {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '%' | '_' | '\\' => like.extend(['\\', character]),
            other => like.push(other),
        }
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wildcards_of_a_pattern_are_wildcards() {
        assert_eq!(like("a*b?c"), "a%b_c");
        assert_eq!(like(r"100%_[x]\"), r"100\%\_[x]\\");
    }
}
