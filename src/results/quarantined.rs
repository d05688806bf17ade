//! Tests in quarantine, in documents of the API.

use crate::api::v1::marks::{QuarantineRef, QuarantinedTotals};
use crate::store::reports::quarantined::{QuarantineRefRow, QuarantinedRows};

pub(super) fn totals(rows: QuarantinedRows) -> QuarantinedTotals {
    let QuarantinedRows { tests, outcomes, errors, flaky, all_skipped } = rows;
    QuarantinedTotals { tests, outcomes, errors, flaky, all_skipped }
}

pub(in crate::results) fn reference(row: QuarantineRefRow) -> QuarantineRef {
    let QuarantineRefRow { quarantine, reason, expires_at } = row;
    QuarantineRef { quarantine, reason, expires_at }
}
