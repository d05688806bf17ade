//! The sets of metrics that rows of `attempt_metrics` have.

use crate::store::error::{Doing, StoreError};
use crate::store::query::{filled, get, joined};
use duckdb::Connection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A metric, or a figure of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metric {
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub name: Arc<str>,
    pub unit: Arc<str>,
    /// `lower`, `higher`, or another word.
    pub better: String,
    pub is_figure: bool,
}

/// The metrics with values of sets by the id of the set, in the order of the lists of `attempt_metrics`.
#[derive(Default)]
pub(super) struct Sets(HashMap<u64, Vec<Arc<Metric>>>);

impl Sets {
    /// Reads these sets.
    ///
    /// # Errors
    /// The database cannot be read, or does not have one of them.
    pub fn read(connection: &Connection, ids: &HashSet<u64>) -> Result<Self, StoreError> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let sql = "SELECT metric_set, name, unit, better, is_figure, position FROM metric_sets \
            WHERE metric_set IN (SELECT unnest(string_split(?1, ','))::UBIGINT) \
            ORDER BY metric_set, position";
        let sql = filled(sql, [&joined(ids.iter().copied())]);
        let mut statement = connection.prepare(&sql).doing("query")?;
        let mut rows = statement.query([]).doing("query")?;
        let mut sets: HashMap<u64, Vec<Arc<Metric>>> = HashMap::new();
        while let Some(row) = rows.next().doing("query")? {
            let of_set = sets.entry(get(row, 0)?).or_default();
            if get::<u32>(row, 5)? > 0 {
                let (name, unit) = (get::<String>(row, 1)?.into(), get::<String>(row, 2)?.into());
                let (better, is_figure) = (get(row, 3)?, get(row, 4)?);
                of_set.push(Arc::new(Metric { name, unit, better, is_figure }));
            }
        }
        match ids.iter().find(|id| !sets.contains_key(id)) {
            Some(id) => Err(StoreError::Value { what: "a set of metrics", value: id.to_string() }),
            None => Ok(Self(sets)),
        }
    }

    /// The metrics of a set that was read.
    pub fn of(&self, id: u64) -> &[Arc<Metric>] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }
}
