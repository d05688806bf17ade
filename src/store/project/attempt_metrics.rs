//! The metrics of an attempt, and the figures of its checks, which have one row of the table `attempt_metrics` together.
//!
//! The names are those of a set of metrics, which many attempts share: reports and histories read few rows, and the
//! writer passes lists to DuckDB instead of a row for each metric. Limit: a row has at most [`MAX_PER_ROW`] metrics,
//! because DuckDB reads the lists of 2,048 rows at once; an attempt with more has several rows. Promise: which sets an
//! attempt has does not depend on the order in which it reported its metrics.

use crate::domain::id::AttemptId;
use crate::store::columns;
use crate::store::project::summary::Summary;
use duckdb::Appender;
use duckdb::arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, ListBuilder, PrimitiveBuilder, StringBuilder,
    UInt16Builder, UInt32Builder, UInt64Builder,
};
use duckdb::arrow::datatypes::ArrowPrimitiveType;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// Maximum number of metrics in a row.
const MAX_PER_ROW: usize = 100;
/// Number of rows after which they are passed to DuckDB: its vectors have this size.
const MAX_ROWS: usize = 2048;

/// A metric, or a figure of a check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Measured<'a> {
    pub is_figure: bool,
    /// Name of the metric, or `CHECK.FIGURE`.
    pub name: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub better: Cow<'a, str>,
}

impl Measured<'static> {
    /// A figure of a check.
    pub fn figure(check: &str, figure: &str) -> Self {
        let name = format!("{check}.{figure}").into();
        Self { is_figure: true, name, unit: "".into(), better: "lower".into() }
    }
}

/// A metric with its values in an attempt. The median of a figure is its value; it has nothing else.
#[derive(Debug)]
struct Entry<'a> {
    of: Measured<'a>,
    summary: Summary,
    /// Number of CPU threads that the test reported for the metric.
    threads: Option<u32>,
}

impl Entry<'_> {
    fn has_median(&self) -> bool {
        self.summary.p50.is_some()
    }

    fn has_summary(&self) -> bool {
        self.has_median() && !self.of.is_figure
    }
}

/// The metrics and figures of an attempt.
#[derive(Debug, Default)]
pub(in crate::store) struct Metrics<'a>(Vec<Entry<'a>>);

impl<'a> Metrics<'a> {
    pub fn push(&mut self, of: Measured<'a>, summary: Summary, threads: Option<u32>) {
        self.0.push(Entry { of, summary, threads });
    }

    /// Adds a figure, which is finite.
    pub fn push_figure(&mut self, of: Measured<'a>, value: f64) {
        self.push(of, Summary { p50: Some(value), ..Summary::default() }, None);
    }

    /// Divides the metrics into the parts that have a row each. Metrics with finite values are the first ones of a
    /// set, then figures, and metrics without a finite value are the last.
    pub fn parts(&mut self) -> impl Iterator<Item = Part<'_, 'a>> {
        self.0.sort_by(|one, other| {
            let (has, other_has) = (one.has_median(), other.has_median());
            other_has.cmp(&has).then_with(|| one.of.cmp(&other.of))
        });
        self.0.chunks(MAX_PER_ROW).map(|entries| Part { set: digest(entries), entries })
    }
}

/// The metrics of one row.
pub(in crate::store) struct Part<'m, 'a> {
    /// The id of the set: the digest of its metrics.
    pub set: u64,
    entries: &'m [Entry<'a>],
}

impl<'m, 'a> Part<'m, 'a> {
    /// The metrics with their positions in the lists, from 1 on; 0 for a metric without a finite value.
    pub fn metrics(&self) -> impl Iterator<Item = (u32, &'m Measured<'a>)> + use<'m, 'a> {
        let place = |(position, entry): (u32, &'m Entry<'a>)| {
            (if entry.has_median() { position } else { 0 }, &entry.of)
        };
        (1..).zip(self.entries).map(place)
    }
}

