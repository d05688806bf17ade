//! The verdicts that were given. A question that follows from the same values, limits, marks and rules reads them
//! instead of the history of its metrics, which has up to 256 values for each.
//!
//! Limit: `MAX_VERDICTS` verdicts; the oldest ones are removed beyond it. A database that is open for reading
//! only is not changed.

use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::series::SeriesId;
use crate::store::Store;
use crate::store::columns::{self, numbers, texts, truths};
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, filled, get, joined};
use crate::store::reports::judged::{Basis, Given, JudgedSeries, outdated};
use crate::store::reports::sets::Metric;
use crate::trends::RULES;
use crate::trends::judgement::Judgement;
use duckdb::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, RecordBatch, StringBuilder, UInt32Builder,
    UInt64Builder,
};
use duckdb::arrow::datatypes::{Float64Type, UInt32Type, UInt64Type};
use duckdb::{Appender, Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of stored verdicts: those of 40 days with 4,000 tests a day that have 25 metrics each.
const MAX_VERDICTS: u64 = 4_000_000;

/// The verdict about the newest value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub of: Arc<Metric>,
    /// The test with the newest value.
    pub newest: TestId,
    /// The run of the first value after the change.
    pub since: Option<RunId>,
    pub judgement: Judgement,
}

/// The verdicts about all metrics of each series, in the order of [`ordered`].
pub type Verdicts = HashMap<SeriesId, Arc<[Judged]>>;

/// Sorts the verdicts about a series by the names of the metrics, and takes them. Figures of checks are the last.
#[must_use]
pub fn ordered(verdicts: &mut Vec<Judged>) -> Arc<[Judged]> {
    verdicts.sort_by(|Judged { of: one, .. }, Judged { of: other, .. }| {
        (one.is_figure, &one.name).cmp(&(other.is_figure, &other.name))
    });
    verdicts.drain(..).collect()
}

/// The values are the first and the last run of the newest attempts, the number of the rules, and the ids of
/// the series.
const JUDGED: &str = "SELECT id, series_id, run, test, attempt, attempts, limits, accepted \
    FROM judged WHERE run BETWEEN ?1 AND ?2 AND rules = ?3 \
    AND series_id IN (SELECT unnest(string_split(?4, ','))::UBIGINT) ORDER BY id";

/// The value has ids of the table `judged`.
const VERDICTS: &str = "SELECT judged, name, unit, better, is_figure, run, test, verdict, direction, \
    before, after, change, z, n_before, n_after, since, since_run FROM verdicts \
    WHERE judged IN (SELECT unnest(string_split(?1, ','))::UBIGINT)";

