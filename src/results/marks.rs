//! Marks on results as documents of the API.

use crate::api::SCHEMA;
use crate::api::v1::marks::{
    Acceptance, AcceptanceList, AcceptedSeries, Quarantine, QuarantineList, QuarantineState,
    Removed,
};
use crate::domain::id::AcceptanceId;
use crate::domain::time::{Millis, Timestamp};
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::marks::{AcceptanceRow, QuarantineRow, RemovalRow};

/// Period for which an expired quarantine is listed, so that nobody misses that its tests count again.
const SHOWN_EXPIRED: Millis = Millis::from_secs(14 * 86_400);

impl Reader {
    /// Lists the quarantines in force at `now` and those that expired lately, or all of them, the newest
    /// first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn quarantines(&self, all: bool, now: Timestamp) -> Result<QuarantineList, StoreError> {
        let since = Timestamp(now.0.saturating_sub(SHOWN_EXPIRED.0));
        let rows = self.store().quarantines((!all).then_some(since))?;
        let items = rows.into_iter().map(|row| quarantine(row, now)).collect();
        Ok(QuarantineList { schema: SCHEMA, items })
    }

    /// Lists the acceptances, the newest first; without removed ones unless `all` is set.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn acceptances(&self, all: bool) -> Result<AcceptanceList, StoreError> {
        let mut items: Vec<Acceptance> = Vec::new();
        for row in self.store().acceptances(all)? {
            let (id, series) = (row.id, series(&row));
            match items.last_mut() {
                Some(last) if last.acceptance == id => last.series.push(series),
                _ => items.push(acceptance(id, series, row)),
            }
        }
        Ok(AcceptanceList { schema: SCHEMA, items })
    }
}

fn quarantine(row: QuarantineRow, now: Timestamp) -> Quarantine {
    let state = match row.removed {
        Some(_) => QuarantineState::Removed,
        None if row.expires_at <= now => QuarantineState::Expired,
        None => QuarantineState::InForce,
    };
    Quarantine {
        quarantine: row.id,
        pattern: row.pattern,
        worker: row.worker,
        backend: row.backend,
        reason: row.reason,
        by: row.by,
        added_at: row.added_at,
        expires_at: row.expires_at,
        state,
        removed: row.removed.map(removed),
        tests: row.tests,
        bad: row.bad,
    }
}

fn acceptance(id: AcceptanceId, first: AcceptedSeries, row: AcceptanceRow) -> Acceptance {
    Acceptance {
        acceptance: id,
        run: row.run,
        series: vec![first],
        reason: row.reason,
        by: row.by,
        accepted_at: row.accepted_at,
        removed: row.removed.map(removed),
    }
}

fn series(row: &AcceptanceRow) -> AcceptedSeries {
    let (name, metric) = (row.name.clone(), row.metric.clone());
    AcceptedSeries { case: row.case, series: row.series, name, metric }
}

fn removed(RemovalRow { by, at }: RemovalRow) -> Removed {
    Removed { by, at }
}
