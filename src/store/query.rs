//! Questions with bound values, and columns as values of the domain.

use super::error::{Doing, StoreError};
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Timestamp;
use duckdb::types::FromSql;
use duckdb::{Connection, Row, ToSql, params_from_iter};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::collections::BTreeMap;

/// Conditions, all of which must hold, with their values.
#[derive(Default)]
pub(super) struct Conditions {
    text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    /// `condition` is part of the program, never input; one `?` for each value.
    pub fn and(&mut self, condition: &'static str, values: impl IntoIterator<Item = u64>) {
        self.join(condition);
        self.values.extend(values.into_iter().map(|value| Box::new(value) as Box<dyn ToSql>));
    }

    pub fn and_text(&mut self, condition: &'static str, value: String) {
        self.join(condition);
        self.values.push(Box::new(value));
    }

    fn join(&mut self, condition: &'static str) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
    }

    /// Runs `<select> WHERE … <rest>`.
    pub fn query<T>(
        &self,
        connection: &Connection,
        select: &str,
        rest: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!("{select}{}{rest}", self.text);
        let mut statement = connection.prepare(&sql).doing("ask")?;
        let values = params_from_iter(self.values.iter().map(Box::as_ref));
        statement.query_and_then(values, read).doing("ask")?.collect()
    }
}

/// A column by position.
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
    word(row, column, "outcome")
}

pub(super) fn class(row: &Row<'_>, column: usize) -> Result<Option<Class>, StoreError> {
    word(row, column, "class")
}

fn word<T>(row: &Row<'_>, column: usize, what: &'static str) -> Result<Option<T>, StoreError>
where
    T: for<'de> Deserialize<'de>,
{
    let Some(value) = get::<Option<String>>(row, column)? else { return Ok(None) };
    let words: StrDeserializer<'_, WordError> = value.as_str().into_deserializer();
    T::deserialize(words).map(Some).map_err(|_| StoreError::Value { what, value: value.clone() })
}

/// Labels were checked when they came in; what is wrong all the same is left out.
pub(super) fn labels(row: &Row<'_>, column: usize) -> Result<BTreeMap<String, String>, StoreError> {
    let json: String = get(row, column)?;
    Ok(serde_json::from_str(&json).unwrap_or_default())
}
