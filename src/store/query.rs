//! Queries with bound values, and columns read as values of the domain.

use super::error::{Doing, StoreError};
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::MAX_TESTS_PER_RUN;
use crate::domain::time::Timestamp;
use duckdb::arrow::array::RecordBatch;
use duckdb::types::{FromSql, Value};
use duckdb::{Connection, Row, params_from_iter};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Conditions of a query, joined by "and", together with the values that they compare with.
#[derive(Default)]
pub(super) struct Conditions {
    text: String,
    values: Vec<Value>,
    /// The first and the last run of the rows of [`LARGE`].
    runs: Option<(RunId, RunId)>,
}

/// The largest tables and views, which are joined to the selected tests.
const LARGE: [&str; 6] =
    ["attempts", "attempt_metrics", "metrics", "cases", "check_values", "test_outcomes"];

impl Conditions {
    /// Adds a condition with one `?` for each value. The text is part of the program, never input.
    /// A value is a number, a text or a truth value; a time is its number of milliseconds.
    pub fn and<V: Into<Value>>(
        &mut self,
        condition: &'static str,
        values: impl IntoIterator<Item = V>,
    ) {
        self.and_plain(condition);
        self.values.extend(values.into_iter().map(Into::into));
    }

    /// Adds a condition that compares with no value.
    pub fn and_plain(&mut self, condition: &'static str) {
        self.push(condition);
    }

    /// Restricts the rows of `attempts` to these attempts, which are few.
    pub fn among(&mut self, attempts: &[AttemptId]) {
        let ids = attempts.iter().map(|AttemptId { test: TestId { run, index }, number }| {
            format!("({}, {index}, {number})", run.0)
        });
        let ids = ids.collect::<Vec<_>>().join(", ");
        let own = "(attempts.run, attempts.test, attempts.attempt)";
        self.push(&if ids.is_empty() { "false".to_owned() } else { format!("{own} IN ({ids})") });
        let runs = || attempts.iter().map(|attempt| attempt.test.run.0);
        if let (Some(first), Some(last)) = (runs().min(), runs().max()) {
            // It lets DuckDB skip whole blocks.
            self.and("attempts.run BETWEEN ? AND ?", [first, last]);
        }
    }

    /// Restricts the rows of `table` to these tests, of which there may be many.
    pub fn tests(&mut self, table: &str, tests: &[TestId]) {
        let runs = || tests.iter().map(|test| test.run);
        let (Some(first), Some(last)) = (runs().min(), runs().max()) else {
            return self.push("false");
        };
        self.within(first, last);
        // It lets DuckDB skip whole blocks.
        self.push(&format!("{table}.run BETWEEN {} AND {}", first.0, last.0));
        self.push(&format!(
            "({table}.run, {table}.test) IN (SELECT (unnest(string_split(?, ','))::UINTEGER, \
             unnest(string_split(?, ','))::UINTEGER))"
        ));
        self.values.push(Value::Text(joined(tests.iter().map(|test| test.run.0))));
        self.values.push(Value::Text(joined(tests.iter().map(|test| test.index))));
    }

    fn push(&mut self, condition: &str) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
    }

    /// Restricts the large tables to these runs. DuckDB skips whole blocks by the condition, which it does not
    /// derive from a left join. A query that needs another run names the table as `main.attempts`, and none may
    /// have a common table expression with the name of such a table.
    pub fn within(&mut self, first: RunId, last: RunId) {
        self.runs = Some((first, last));
    }

    /// The query with the restricted tables as common table expressions of the same names.
    fn restricted(&self, query: String) -> String {
        let Some((first, last)) = self.runs else { return query };
        let table = |name: &str| {
            format!(
                "{name} AS NOT MATERIALIZED \
                 (SELECT * FROM main.{name} WHERE run BETWEEN {} AND {})",
                first.0, last.0
            )
        };
        // A part of the name of another table may restrict one that the query does not read.
        let named = LARGE.into_iter().filter(|name| query.contains(name));
        let tables: Vec<String> = named.map(table).collect();
        if tables.is_empty() {
            return query;
        }
        let tables = tables.join(", ");
        match query.strip_prefix("WITH ") {
            Some(others) => format!("WITH {tables}, {others}"),
            None => format!("WITH {tables} {query}"),
        }
    }

    /// Runs the query `<select> WHERE <conditions> <rest>` and reads each of its rows.
    pub fn query<T>(
        &self,
        connection: &Connection,
        select: &str,
        rest: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = self.restricted(format!("{select}{}{rest}", self.text));
        let mut statement = connection.prepare(&sql).doing("query")?;
        let values = params_from_iter(self.values.iter());
        statement.query_and_then(values, read).doing("query")?.collect()
    }

    /// Runs the query `<select> WHERE <conditions>` and passes its rows to `read` by column, for many rows.
    pub fn batches(
        &self,
        connection: &Connection,
        select: &str,
        mut read: impl FnMut(&RecordBatch) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql = self.restricted(format!("{select}{}", self.text));
        let mut statement = connection.prepare(&sql).doing("query")?;
        let values = params_from_iter(self.values.iter());
        statement.query_arrow(values).doing("query")?.try_for_each(|batch| read(&batch))
    }
}