impl Store {
    /// Reads the verdicts about all metrics of each of these series for which they are stored.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verdicts(
        &self,
        series: &HashMap<SeriesId, &JudgedSeries>,
    ) -> Result<Verdicts, StoreError> {
        let runs = || series.values().map(|judged| judged.newest.test.run.0);
        let (Some(first), Some(last)) = (runs().min(), runs().max()) else {
            return Ok(HashMap::new());
        };
        // In one transaction, because verdicts beyond the limit are removed meanwhile.
        self.pool.read(|connection| {
            let mut found = found(connection, series, (first, last))?;
            let given: Vec<Given> = found.values().copied().collect();
            let outdated = outdated(connection, &given)?;
            found.retain(|_, given| !outdated.contains(&given.series));
            if found.is_empty() {
                return Ok(Verdicts::new());
            }
            let sql = filled(VERDICTS, [&joined(found.keys().copied())]);
            let mut statement = connection.prepare(&sql).doing("query")?;
            let mut stored = Stored::of(&found);
            for batch in statement.query_arrow([]).doing("query")? {
                stored.add(&batch);
            }
            Ok(stored.finish())
        })
    }

    /// Stores the verdicts about all metrics of these series, unless the database is open for reading only.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_verdicts(
        &self,
        series: &HashMap<SeriesId, &JudgedSeries>,
        verdicts: &Verdicts,
    ) -> Result<(), StoreError> {
        if !self.is_writable || series.is_empty() {
            return Ok(());
        }
        let mut ordered: Vec<_> = series.iter().collect();
        ordered.sort_unstable_by_key(|(series, judged)| (judged.newest.test, series.0));
        self.pool.write(|connection| {
            let sql = "SELECT coalesce(max(id), 0) FROM judged";
            let mut id: u64 = connection.query_row(sql, [], |row| row.get(0)).doing("read")?;
            let mut rows = connection.appender("judged").doing("write to")?;
            let mut written = Rows::default();
            for (series, judged) in ordered {
                let of_series = verdicts.get(series).map_or(&[][..], |verdicts| verdicts);
                id += (of_series.len() as u64).max(1);
                append(&mut rows, id, *series, judged).doing("write to")?;
                for verdict in of_series {
                    written.push(id, verdict);
                }
            }
            rows.flush().doing("write to")?;
            drop(rows);
            written.write(connection).doing("write to")?;
            let oldest = id.saturating_sub(MAX_VERDICTS);
            for (table, column) in [("verdicts", "judged"), ("judged", "id")] {
                let sql = format!("DELETE FROM {table} WHERE {column} < ?");
                connection.execute(&sql, params![oldest]).doing("write to")?;
            }
            Ok(())
        })
    }
}

/// The verdicts about these series, with the same settings, by their id in the table `judged`.
fn found(
    connection: &Connection,
    series: &HashMap<SeriesId, &JudgedSeries>,
    (first, last): (u32, u32),
) -> Result<HashMap<u64, Given>, StoreError> {
    let ids = joined(series.keys().map(|id| id.0));
    let sql = filled(JUDGED, [&first, &last, &RULES, &ids]);
    let mut statement = connection.prepare(&sql).doing("query")?;
    let mut newest: HashMap<SeriesId, (u64, Given)> = HashMap::new();
    let mut rows = statement.query([]).doing("query")?;
    while let Some(row) = rows.next().doing("query")? {
        let id = SeriesId(get(row, 1)?);
        let Some(judged) = series.get(&id) else { continue };
        let attempt = AttemptId { test: query::test_id(row, 2, 3)?, number: get(row, 4)? };
        let (attempts, limits, accepted) = (get(row, 5)?, get(row, 6)?, get(row, 7)?);
        let basis = Basis { attempts, limits, accepted };
        if attempt == judged.newest && basis.has_same_settings(&judged.basis) {
            let given = Given { series: id, newest: attempt, attempts };
            newest.insert(id, (get(row, 0)?, given));
        }
    }
    Ok(newest.into_values().collect())
}

fn append(
    rows: &mut Appender<'_>,
    id: u64,
    series: SeriesId,
    judged: &JudgedSeries,
) -> duckdb::Result<()> {
    let AttemptId { test, number } = judged.newest;
    let Basis { attempts, limits, accepted } = &judged.basis;
    rows.append_row(params![
        id, series.0, test.run.0, test.index, number, attempts, limits, accepted, RULES
    ])
}

/// The stored verdicts that were read.
struct Stored {
    /// The series and its verdicts by the id in the table `judged`.
    of_id: HashMap<u64, (SeriesId, Arc<[Judged]>)>,
    /// The newest rows, which have the same id. Rows of an id usually follow each other.
    newest: (u64, Vec<Judged>),
    /// The metrics so far by their names. Few differ in something else.
    metrics: HashMap<Arc<str>, Vec<Arc<Metric>>>,
}

impl Stored {
    fn of(found: &HashMap<u64, Given>) -> Self {
        let none = |(id, given): (&u64, &Given)| (*id, (given.series, Arc::default()));
        let of_id = found.iter().map(none).collect();
        Self { of_id, newest: (0, Vec::new()), metrics: HashMap::new() }
    }

