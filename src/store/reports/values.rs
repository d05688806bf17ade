//! The history of the metrics of judged runs.
//!
//! Limit: of each series, the values of at most [`MAX_HISTORY`] attempts are read, the newest. A run of 1,000
//! tests may have the history of 25,000 metrics, with millions of values: they are read by column, and grouped
//! here, because the database would sort all of them.

use crate::domain::added::change_limits::{self, ChangeLimit};
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::get;
use duckdb::arrow::array::{AsArray, RecordBatch};
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, params};
use std::collections::HashMap;

/// Maximum number of attempts of one series whose values are judged, the newest.
pub const MAX_HISTORY: u32 = 256;

/// A metric of a series of the judged runs.
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
    /// The limits of changes that a judged test sets.
    pub limits: Vec<ChangeLimit>,
    /// The worker that measured the newest value.
    pub worker: WorkerId,
}

/// The values of one metric of one series, the oldest first; those of the judged side are the last.
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
    pub is_after: bool,
}

/// A series of the judged runs.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedSeries {
    pub case: CaseId,
    /// The limits of changes that a judged test sets.
    pub limits: Vec<ChangeLimit>,
    /// The worker of its newest passed attempt in the judged runs.
    pub worker: WorkerId,
    pub attempts: Attempts,
}

/// The passed attempts of a series up to the last judged run: their number, and a digest of which ones they are.
/// The digest is comparable within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    pub count: u64,
    pub digest: u64,
}

/// A metric of the judged runs: unit, and the direction in which it improves.
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
}

/// Its parameters are the first and the last judged run, as those of [`METRICS`].
const JUDGED: &str = "WITH judged AS MATERIALIZED (SELECT attempts.series_id, \
    any_value(tests.case_id) AS case_id, \
    max(CASE WHEN contains(tests.labels, '\"change_limits\":') \
    THEN tests.labels ->> '$.change_limits' END) AS limits, \
    arg_max(attempts.worker, (attempts.run, attempts.test, attempts.attempt)) AS worker \
    FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    WHERE attempts.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER \
    AND tests.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND attempts.outcome = 'passed' \
    AND attempts.series_id IS NOT NULL AND tests.case_id IS NOT NULL GROUP BY attempts.series_id) \
    SELECT judged.series_id, any_value(judged.case_id), any_value(judged.limits), \
    any_value(judged.worker), count(*), \
    bit_xor(hash(attempts.run, attempts.test, attempts.attempt)) \
    FROM attempts JOIN judged ON judged.series_id = attempts.series_id \
    WHERE attempts.run <= ?2::UINTEGER AND attempts.outcome = 'passed' GROUP BY judged.series_id";

const METRICS: &str = "SELECT series_id, name, max(unit), max(better) FROM metrics \
    WHERE run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND series_id IS NOT NULL \
    GROUP BY series_id, name";

/// The values of metrics and the figures of checks. The parameters are the last judged run and the ids of the
/// series. The newest attempts are selected before their values are read, of which there are many for each.
fn history() -> String {
    format!(
        "WITH judged AS MATERIALIZED \
             (SELECT unnest(string_split(?2::VARCHAR, ','))::UBIGINT AS series_id), \
         recent AS MATERIALIZED (SELECT attempts.run, attempts.test, attempts.attempt FROM attempts \
             SEMI JOIN judged ON judged.series_id = attempts.series_id \
             WHERE attempts.outcome = 'passed' AND attempts.run <= ?1::UINTEGER \
             QUALIFY row_number() OVER (PARTITION BY attempts.series_id \
             ORDER BY attempts.run DESC, attempts.test DESC, attempts.attempt DESC) <= {MAX_HISTORY}) \
         SELECT metrics.series_id, metrics.name, false AS is_figure, metrics.run, metrics.test, \
             metrics.attempt, metrics.p50 AS value \
             FROM metrics JOIN recent ON recent.run = metrics.run AND recent.test = metrics.test \
             AND recent.attempt = metrics.attempt \
             WHERE metrics.p50 IS NOT NULL AND metrics.series_id IS NOT NULL \
         UNION ALL SELECT figures.series_id, concat(figures.name, '.', figures.figure), true, \
             figures.run, figures.test, figures.attempt, figures.value \
             FROM check_values AS figures JOIN recent ON recent.run = figures.run \
             AND recent.test = figures.test AND recent.attempt = figures.attempt \
             WHERE figures.series_id IS NOT NULL"
    )
}

