//! The Potts functional: the piecewise constant function with the least sum of squared errors and a penalty
//! for each change, found exactly by dynamic programming.
//!
//! Candidates that can never be the best again are dropped: R. Killick, P. Fearnhead and I. Eckley, "Optimal
//! detection of changepoints with a linear computational cost", 2012.

/// Finds the starts of the best segments, the first of which is 0. Each segment has at least `shortest`
/// values, which is at least 1; `values` are finite and of moderate size.
#[must_use]
pub fn segment_starts(values: &[f64], penalty: f64, shortest: usize) -> Vec<usize> {
    let count = values.len();
    let sums = prefix_sums(values);
    // A multiplication takes a fraction of the time of a division.
    let reciprocals: Vec<f64> = (0..=count).map(|length| as_float(length).recip()).collect();
    // The least cost up to each end, and the start of its last segment.
    let mut best = vec![(f64::INFINITY, 0); count + 1];
    best[0].0 = -penalty;
    let mut candidates: Vec<Candidate> = Vec::with_capacity(count);
    for end in shortest..=count {
        let start = end - shortest;
        let ((sum, squares), before) = (sums[start], best[start].0);
        candidates.push(Candidate { start, sum, squares, before, total: 0.0, limit: usize::MAX });
        let (sum, squares) = sums[end];
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for candidate in &mut candidates {
            let (sum, squares) = (sum - candidate.sum, squares - candidate.squares);
            // The cost of one constant level.
            let cost = squares - sum * sum * reciprocals[end - candidate.start];
            let total = candidate.before + if cost > 0.0 { cost } else { 0.0 };
            // Branches, and `f64::min`, which considers NaN, made this a third slower.
            least = if total < least { total } else { least };
            most = if total > most { total } else { most };
            candidate.total = total;
        }
        let last = candidates.iter().find(|candidate| candidate.total <= least);
        best[end] = (least + penalty, last.map_or(0, |last| last.start));
        if most > least + penalty {
            candidates.retain_mut(|candidate| {
                if candidate.total > least + penalty {
                    candidate.limit = candidate.limit.min(end + shortest);
                }
                candidate.limit > end + 1
            });
        }
    }
    let mut starts = Vec::new();
    let mut end = count;
    while end > 0 {
        end = best[end].1;
        starts.push(end);
    }
    starts.reverse();
    starts
}

/// A possible start of the last segment.
struct Candidate {
    start: usize,
    /// The sums before the start.
    sum: f64,
    squares: f64,
    /// The least cost before the start.
    before: f64,
    /// The cost with this start, without the penalty.
    total: f64,
    /// The first end for which another start is better. If this start costs more than the best one and a penalty at
    /// some end, then a segment that starts at that end is better, once it can be long enough.
    limit: usize,
}

/// Sums and sums of squares of the first values, relative to the first value.
fn prefix_sums(values: &[f64]) -> Vec<(f64, f64)> {
    let origin = values.first().copied().unwrap_or(0.0);
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut total = (0.0, 0.0);
    sums.push(total);
    for value in values {
        let value = value - origin;
        total = (total.0 + value, total.1 + value * value);
        sums.push(total);
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cost of a segment of one level.
    fn cost(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / as_float(values.len());
        values.iter().map(|value| (value - mean).powi(2)).sum()
    }

    /// The cost of all segments, with a penalty for each but the first.
    fn total(values: &[f64], starts: &[usize], penalty: f64) -> f64 {
        let ends = starts.iter().skip(1).copied().chain([values.len()]);
        let costs = starts.iter().zip(ends).map(|(start, end)| cost(&values[*start..end]));
        costs.sum::<f64>() + penalty * as_float(starts.len() - 1)
    }

    /// The least cost, of all possible segments.
    fn least(values: &[f64], penalty: f64, shortest: usize) -> f64 {
        let mut best = vec![f64::INFINITY; values.len() + 1];
        best[0] = -penalty;
        for end in shortest..=values.len() {
            let of = |start: usize| best[start] + cost(&values[start..end]) + penalty;
            best[end] = (0..=end - shortest).map(of).fold(f64::INFINITY, f64::min);
        }
        best[values.len()]
    }

    proptest! {
        #[test]
        fn no_other_segments_cost_less(
            steps in proptest::collection::vec((0.0..10.0, 1_usize..12), 1..6),
            noise in proptest::collection::vec(-1.0..1.0, 60),
            penalty in 0.1..20.0,
            shortest in 1_usize..4,
        ) {
            let levels = steps.iter().flat_map(|(level, count)| std::iter::repeat_n(*level, *count));
            let values: Vec<f64> =
                levels.zip(&noise).map(|(level, noise): (f64, &f64)| level + noise).collect();
            prop_assume!(values.len() >= shortest);
            let starts = segment_starts(&values, penalty, shortest);
            prop_assert_eq!(starts[0], 0);
            let ends = starts.iter().skip(1).copied().chain([values.len()]);
            prop_assert!(starts.iter().zip(ends).all(|(start, end)| end - start >= shortest));
            let (found, least) = (total(&values, &starts, penalty), least(&values, penalty, shortest));
            prop_assert!((found - least).abs() <= 1e-9 * least.abs().max(1.0), "{found} {least}");
        }
    }
}
