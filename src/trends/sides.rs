//! Comparison of two sides: two runs, two periods, or two versions of a package.

use crate::trends::judgement::{Direction, Judgement, Verdict, ratio};
use crate::trends::limits::{Better, Limits, MIN_VALUES};
use crate::trends::robust::{mad_sigma, median};

/// Variance of a median in proportion to that of a mean, for a normal distribution: π / 2.
const MEDIAN_VARIANCE: f64 = std::f64::consts::FRAC_PI_2;

/// Compares the values of one metric on two sides. Values of a side are measured under the same
/// conditions. With fewer than [`MIN_VALUES`] values on a side, the figures are reported with
/// insufficient data.
///
/// A change is confirmed when both limits are exceeded. The distance is that of the medians in units of
/// its standard error. Each value is one measurement under the conditions of its side, such as the median
/// of a run: raw values of one run vary less than runs do.
#[must_use]
pub fn compare(before: &[f64], after: &[f64], better: Option<Better>, limits: Limits) -> Judgement {
    let finite = |values: &[f64]| -> Vec<f64> {
        values.iter().copied().filter(|value| value.is_finite()).collect()
    };
    let (before, after) = (finite(before), finite(after));
    let (from, to) = (median(&before), median(&after));
    let mut judgement = Judgement {
        verdict: Verdict::InsufficientData,
        direction: Direction::None,
        before: from,
        after: to,
        change: None,
        z: None,
        n_before: before.len(),
        n_after: after.len(),
        since: None,
    };
    let (Some(from), Some(to)) = (from, to) else { return judgement };
    judgement.change = ratio(from, to);
    let errors =
        [(&before, from), (&after, to)].map(|(values, centre)| standard_error(values, centre));
    judgement.z = standardised(from, to, errors[0].hypot(errors[1]));
    if before.len().min(after.len()) < MIN_VALUES {
        return judgement;
    }
    judgement.verdict = Verdict::Steady;
    if is_beyond(from, to, judgement.z, limits) {
        judgement.verdict = Verdict::Confirmed;
        judgement.direction = Direction::of(from, to, better);
    }
    judgement
}

/// The standard error of a median, for nearly normal values. Zero for a single value.
fn standard_error(values: &[f64], centre: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
    let count = values.len() as f64;
    mad_sigma(values, centre).unwrap_or(0.0) * (MEDIAN_VARIANCE / count).sqrt()
}

/// The distance in standard deviations. `None` if the scale is zero or unknown, or not finite.
#[must_use]
pub fn standardised(before: f64, after: f64, sigma: f64) -> Option<f64> {
    Some((after - before) / sigma).filter(|z| z.is_finite() && sigma > 0.0)
}

/// Whether a change is beyond both limits. Values that never varied have no scale: then the change alone
/// decides. Any change from zero is beyond a proportion.
#[must_use]
pub fn is_beyond(before: f64, after: f64, z: Option<f64>, limits: Limits) -> bool {
    is_large(before, after, limits) && z.is_none_or(|z| z.abs() > limits.z)
}

/// Whether a change is beyond its limit in proportion to the value before.
#[must_use]
pub fn is_large(before: f64, after: f64, limits: Limits) -> bool {
    (after - before).abs() > limits.change * before.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::limits::Kind;

    fn verdict(before: &[f64], after: &[f64]) -> Verdict {
        compare(before, after, Some(Better::Lower), Limits::of(Kind::Measured)).verdict
    }

    #[test]
    fn two_sides_differ_beyond_their_noise() {
        let before = [1.0, 1.01, 0.99, 1.0, 1.02];
        let slower = before.map(|value| value * 1.2);
        assert_eq!(verdict(&before, &slower), Verdict::Confirmed);
        assert_eq!(verdict(&before, &before), Verdict::Steady);
        assert_eq!(verdict(&before, &before.map(|value| value * 1.04)), Verdict::Steady);
        let noisy = [0.7, 1.6, 1.1, 0.9, 1.3];
        assert_eq!(verdict(&before, &noisy), Verdict::Steady, "noise proves nothing");
    }

    #[test]
    fn few_values_are_insufficient_data_with_their_figures() {
        let few = compare(&[1.0], &[2.0], Some(Better::Lower), Limits::of(Kind::Measured));
        assert_eq!(few.verdict, Verdict::InsufficientData);
        assert_eq!((few.before, few.after, few.change), (Some(1.0), Some(2.0), Some(2.0)));
        assert_eq!(verdict(&[], &[1.0]), Verdict::InsufficientData);
        let hostile = compare(&[f64::NAN, 1e-308], &[1e308], None, Limits::of(Kind::Measured));
        assert_eq!((hostile.change, hostile.n_before), (None, 1));
    }
}
