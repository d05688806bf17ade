//! The use of workers over time.

use super::fixture::*;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::WorkerId;
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use serde_json::json;

/// An attempt of a worker that ended at `at`.
fn ran(index: u32, worker: u32, at: u64, duration: u64) -> Fact {
    let mut fact =
        finished(id(1, index), 1, Outcome::Passed, Next::Done { flaky: false }, &json!({}));
    if let Fact::AttemptFinished { worker: ran_on, duration_ms, at: ended, .. } = &mut fact {
        (*ran_on, *duration_ms, *ended) = (WorkerId(worker), Millis(duration), Timestamp(at));
    }
    fact
}

#[test]
fn attempts_count_in_the_parts_of_the_period_in_which_they_ran() {
    let facts = [
        registered(1, "lab"),
        submitted(1, 1),
        added(1, &["a", "b", "c", "d", "e"]),
        // Begins before the period, and ends in the middle of its second part.
        ran(0, 1, 1_150, 5_000),
        // Runs at the same time.
        ran(1, 1, 1_050, 20),
        // Ends after the period.
        ran(2, 2, 1_900, 750),
        // Before and after the period.
        ran(3, 1, 900, 100),
        ran(4, 2, 9_000, 10),
    ];
    let (_place, opened) = with(&facts);
    let rows = opened.store.busy(Timestamp(1_000), Millis(100), 3).expect("read");
    let busy: Vec<_> = rows.iter().map(|row| (row.worker.0, row.part, row.busy.0)).collect();
    assert_eq!(busy, [(1, 0, 120), (1, 1, 50), (2, 1, 50), (2, 2, 100)]);
}
