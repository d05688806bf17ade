//! Which records of the log may go. Pure.

use crate::domain::time::{Millis, Timestamp};
use crate::log::Sequence;
use crate::sys::clock::MAX_PLAUSIBLE_GAP;

/// A compaction removes at least this share of the records, because it exports the whole database.
const MIN_SHARE: u64 = 8;
/// A compaction removes at least this number of records: a log with fewer is small.
const MIN_RECORDS: u64 = 100;

/// The last record that is older than `cutoff`, by binary search: the times of records grow, except
/// for a few after a change of the clock. `base` if there is none. The last record is never chosen,
/// because the next start compares the clock with its time. `time` returns the time of a record
/// after `base`.
///
/// # Errors
/// The errors of `time`.
pub(crate) fn last_older<E>(
    base: Sequence,
    last: Sequence,
    cutoff: Timestamp,
    mut time: impl FnMut(Sequence) -> Result<Timestamp, E>,
) -> Result<Sequence, E> {
    // Records up to `older` are older, and `younger` is not or is the last.
    let (mut older, mut younger) = (base, last.max(base + 1));
    while younger - older > 1 {
        let middle = older + (younger - older) / 2;
        if time(middle)? < cutoff {
            older = middle;
        } else {
            younger = middle;
        }
    }
    Ok(older)
}

/// Whether the clock is in doubt: a record of the last `period` is more than [`MAX_PLAUSIBLE_GAP`] after
/// the one before it. Either nothing happened for that long, or the clock was set ahead, and records
/// only look old. A change of the clock is itself a record.
///
/// # Errors
/// The errors of `time`.
pub(super) fn is_in_doubt<E>(
    base: Sequence,
    last: Sequence,
    now: Timestamp,
    period: Millis,
    mut time: impl FnMut(Sequence) -> Result<Timestamp, E>,
) -> Result<bool, E> {
    let recent = Timestamp(now.0.saturating_sub(period.0));
    let older = last_older(base, last, recent, &mut time)?;
    if older <= base || older >= last {
        return Ok(false);
    }
    let (before, after) = (time(older)?, time(older + 1)?);
    Ok(after >= recent && after.since(before) > MAX_PLAUSIBLE_GAP)
}

/// Whether removing the records after `base` up to `upto` is worth an export.
pub(super) fn is_worthwhile(base: Sequence, upto: Sequence, last: Sequence) -> bool {
    let removed = upto.saturating_sub(base);
    removed >= MIN_RECORDS && removed >= last.saturating_sub(base) / MIN_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn older(base: u64, times: &[u64], cutoff: u64) -> (u64, u32) {
        let mut read = 0;
        let found = last_older(base, base + times.len() as u64, Timestamp(cutoff), |sequence| {
            read += 1;
            let place = usize::try_from(sequence - base - 1).expect("a small number");
            Ok::<_, ()>(Timestamp(times[place]))
        });
        (found.expect("times"), read)
    }

    #[test]
    fn the_last_older_record_is_found_whatever_the_number_of_records() {
        for length in 0..20u64 {
            let times: Vec<u64> = (1..=length).map(|time| time * 10).collect();
            for cutoff in 0..=220 {
                let expected = times.iter().filter(|time| **time < cutoff).count() as u64;
                let expected = 7 + expected.min(length.saturating_sub(1));
                assert_eq!(older(7, &times, cutoff).0, expected, "{length} records, {cutoff}");
            }
        }
    }

    #[test]
    fn the_search_reads_few_records() {
        let times: Vec<u64> = (0..100_000).collect();
        let (found, read) = older(0, &times, 70_000);
        assert_eq!(found, 70_000);
        assert!(read <= 17, "{read} records read");
    }

    #[test]
    fn a_clock_that_was_set_far_ahead_is_in_doubt_for_a_period() {
        const DAY: u64 = 86_400_000;
        let in_doubt = |now: u64, days: &[u64]| {
            let time = |sequence: u64| {
                let place = usize::try_from(sequence - 8).expect("a small number");
                Ok::<_, ()>(Timestamp(days[place] * DAY))
            };
            let last = 7 + days.len() as u64;
            is_in_doubt(7, last, Timestamp(now * DAY), Millis(DAY), time).expect("times")
        };
        assert!(!in_doubt(1003, &[1000, 1001, 1002, 1003]));
        assert!(!in_doubt(1030, &[1000, 1001, 1030]), "a plausible pause");
        assert!(in_doubt(1401, &[1000, 1001, 1401]));
        assert!(in_doubt(1401, &[1000, 1001, 1401, 1401]));
        assert!(!in_doubt(1403, &[1000, 1001, 1401, 1402, 1403]), "a day later");
        assert!(!in_doubt(1403, &[1000, 1001, 1401]), "a day later without records");
        assert!(!in_doubt(1401, &[1401]) && !in_doubt(1401, &[]));
    }

    #[test]
    fn few_records_or_a_small_share_are_left_alone() {
        assert!(!is_worthwhile(0, 99, 100));
        assert!(is_worthwhile(0, 100, 800));
        assert!(!is_worthwhile(0, 100, 808));
        assert!(is_worthwhile(5_000, 5_100, 5_200));
        assert!(!is_worthwhile(5_000, 4_000, 5_200));
    }
}
