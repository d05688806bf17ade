//! Finds the specification of a test in the event log, which alone keeps it after the end of a run.

use crate::coordinator::compaction::choice::last_older;
use crate::coordinator::compaction::time_of;
use crate::domain::fact::Fact;
use crate::domain::id::TestId;
use crate::domain::test::TestSpec;
use crate::domain::time::Timestamp;
use crate::log::{LogError, LogReader, Sequence};
use std::sync::Arc;

/// The specification of a test whose run was submitted at a known time. `base` and `last` bound the
/// records of the log. Reads few records before that time, and all later ones until it is found.
///
/// # Errors
/// The log cannot be read, or a compaction removed records at this moment.
pub(crate) fn find(
    log: &dyn LogReader,
    base: Sequence,
    last: Sequence,
    submitted: Timestamp,
    test: TestId,
) -> Result<Option<Arc<TestSpec>>, LogError> {
    let before = last_older(base, last, submitted, |sequence| time_of(log, sequence))?;
    match find_after(log, before, test)? {
        // A change of the clock may have misled the search.
        None if before > base => find_after(log, base, test),
        found => Ok(found),
    }
}

fn find_after(
    log: &dyn LogReader,
    after: Sequence,
    test: TestId,
) -> Result<Option<Arc<TestSpec>>, LogError> {
    let mut found = None;
    log.replay(after, &mut |_, facts| {
        found = facts.iter().find_map(|fact| match fact {
            Fact::TestsAdded { run, first, tests, .. } if *run == test.run => {
                tests.get(test.index.checked_sub(*first)? as usize).cloned()
            }
            _ => None,
        });
        found.is_none()
    })?;
    Ok(found)
}
