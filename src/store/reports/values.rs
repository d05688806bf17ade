//! The history of the metrics of judged series.
//!
//! Limit: of each series, the values of at most [`MAX_HISTORY`] attempts are read, the newest. A run of 1,000
//! tests may have the history of 25,000 metrics, with millions of values: they are read by column, and grouped
//! here, because the database would sort all of them.

use crate::domain::id::{RunId, TestId};
use crate::domain::series::SeriesId;
use crate::store::Store;
use crate::store::columns::{numbers, texts, truths};
use crate::store::error::{Doing, StoreError};
use crate::store::query::get;
use crate::store::reports::judged::{JudgedSeries, SeriesMetric};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, params_from_iter};
use std::collections::HashMap;

/// Maximum number of attempts of one series whose values are judged, the newest.
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

/// The words of a metric: unit, and the direction in which it improves.
type Metric = (String, String);

/// A value with the place of its attempt, by which values are ordered.
type Placed = ((u32, u32, u16), f64);

/// The values of one metric of a series.
struct Named {
    name: String,
    is_figure: bool,
    values: Vec<Placed>,
}

/// The metrics of each series, in the order in which they were first seen. The rows of one attempt follow each
/// other, and attempts of a series list the same metrics: a row usually belongs to the metric after the one of
/// the row before.
#[derive(Default)]
struct Gathered {
    places: HashMap<u64, usize>,
    series: Vec<(u64, Vec<Named>)>,
    /// Place of the series of the last row.
    last: usize,
}

/// The series with their newest attempts. The parameters are the ids and the parts of the attempts.
const JUDGED: &str = "WITH judged AS MATERIALIZED (SELECT \
    unnest(string_split(?1::VARCHAR, ','))::UBIGINT AS series_id, \
    unnest(string_split(?2::VARCHAR, ','))::UINTEGER AS run, \
    unnest(string_split(?3::VARCHAR, ','))::UINTEGER AS test, \
    unnest(string_split(?4::VARCHAR, ','))::USMALLINT AS attempt)";

/// The newest attempts of each series. They are selected before their values are read, of which there are many
/// for each. Attempts after the one that is judged may have been stored meanwhile.
fn recent() -> String {
    format!(
        "{JUDGED}, recent AS MATERIALIZED (SELECT attempts.run, attempts.test, attempts.attempt \
             FROM attempts JOIN judged ON judged.series_id = attempts.series_id \
             WHERE attempts.outcome = 'passed' AND attempts.run <= (SELECT max(run) FROM judged) \
             AND row(attempts.run, attempts.test, attempts.attempt) \
             <= row(judged.run, judged.test, judged.attempt) \
             QUALIFY row_number() OVER (PARTITION BY attempts.series_id \
             ORDER BY attempts.run DESC, attempts.test DESC, attempts.attempt DESC) <= {MAX_HISTORY})"
    )
}

/// The values of metrics and the figures of checks.
fn history() -> String {
    format!(
        "{} SELECT metrics.series_id, metrics.name, false AS is_figure, metrics.run, metrics.test, \
             metrics.attempt, metrics.p50 AS value \
             FROM metrics JOIN recent ON recent.run = metrics.run AND recent.test = metrics.test \
             AND recent.attempt = metrics.attempt \
             WHERE metrics.p50 IS NOT NULL AND metrics.series_id IS NOT NULL \
         UNION ALL SELECT figures.series_id, concat(figures.name, '.', figures.figure), true, \
             figures.run, figures.test, figures.attempt, figures.value \
             FROM check_values AS figures JOIN recent ON recent.run = figures.run \
             AND recent.test = figures.test AND recent.attempt = figures.attempt \
             WHERE figures.series_id IS NOT NULL",
        recent()
    )
}

/// The words of the metrics of the newest attempts.
fn words() -> String {
    format!(
        "{JUDGED} SELECT metrics.series_id, metrics.name, metrics.unit, metrics.better FROM metrics \
         JOIN judged ON judged.run = metrics.run AND judged.test = metrics.test \
         AND judged.attempt = metrics.attempt WHERE metrics.series_id IS NOT NULL \
         AND metrics.run BETWEEN (SELECT min(run) FROM judged) AND (SELECT max(run) FROM judged)"
    )
}

