//! The promises of [`EventLog`], checked against any implementation.

use super::error::LogError;
use super::event_log::EventLog;
use super::position::{Sequence, Term};
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, TestId};
use crate::domain::time::Timestamp;

/// A fact that carries a number.
pub fn numbered(index: u32) -> Fact {
    Fact::TestExpired { test: TestId { run: RunId(1), index }, at: Timestamp(7) }
}

/// Appends facts with these numbers as the next record.
pub fn append(log: &mut dyn EventLog, term: Term, indices: &[u32]) -> Result<Sequence, LogError> {
    let facts: Vec<Fact> = indices.iter().copied().map(numbered).collect();
    log.append(log.last(), term, &facts)
}

/// Every record after `after`, with the numbers of its facts.
pub fn stored(log: &dyn EventLog, after: Sequence) -> Result<Vec<(Sequence, Vec<u32>)>, LogError> {
    let mut records = Vec::new();
    log.reader().replay(after, &mut |sequence, facts| {
        let indices = facts.iter().map(|fact| match fact {
            Fact::TestExpired { test, .. } => test.index,
            other => panic!("not what was stored: {other:?}"),
        });
        records.push((sequence, indices.collect()));
        true
    })?;
    Ok(records)
}

/// Checks everything. `open` opens the same log each time, which is empty at first; the handle
/// before is dropped by then.
pub fn check(mut open: impl FnMut() -> Box<dyn EventLog>) {
    records_are_numbered_and_survive_reopening(&mut open);
    only_the_current_term_appends(&mut open);
    only_who_knows_the_last_record_appends(&mut open);
    a_reader_reads_what_is_appended_later_and_stops_on_demand(&mut open);
    the_identity_never_changes(&mut open);
    a_compaction_replaces_records_by_a_state(&mut open);
    a_snapshot_survives_and_proves_that_records_are_missing(&mut open);
}

type Open<'a> = &'a mut dyn FnMut() -> Box<dyn EventLog>;

fn records_are_numbered_and_survive_reopening(open: Open<'_>) {
    let mut log = open();
    assert_eq!(log.last(), 0);
    let term = log.begin_term().expect("a term");
    assert_eq!(append(&mut *log, term, &[1, 2]).expect("stored"), 1);
    assert_eq!(append(&mut *log, term, &[3]).expect("stored"), 2);
    assert_eq!(append(&mut *log, term, &[]).expect("nothing to do"), 2);
    drop(log);
    let log = open();
    assert_eq!(log.last(), 2);
    assert_eq!(stored(&*log, 0).expect("whole"), [(1, vec![1, 2]), (2, vec![3])]);
    assert_eq!(stored(&*log, 1).expect("whole"), [(2, vec![3])]);
    assert_eq!(stored(&*log, 2).expect("whole"), []);
}

fn only_the_current_term_appends(open: Open<'_>) {
    let mut log = open();
    let old = log.begin_term().expect("a term");
    let new = log.begin_term().expect("a term");
    assert!(new > old, "terms grow");
    let refused = append(&mut *log, old, &[9]);
    assert!(
        matches!(refused, Err(LogError::Fenced { term, current }) if (term, current) == (old, new))
    );
    let future = append(&mut *log, Term(new.0 + 1), &[9]);
    assert!(matches!(future, Err(LogError::Fenced { .. })), "it has not begun");
    append(&mut *log, new, &[4]).expect("a refusal poisons nothing");
    drop(log);
    let mut log = open();
    assert!(matches!(append(&mut *log, old, &[9]), Err(LogError::Fenced { .. })), "still refused");
    assert!(log.begin_term().expect("a term") > new, "terms grow over a restart");
    assert_eq!(stored(&*log, 2).expect("whole"), [(3, vec![4])]);
}