    fn finish(mut self) -> Verdicts {
        self.begin(0);
        self.of_id.into_values().collect()
    }

    /// Adds the newest rows to those of their id. Further ones have this id.
    fn begin(&mut self, id: u64) {
        let (before, rows) = &mut self.newest;
        if let Some((_, known)) = self.of_id.get_mut(before).filter(|_| !rows.is_empty()) {
            rows.extend_from_slice(known);
            *known = ordered(rows);
        }
        rows.clear();
        *before = id;
    }

    /// Adds a batch of [`VERDICTS`]. A series with a word that this version does not know is removed: it is judged
    /// again.
    fn add(&mut self, batch: &RecordBatch) {
        let judged = numbers::<UInt64Type>(batch, 0);
        let [names, units, betters] = [1, 2, 3].map(|at| texts(batch, at));
        let are_figures = truths(batch, 4);
        let [runs, tests] = [5, 6].map(|at| numbers::<UInt32Type>(batch, at));
        let [words, directions] = [7, 8].map(|at| texts(batch, at));
        let figures = [9, 10, 11, 12].map(|at| numbers::<Float64Type>(batch, at));
        let [n_before, n_after, since, since_run] =
            [13, 14, 15, 16].map(|at| numbers::<UInt32Type>(batch, at));
        for row in 0..batch.num_rows() {
            let id = judged.value(row);
            if id != self.newest.0 {
                self.begin(id);
            }
            let (verdict, direction) =
                (words.word(row, "a verdict"), directions.word(row, "a direction"));
            let (Ok(Some(verdict)), Ok(Some(direction))) = (verdict, direction) else {
                self.of_id.remove(&id);
                continue;
            };
            let [before, after, change, z] = figures.each_ref().map(|figures| figures.get(row));
            let named = [&names, &units, &betters].map(|texts| texts.value(row));
            self.newest.1.push(Judged {
                of: metric(&mut self.metrics, named, are_figures.value(row)),
                newest: TestId { run: RunId(runs.value(row)), index: tests.value(row) },
                since: since_run.get(row).map(RunId),
                judgement: Judgement {
                    verdict,
                    direction,
                    before,
                    after,
                    change,
                    z,
                    n_before: n_before.value(row) as usize,
                    n_after: n_after.value(row) as usize,
                    since: since.get(row).map(|at| at as usize),
                },
            });
        }
    }
}

/// The metric with this name, unit and direction, which most series share.
fn metric(
    metrics: &mut HashMap<Arc<str>, Vec<Arc<Metric>>>,
    [name, unit, better]: [&str; 3],
    is_figure: bool,
) -> Arc<Metric> {
    let is_same = |metric: &&Arc<Metric>| {
        (&*metric.unit, &*metric.better, metric.is_figure) == (unit, better, is_figure)
    };
    if let Some(known) = metrics.get(name).and_then(|named| named.iter().find(is_same)) {
        return Arc::clone(known);
    }
    let of = Metric { name: name.into(), unit: unit.into(), better: better.into(), is_figure };
    let new = Arc::new(of);
    metrics.entry(Arc::clone(&new.name)).or_default().push(Arc::clone(&new));
    new
}

/// Rows of the table `verdicts`, gathered by column.
#[derive(Default)]
struct Rows {
    judged: UInt64Builder,
    /// Name, unit and direction of the metric.
    words: [StringBuilder; 3],
    is_figure: BooleanBuilder,
    /// Run and test.
    newest: [UInt32Builder; 2],
    /// Verdict and direction.
    verdict: [StringBuilder; 2],
    /// Before, after, change and distance.
    figures: [Float64Builder; 4],
    /// Numbers of values before and after, the position of the change, and its run.
    numbers: [UInt32Builder; 4],
}

