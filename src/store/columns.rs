//! The columns of a batch of rows, to append or to read thousands of rows: one by one, this takes longer than the
//! database does.

use super::error::StoreError;
use super::query::word;
use duckdb::Appender;
use duckdb::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, PrimitiveArray, RecordBatch, StringArray,
};
use duckdb::arrow::datatypes::ArrowPrimitiveType;
use serde::Deserialize;

/// Passes rows to the appender of a table, by column, in the order of its columns.
pub(super) fn append<const N: usize>(
    appender: &mut Appender<'_>,
    columns: [(&str, ArrayRef); N],
) -> duckdb::Result<()> {
    let columns = columns.map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns);
    appender.append_record_batch(
        batch.map_err(|error| duckdb::Error::ToSqlConversionFailure(error.into()))?,
    )
}

/// A column of numbers.
pub(super) struct Numbers<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

/// A column of lists of numbers.
pub(super) struct Lists<'a, T: ArrowPrimitiveType> {
    lists: &'a ListArray,
    numbers: &'a PrimitiveArray<T>,
}

/// A column of texts.
pub(super) struct Texts<'a>(&'a StringArray);

// The query determines the types of the columns.

pub(super) fn numbers<T: ArrowPrimitiveType>(batch: &RecordBatch, at: usize) -> Numbers<'_, T> {
    Numbers(batch.column(at).as_primitive())
}

pub(super) fn lists<T: ArrowPrimitiveType>(batch: &RecordBatch, at: usize) -> Lists<'_, T> {
    let lists = batch.column(at).as_list();
    Lists { lists, numbers: lists.values().as_primitive() }
}

pub(super) fn texts(batch: &RecordBatch, at: usize) -> Texts<'_> {
    Texts(batch.column(at).as_string())
}

pub(super) fn truths(batch: &RecordBatch, at: usize) -> &BooleanArray {
    batch.column(at).as_boolean()
}

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
    /// The number of a row. `None`: NULL.
    pub fn get(&self, row: usize) -> Option<T::Native> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }

    /// The numbers of a column without NULL.
    pub fn all(&self) -> &'a [T::Native] {
        self.0.values()
    }

    /// The number of a row of a column without NULL.
    pub fn value(&self, row: usize) -> T::Native {
        self.0.value(row)
    }
}

impl<'a, T: ArrowPrimitiveType> Lists<'a, T> {
    /// The numbers of a row of a column without NULL, neither as a list nor in it.
    pub fn value(&self, row: usize) -> &'a [T::Native] {
        let offsets = self.lists.value_offsets();
        let [begin, end] = [row, row + 1].map(|at| offsets[at] as usize);
        &self.numbers.values()[begin..end]
    }

    /// A number in the list of a row. `None`: NULL, as a list or in it, or the list is shorter.
    pub fn get(&self, row: usize, place: usize) -> Option<T::Native> {
        let offsets = self.lists.value_offsets();
        let at = offsets[row] as usize + place;
        let has_number =
            self.lists.is_valid(row) && at < offsets[row + 1] as usize && self.numbers.is_valid(at);
        has_number.then(|| self.numbers.value(at))
    }
}

impl<'a> Texts<'a> {
    /// The text of a row of a column without NULL.
    pub fn value(&self, row: usize) -> &'a str {
        self.0.value(row)
    }

    /// The word of an enumeration of the domain. `None`: NULL.
    pub fn word<T: for<'de> Deserialize<'de>>(
        &self,
        row: usize,
        what: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.0.is_valid(row).then(|| word(self.0.value(row), what)).transpose()
    }
}