impl Store {
    /// Lists the series of the passed attempts of the judged runs. A series without a case, which belongs to a
    /// database of an earlier version, is not one of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn judged_series(
        &self,
        to: (RunId, RunId),
    ) -> Result<HashMap<SeriesId, JudgedSeries>, StoreError> {
        self.pool.read(|connection| {
            let mut statement = connection.prepare(JUDGED).doing("query")?;
            let rows = statement.query_and_then(params![to.0.0, to.1.0], |row| {
                let limits: Option<String> = get(row, 2)?;
                // They were checked at the submission.
                let limits = limits.and_then(|text| change_limits::parse(&text).ok());
                let judged = JudgedSeries {
                    case: CaseId(get(row, 1)?),
                    limits: limits.unwrap_or_default(),
                    worker: WorkerId(get(row, 3)?),
                    attempts: Attempts { count: get(row, 4)?, digest: get(row, 5)? },
                };
                Ok((SeriesId(get(row, 0)?), judged))
            });
            rows.doing("query")?.collect()
        })
    }

    /// Lists the values of all metrics that passed attempts of the judged runs have, from all runs up to the last
    /// judged one, of these series.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn values_of(
        &self,
        to: (RunId, RunId),
        series: &HashMap<SeriesId, &JudgedSeries>,
    ) -> Result<Vec<ValuesRow>, StoreError> {
        if series.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = series.keys().map(|series| series.0.to_string()).collect();
        self.pool.read(|connection| {
            let metrics = metrics(connection, to)?;
            let mut statement = connection.prepare(&history()).doing("query")?;
            let mut gathered = Gathered::default();
            let parameters = params![to.1.0, ids.join(",")];
            for batch in statement.query_arrow(parameters).doing("query")? {
                gathered.add(&batch);
            }
            let mut rows = Vec::new();
            for (id, named) in gathered.series {
                let Some(judged) = series.get(&SeriesId(id)) else { continue };
                for Named { name, is_figure, values } in named {
                    let values = in_order(values, to.0);
                    if !values.last().is_some_and(|last| last.is_after) {
                        continue;
                    }
                    let key = (id, name);
                    let described = if is_figure {
                        Some((String::new(), "lower".to_owned()))
                    } else {
                        metrics.get(&key).cloned()
                    };
                    let missing = || StoreError::Value { what: "the metric", value: key.1.clone() };
                    let (unit, better) = described.ok_or_else(missing)?;
                    let of = SeriesMetric {
                        case: judged.case,
                        series: SeriesId(id),
                        metric: key.1,
                        unit,
                        better,
                        is_figure,
                        limits: judged.limits.clone(),
                        worker: judged.worker,
                    };
                    rows.push(ValuesRow { of, values });
                }
            }
            Ok(rows)
        })
    }
}

fn metrics(
    connection: &Connection,
    to: (RunId, RunId),
) -> Result<HashMap<(u64, String), Metric>, StoreError> {
    let mut statement = connection.prepare(METRICS).doing("query")?;
    let rows = statement.query_and_then(params![to.0.0, to.1.0], |row| {
        Ok(((get(row, 0)?, get(row, 1)?), (get(row, 2)?, get(row, 3)?)))
    });
    rows.doing("query")?.collect()
}

impl Gathered {
    /// Adds the rows of a batch of [`history`].
    fn add(&mut self, batch: &RecordBatch) {
        let series = batch.column(0).as_primitive::<UInt64Type>().values();
        let names = batch.column(1).as_string::<i32>();
        let figures = batch.column(2).as_boolean();
        let [runs, tests] = [3, 4].map(|at| batch.column(at).as_primitive::<UInt32Type>().values());
        let attempts = batch.column(5).as_primitive::<UInt16Type>().values();
        let values = batch.column(6).as_primitive::<Float64Type>().values();
        let mut next = 0;
        for at in 0..batch.num_rows() {
            let named = self.metrics(series[at]);
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
            named[found].values.push(((runs[at], tests[at], attempts[at]), values[at]));
            next = found + 1;
        }
    }

    /// The metrics of a series.
    fn metrics(&mut self, series: u64) -> &mut Vec<Named> {
        let next = self.series.len();
        let place = *self.places.entry(series).or_insert(next);
        if place == next {
            self.series.push((series, Vec::new()));
        }
        &mut self.series[place].1
    }
}

/// The values in the order of their attempts. Those from the run `first` on are on the judged side.
fn in_order(mut values: Vec<Placed>, first: RunId) -> Vec<ValueRow> {
    values.sort_unstable_by_key(|(place, _)| *place);
    let value = |((run, index, _), value): Placed| {
        let test = TestId { run: RunId(run), index };
        ValueRow { test, value, is_after: test.run >= first }
    };
    values.into_iter().map(value).collect()
}
