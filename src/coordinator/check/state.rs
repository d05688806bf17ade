//! Comparison of the state in a snapshot with the one that the records lead to.

use crate::scheduler::Scheduler;
use serde_json::Value;

/// The parts of the pieces of a snapshot that do not follow from facts alone: signs of life, notices
/// that were received, and shares, which depend on learned durations.
const NOT_FROM_FACTS: [(&str, &[&str]); 2] =
    [("Head", &["virtual_time", "shares"]), ("Worker", &["last_seen", "notices"])];

/// Whether both states result from the same facts.
pub fn have_same_history(one: &Scheduler, other: &Scheduler) -> bool {
    let (one, other) = (one.snapshot(), other.snapshot());
    one.pieces().map(from_facts).eq(other.pieces().map(from_facts))
}

/// A piece without what does not follow from facts; `None` if it is not JSON.
fn from_facts(piece: Vec<u8>) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(&piece).ok()?;
    for (kind, fields) in NOT_FROM_FACTS {
        if let Some(content) = value.get_mut(kind).and_then(Value::as_object_mut) {
            for field in fields {
                content.remove(*field);
            }
        }
    }
    Some(value)
}
