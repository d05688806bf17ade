//! Queries for attempts: one by its id, or many by a filter and in pages.
//!
//! Limit: the details of one answer have at most [`MAX_ANSWER_BYTES`] together; an answer with one
//! attempt has its whole detail.

pub(super) mod recent;

use self::recent::Recent;
use crate::domain::id::{AttemptId, Epoch, TestId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
use crate::store::rows::{AttemptFilter, AttemptRow, AttemptRows, MAX_ROWS};
use duckdb::{Connection, Row};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Maximum size of the details of an answer with several attempts, in bytes.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

const ATTEMPTS: &str = "SELECT attempts.run, attempts.test, attempts.attempt, attempts.epoch, \
    tests.name, attempts.worker, workers.name, attempts.outcome, attempts.class, \
    attempts.duration_ms, attempts.finished_ms, attempts.message, attempts.note, \
    attempts.detail_bytes \
    FROM attempts \
    JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    LEFT JOIN worker_names AS workers ON workers.worker = attempts.worker";

const DETAILS: &str =
    "SELECT attempts.run, attempts.test, attempts.attempt, attempts.detail FROM attempts";

const PARTS: &str = "SELECT attempts.run, attempts.test, attempts.attempt, parts.text \
    FROM attempts JOIN detail_parts AS parts \
    ON parts.run = attempts.run AND parts.test = attempts.test \
    AND parts.attempt = attempts.attempt AND parts.epoch = attempts.epoch AND NOT parts.late";

impl Store {
    /// Lists attempts that have ended, in the order of their ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn attempts(&self, filter: &AttemptFilter) -> Result<AttemptRows, StoreError> {
        let limit = filter.limit.min(MAX_ROWS);
        self.pool.read(|connection| attempts(connection, filter, limit, &self.recent))
    }

    /// The attempt with this id, if it has ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        let AttemptId { test, number } = attempt;
        let before = number.checked_sub(1).map(|number| AttemptId { test, number });
        let filter =
            AttemptFilter { test: Some(test), after: before, limit: 1, ..AttemptFilter::default() };
        let rows = self.attempts(&filter)?.rows;
        Ok(rows.into_iter().find(|row| row.attempt == attempt))
    }
}

fn conditions(filter: &AttemptFilter) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(run) = filter.run {
        conditions.and("attempts.run = ?", [run.0]);
    }
    if let Some(TestId { run, index }) = filter.test {
        conditions.and("attempts.run = ? AND attempts.test = ?", [run.0, index]);
    }
    if let Some(worker) = filter.worker {
        conditions.and("attempts.worker = ?", [worker.0]);
    }
    if let Some(outcome) = filter.outcome {
        conditions.and_texts("attempts.outcome = ?", [outcome.name().to_owned()]);
    }
    if let Some(AttemptId { test: TestId { run, index }, number }) = filter.after {
        // The first comparison is redundant. It lets DuckDB skip whole blocks.
        let after = "attempts.run >= ? AND (attempts.run > ? OR attempts.test > ? \
            OR (attempts.test = ? AND attempts.attempt > ?))";
        conditions.and(after, [run.0, run.0, index, index, number.into()]);
    }
    conditions
}

/// Reads the rows without their details, cuts the list at the maximum size, and reads the details of
/// the remaining rows.
fn attempts(
    connection: &Connection,
    filter: &AttemptFilter,
    limit: usize,
    recent: &Recent,
) -> Result<AttemptRows, StoreError> {
    let mut selected = conditions(filter);
    let rest = format!(" ORDER BY attempts.run, attempts.test, attempts.attempt LIMIT {limit}");
    let mut rows = selected.query(connection, ATTEMPTS, &rest, attempt_row)?;
    let mut total = 0;
    let within = rows.iter().take_while(|(_, size)| {
        total += size;
        total <= MAX_ANSWER_BYTES
    });
    let kept = within.count().max(1);
    let cut = kept < rows.len();
    rows.truncate(kept);
    let Some((last, _)) = rows.last() else { return Ok(AttemptRows::default()) };
    let AttemptId { test: TestId { run, index }, number } = last.attempt;
    let upto = "attempts.run <= ? AND (attempts.run < ? OR attempts.test < ? \
        OR (attempts.test = ? AND attempts.attempt <= ?))";
    selected.and(upto, [run.0, run.0, index, index, number.into()]);
    let ids: Vec<AttemptId> = rows.iter().map(|(row, _)| row.attempt).collect();
    let mut details = if let Some(details) = recent.get(&ids) {
        details
    } else {
        let details = details(connection, selected)?;
        recent.keep(&ids, &details);
        details
    };
    let with_detail = |(mut row, _): (AttemptRow, u64)| {
        let text = details.remove(&row.attempt);
        row.detail = text.and_then(|json| RawValue::from_string(json).ok());
        row
    };
    Ok(AttemptRows { rows: rows.into_iter().map(with_detail).collect(), cut })
}

/// The details of these attempts, which are few.
pub(in crate::store) fn details_of(
    connection: &Connection,
    attempts: &[AttemptId],
) -> Result<HashMap<AttemptId, String>, StoreError> {
    let mut selected = Conditions::default();
    selected.among(attempts);
    details(connection, selected)
}

fn details(
    connection: &Connection,
    mut selected: Conditions,
) -> Result<HashMap<AttemptId, String>, StoreError> {
    let text = |row: &Row<'_>| {
        let attempt = query::test_id(row, 0, 1)?.attempt(get(row, 2)?);
        Ok((attempt, get::<Option<String>>(row, 3)?))
    };
    let in_row = selected.query(connection, DETAILS, "", text)?;
    let mut details: HashMap<AttemptId, String> =
        in_row.into_iter().filter_map(|(attempt, text)| Some((attempt, text?))).collect();
    selected.and_plain("attempts.detail IS NULL AND attempts.detail_bytes > 0");
    let order = " ORDER BY attempts.run, attempts.test, attempts.attempt, parts.part";
    for (attempt, part) in selected.query(connection, PARTS, order, text)? {
        details.entry(attempt).or_default().push_str(&part.unwrap_or_default());
    }
    Ok(details)
}

/// A row without its detail, and the size of the detail.
fn attempt_row(row: &Row<'_>) -> Result<(AttemptRow, u64), StoreError> {
    let worker = WorkerId(get(row, 5)?);
    let missing = || StoreError::Value { what: "outcome", value: String::new() };
    let attempt = AttemptRow {
        attempt: query::test_id(row, 0, 1)?.attempt(get(row, 2)?),
        epoch: Epoch(get(row, 3)?),
        name: get(row, 4)?,
        worker,
        worker_name: get::<Option<String>>(row, 6)?.unwrap_or_else(|| worker.to_string()),
        outcome: query::outcome(row, 7)?.ok_or_else(missing)?,
        class: query::class(row, 8)?,
        duration: Millis(get(row, 9)?),
        finished_at: Timestamp(get(row, 10)?),
        message: get(row, 11)?,
        detail: None,
        note: get(row, 12)?,
    };
    Ok((attempt, get::<Option<u64>>(row, 13)?.unwrap_or_default()))
}
