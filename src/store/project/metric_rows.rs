//! Rows of the table `metrics`, gathered by column.
//!
//! The database has more rows for metrics than for everything else. The appender of single rows accepts lists
//! only as texts, which DuckDB would parse. Limit: rows are gathered until there are [`MAX_ROWS`] of them, or
//! [`MAX_VALUES`] raw values.

use crate::domain::id::AttemptId;
use crate::store::project::summary::Summary;
use duckdb::Appender;
use duckdb::arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, ListBuilder, RecordBatch, StringBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use std::sync::Arc;

/// Number of rows after which they are passed to DuckDB: its vectors have this size.
const MAX_ROWS: usize = 2048;
/// Number of raw values after which rows are passed to DuckDB. They have 8 bytes each.
const MAX_VALUES: usize = 256 * 1024;

/// A row.
pub(super) struct MetricRow<'a> {
    pub attempt: AttemptId,
    pub name: &'a str,
    pub unit: &'a str,
    pub better: &'a str,
    /// The raw values, of which some may not be finite. `None` if they are not stored.
    pub values: Option<&'a [Option<f64>]>,
    pub summary: Summary,
    pub threads: Option<u32>,
    pub series: Option<u64>,
}

/// The rows that were not passed to DuckDB yet.
#[derive(Default)]
pub(in crate::store) struct MetricRows {
    run: UInt32Builder,
    test: UInt32Builder,
    attempt: UInt16Builder,
    texts: [StringBuilder; 3],
    samples: ListBuilder<Float64Builder>,
    count: UInt32Builder,
    /// Minimum, percentiles, maximum and spread.
    figures: [Float64Builder; 6],
    threads: UInt32Builder,
    series: UInt64Builder,
}

impl MetricRows {
    pub fn is_full(&self) -> bool {
        self.run.len() >= MAX_ROWS || self.samples.values_ref().len() >= MAX_VALUES
    }

    pub(super) fn push(&mut self, row: &MetricRow<'_>) {
        let AttemptId { test, number } = row.attempt;
        self.run.append_value(test.run.0);
        self.test.append_value(test.index);
        self.attempt.append_value(number);
        for (column, text) in self.texts.iter_mut().zip([row.name, row.unit, row.better]) {
            column.append_value(text);
        }
        for value in row.values.into_iter().flatten() {
            self.samples.values().append_option(value.filter(|value| value.is_finite()));
        }
        self.samples.append(row.values.is_some());
        let Summary { count, spread, min, p50, p90, p99, max } = row.summary;
        self.count.append_value(count);
        for (column, figure) in self.figures.iter_mut().zip([min, p50, p90, p99, max, spread]) {
            column.append_option(figure);
        }
        self.threads.append_option(row.threads);
        self.series.append_option(row.series);
    }

    /// Passes the rows to the appender of the table.
    ///
    /// # Errors
    /// DuckDB does not accept them.
    pub fn write(&mut self, appender: &mut Appender<'_>) -> duckdb::Result<()> {
        let [name, unit, better] = &mut self.texts;
        let [min, p50, p90, p99, max, spread] = &mut self.figures;
        // In the order of the columns of the table.
        let columns: [(&str, ArrayRef); 16] = [
            ("run", Arc::new(self.run.finish())),
            ("test", Arc::new(self.test.finish())),
            ("attempt", Arc::new(self.attempt.finish())),
            ("name", Arc::new(name.finish())),
            ("unit", Arc::new(unit.finish())),
            ("better", Arc::new(better.finish())),
            ("samples", Arc::new(self.samples.finish())),
            ("count", Arc::new(self.count.finish())),
            ("min", Arc::new(min.finish())),
            ("p50", Arc::new(p50.finish())),
            ("p90", Arc::new(p90.finish())),
            ("p99", Arc::new(p99.finish())),
            ("max", Arc::new(max.finish())),
            ("spread", Arc::new(spread.finish())),
            ("threads", Arc::new(self.threads.finish())),
            ("series_id", Arc::new(self.series.finish())),
        ];
        let columns = columns.map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns);
        appender.append_record_batch(
            batch.map_err(|error| duckdb::Error::ToSqlConversionFailure(error.into()))?,
        )
    }

    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }
}
