//! Queries with their values, and columns read as values of the domain.
//!
//! In conditions, and in the queries of [`filled`], numbers are written into the text: DuckDB plans a query with bound
//! values twice, when it is prepared and when the values are known. Texts are bound.

use super::error::{Doing, StoreError};
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Timestamp;
use duckdb::arrow::array::RecordBatch;
use duckdb::types::FromSql;
use duckdb::{Connection, Row, params_from_iter};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Conditions of a query, joined by "and", together with the texts that they compare with.
#[derive(Default)]
pub(super) struct Conditions {
    text: String,
    texts: Vec<String>,
    /// The first and the last run of the rows of [`LARGE`].
    runs: Option<(RunId, RunId)>,
}

/// The largest tables and views, which are joined to the selected tests.
const LARGE: [&str; 6] =
    ["attempts", "attempt_metrics", "metrics", "cases", "check_values", "test_outcomes"];

impl Conditions {
    /// Adds a condition with one `?` for each text. The condition is part of the program, never input.
    pub fn and_texts(&mut self, condition: &'static str, texts: impl IntoIterator<Item = String>) {
        self.and_plain(condition);
        self.texts.extend(texts);
    }

    /// Adds a condition with one `?` for each number. A time is its number of milliseconds.
    pub fn and<N: Literal>(
        &mut self,
        condition: &'static str,
        numbers: impl IntoIterator<Item = N>,
    ) {
        let mut text = condition.to_owned();
        for number in numbers {
            text = text.replacen('?', &number.literal(), 1);
        }
        self.push(&text);
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
        let runs = joined(tests.iter().map(|test| test.run.0));
        let indices = joined(tests.iter().map(|test| test.index));
        self.push(&format!(
            "({table}.run, {table}.test) IN (SELECT (unnest(string_split({}, ','))::UINTEGER, \
             unnest(string_split({}, ','))::UINTEGER))",
            runs.literal(),
            indices.literal()
        ));
    }

    /// Restricts the rows of a table that is named `states` to the tests that other conditions select.
    pub fn among_states(&mut self, of_tests: &Self) {
        self.push(&format!(
            "(states.run, states.test) IN (SELECT (states.run, states.test) FROM {} AS states{})",
            states(""),
            of_tests.text
        ));
        self.texts.extend_from_slice(&of_tests.texts);
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
        let texts = params_from_iter(self.texts.iter());
        statement.query_and_then(texts, read).doing("query")?.collect()
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
        let texts = params_from_iter(self.texts.iter());
        statement.query_arrow(texts).doing("query")?.try_for_each(|batch| read(&batch))
    }
}

/// Whether a table has rows. Queries about those that are rarely used are left out if it has none.
pub(super) fn has_rows(connection: &Connection, table: &'static str) -> Result<bool, StoreError> {
    let select = format!("SELECT 1 FROM {table}");
    let found = Conditions::default().query(connection, &select, " LIMIT 1", |_| Ok(()))?;
    Ok(!found.is_empty())
}

/// A value as it is written in a query.
pub(super) trait Literal {
    fn literal(&self) -> String;
}

impl Literal for u32 {
    fn literal(&self) -> String {
        self.to_string()
    }
}

impl Literal for u64 {
    /// With its type: a large number would be one of 128 bits, and the columns would be converted to it.
    fn literal(&self) -> String {
        format!("{self}::UBIGINT")
    }
}

/// Numbers as one text, which a query divides with `string_split` at each comma.
#[derive(PartialEq, Eq)]
pub(super) struct Joined(String);

pub(super) fn joined(numbers: impl Iterator<Item: Into<u64>>) -> Joined {
    let mut text = String::new();
    for number in numbers {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { "," }, number.into());
    }
    Joined(text)
}

impl Joined {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Literal for Joined {
    fn literal(&self) -> String {
        format!("'{}'", self.0)
    }
}

/// A query with values in place of `?1` to `?9`.
pub(super) fn filled<const N: usize>(query: &str, values: [&dyn Literal; N]) -> String {
    const { assert!(N < 10, "one digit") }
    let mut query = query.to_owned();
    for (value, number) in values.iter().zip(1..) {
        query = query.replace(&format!("?{number}"), &value.literal());
    }
    query
}

/// The last attempt of each test. Few tests have several attempts, so that this is faster than to group all of them.
pub(super) const LAST_ATTEMPTS: &str = "SELECT attempts.* FROM attempts \
    ANTI JOIN (SELECT run, test, attempt FROM attempts WHERE attempt > 1) AS later \
    ON later.run = attempts.run AND later.test = attempts.test \
    AND later.attempt > attempts.attempt";

/// The tests with how they ended, and with columns of their last attempts, as a subquery. The view `test_states` takes
/// longer to plan and to read, because it groups the attempts.
pub(super) fn states(of_last: &str) -> String {
    format!(
        "(SELECT tests.*, ended.outcome, ended.class, coalesce(ended.flaky, false) AS flaky, \
         coalesce(ended.message, last.message, '') AS message, ended.finished_ms, \
         last.attempt, last.worker{of_last} FROM tests \
         LEFT JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test \
         LEFT JOIN ({LAST_ATTEMPTS}) AS last ON last.run = tests.run AND last.test = tests.test)"
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_into_a_query_and_texts_are_bound() {
        let mut conditions = Conditions::default();
        conditions.and("a BETWEEN ? AND ?", [1_u32, 2]);
        conditions.and_texts("b = ? OR c = ?", ["it's".to_owned(), "?".to_owned()]);
        conditions.and("d >= ?", [u64::MAX]);
        let expected =
            " WHERE a BETWEEN 1 AND 2 AND b = ? OR c = ? AND d >= 18446744073709551615::UBIGINT";
        assert_eq!(conditions.text, expected);
        assert_eq!(conditions.texts, ["it's", "?"]);
    }

    #[test]
    fn tests_and_texts_select_rows() {
        let connection = Connection::open_in_memory().expect("opens");
        let test = |run, index| TestId { run: RunId(run), index };
        let mut of_rows = Conditions::default();
        of_rows.tests("t", &[test(3, u32::MAX), test(1, 0)]);
        of_rows.and_texts("name <> ?", ["it's".to_owned()]);
        let select = "SELECT run, test FROM \
            (VALUES (3, 4294967295, 'a'), (1, 1, 'a'), (1, 0, 'it''s')) AS t(run, test, name)";
        let found = of_rows.query(&connection, select, "", |row| test_id(row, 0, 1));
        assert_eq!(found.expect("reads"), [test(3, u32::MAX)]);
    }

    #[test]
    fn values_replace_their_numbers() {
        let ids = joined([7_u64, u64::MAX].into_iter());
        let query = filled("?2 ?1 ?2 ?3", [&1_u32, &2_u32, &ids]);
        assert_eq!(query, "2 1 2 '7,18446744073709551615'");
        assert!(joined(std::iter::empty::<u32>()).is_empty());
    }
}