/// Whether a table has rows. Queries about those that are rarely used are left out if it has none.
pub(super) fn has_rows(connection: &Connection, table: &'static str) -> Result<bool, StoreError> {
    let select = format!("SELECT 1 FROM {table}");
    let found = Conditions::default().query(connection, &select, " LIMIT 1", |_| Ok(()))?;
    Ok(!found.is_empty())
}

/// Numbers as one text, which a query divides with `string_split` at each comma.
pub(super) fn joined(numbers: impl Iterator<Item: Display>) -> String {
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
}

/// The last attempt of each test. Few tests have several attempts, so that this is faster than to group all of them.
pub(super) const LAST_ATTEMPTS: &str = "SELECT attempts.* FROM attempts \
    ANTI JOIN (SELECT run, test, attempt FROM attempts WHERE attempt > 1) AS later \
    ON later.run = attempts.run AND later.test = attempts.test \
    AND later.attempt > attempts.attempt";

/// Factor of the run in the place of a test among all tests: `run * PLACES + test`. One number is compared much
/// faster than two columns.
pub(super) const PLACES: u64 = 1 << 31;
const _: () = assert!((MAX_TESTS_PER_RUN as u64) < PLACES);

/// The test at a place.
pub(super) fn at_place(place: u64) -> TestId {
    // The run has 32 bits, and the test has 31.
    TestId { run: RunId((place / PLACES) as u32), index: (place % PLACES) as u32 }
}

/// Reads the column at this position.
pub(super) fn get<T: FromSql>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    row.get(column).doing("read from")
}

pub(super) fn test_id(row: &Row<'_>, run: usize, test: usize) -> Result<TestId, StoreError> {
    Ok(TestId { run: RunId(get(row, run)?), index: get(row, test)? })
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(get::<Option<u64>>(row, column)?.map(Timestamp))
}

pub(super) fn outcome(row: &Row<'_>, column: usize) -> Result<Option<Outcome>, StoreError> {
    word_of(row, column, "outcome")
}

pub(super) fn class(row: &Row<'_>, column: usize) -> Result<Option<Class>, StoreError> {
    word_of(row, column, "class")
}

fn word_of<T>(row: &Row<'_>, column: usize, what: &'static str) -> Result<Option<T>, StoreError>
where
    T: for<'de> Deserialize<'de>,
{
    let value = get::<Option<String>>(row, column)?;
    value.map(|value| word(&value, what)).transpose()
}

/// Reads a word of an enumeration of the domain.
pub(super) fn word<T>(value: &str, what: &'static str) -> Result<T, StoreError>
where
    T: for<'de> Deserialize<'de>,
{
    let words: StrDeserializer<'_, WordError> = value.into_deserializer();
    T::deserialize(words).map_err(|_| StoreError::Value { what, value: value.to_owned() })
}

/// Reads the labels of a test. They were checked at the submission; labels that cannot be read
/// in spite of that are left out.
pub(super) fn labels(row: &Row<'_>, column: usize) -> Result<BTreeMap<String, String>, StoreError> {
    let json: String = get(row, column)?;
    Ok(serde_json::from_str(&json).unwrap_or_default())
}
