//! The rule for a new value of a series: is it beyond the noise of the current segment?
//!
//! The new value is compared with the latest [`MAX_VALUES`] values before it. One violation of both limits
//! is a suspect; a second one against the same values, in the same direction, confirms it, whether it comes
//! from the next run or from a repetition that was started for this purpose. A smaller change is confirmed
//! when several values prove a shift of the level. A confirmed regression is reported with each later value,
//! until it is accepted or two values in a row are as before it; a level between the two is a part of it.

use crate::trends::judgement::{Direction, Judgement, Verdict, ratio};
use crate::trends::limits::{Better, Limits, MAX_VALUES, MIN_VALUES};
use crate::trends::robust::{mad_sigma, median};
use crate::trends::segments::{Certainty, Proposal, Shift, shifts};
use crate::trends::sides::{is_beyond, is_large, standardised};

/// Maximum number of the latest values in which shifts are searched.
const MAX_SEARCHED: usize = 4 * MAX_VALUES;
/// Number of values that confirm a change, and of normal values in a row that end one.
const CONFIRMING: usize = 2;
/// Maximum number of the newest values that are judged one after the other. A change that is older is
/// proven by its values.
const MAX_WALKED: usize = 20;
/// Minimum number of values before a single value beyond the limits that is left out. With fewer, it may be
/// a second mode of the noise.
const MIN_BEFORE_SPIKE: usize = 8;
/// Maximum number of values after a proven shift for which it is reported, unless it is a regression.
const MAX_NEWS: usize = 10;
/// Part of the limit of a change that is sufficient for a shift which several values prove: their level is
/// known more precisely than a single value is.
const PART_OF_CHANGE: f64 = 0.5;

/// The 95 % quantile of the standard normal distribution.
const TAIL_QUANTILE: f64 = 1.645;

/// A value with its position in the history.
type Placed = (usize, f64);

/// Judges the last value of a history. `starts` are positions at which a change was accepted: it starts a
/// new segment there, or at the first value of the change that was known there. Values that are not finite
/// are left out.
#[must_use]
pub fn newest(
    values: &[f64],
    starts: &[usize],
    better: Option<Better>,
    limits: Limits,
) -> Judgement {
    let history: Vec<Placed> =
        values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect();
    let start = starts.iter().filter(|at| **at < values.len()).max().copied().unwrap_or(0);
    let known = (start > 0).then(|| {
        let earlier: Vec<usize> = starts.iter().copied().filter(|at| *at < start).collect();
        newest(&values[..=start], &earlier, better, limits)
    });
    let known = known.filter(Judgement::is_change);
    let start = known.and_then(|known| known.since).unwrap_or(start);
    let (earlier, current) = history.split_at(history.partition_point(|(at, _)| *at < start));
    if start > 0 && current.len() <= MIN_VALUES {
        return accepted(earlier, current, start);
    }
    let current = &current[current.len().saturating_sub(MAX_SEARCHED)..];
    let levels: Vec<f64> = current.iter().map(|(_, value)| *value).collect();
    let least = PART_OF_CHANGE * limits.change;
    let proposal = Proposal::of(&levels, least);
    let proven = proposal.shifts(Certainty::Proven);
    let last = proven.last().copied();
    let start = last.map_or(0, |shift| shift.at);
    let single = walked(&current[start..], better, limits);
    if let Some(held) = held(&proven, &levels, better, limits) {
        let is_other =
            single.verdict == Verdict::Confirmed && single.direction != Direction::Better;
        if !is_other {
            return Judgement {
                since: Some(current[held.at].0),
                ..regressed(&held, better, &single)
            };
        }
    } else if let Some(shift) = last
        && single.verdict != Verdict::Confirmed
        && shift.n_after <= MAX_NEWS
        && Direction::of(shift.before, shift.after, better) != Direction::Worse
    {
        return shifted(&shift, current[shift.at].0, Verdict::Confirmed, better);
    }
    let (current, levels) = (&current[start..], &levels[start..]);
    let suspected = match start {
        0 => proposal.shifts(Certainty::Suspected).pop(),
        _ => shifts(levels, least, Certainty::Suspected).pop(),
    };
    match suspected.filter(|shift| shift.n_after <= MAX_NEWS) {
        Some(shift) if single.verdict == Verdict::Steady => {
            shifted(&shift, current[shift.at].0, Verdict::Suspect, better)
        }
        _ => single,
    }
}