fn digest(entries: &[Entry<'_>]) -> u64 {
    let mut hash = Sha256::new();
    for entry in entries {
        let Measured { is_figure, name, unit, better } = &entry.of;
        hash.update([u8::from(*is_figure), u8::from(entry.has_median())]);
        for text in [name, unit, better] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// A column of lists of numbers.
type Lists<T> = ListBuilder<PrimitiveBuilder<T>>;

/// Appends a list, or NULL if no number is known.
fn append<T: ArrowPrimitiveType>(
    lists: &mut Lists<T>,
    numbers: impl Iterator<Item = Option<T::Native>> + Clone,
) {
    if numbers.clone().any(|number| number.is_some()) {
        lists.append_value(numbers);
    } else {
        lists.append_null();
    }
}

/// Rows that were not passed to DuckDB yet, by column.
#[derive(Default)]
pub(in crate::store) struct MetricRows {
    run: UInt32Builder,
    test: UInt32Builder,
    attempt: UInt16Builder,
    series: UInt64Builder,
    outcome: StringBuilder,
    set: UInt64Builder,
    medians: ListBuilder<Float64Builder>,
    counts: ListBuilder<UInt32Builder>,
    /// Minima, percentiles, maxima and spreads.
    figures: [ListBuilder<Float64Builder>; 5],
    threads: ListBuilder<UInt32Builder>,
    max_spread: Float64Builder,
}

impl MetricRows {
    pub fn is_full(&self) -> bool {
        self.run.len() >= MAX_ROWS
    }

    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    pub fn push(
        &mut self,
        attempt: AttemptId,
        series: Option<u64>,
        outcome: &str,
        part: &Part<'_, '_>,
    ) {
        self.run.append_value(attempt.test.run.0);
        self.test.append_value(attempt.test.index);
        self.attempt.append_value(attempt.number);
        self.series.append_option(series);
        self.outcome.append_value(outcome);
        self.set.append_value(part.set);
        let medians = part.entries.iter().map_while(|entry| entry.summary.p50);
        self.medians.append_value(medians.map(Some));
        let summaries = part.entries.iter().take_while(|entry| entry.has_summary());
        append(&mut self.counts, summaries.clone().map(|entry| Some(entry.summary.count)));
        append(&mut self.threads, summaries.clone().map(|entry| entry.threads));
        let figures: [fn(&Summary) -> Option<f64>; 5] =
            [|of| of.min, |of| of.p90, |of| of.p99, |of| of.max, |of| of.spread];
        for (lists, figure) in self.figures.iter_mut().zip(figures) {
            append(lists, summaries.clone().map(|entry| figure(&entry.summary)));
        }
        let spreads = summaries.filter_map(|entry| entry.summary.spread);
        self.max_spread.append_option(spreads.max_by(f64::total_cmp));
    }

    /// Passes the rows to the appender of the table.
    ///
    /// # Errors
    /// DuckDB does not accept them.
    pub fn write(&mut self, appender: &mut Appender<'_>) -> duckdb::Result<()> {
        let [minima, p90s, p99s, maxima, spreads] = &mut self.figures;
        let columns: [(&str, ArrayRef); 15] = [
            ("run", Arc::new(self.run.finish())),
            ("test", Arc::new(self.test.finish())),
            ("attempt", Arc::new(self.attempt.finish())),
            ("series_id", Arc::new(self.series.finish())),
            ("outcome", Arc::new(self.outcome.finish())),
            ("metric_set", Arc::new(self.set.finish())),
            ("medians", Arc::new(self.medians.finish())),
            ("counts", Arc::new(self.counts.finish())),
            ("minima", Arc::new(minima.finish())),
            ("p90s", Arc::new(p90s.finish())),
            ("p99s", Arc::new(p99s.finish())),
            ("maxima", Arc::new(maxima.finish())),
            ("spreads", Arc::new(spreads.finish())),
            ("threads", Arc::new(self.threads.finish())),
            ("max_spread", Arc::new(self.max_spread.finish())),
        ];
        columns::append(appender, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &str) -> Measured<'_> {
        Measured { is_figure: false, name: name.into(), unit: "s".into(), better: "lower".into() }
    }

    fn push<'a>(metrics: &mut Metrics<'a>, name: &'a str, values: &[f64]) {
        let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        metrics.push(measured(name), Summary::of(&values), None);
    }

    #[test]
    fn a_set_does_not_depend_on_the_order_of_the_report() {
        let sets = |names: &[&'static str]| {
            let mut metrics = Metrics::default();
            metrics.push_figure(Measured::figure("a", "error"), 0.5);
            for name in names {
                push(&mut metrics, name, &[1.0]);
            }
            metrics.parts().map(|part| part.set).collect::<Vec<_>>()
        };
        assert_eq!(sets(&["a", "b"]), sets(&["b", "a"]));
        assert_eq!(sets(&["a", "b"]).len(), 1);
        assert_ne!(sets(&["a", "b"]), sets(&["ab"]));
        assert_ne!(sets(&["a"]), sets(&["a", "b"]));
    }

    #[test]
    fn metrics_without_a_value_follow_all_others() {
        let mut metrics = Metrics::default();
        push(&mut metrics, "a", &[]);
        metrics.push_figure(Measured::figure("c", "error"), 0.5);
        push(&mut metrics, "b", &[f64::NAN, 1.0]);
        let listed: Vec<(u32, &str)> = metrics
            .parts()
            .flat_map(|part| part.metrics())
            .map(|(at, of)| (at, &*of.name))
            .collect();
        assert_eq!(listed, [(1, "b"), (2, "c.error"), (0, "a")]);
    }

    #[test]
    fn many_metrics_have_several_rows() {
        let names: Vec<String> = (0..1001).map(|number| format!("m{number:04}")).collect();
        let mut metrics = Metrics::default();
        for name in names.iter().rev() {
            push(&mut metrics, name, &[1.0]);
        }
        let listed: Vec<Vec<String>> = metrics
            .parts()
            .map(|part| part.metrics().map(|(_, measured)| measured.name.to_string()).collect())
            .collect();
        assert_eq!((listed.len(), listed.concat()), (11, names));
    }
}
