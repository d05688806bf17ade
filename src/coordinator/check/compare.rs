//! Comparisons of a part with the event log.

use super::report::Part;
use crate::domain::storage_id::StorageId;
use crate::log;

/// Next step when a part belongs to another directory.
const OTHER_IDENTITY: &str =
    "put back the file that belongs to this directory; docs/operate.md describes the choices";
/// Next step when records of the log were lost.
pub const LOST: &str = "restore the newest copy of the event log, or start the coordinator with \
                    --accept-lost-records; docs/operate.md describes both";

/// Adds a finding if a part has another identity than the log. Parts of older versions have none.
pub fn compare_identity(part: &mut Part, found: Option<StorageId>, expected: Option<StorageId>) {
    if let (Some(found), Some(expected)) = (found, expected)
        && found != expected
    {
        let problem = format!("it has the identity {found}, and the event log has {expected}");
        part.add(None, problem, OTHER_IDENTITY);
    }
}

/// Adds a finding if a part contains records that the log does not.
pub fn compare_last(part: &mut Part, at: log::Sequence, last: Option<log::Sequence>) {
    if let Some(last) = last.filter(|last| at > *last) {
        let problem = format!("it contains record {at}, but the event log ends with record {last}");
        part.add(Some(format!("record {at}")), problem, LOST);
    }
}