/// The regression that has not ended: from the level before the first shift to the worse that no later level
/// undoes, to the present level. It has ended when the two newest values are as before: within the limits of the
/// values before it, and nearer to their level than to the present one.
fn held(proven: &[Shift], levels: &[f64], better: Option<Better>, limits: Limits) -> Option<Shift> {
    let is_worse =
        |shift: &Shift| Direction::of(shift.before, shift.after, better) == Direction::Worse;
    let is_beyond = |before: &[f64], value: f64| {
        let judged = against(before, value, better, limits);
        judged.verdict == Verdict::Suspect && judged.direction == Direction::Worse
    };
    let least = PART_OF_CHANGE * limits.change;
    let mut held: Option<Shift> = None;
    for (position, shift) in proven.iter().enumerate() {
        let end = proven.get(position + 1).map_or(levels.len(), |next| next.at);
        held = match held {
            Some(begun) => {
                let before = &levels[begun.at - begun.n_before..begun.at];
                let both = [before, &levels[shift.at..end]].concat();
                let remains = shifts(&both, least, Certainty::Proven).last().is_some_and(is_worse)
                    || is_beyond(before, shift.after);
                remains.then_some(Shift { after: shift.after, ..begun })
            }
            None => Some(*shift).filter(is_worse),
        };
    }
    let held = held?;
    let before = &levels[held.at - held.n_before..held.at];
    let is_as_before = |value: &f64| {
        !is_beyond(before, *value) && (value - held.before).abs() < (value - held.after).abs()
    };
    let latest = &levels[levels.len().saturating_sub(CONFIRMING)..];
    let n_after = levels.len() - held.at;
    (!latest.iter().all(is_as_before)).then_some(Shift { n_after, ..held })
}

/// A regression that has not ended. A confirmed improvement since, which does not undo it, is its present level.
fn regressed(held: &Shift, better: Option<Better>, single: &Judgement) -> Judgement {
    let after = match (single.verdict, single.after) {
        (Verdict::Confirmed, Some(after)) => after,
        _ => held.after,
    };
    shifted(&Shift { after, ..*held }, held.at, Verdict::Confirmed, better)
}

/// Judges the newest values one after the other against the segment before them. Values beyond the limits
/// are not part of that segment: they are a suspect, from the second one on a confirmed change, until as
/// many values in a row are normal again.
fn walked(current: &[Placed], better: Option<Better>, limits: Limits) -> Judgement {
    let first = current.len().saturating_sub(MAX_WALKED).max(MIN_VALUES).min(current.len());
    let mut segment: Vec<f64> = current[..first].iter().map(|(_, value)| *value).collect();
    let mut beyond: Vec<Placed> = Vec::new();
    let mut normal: Vec<f64> = Vec::new();
    let mut had_spike = false;
    let mut judged = match segment.split_last() {
        Some((value, before)) => against(before, *value, better, limits),
        None => return unknown(0),
    };
    for (position, (at, value)) in current.iter().enumerate().skip(first) {
        // Only the figures of the newest value are reported.
        if position + 1 < current.len() && beyond.is_empty() && is_near(&segment, *value, limits) {
            segment.append(&mut normal);
            segment.push(*value);
            continue;
        }
        judged = against(&segment, *value, better, limits);
        let is_above = |value: f64| judged.before.is_some_and(|centre| value > centre);
        let agrees = beyond.iter().all(|(_, other)| is_above(*other) == is_above(*value));
        if judged.verdict == Verdict::Suspect {
            if !agrees {
                segment.extend(beyond.drain(..).map(|(_, other)| other));
            }
            segment.append(&mut normal);
            beyond.push((*at, *value));
            continue;
        }
        normal.push(*value);
        if normal.len() >= beyond.len().min(CONFIRMING) {
            // The first single value that did not repeat would hide a change for many values.
            if beyond.len() == 1 && (had_spike || segment.len() < MIN_BEFORE_SPIKE) {
                segment.extend(beyond.iter().map(|(_, other)| *other));
            }
            had_spike |= beyond.len() == 1;
            beyond.clear();
            segment.append(&mut normal);
        }
    }
    let Some((since, _)) = beyond.first() else { return judged };
    changed(&segment, &beyond, *since, better, limits)
}

/// Whether the change from the median of the values before is within its limit, whatever their noise is.
fn is_near(before: &[f64], value: f64, limits: Limits) -> bool {
    let latest = &before[before.len().saturating_sub(MAX_VALUES)..];
    let is_near = |centre: f64| !is_large(centre, value, limits);
    // With a limit up to 100 %, the values to which it is near are an interval. The median is one of them if more than
    // half of the values are.
    let near = || latest.iter().filter(|centre| is_near(**centre)).count();
    (limits.change <= 1.0 && 2 * near() > latest.len()) || median(latest).is_some_and(is_near)
}

