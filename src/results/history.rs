//! The report about earlier tests of a model, as a document of the API.

use crate::api::SCHEMA;
use crate::api::v1::history::{HistoryQuery, HistoryView, OutOfMemory, PastTest};
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::history::{ExhaustedRow, PastRow};

impl Reader {
    /// Reports earlier tests of a model.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, query: &HistoryQuery) -> Result<HistoryView, StoreError> {
        let rows = self.store().history(("model", &query.model))?;
        Ok(HistoryView {
            schema: SCHEMA,
            tests: rows.tests.into_iter().map(past_test).collect(),
            out_of_memory: rows.exhausted.into_iter().map(out_of_memory).collect(),
        })
    }
}

fn past_test(row: PastRow) -> PastTest {
    PastTest {
        name: row.name,
        ended: row.ended,
        failed: row.failed,
        flaky: row.flaky,
        median_ms: row.median.map(|median| median.0),
        peak_memory_bytes: row.peak_memory_bytes,
        peak_device_memory_bytes: row.peak_device_memory_bytes,
    }
}

fn out_of_memory(row: ExhaustedRow) -> OutOfMemory {
    OutOfMemory {
        labels: row.labels,
        memory_bytes: row.memory_bytes,
        device_memory_bytes: row.device_memory_bytes,
    }
}
