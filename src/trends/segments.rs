//! Change points: divides a history into segments of one level each.
//!
//! The Potts functional proposes change points. Those whose ranks are likely without a shift are removed, then each is
//! tested against the noise of the history, and the weakest is removed until all hold (decision 36). Limits: a level of fewer than [`MIN_SEGMENT`]
//! values is an outlier; a test reads at most [`MAX_VALUES`] values on each side.

use crate::trends::limits::MAX_VALUES;
use crate::trends::noise::Noise;
use crate::trends::potts::segment_starts;
use crate::trends::ranks::Ranks;
use crate::trends::robust::median;
use std::ops::Range;

/// Minimum number of values of a segment.
pub const MIN_SEGMENT: usize = 3;
/// How certain a shift must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Worth another measurement.
    Suspected,
    /// Proven, although a history is tested again with each new value.
    Proven,
}

impl Certainty {
    /// Minimum distance of two levels, in standard errors. Few values leave the noise uncertain.
    fn distance(self, count: usize) -> f64 {
        let limit = match self {
            Self::Suspected => 2.7,
            Self::Proven => 4.1,
        };
        #[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
        let count = count as f64;
        limit * (1.0 + FEW_VALUES / count)
    }

    /// Maximum probability of the ranks of two segments without a shift. It guards against noise with
    /// several modes or long tails, for which a distance proves little.
    fn rank_probability(self) -> f64 {
        match self {
            Self::Suspected => 2e-3,
            Self::Proven => 1e-4,
        }
    }
}

/// Number of values by which the minimum distance is doubled: a measured value (`benches/trends`).
const FEW_VALUES: f64 = 3.0;
/// Distance that is sufficient for a proposal, in standard errors.
const PROPOSED: f64 = 2.05;
/// Distance to which values are limited for the level of a segment, in standard deviations.
const CLIP: f64 = 2.5;
/// Smallest noise in proportion to the smallest shift that counts, for values that hardly vary.
const LEAST_NOISE: f64 = 0.05;

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Position of the first value after the change.
    pub at: usize,
    /// Medians of the values before and after.
    pub before: f64,
    pub after: f64,
    /// Distance in standard errors, positive for an increase.
    pub z: f64,
    pub n_before: usize,
    pub n_after: usize,
}

/// The possible change points of a history, before they are tested.
pub struct Proposal {
    /// The values in proportion to the largest one. Sums and squares of them are finite.
    scaled: Vec<f64>,
    largest: f64,
    least: f64,
    /// Smallest standard deviation of the noise.
    floor: f64,
    ranks: Ranks,
    /// Starts of the proposed segments. Empty if there are too few values.
    starts: Vec<usize>,
    /// The sides of each start but the first, where nothing changes.
    sides: Vec<Sides>,
}

/// Finds the shifts of finite values in the order of time. A shift below `least`, in proportion to the
/// level before it, does not count.
#[must_use]
pub fn shifts(values: &[f64], least: f64, certainty: Certainty) -> Vec<Shift> {
    Proposal::of(values, least).shifts(certainty)
}

impl Proposal {
    /// The proposal for finite values in the order of time. A shift below `least`, in proportion to the level
    /// before it, does not count.
    #[must_use]
    pub fn of(values: &[f64], least: f64) -> Self {
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        if values.len() < 2 * MIN_SEGMENT || largest <= 0.0 {
            let (ranks, starts, sides) = (Ranks::of(&[]), Vec::new(), Vec::new());
            return Self { scaled: Vec::new(), largest, least, floor: 0.0, ranks, starts, sides };
        }
        let scaled: Vec<f64> = values.iter().map(|value| value / largest).collect();
        let sizes: Vec<f64> = scaled.iter().map(|value| value.abs()).collect();
        let typical = median(&sizes).unwrap_or(0.0).max(1e-9);
        let floor = LEAST_NOISE * least * typical;
        let noise = Noise::of(&scaled, floor);
        let penalty = PROPOSED.powi(2) * noise.long_run_variance();
        let starts = segment_starts(&noise.clipped(&scaled), penalty, MIN_SEGMENT);
        // A history with one level needs no ranks.
        let ranks = Ranks::of(if starts.len() > 1 { &scaled } else { &[] });
        let sides = (1..starts.len()).map(|at| Sides::around(&ranks, &starts, at, scaled.len()));
        let sides = sides.collect();
        Self { scaled, largest, least, floor, ranks, starts, sides }
    }

    /// The proposed shifts that are certain enough.
    #[must_use]
    pub fn shifts(&self, certainty: Certainty) -> Vec<Shift> {
        let test = Test { least: self.least, certainty, values: &self.scaled };
        let (mut starts, mut sides) = (self.starts.clone(), self.sides.clone());
        while !sides.is_empty() {
            let is_likely = |sides: &Sides| sides.probability > certainty.rank_probability();
            let weakest = if let Some(position) = sides.iter().position(is_likely) {
                position
            } else {
                let noise = Noise::of_residuals(&self.scaled, &starts, self.floor);
                let tested: Vec<Tested> =
                    sides.iter().map(|sides| test.shift(sides, &noise)).collect();
                let margins = tested.iter().map(|one| one.margin).enumerate();
                match margins.min_by(|(_, one), (_, other)| one.total_cmp(other)) {
                    Some((position, margin)) if margin < 1.0 => position,
                    _ => {
                        let shifts = tested.into_iter().map(|one| one.shift);
                        return shifts.map(|shift| shift.times(self.largest)).collect();
                    }
                }
            };
            starts.remove(weakest + 1);
            sides.remove(weakest);
            // The segments beside it end elsewhere now.
            for near in weakest.saturating_sub(1)..sides.len().min(weakest + 1) {
                sides[near] = Sides::around(&self.ranks, &starts, near + 1, self.scaled.len());
            }
        }
        Vec::new()
    }
}