/// The change from a segment to the values beyond it.
fn changed(
    segment: &[f64],
    beyond: &[Placed],
    since: usize,
    better: Option<Better>,
    limits: Limits,
) -> Judgement {
    let values: Vec<f64> = beyond.iter().map(|(_, value)| *value).collect();
    let Some(after) = median(&values) else { return unknown(segment.len()) };
    let judged = against(segment, after, better, limits);
    let direction = judged.before.map_or(Direction::None, |b| Direction::of(b, after, better));
    let is_confirmed = values.len() >= CONFIRMING;
    let verdict = if is_confirmed { Verdict::Confirmed } else { Verdict::Suspect };
    Judgement { verdict, direction, n_after: values.len(), since: Some(since), ..judged }
}

/// A shift of the level that several values show.
fn shifted(shift: &Shift, at: usize, verdict: Verdict, better: Option<Better>) -> Judgement {
    Judgement {
        verdict,
        direction: Direction::of(shift.before, shift.after, better),
        before: Some(shift.before),
        after: Some(shift.after),
        change: ratio(shift.before, shift.after),
        z: Some(shift.z),
        n_before: shift.n_before,
        n_after: shift.n_after,
        since: Some(at),
    }
}

/// Judges one value against those before it, of which the latest count.
fn against(before: &[f64], value: f64, better: Option<Better>, limits: Limits) -> Judgement {
    let latest = &before[before.len().saturating_sub(MAX_VALUES)..];
    let mut judgement = unknown(latest.len());
    judgement.after = Some(value);
    judgement.n_after = 1;
    let Some(centre) = median(latest) else { return judgement };
    judgement.before = Some(centre);
    judgement.change = ratio(centre, value);
    let sigma = mad_sigma(latest, centre).unwrap_or(0.0).max(tail_sigma(latest, centre, value));
    judgement.z = standardised(centre, value, sigma);
    if latest.len() < MIN_VALUES {
        return judgement;
    }
    judgement.verdict = Verdict::Steady;
    if is_beyond(centre, value, judgement.z, limits) {
        judgement.verdict = Verdict::Suspect;
        judgement.direction = Direction::of(centre, value, better);
    }
    judgement
}

/// The standard deviation by the 95 % quantile of the distances from `centre` towards `value`: noise with a
/// long tail or a second mode varies more in this direction than its median absolute deviation shows. The
/// largest distance never counts, so that one earlier spike does not hide a change.
fn tail_sigma(values: &[f64], centre: f64, value: f64) -> f64 {
    let mut distances: Vec<f64> = values.iter().map(|each| (each - centre).abs()).collect();
    for (distance, each) in distances.iter_mut().zip(values) {
        if (*each > centre) != (value > centre) {
            *distance = 0.0;
        }
    }
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let rank = (values.len() * 95).div_ceil(100).min(last).saturating_sub(1);
    *distances.select_nth_unstable_by(rank, f64::total_cmp).1 / TAIL_QUANTILE
}

/// The values since an accepted change, which are too few to be judged alone.
fn accepted(earlier: &[Placed], current: &[Placed], start: usize) -> Judgement {
    let values = |placed: &[Placed]| placed.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    let before = median(&values(&earlier[earlier.len().saturating_sub(MAX_VALUES)..]));
    let after = median(&values(current));
    Judgement {
        verdict: Verdict::Accepted,
        before,
        after,
        change: before.zip(after).and_then(|(before, after)| ratio(before, after)),
        n_after: current.len(),
        since: Some(start),
        ..unknown(earlier.len().min(MAX_VALUES))
    }
}

