//! The calibrations of the workers that ran the tests of a range of runs.

use crate::domain::capability::calibration::DeviceSpeed;
use crate::domain::id::{RunId, WorkerId};
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{filled, get};
use std::collections::BTreeMap;

/// Maximum number of calibrations of one worker, the newest.
const MAX_CALIBRATIONS: u32 = 256;

/// The speeds of one calibration, per second.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationRow {
    pub worker: WorkerId,
    pub threads: u32,
    pub operations: f64,
    pub memory_bytes: f64,
    pub devices: BTreeMap<String, DeviceSpeed>,
}

/// `?1` to `?2` are the runs. Later calibrations than the last attempt of a worker there do not count.
const CALIBRATIONS: &str = "WITH judged AS (SELECT worker, max(finished_ms) AS until FROM attempts \
        WHERE run BETWEEN ?1 AND ?2 GROUP BY worker) \
    SELECT known.worker, known.threads, known.operations_per_s, known.memory_bytes_per_s, known.devices \
    FROM calibrations AS known JOIN judged \
    ON judged.worker = known.worker AND known.calibrated_ms <= judged.until \
    QUALIFY row_number() OVER (PARTITION BY known.worker ORDER BY known.seq DESC) <= ?3 \
    ORDER BY known.worker, known.seq";

impl Store {
    /// Lists the calibrations of the workers of these runs, each worker's oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn calibrations(
        &self,
        (first, last): (RunId, RunId),
    ) -> Result<Vec<CalibrationRow>, StoreError> {
        self.pool.read(|connection| {
            let sql = filled(CALIBRATIONS, [&first.0, &last.0, &MAX_CALIBRATIONS]);
            let mut statement = connection.prepare(&sql).doing("query")?;
            let rows = statement.query_and_then([], |row| {
                let devices: String = get(row, 4)?;
                Ok(CalibrationRow {
                    worker: WorkerId(get(row, 0)?),
                    threads: get(row, 1)?,
                    operations: get(row, 2)?,
                    memory_bytes: get(row, 3)?,
                    // Those of a later version are unknown.
                    devices: serde_json::from_str(&devices).unwrap_or_default(),
                })
            });
            rows.doing("query")?.collect()
        })
    }
}