impl Shift {
    fn times(self, factor: f64) -> Self {
        Self { before: self.before * factor, after: self.after * factor, ..self }
    }
}

/// The values on both sides of a start of a segment.
#[derive(Debug, Clone)]
struct Sides {
    before: Range<usize>,
    after: Range<usize>,
    /// Probability of the ranks without a shift.
    probability: f64,
}

impl Sides {
    /// The sides of the start at a position that is not the first.
    fn around(ranks: &Ranks, starts: &[usize], position: usize, count: usize) -> Self {
        let at = starts[position];
        let end = starts.get(position + 1).copied().unwrap_or(count);
        let before = starts[position - 1].max(at.saturating_sub(MAX_VALUES))..at;
        let after = at..end.min(at + MAX_VALUES);
        let probability = ranks.probability(before.clone(), after.clone());
        Self { before, after, probability }
    }
}

struct Test<'a> {
    least: f64,
    certainty: Certainty,
    /// The history.
    values: &'a [f64],
}

struct Tested {
    shift: Shift,
    /// The smallest proportion by which a condition is met. Below 1, the shift does not hold.
    margin: f64,
}

impl Test<'_> {
    /// Tests a shift against the noise.
    fn shift(&self, sides: &Sides, noise: &Noise) -> Tested {
        let [before, after] = [&sides.before, &sides.after].map(|side| &self.values[side.clone()]);
        let medians = [before, after].map(|values| median(values).unwrap_or(0.0));
        let (n_before, n_after) = (before.len(), after.len());
        let from = level(before, medians[0], noise);
        let to = level(after, medians[1], noise);
        let variance = noise.variance_of_mean(n_before) + noise.variance_of_mean(n_after);
        let z = (to - from) / variance.sqrt();
        let size = (to - from).abs() / (self.least * from.abs());
        let margin = (z.abs() / self.certainty.distance(self.values.len())).min(size);
        let [before, after] = medians;
        Tested {
            shift: Shift { at: sides.after.start, before, after, z, n_before, n_after },
            margin,
        }
    }
}

/// The level of some values: their mean, with outliers limited to the noise around their median.
fn level(values: &[f64], centre: f64, noise: &Noise) -> f64 {
    let width = CLIP * noise.sigma;
    let sum: f64 = values.iter().map(|value| value.clamp(centre - width, centre + width)).sum();
    #[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
    let count = values.len() as f64;
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around 100 with a deterministic noise of about 1 %.
    fn noisy(count: usize) -> Vec<f64> {
        let mut state = 1_u64;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let thousandths = (state >> 33) % 1000;
                #[expect(clippy::cast_precision_loss, reason = "below 1000")]
                let share = thousandths as f64 / 1000.0;
                100.0 + 3.4 * (share - 0.5)
            })
            .collect()
    }

    fn at(values: &[f64]) -> Vec<usize> {
        shifts(values, 0.025, Certainty::Proven).iter().map(|shift| shift.at).collect()
    }

    #[test]
    fn steps_are_found_at_their_places_and_noise_is_none() {
        let mut values = noisy(120);
        assert_eq!(at(&values), [0_usize; 0]);
        values[40..].iter_mut().for_each(|value| *value *= 1.1);
        values[80..].iter_mut().for_each(|value| *value *= 0.8);
        assert_eq!(at(&values), [40, 80]);
        let found = shifts(&values, 0.025, Certainty::Proven);
        assert!((found[0].after / found[0].before - 1.1).abs() < 0.01, "{found:?}");
        assert!(found[0].z > 0.0 && found[1].z < 0.0);
        values[60] *= 3.0;
        assert_eq!(at(&values), [40, 80], "a spike is no shift");
    }

    #[test]
    fn values_that_never_vary_have_exact_shifts() {
        let values = [vec![2.0; 20], vec![2.2; 20]].concat();
        assert_eq!(at(&values), [20]);
        assert_eq!(at(&[2.0; 50]), [0_usize; 0]);
        assert_eq!(at(&[0.0; 50]), [0_usize; 0]);
        assert_eq!(at(&[7.0]), [0_usize; 0]);
    }

    #[test]
    fn the_scale_of_the_values_changes_nothing() {
        let mut values = noisy(80);
        values[50..].iter_mut().for_each(|value| *value *= 1.2);
        for scale in [1e-300, 1e-6, 1e305] {
            let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
            assert_eq!(at(&scaled), [50], "times {scale:e}");
        }
    }

    #[test]
    fn a_long_history_is_divided() {
        let mut values = noisy(10_000);
        values[7000..].iter_mut().for_each(|value| *value *= 1.05);
        assert_eq!(at(&values), [7000]);
    }
}