fn unknown(n_before: usize) -> Judgement {
    Judgement {
        verdict: Verdict::InsufficientData,
        direction: Direction::None,
        before: None,
        after: None,
        change: None,
        z: None,
        n_before,
        n_after: 0,
        since: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::limits::Kind;
    use proptest::prelude::*;

    /// With a limit above 100 %, a value may be near to most of the others, and not to their median.
    #[test]
    fn a_value_is_near_if_the_median_is() {
        let (before, limits) = ([-1.0, -1.0, 0.05, 1.0, 1.0], Limits::of(Kind::NumericError));
        assert!(!is_near(&before, 0.5, limits));
        assert!(is_near(&before, 0.2, limits));
        let limits = Limits::of(Kind::Measured);
        assert!(is_near(&[1.0, 1.01, 5.0], 1.02, limits));
        assert!(!is_near(&[1.0, 5.0, 5.0], 1.02, limits));
        assert!(is_near(&[1.0, 1.08], 1.09, limits), "near to half of them, and to their mean");
    }

    const STEADY: [f64; 8] = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01];

    fn judged(values: &[f64]) -> Judgement {
        newest(values, &[], Some(Better::Lower), Limits::of(Kind::Measured))
    }

    fn after(more: &[f64]) -> Judgement {
        judged(&[&STEADY[..], more].concat())
    }

    #[test]
    fn few_values_are_insufficient_data_and_never_steady() {
        for count in 0..=MIN_VALUES {
            let verdict = judged(&STEADY[..count]).verdict;
            assert_eq!(verdict, Verdict::InsufficientData, "{count} values");
        }
        assert_eq!(judged(&[1.0, 1.0, 9.0]).verdict, Verdict::InsufficientData);
        assert_eq!(judged(&STEADY).verdict, Verdict::Steady);
    }

    #[test]
    fn one_violation_is_a_suspect_and_a_second_one_confirms_it() {
        let first = after(&[1.5]);
        assert_eq!((first.verdict, first.direction), (Verdict::Suspect, Direction::Worse));
        assert_eq!((first.since, first.n_before), (Some(8), 8));
        let second = after(&[1.5, 1.45]);
        assert_eq!((second.verdict, second.since), (Verdict::Confirmed, Some(8)));
        assert!(second.is_regression());
        assert_eq!(after(&[1.5, 1.0]).verdict, Verdict::Steady, "a spike that did not repeat");
        let again = after(&[1.5, 1.0, 1.01, 1.3]);
        assert_eq!(again.verdict, Verdict::Suspect, "a spike does not hide a later change");
        assert_ne!(after(&[1.5, 0.5]).verdict, Verdict::Confirmed, "opposite directions");
    }

    #[test]
    fn an_early_spike_hides_no_change() {
        for before in MIN_VALUES..STEADY.len() {
            let spiked = [&STEADY[..before], &[1.5, 1.0, 1.01, 0.99]].concat();
            let first = judged(&[&spiked[..], &[1.4]].concat());
            assert_eq!(first.verdict, Verdict::Suspect, "{before} values before the spike");
            let second = judged(&[&spiked[..], &[1.4, 1.41]].concat());
            let since = Some(spiked.len());
            assert_eq!((second.verdict, second.since), (Verdict::Confirmed, since), "{before}");
        }
        let early = judged(&[1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5, 1.5]);
        assert_eq!((early.verdict, early.since), (Verdict::Confirmed, Some(6)));
    }

    #[test]
    fn a_confirmed_regression_stays_until_it_is_accepted_or_gone() {
        let slow = |count: usize| (0..count).map(|n| [1.2, 1.21, 1.19][n % 3]).collect::<Vec<_>>();
        for count in 2..60 {
            let held = after(&slow(count));
            let found = (held.verdict, held.direction, held.since);
            let wanted = (Verdict::Confirmed, Direction::Worse, Some(8));
            assert_eq!(found, wanted, "{count} slow values");
            assert_eq!(held.n_before, 8, "{count} slow values");
            let change = held.change.expect("a ratio");
            assert!((change - 1.2).abs() < 0.02, "{count} slow values: {change}");
            let gone = after(&[slow(count), vec![1.0, 1.01]].concat());
            assert!(!gone.is_regression(), "{count} slow values, then two as before: {gone:?}");
        }
        let spike_on_top = after(&[slow(20), vec![1.6]].concat());
        assert_eq!((spike_on_top.verdict, spike_on_top.since), (Verdict::Confirmed, Some(8)));
        let values = [&STEADY[..], &slow(4)].concat();
        let limits = Limits::of(Kind::Measured);
        let accepted = newest(&values, &[11], Some(Better::Lower), limits);
        assert_eq!((accepted.verdict, accepted.since), (Verdict::Accepted, Some(8)));
        assert_eq!((accepted.before, accepted.n_after), (Some(1.0), 4));
    }

    #[test]
    fn a_partial_recovery_does_not_end_a_regression() {
        let around = |level: f64, count: usize| {
            (0..count).map(|n| level * [1.0, 1.01, 0.99][n % 3]).collect::<Vec<_>>()
        };
        for count in [2, 3, 6, 12, 40] {
            let values = [around(1.5, 12), around(1.2, count)].concat();
            let held = after(&values);
            let found = (held.verdict, held.direction, held.since);
            let wanted = (Verdict::Confirmed, Direction::Worse, Some(STEADY.len()));
            assert_eq!(found, wanted, "{count} values between the levels: {held:?}");
            assert!(held.before.is_some_and(|before| (before - 1.0).abs() < 0.02), "{held:?}");
            let change = held.change.expect("a ratio");
            assert!((1.18..1.52).contains(&change), "{held:?}");
            assert!(count < 6 || change < 1.22, "the present level: {held:?}");
            let gone = after(&[values, around(1.0, 2)].concat());
            assert!(!gone.is_regression(), "{count} values, then two as before: {gone:?}");
        }
        let worse_again = after(&[around(1.5, 12), around(1.2, 12), around(1.4, 12)].concat());
        assert_eq!((worse_again.is_regression(), worse_again.since), (true, Some(8)));
        let recovered = after(&[around(1.5, 12), around(1.0, 40)].concat());
        assert_eq!(recovered.verdict, Verdict::Steady, "{recovered:?}");
    }

    #[test]
    fn an_improvement_is_news_for_some_runs() {
        let quick = |count: usize| after(&vec![0.8; count]).verdict;
        assert_eq!(
            [quick(1), quick(2), quick(9)],
            [Verdict::Suspect, Verdict::Confirmed, Verdict::Confirmed]
        );
        assert_eq!(quick(40), Verdict::Steady);
    }

    #[test]
    fn the_direction_is_that_of_the_metric() {
        let of = |better| {
            newest(&[&STEADY[..], &[0.5]].concat(), &[], better, Limits::of(Kind::Measured))
                .direction
        };
        assert_eq!(of(Some(Better::Lower)), Direction::Better);
        assert_eq!(of(Some(Better::Higher)), Direction::Worse);
        assert_eq!(of(None), Direction::None);
    }

    #[test]
    fn a_metric_that_never_varied_changes_by_its_limit_alone() {
        let of = |last| judged(&[&[2.0; 9][..], &[last]].concat());
        assert_eq!(of(2.2).verdict, Verdict::Suspect);
        assert_eq!(of(2.05).verdict, Verdict::Steady);
        assert_eq!(of(2.2).z, None);
        let zero = judged(&[&[0.0; 9][..], &[1e-9]].concat());
        assert_eq!((zero.verdict, zero.change), (Verdict::Suspect, None));
    }

    #[test]
    fn an_error_that_grew_tenfold_is_a_change_and_twice_is_none() {
        let of = |last: f64| {
            let values = [&[3e-7, 3.1e-7, 2.9e-7, 3e-7, 3e-7, 3e-7][..], &[last]].concat();
            newest(&values, &[], Some(Better::Lower), Limits::of(Kind::NumericError)).verdict
        };
        assert_eq!(of(3e-6), Verdict::Suspect);
        assert_eq!(of(6e-7), Verdict::Steady);
    }

    #[test]
    fn an_accepted_change_starts_a_new_segment() {
        let values = [&STEADY[..], &[1.5, 1.51, 1.49]].concat();
        let limits = Limits::of(Kind::Measured);
        let accepted = newest(&values, &[8], Some(Better::Lower), limits);
        assert_eq!((accepted.verdict, accepted.since), (Verdict::Accepted, Some(8)));
        let later = [&values[..], &[1.5, 1.52, 1.5, 1.48]].concat();
        let later = newest(&later, &[8], Some(Better::Lower), limits);
        assert_eq!(later.verdict, Verdict::Steady);
    }

    proptest! {
        #[test]
        fn any_values_give_finite_figures(
            values in proptest::collection::vec(
                prop_oneof![
                    any::<f64>(),
                    Just(f64::NAN),
                    Just(f64::INFINITY),
                    Just(1e308),
                    Just(-1e308),
                    Just(0.0),
                    -1.0..1.0,
                ],
                0..80,
            ),
            starts in proptest::collection::vec(0_usize..100, 0..3),
        ) {
            let judged = newest(&values, &starts, Some(Better::Lower), Limits::of(Kind::Memory));
            for figure in [judged.before, judged.after, judged.change, judged.z] {
                prop_assert!(figure.is_none_or(f64::is_finite), "{judged:?}");
            }
            prop_assert!(judged.since.is_none_or(|since| since < values.len()));
        }
    }
}
