//! The rule for a new value of a series: is it beyond the noise of the current segment?
//!
//! The new value is compared with the latest [`MAX_VALUES`] values before it. One violation of both limits
//! is a suspect; a second one against the same values, in the same direction, confirms it, whether it comes
//! from the next run or from a repetition that was started for this purpose.

use crate::trends::judgement::{Direction, Judgement, Verdict, ratio};
use crate::trends::limits::{Better, Limits, MAX_VALUES, MIN_VALUES};
use crate::trends::robust::{mad_sigma, median};
use crate::trends::sides::{is_beyond, standardised};

/// A value with its position in the history.
type Placed = (usize, f64);

/// Judges the last value of a history. `starts` are positions at which an accepted change starts a new
/// segment. Values that are not finite are left out.
#[must_use]
pub fn newest(
    values: &[f64],
    starts: &[usize],
    better: Option<Better>,
    limits: Limits,
) -> Judgement {
    let history: Vec<Placed> =
        values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect();
    let started = |at: &&usize| **at < values.len();
    let start = starts.iter().filter(started).max().copied().unwrap_or(0);
    let (earlier, current) = history.split_at(history.partition_point(|(at, _)| *at < start));
    let Some(((at, value), before)) = current.split_last() else { return unknown(history.len()) };
    if start > 0 && before.len() < MIN_VALUES {
        return accepted(earlier, current, start);
    }
    let judged = against(before, *value, better, limits);
    let Judgement { verdict: Verdict::Suspect, direction, .. } = judged else { return judged };
    let first = Judgement { since: Some(*at), ..judged };
    // The value before is a violation, too: both are judged against the values before both.
    let Some(((earlier_at, earlier_value), before)) = before.split_last() else { return first };
    let previous = against(before, *earlier_value, better, limits);
    let again = against(before, *value, better, limits);
    let agree = previous.verdict == Verdict::Suspect
        && again.verdict == Verdict::Suspect
        && previous.direction == direction
        && again.direction == direction
        && (previous.change > Some(1.0)) == (again.change > Some(1.0));
    if !agree {
        return first;
    }
    let after = median(&[*earlier_value, *value]);
    let change = again.before.zip(after).and_then(|(before, after)| ratio(before, after));
    let since = Some(*earlier_at);
    Judgement { verdict: Verdict::Confirmed, after, change, n_after: 2, since, ..again }
}

/// Judges one value against those before it, of which the latest count.
fn against(before: &[Placed], value: f64, better: Option<Better>, limits: Limits) -> Judgement {
    let latest = &before[before.len().saturating_sub(MAX_VALUES)..];
    let latest: Vec<f64> = latest.iter().map(|(_, value)| *value).collect();
    let mut judgement = unknown(latest.len());
    judgement.after = Some(value);
    judgement.n_after = 1;
    let Some(centre) = median(&latest) else { return judgement };
    judgement.before = Some(centre);
    judgement.change = ratio(centre, value);
    let sigma = mad_sigma(&latest, centre).unwrap_or(0.0);
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
