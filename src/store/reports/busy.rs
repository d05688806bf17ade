//! The report about the use of workers: for how long they ran attempts, in equal parts of a period.

use crate::domain::id::WorkerId;
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::get;
use crate::store::rows::MAX_ROWS;
use duckdb::{Row, params};

/// The time for which a worker ran attempts in one part of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyRow {
    pub worker: WorkerId,
    /// Number of the part, from 0 on.
    pub part: u32,
    /// Sum over all attempts. It exceeds the length of the part if several ran at the same time.
    pub busy: Millis,
}

/// `?1`: begin of the period; `?2`: length of a part; `?3`: end of the period; `?4`: maximum of rows.
const BUSY: &str = "WITH spans AS (\
        SELECT worker, greatest(finished_ms::BIGINT - duration_ms::BIGINT, ?1) - ?1 AS begins, \
        least(finished_ms::BIGINT, ?3) - ?1 AS ends \
        FROM attempts WHERE finished_ms > ?1 AND duration_ms < 9007199254740992\
    ), pieces AS (\
        SELECT worker, begins, ends, \
        unnest(generate_series(begins // ?2, (ends - 1) // ?2)) AS part \
        FROM spans WHERE ends > begins\
    ) \
    SELECT worker, part::UINTEGER, \
    sum(least(ends, (part + 1) * ?2) - greatest(begins, part * ?2))::UBIGINT \
    FROM pieces GROUP BY worker, part ORDER BY worker, part LIMIT ?4";

impl Store {
    /// Reports for how long each worker ran attempts that have ended, in `parts` equal parts of a
    /// period, in the order of workers and parts. Parts without an attempt are left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn busy(
        &self,
        from: Timestamp,
        part: Millis,
        parts: u32,
    ) -> Result<Vec<BusyRow>, StoreError> {
        let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (from, part) = (whole(from.0), whole(part.0.max(1)));
        let until = from.saturating_add(part.saturating_mul(i64::from(parts)));
        self.pool.read(|connection| {
            let mut statement = connection.prepare(BUSY).doing("read the use of workers from")?;
            let rows = statement
                .query_and_then(params![from, part, until, MAX_ROWS], busy_row)
                .doing("read the use of workers from")?;
            rows.collect()
        })
    }
}

fn busy_row(row: &Row<'_>) -> Result<BusyRow, StoreError> {
    Ok(BusyRow { worker: WorkerId(get(row, 0)?), part: get(row, 1)?, busy: Millis(get(row, 2)?) })
}