impl Rows {
    fn push(&mut self, id: u64, verdict: &Judged) {
        let Judged { of, newest, since, judgement } = verdict;
        self.judged.append_value(id);
        for (column, text) in self.words.iter_mut().zip([&*of.name, &*of.unit, &*of.better]) {
            column.append_value(text);
        }
        self.is_figure.append_value(of.is_figure);
        let [run, test] = &mut self.newest;
        run.append_value(newest.run.0);
        test.append_value(newest.index);
        let words = [judgement.verdict.name(), judgement.direction.name()];
        for (column, text) in self.verdict.iter_mut().zip(words) {
            column.append_value(text);
        }
        let Judgement { before, after, change, z, n_before, n_after, .. } = *judgement;
        for (column, figure) in self.figures.iter_mut().zip([before, after, change, z]) {
            column.append_option(figure);
        }
        // A series has at most `values::MAX_HISTORY` values.
        let numbers = [Some(n_before), Some(n_after), judgement.since];
        let numbers = numbers.map(|number| number.and_then(|number| u32::try_from(number).ok()));
        let numbers = numbers.into_iter().chain([since.map(|run| run.0)]);
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.append_option(number);
        }
    }

    fn write(mut self, connection: &Connection) -> duckdb::Result<()> {
        let [name, unit, better] = &mut self.words;
        let [run, test] = &mut self.newest;
        let [verdict, direction] = &mut self.verdict;
        let [before, after, change, z] = &mut self.figures;
        let [n_before, n_after, since, since_run] = &mut self.numbers;
        let columns: [(&str, ArrayRef); 17] = [
            ("judged", Arc::new(self.judged.finish())),
            ("name", Arc::new(name.finish())),
            ("unit", Arc::new(unit.finish())),
            ("better", Arc::new(better.finish())),
            ("is_figure", Arc::new(self.is_figure.finish())),
            ("run", Arc::new(run.finish())),
            ("test", Arc::new(test.finish())),
            ("verdict", Arc::new(verdict.finish())),
            ("direction", Arc::new(direction.finish())),
            ("before", Arc::new(before.finish())),
            ("after", Arc::new(after.finish())),
            ("change", Arc::new(change.finish())),
            ("z", Arc::new(z.finish())),
            ("n_before", Arc::new(n_before.finish())),
            ("n_after", Arc::new(n_after.finish())),
            ("since", Arc::new(since.finish())),
            ("since_run", Arc::new(since_run.finish())),
        ];
        let mut appender = connection.appender("verdicts")?;
        columns::append(&mut appender, columns)?;
        appender.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::judgement::{Direction, Verdict};

    fn judged(name: &str) -> Judged {
        let of = Metric { name: name.into(), ..Metric::default() };
        let judgement = Judgement {
            verdict: Verdict::Steady,
            direction: Direction::None,
            before: None,
            after: None,
            change: None,
            z: None,
            n_before: 0,
            n_after: 0,
            since: None,
        };
        let newest = TestId { run: RunId(1), index: 0 };
        Judged { of: Arc::new(of), newest, since: None, judgement }
    }

    #[test]
    fn verdicts_are_gathered_in_whatever_order_their_rows_are() {
        let newest = TestId { run: RunId(1), index: 0 }.attempt(1);
        let given = |series| Given { series: SeriesId(series), newest, attempts: 0 };
        let mut stored = Stored::of(&[(1, given(7)), (2, given(8)), (3, given(9))].into());
        for (id, name) in [(1, "b"), (1, "d"), (2, "a"), (1, "c"), (4, "e"), (2, "b"), (1, "a")] {
            if id != stored.newest.0 {
                stored.begin(id);
            }
            stored.newest.1.push(judged(name));
        }
        let verdicts = stored.finish();
        let names = |series| -> String {
            verdicts[&SeriesId(series)].iter().map(|judged| &*judged.of.name).collect()
        };
        assert_eq!([7, 8, 9].map(names), ["abcd", "ab", ""]);
        assert_eq!(verdicts.len(), 3);
    }
}