/// The newest words of all metrics of the series.
fn earlier_words() -> String {
    let place = "row(metrics.run, metrics.test, metrics.attempt)";
    format!(
        "{} SELECT metrics.series_id, metrics.name, arg_max(metrics.unit, {place}), \
         arg_max(metrics.better, {place}) FROM metrics \
         JOIN recent ON recent.run = metrics.run AND recent.test = metrics.test \
         AND recent.attempt = metrics.attempt WHERE metrics.series_id IS NOT NULL \
         GROUP BY metrics.series_id, metrics.name",
        recent()
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
            let mut metrics = metrics(connection, &words(), &parameters)?;
            // Metrics that the newest attempts do not have are rare.
            let is_known =
                |id: u64, of: &Named| of.is_figure || metrics.contains_key(&(id, of.name.clone()));
            let are_known =
                |(id, named): &(u64, Vec<Named>)| named.iter().all(|of| is_known(*id, of));
            if !gathered.series.iter().all(are_known) {
                for (key, words) in self::metrics(connection, &earlier_words(), &parameters)? {
                    metrics.entry(key).or_insert(words);
                }
            }
            let mut rows = Vec::new();
            for (id, named) in gathered.series {
                let Some(judged) = series.get(&SeriesId(id)) else { continue };
                for Named { name, is_figure, values } in named {
                    let key = (id, name);
                    let described = if is_figure {
                        Some((String::new(), "lower".to_owned()))
                    } else {
                        metrics.remove(&key)
                    };
                    let missing = || StoreError::Value { what: "the metric", value: key.1.clone() };
                    let (unit, better) = described.ok_or_else(missing)?;
                    let of = judged.metric(SeriesId(id), key.1, (unit, better), is_figure);
                    rows.push(ValuesRow { of, values: in_order(values) });
                }
            }
            Ok(rows)
        })
    }
}

/// The parameters of [`JUDGED`].
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

fn metrics(
    connection: &Connection,
    sql: &str,
    parameters: &[String],
) -> Result<HashMap<(u64, String), Metric>, StoreError> {
    let mut statement = connection.prepare(sql).doing("query")?;
    let rows = statement.query_and_then(params_from_iter(parameters), |row| {
        Ok(((get(row, 0)?, get(row, 1)?), (get(row, 2)?, get(row, 3)?)))
    });
    rows.doing("query")?.collect()
}

impl Gathered {
    /// Adds the rows of a batch of [`history`].
    fn add(&mut self, batch: &RecordBatch) {
        let series = numbers::<UInt64Type>(batch, 0);
        let names = texts(batch, 1);
        let figures = truths(batch, 2);
        let [runs, tests] = [3, 4].map(|at| numbers::<UInt32Type>(batch, at));
        let attempts = numbers::<UInt16Type>(batch, 5);
        let values = numbers::<Float64Type>(batch, 6);
        let mut next = 0;
        for at in 0..batch.num_rows() {
            let named = self.metrics(series.value(at));
            let (name, is_figure) = (names.value(at), figures.value(at));
            let is_it = |named: &Named| named.is_figure == is_figure && named.name == name;
            let found = if named.get(next).is_some_and(is_it) {
                next
            } else {
                named.iter().position(is_it).unwrap_or(named.len())
            };
            if found == named.len() {
                named.push(Named { name: name.to_owned(), is_figure, values: Vec::new() });
            }
            let place = (runs.value(at), tests.value(at), attempts.value(at));
            named[found].values.push((place, values.value(at)));
            next = found + 1;
        }
    }

    /// The metrics of a series.
    fn metrics(&mut self, series: u64) -> &mut Vec<Named> {
        if self.series.get(self.last).is_none_or(|(last, _)| *last != series) {
            let next = self.series.len();
            self.last = *self.places.entry(series).or_insert(next);
            if self.last == next {
                self.series.push((series, Vec::new()));
            }
        }
        &mut self.series[self.last].1
    }
}

/// The values in the order of their attempts.
fn in_order(mut values: Vec<Placed>) -> Vec<ValueRow> {
    values.sort_unstable_by_key(|(place, _)| *place);
    let value = |((run, index, _), value): Placed| ValueRow {
        test: TestId { run: RunId(run), index },
        value,
    };
    values.into_iter().map(value).collect()
}