fn only_who_knows_the_last_record_appends(open: Open<'_>) {
    let mut log = open();
    let term = log.begin_term().expect("a term");
    let last = log.last();
    for expected in [last - 1, last + 1] {
        let refused = log.append(expected, term, &[numbered(9)]);
        assert!(
            matches!(refused, Err(LogError::Moved { expected: e, last: l }) if (e, l) == (expected, last)),
            "{refused:?}"
        );
    }
    assert_eq!(append(&mut *log, term, &[5]).expect("a refusal poisons nothing"), last + 1);
    assert_eq!(stored(&*log, last).expect("whole"), [(last + 1, vec![5])]);
}

fn a_reader_reads_what_is_appended_later_and_stops_on_demand(open: Open<'_>) {
    let mut log = open();
    let term = log.begin_term().expect("a term");
    let (reader, after) = (log.reader(), log.last());
    for index in 6..9 {
        append(&mut *log, term, &[index]).expect("stored");
    }
    let mut read = Vec::new();
    let replayed = reader.replay(after, &mut |sequence, _| {
        read.push(sequence);
        read.len() < 2
    });
    replayed.expect("whole");
    assert_eq!(read, [after + 1, after + 2]);
}

fn the_identity_never_changes(open: Open<'_>) {
    let log = open();
    let identity = log.identity();
    drop(log);
    assert_eq!(open().identity(), identity);
}

fn a_compaction_replaces_records_by_a_state(open: Open<'_>) {
    let mut log = open();
    let (term, last) = (log.begin_term().expect("a term"), log.last());
    let reader = log.reader();
    assert_eq!((log.base(), log.read_base().expect("whole")), (0, None));
    for (upto, at) in [(1, last + 1), (2, 1), (last, last)] {
        let refused = log.compact(upto, at, &mut std::iter::empty());
        assert!(matches!(refused, Err(LogError::NotCompactable { .. })), "{refused:?}");
    }
    let pieces = vec![b"state".to_vec(), vec![7; 100_000], vec![8; 10]];
    let (upto, at) = (last - 2, last - 1);
    log.compact(upto, at, &mut pieces.clone().into_iter()).expect("compacted");
    drop(reader);
    drop(log);

    let mut log = open();
    assert_eq!((log.base(), log.last()), (upto, last));
    assert_eq!(log.read_base().expect("whole"), Some((at, pieces)));
    assert_eq!(stored(&*log, upto).expect("whole").len(), 2);
    let missing = stored(&*log, upto - 1).expect_err("it was removed");
    assert!(
        matches!(missing, LogError::Compacted { first, base, .. } if (first, base) == (upto, upto)),
        "{missing:?}"
    );
    let refused = log.compact(upto - 1, at, &mut std::iter::empty());
    assert!(matches!(refused, Err(LogError::NotCompactable { .. })), "{refused:?}");

    let state = vec![b"all".to_vec()];
    log.compact(last - 1, last, &mut state.clone().into_iter()).expect("compacted");
    drop(log);
    let mut log = open();
    assert_eq!((log.base(), log.last()), (last - 1, last));
    assert_eq!(log.read_base().expect("whole"), Some((last, state)));
    assert_eq!(stored(&*log, last - 1).expect("whole").len(), 1);
    assert!(matches!(append(&mut *log, term, &[9]), Ok(next) if next == last + 1));
}

fn a_snapshot_survives_and_proves_that_records_are_missing(open: Open<'_>) {
    let mut log = open();
    assert_eq!(log.read_snapshot().expect("none"), None);
    let last = log.last();
    let pieces = vec![b"one".to_vec(), vec![7; 100_000]];
    log.write_snapshot(last, &mut pieces.clone().into_iter()).expect("written");
    drop(log);
    let mut log = open();
    assert_eq!(log.read_snapshot().expect("whole"), Some((last, pieces)));
    log.write_snapshot(log.base() - 1, &mut std::iter::empty()).expect("written");
    assert_eq!(log.read_snapshot().expect("whole"), None, "the state in the log is newer");
    log.write_snapshot(last + 1, &mut std::iter::empty()).expect("written");
    let lost = log.read_snapshot().expect_err("it covers a record that is missing");
    assert!(
        matches!(lost, LogError::Lost { last: l, proven, .. } if (l, proven) == (last, last + 1)),
        "{lost:?}"
    );
    log.reject_snapshot("a test");
}
