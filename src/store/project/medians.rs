//! The medians of an attempt, which have one row together: histories are read from these rows.
//!
//! Limit: a row has at most [`MAX_PER_ROW`] medians, because DuckDB reads the lists of 2,048 rows at once; an
//! attempt with more has several rows. Promise: which sets an attempt has does not depend on the order in which it
//! reported its metrics.

use crate::domain::id::AttemptId;
use crate::store::columns;
use duckdb::Appender;
use duckdb::arrow::array::{
    ArrayBuilder, ArrayRef, Float64Builder, ListBuilder, StringBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// Maximum number of medians in a row.
const MAX_PER_ROW: usize = 100;
/// Number of rows after which they are passed to DuckDB: its vectors have this size.
const MAX_ROWS: usize = 2048;

/// A metric, or a figure of a check. Their order is that of the positions in a set.
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

/// The finite medians of an attempt.
#[derive(Debug, Default)]
pub(in crate::store) struct Medians<'a>(Vec<(Measured<'a>, f64)>);

impl<'a> Medians<'a> {
    pub fn push(&mut self, measured: Measured<'a>, median: f64) {
        self.0.push((measured, median));
    }

    /// Divides the medians into the parts that have a row each.
    pub fn parts(&mut self) -> impl Iterator<Item = Part<'_, 'a>> {
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.0.chunks(MAX_PER_ROW).map(|medians| Part { set: digest(medians), medians })
    }
}

/// The medians of one row.
pub(in crate::store) struct Part<'m, 'a> {
    /// The id of the set: the digest of its metrics.
    pub set: u64,
    medians: &'m [(Measured<'a>, f64)],
}

impl<'m, 'a> Part<'m, 'a> {
    pub fn metrics(&self) -> impl Iterator<Item = &'m Measured<'a>> + use<'m, 'a> {
        self.medians.iter().map(|(measured, _)| measured)
    }
}

fn digest(medians: &[(Measured<'_>, f64)]) -> u64 {
    let mut hash = Sha256::new();
    for (Measured { is_figure, name, unit, better }, _) in medians {
        hash.update([u8::from(*is_figure)]);
        for text in [name, unit, better] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// Rows of the table `attempt_medians` that were not passed to DuckDB yet, by column.
pub(in crate::store) struct MedianRows {
    run: UInt32Builder,
    test: UInt32Builder,
    attempt: UInt16Builder,
    series: UInt64Builder,
    outcome: StringBuilder,
    set: UInt64Builder,
    medians: ListBuilder<Float64Builder>,
}

impl Default for MedianRows {
    fn default() -> Self {
        Self {
            run: UInt32Builder::new(),
            test: UInt32Builder::new(),
            attempt: UInt16Builder::new(),
            series: UInt64Builder::new(),
            outcome: StringBuilder::new(),
            set: UInt64Builder::new(),
            medians: ListBuilder::new(Float64Builder::new()),
        }
    }
}

impl MedianRows {
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
        self.medians.append_value(part.medians.iter().map(|(_, median)| Some(*median)));
    }

    /// Passes the rows to the appender of the table.
    ///
    /// # Errors
    /// DuckDB does not accept them.
    pub fn write(&mut self, appender: &mut Appender<'_>) -> duckdb::Result<()> {
        let columns: [(&str, ArrayRef); 7] = [
            ("run", Arc::new(self.run.finish())),
            ("test", Arc::new(self.test.finish())),
            ("attempt", Arc::new(self.attempt.finish())),
            ("series_id", Arc::new(self.series.finish())),
            ("outcome", Arc::new(self.outcome.finish())),
            ("metric_set", Arc::new(self.set.finish())),
            ("medians", Arc::new(self.medians.finish())),
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

    #[test]
    fn a_set_does_not_depend_on_the_order_of_the_report() {
        let sets = |names: &[&'static str]| {
            let mut medians = Medians::default();
            medians.push(Measured::figure("a", "error"), 0.5);
            for name in names {
                medians.push(measured(name), 1.0);
            }
            medians.parts().map(|part| part.set).collect::<Vec<_>>()
        };
        assert_eq!(sets(&["a", "b"]), sets(&["b", "a"]));
        assert_eq!(sets(&["a", "b"]).len(), 1);
        assert_ne!(sets(&["a", "b"]), sets(&["ab"]));
        assert_ne!(sets(&["a"]), sets(&["a", "b"]));
    }

    #[test]
    fn many_medians_have_several_rows() {
        let names: Vec<String> = (0..1001).map(|number| format!("m{number:04}")).collect();
        let mut medians = Medians::default();
        for name in names.iter().rev() {
            medians.push(measured(name), 1.0);
        }
        let listed: Vec<Vec<String>> = medians
            .parts()
            .map(|part| part.metrics().map(|measured| measured.name.to_string()).collect())
            .collect();
        assert_eq!((listed.len(), listed.concat()), (11, names));
    }
}
