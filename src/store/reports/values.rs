//! The history of the metrics of judged series.
//!
//! Limit: of each series, the values of at most [`MAX_HISTORY`] attempts are read, the newest. A run of 1,000
//! tests may have the history of 25,000 metrics, with millions of values: they are read by column, and grouped
//! here, because the database would sort all of them.

use crate::domain::id::{RunId, TestId};
use crate::domain::series::SeriesId;
use crate::store::Store;
use crate::store::columns::{lists, numbers};
use crate::store::error::{Doing, StoreError};
use crate::store::query::get;
use crate::store::reports::judged::{JudgedSeries, SeriesMetric};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, params, params_from_iter};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Maximum number of attempts of one series whose values are judged: the newest that passed and have values.
pub const MAX_HISTORY: u32 = 256;

/// The values of one metric of one series, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
    pub of: SeriesMetric,
    pub values: Vec<ValueRow>,
}

/// The median of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRow {
    pub test: TestId,
    pub value: f64,
}

/// A metric of a set, or a figure of a check.
struct SetMetric {
    name: String,
    unit: String,
    better: String,
    is_figure: bool,
}

/// The metrics of a set, in the order of the medians.
type Set = Vec<SetMetric>;

/// The medians of one row of an attempt.
struct Row {
    place: (u32, u32, u16),
    set: u64,
    medians: Range<usize>,
}

/// The rows of each series, in any order.
#[derive(Default)]
struct Gathered {
    of_series: HashMap<u64, Vec<Row>>,
    medians: Vec<f64>,
}

/// The newest attempts of each series, which are selected before their medians are read. Attempts after the one that
/// is judged may have been stored meanwhile. The parameters are the ids of the series and the parts of the newest
/// attempts.
fn history() -> String {
    format!(
        "WITH judged AS MATERIALIZED (SELECT \
             unnest(string_split(?1::VARCHAR, ','))::UBIGINT AS series_id, \
             unnest(string_split(?2::VARCHAR, ','))::UINTEGER AS run, \
             unnest(string_split(?3::VARCHAR, ','))::UINTEGER AS test, \
             unnest(string_split(?4::VARCHAR, ','))::USMALLINT AS attempt), \
         recent AS MATERIALIZED (SELECT own.run, own.test, own.attempt \
             FROM attempt_medians AS own JOIN judged ON judged.series_id = own.series_id \
             WHERE own.outcome = 'passed' AND own.run <= (SELECT max(run) FROM judged) \
             AND row(own.run, own.test, own.attempt) <= row(judged.run, judged.test, judged.attempt) \
             QUALIFY dense_rank() OVER (PARTITION BY own.series_id \
             ORDER BY own.run DESC, own.test DESC, own.attempt DESC) <= {MAX_HISTORY}) \
         SELECT own.series_id, own.run, own.test, own.attempt, own.metric_set, own.medians \
             FROM attempt_medians AS own SEMI JOIN recent ON recent.run = own.run \
             AND recent.test = own.test AND recent.attempt = own.attempt"
    )
}

impl Store {
    /// Lists the values of all metrics of these series, up to their newest attempts.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn values_of(
        &self,
        series: &HashMap<SeriesId, &JudgedSeries>,
    ) -> Result<Vec<ValuesRow>, StoreError> {
        if series.is_empty() {
            return Ok(Vec::new());
        }
        let parameters = parameters(series);
        self.pool.read(|connection| {
            let mut statement = connection.prepare(&history()).doing("query")?;
            let mut gathered = Gathered::default();
            for batch in statement.query_arrow(params_from_iter(&parameters)).doing("query")? {
                gathered.add(&batch);
            }
            let sets = sets(connection, &gathered.sets())?;
            let Gathered { of_series, medians } = gathered;
            let mut rows = Vec::new();
            for (id, mut of_series) in of_series {
                let Some(judged) = series.get(&SeriesId(id)) else { continue };
                of_series.sort_unstable_by_key(|row| row.place);
                add_series(SeriesId(id), judged, (&of_series, &medians), &sets, &mut rows)?;
            }
            Ok(rows)
        })
    }
}

/// The parameters of [`history`].
fn parameters(series: &HashMap<SeriesId, &JudgedSeries>) -> [String; 4] {
    let list = |number: fn(&SeriesId, &JudgedSeries) -> u64| {
        let numbers: Vec<String> =
            series.iter().map(|(id, judged)| number(id, judged).to_string()).collect();
        numbers.join(",")
    };
    [
        list(|id, _| id.0),
        list(|_, judged| judged.newest.test.run.0.into()),
        list(|_, judged| judged.newest.test.index.into()),
        list(|_, judged| judged.newest.number.into()),
    ]
}

/// Reads sets of metrics.
fn sets(connection: &Connection, ids: &[u64]) -> Result<HashMap<u64, Set>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let sql = "SELECT metric_set, name, unit, better, is_figure FROM metric_sets \
        WHERE metric_set IN (SELECT unnest(string_split(?::VARCHAR, ','))::UBIGINT) \
        ORDER BY metric_set, position";
    let mut statement = connection.prepare(sql).doing("query")?;
    let mut rows = statement.query(params![ids.join(",")]).doing("query")?;
    let mut sets: HashMap<u64, Set> = HashMap::new();
    while let Some(row) = rows.next().doing("query")? {
        let (name, unit) = (get(row, 1)?, get(row, 2)?);
        let metric = SetMetric { name, unit, better: get(row, 3)?, is_figure: get(row, 4)? };
        sets.entry(get(row, 0)?).or_default().push(metric);
    }
    Ok(sets)
}

/// Adds the metrics of a series, whose rows are the oldest first. The newest row that has a metric states its unit and
/// direction.
fn add_series(
    id: SeriesId,
    judged: &JudgedSeries,
    (of_series, medians): (&[Row], &[f64]),
    sets: &HashMap<u64, Set>,
    rows: &mut Vec<ValuesRow>,
) -> Result<(), StoreError> {
    let mut by_name: HashMap<(&str, bool), usize> = HashMap::new();
    // The places of the metrics of each set in `rows`.
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for row in of_series.iter().rev() {
        let Entry::Vacant(missing) = places.entry(row.set) else { continue };
        let unknown = || StoreError::Value { what: "a set of metrics", value: row.set.to_string() };
        let mut of_set = Vec::new();
        for SetMetric { name, unit, better, is_figure } in sets.get(&row.set).ok_or_else(unknown)? {
            of_set.push(*by_name.entry((name, *is_figure)).or_insert_with(|| {
                let words = (unit.clone(), better.clone());
                let of = judged.metric(id, name.clone(), words, *is_figure);
                rows.push(ValuesRow { of, values: Vec::with_capacity(of_series.len()) });
                rows.len() - 1
            }));
        }
        missing.insert(of_set);
    }
    for Row { place: (run, index, _), set, medians: range } in of_series {
        let test = TestId { run: RunId(*run), index: *index };
        for (place, value) in places[set].iter().zip(&medians[range.clone()]) {
            rows[*place].values.push(ValueRow { test, value: *value });
        }
    }
    Ok(())
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
    fn sets(&self) -> Vec<u64> {
        let ids: HashSet<u64> = self.of_series.values().flatten().map(|row| row.set).collect();
        ids.into_iter().collect()
    }
}
