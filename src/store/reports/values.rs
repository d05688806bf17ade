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

/// The values of one metric of one series, the oldest first; those of the judged side are the last.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
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
    pub values: Vec<ValueRow>,
}

/// The median of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRow {
    pub test: TestId,
    pub value: f64,
    pub is_after: bool,
}

/// A series of the judged runs. Its worker is that of its newest passed attempt in them.
struct Judged {
    case: CaseId,
    limits: Vec<ChangeLimit>,
    worker: WorkerId,
}

/// A metric of the judged runs: unit, and the direction in which it improves.
type Metric = (String, String);

/// A value with the place of its attempt, by which values are ordered.
type Placed = ((u32, u32, u16), f64);

/// Values by series, whether they are figures, and the number of the name.
#[derive(Default)]
struct Gathered {
    names: HashMap<String, usize>,
    values: HashMap<(u64, bool, usize), Vec<Placed>>,
}

/// The parameters of all queries are the first and the last judged run.
const JUDGED: &str = "SELECT attempts.series_id, any_value(tests.case_id), \
    max(CASE WHEN contains(tests.labels, '\"change_limits\":') \
    THEN tests.labels ->> '$.change_limits' END), \
    arg_max(attempts.worker, (attempts.run, attempts.test, attempts.attempt)) \
    FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    WHERE attempts.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER \
    AND tests.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND attempts.outcome = 'passed' \
    AND attempts.series_id IS NOT NULL AND tests.case_id IS NOT NULL GROUP BY attempts.series_id";

const METRICS: &str = "SELECT series_id, name, max(unit), max(better) FROM metrics \
    WHERE run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND series_id IS NOT NULL \
    GROUP BY series_id, name";

/// The values of metrics and the figures of checks. The newest attempts are selected before their values are
/// read, of which there are many for each.
fn history() -> String {
    format!(
        "WITH judged AS MATERIALIZED (SELECT DISTINCT series_id FROM attempts \
             WHERE run BETWEEN ?1::UINTEGER AND ?2::UINTEGER AND outcome = 'passed' \
             AND series_id IS NOT NULL), \
         recent AS MATERIALIZED (SELECT attempts.run, attempts.test, attempts.attempt FROM attempts \
             SEMI JOIN judged ON judged.series_id = attempts.series_id \
             WHERE attempts.outcome = 'passed' AND attempts.run <= ?2::UINTEGER \
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
    /// Lists the values of all metrics that passed attempts of the judged runs have, from all runs up to the last
    /// judged one, in the order of the series and the names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn values_of(&self, to: (RunId, RunId)) -> Result<Vec<ValuesRow>, StoreError> {
        self.pool.read(|connection| {
            let (judged, metrics) = (judged(connection, to)?, metrics(connection, to)?);
            let mut statement = connection.prepare(&history()).doing("query")?;
            let mut gathered = Gathered::default();
            for batch in statement.query_arrow(params![to.0.0, to.1.0]).doing("query")? {
                gathered.add(&batch);
            }
            let mut names: Vec<(String, usize)> = gathered.names.into_iter().collect();
            names.sort_unstable_by_key(|(_, number)| *number);
            let mut rows = Vec::with_capacity(gathered.values.len());
            for ((series, is_figure, name), values) in gathered.values {
                // A series without a case belongs to a database of an earlier version.
                let Some(known) = judged.get(&series) else { continue };
                let values = in_order(values, to.0);
                if !values.last().is_some_and(|last| last.is_after) {
                    continue;
                }
                let key = (series, names[name].0.clone());
                let described = if is_figure {
                    Some((String::new(), "lower".to_owned()))
                } else {
                    metrics.get(&key).cloned()
                };
                let missing = || StoreError::Value { what: "the metric", value: key.1.clone() };
                let (unit, better) = described.ok_or_else(missing)?;
                rows.push(ValuesRow {
                    case: known.case,
                    series: SeriesId(series),
                    metric: key.1,
                    unit,
                    better,
                    is_figure,
                    limits: known.limits.clone(),
                    worker: known.worker,
                    values,
                });
            }
            rows.sort_unstable_by(|one, other| {
                let place = |row: &ValuesRow| (row.series.0, row.is_figure);
                place(one).cmp(&place(other)).then_with(|| one.metric.cmp(&other.metric))
            });
            Ok(rows)
        })
    }
}

fn judged(connection: &Connection, to: (RunId, RunId)) -> Result<HashMap<u64, Judged>, StoreError> {
    let mut statement = connection.prepare(JUDGED).doing("query")?;
    let rows = statement.query_and_then(params![to.0.0, to.1.0], |row| {
        let limits: Option<String> = get(row, 2)?;
        // They were checked at the submission.
        let limits = limits.and_then(|text| change_limits::parse(&text).ok()).unwrap_or_default();
        let (case, worker) = (CaseId(get(row, 1)?), WorkerId(get(row, 3)?));
        Ok((get(row, 0)?, Judged { case, limits, worker }))
    });
    rows.doing("query")?.collect()
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
        for at in 0..batch.num_rows() {
            let next = self.names.len();
            let name = match self.names.get(names.value(at)) {
                Some(number) => *number,
                None => *self.names.entry(names.value(at).to_owned()).or_insert(next),
            };
            let placed = ((runs[at], tests[at], attempts[at]), values[at]);
            self.values.entry((series[at], figures.value(at), name)).or_default().push(placed);
        }
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
