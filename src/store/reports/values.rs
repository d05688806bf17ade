//! The history of the metrics of judged series.
//!
//! Limit: of each series, the values of at most [`MAX_HISTORY`] attempts are read, the newest. A run of 1,000
//! tests may have the history of 25,000 metrics, with millions of values: they are read by column, and grouped
//! here, because the database would sort all of them. They are kept by attempt, and those of a metric are gathered
//! when they are judged.

use crate::domain::id::{RunId, TestId};
use crate::domain::series::SeriesId;
use crate::store::Store;
use crate::store::columns::{lists, numbers};
use crate::store::error::{Doing, StoreError};
use crate::store::query::{filled, joined};
use crate::store::reports::judged::JudgedSeries;
use crate::store::reports::sets::{Metric, Sets};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Maximum number of attempts of one series whose values are judged: the newest that passed and have values.
pub const MAX_HISTORY: u32 = 256;

/// The values of one metric of one series, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
    pub of: Arc<Metric>,
    pub values: Vec<ValueRow>,
}

/// The median of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRow {
    pub test: TestId,
    pub value: f64,
}

/// The medians of one row of an attempt.
struct Row {
    place: (u32, u32, u16),
    set: u64,
    medians: Range<usize>,
}

/// The attempts of a series, the oldest first.
pub struct SeriesAttempts {
    pub series: SeriesId,
    rows: Vec<Row>,
}

/// The values of the metrics of several series. A value takes 8 bytes.
#[derive(Default)]
pub struct Histories {
    /// The series that have values, in any order.
    pub series: Vec<SeriesAttempts>,
    medians: Vec<f64>,
    sets: Sets,
}

/// The rows of each series, in any order.
#[derive(Default)]
struct Gathered {
    of_series: HashMap<u64, Vec<Row>>,
    medians: Vec<f64>,
}

/// The newest attempts of each series, which are selected before their medians are read. Attempts after the one that
/// is judged may have been stored meanwhile. The values are the ids of the series and the parts of the newest attempts.
fn history(series: &HashMap<SeriesId, &JudgedSeries>) -> String {
    let newest = || series.values().map(|judged| judged.newest);
    let ids = joined(series.keys().map(|id| id.0));
    let runs = joined(newest().map(|newest| newest.test.run.0));
    let tests = joined(newest().map(|newest| newest.test.index));
    let attempts = joined(newest().map(|newest| newest.number));
    let sql = format!(
        "WITH judged AS MATERIALIZED (SELECT \
             unnest(string_split(?1, ','))::UBIGINT AS series_id, \
             unnest(string_split(?2, ','))::UINTEGER AS run, \
             unnest(string_split(?3, ','))::UINTEGER AS test, \
             unnest(string_split(?4, ','))::USMALLINT AS attempt), \
         recent AS MATERIALIZED (SELECT own.run, own.test, own.attempt \
             FROM attempt_metrics AS own JOIN judged ON judged.series_id = own.series_id \
             WHERE own.outcome = 'passed' AND own.run <= (SELECT max(run) FROM judged) \
             AND own.metric_set IN (SELECT metric_set FROM metric_sets WHERE position > 0) \
             AND row(own.run, own.test, own.attempt) <= row(judged.run, judged.test, judged.attempt) \
             QUALIFY dense_rank() OVER (PARTITION BY own.series_id \
             ORDER BY own.run DESC, own.test DESC, own.attempt DESC) <= {MAX_HISTORY}) \
         SELECT own.series_id, own.run, own.test, own.attempt, own.metric_set, own.medians \
             FROM attempt_metrics AS own SEMI JOIN recent ON recent.run = own.run \
             AND recent.test = own.test AND recent.attempt = own.attempt"
    );
    filled(&sql, [&ids, &runs, &tests, &attempts])
}

impl Store {
    /// Reads the values of all metrics of these series, up to their newest attempts.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn histories(
        &self,
        series: &HashMap<SeriesId, &JudgedSeries>,
    ) -> Result<Histories, StoreError> {
        if series.is_empty() {
            return Ok(Histories::default());
        }
        let sql = history(series);
        self.pool.read(|connection| {
            let mut statement = connection.prepare(&sql).doing("query")?;
            let mut gathered = Gathered::default();
            for batch in statement.query_arrow([]).doing("query")? {
                gathered.add(&batch);
            }
            let sets = Sets::read(connection, &gathered.sets())?;
            let Gathered { of_series, medians } = gathered;
            let sorted = |(id, mut rows): (u64, Vec<Row>)| {
                rows.sort_unstable_by_key(|row| row.place);
                SeriesAttempts { series: SeriesId(id), rows }
            };
            Ok(Histories { series: of_series.into_iter().map(sorted).collect(), medians, sets })
        })
    }
}

impl Histories {
    /// The values of each metric of a series. The newest attempt that has a metric states its unit and direction.
    #[must_use]
    pub fn metrics(&self, of: &SeriesAttempts) -> Vec<ValuesRow> {
        let mut metrics: Vec<ValuesRow> = Vec::new();
        let mut by_name: HashMap<(&str, bool), usize> = HashMap::new();
        // The places in `metrics` of the metrics of each set.
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for row in of.rows.iter().rev() {
            let Entry::Vacant(missing) = places.entry(row.set) else { continue };
            let mut of_set = Vec::new();
            for metric in self.sets.of(row.set) {
                of_set.push(*by_name.entry((&metric.name, metric.is_figure)).or_insert_with(
                    || {
                        let values = Vec::with_capacity(of.rows.len());
                        metrics.push(ValuesRow { of: Arc::clone(metric), values });
                        metrics.len() - 1
                    },
                ));
            }
            missing.insert(of_set);
        }
        for Row { place: (run, index, _), set, medians } in &of.rows {
            let test = TestId { run: RunId(*run), index: *index };
            for (place, value) in places[set].iter().zip(&self.medians[medians.clone()]) {
                metrics[*place].values.push(ValueRow { test, value: *value });
            }
        }
        metrics
    }
}

impl Gathered {
    /// Adds the rows of a batch of [`history`].
    fn add(&mut self, batch: &RecordBatch) {
        let [series, sets] = [0, 4].map(|at| numbers::<UInt64Type>(batch, at));
        let [runs, tests] = [1, 2].map(|at| numbers::<UInt32Type>(batch, at));
        let attempts = numbers::<UInt16Type>(batch, 3);
        let lists = lists::<Float64Type>(batch, 5);
        for at in 0..batch.num_rows() {
            let begin = self.medians.len();
            self.medians.extend_from_slice(lists.value(at));
            let place = (runs.value(at), tests.value(at), attempts.value(at));
            let row = Row { place, set: sets.value(at), medians: begin..self.medians.len() };
            self.of_series.entry(series.value(at)).or_default().push(row);
        }
    }

    /// The ids of all sets.
    fn sets(&self) -> HashSet<u64> {
        self.of_series.values().flatten().map(|row| row.set).collect()
    }
}
