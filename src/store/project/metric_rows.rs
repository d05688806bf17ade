//! Rows of the table `metrics`, gathered by column.
//!
//! The database has more rows for metrics than for everything else. A batch of columns needs one call of DuckDB, and
//! single rows one for each value. Limit: [`MAX_ROWS`] rows are gathered.

use crate::domain::id::AttemptId;
use crate::store::columns;
use crate::store::project::summary::Summary;
use duckdb::Appender;
use duckdb::arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, StringBuilder, UInt16Builder, UInt32Builder,
    UInt64Builder,
};
use std::sync::Arc;

/// Number of rows after which they are passed to DuckDB: its vectors have this size.
const MAX_ROWS: usize = 2048;

/// A row.
pub(super) struct MetricRow<'a> {
    pub attempt: AttemptId,
    pub name: &'a str,
    pub unit: &'a str,
    pub better: &'a str,
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
    count: UInt32Builder,
    /// Minimum, percentiles, maximum and spread.
    figures: [Float64Builder; 6],
    threads: UInt32Builder,
    series: UInt64Builder,
}

impl MetricRows {
    pub fn is_full(&self) -> bool {
        self.run.len() >= MAX_ROWS
    }

    pub(super) fn push(&mut self, row: &MetricRow<'_>) {
        let AttemptId { test, number } = row.attempt;
        self.run.append_value(test.run.0);
        self.test.append_value(test.index);
        self.attempt.append_value(number);
        for (column, text) in self.texts.iter_mut().zip([row.name, row.unit, row.better]) {
            column.append_value(text);
        }
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
        let columns: [(&str, ArrayRef); 15] = [
            ("run", Arc::new(self.run.finish())),
            ("test", Arc::new(self.test.finish())),
            ("attempt", Arc::new(self.attempt.finish())),
            ("name", Arc::new(name.finish())),
            ("unit", Arc::new(unit.finish())),
            ("better", Arc::new(better.finish())),
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
        columns::append(appender, columns)
    }

    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }
}
