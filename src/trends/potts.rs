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
    // The cost of one constant level from `start` to before `end`.
    let cost = |start: usize, end: usize| {
        let (sum, squares) = (sums[end].0 - sums[start].0, sums[end].1 - sums[start].1);
        (squares - sum * sum / as_float(end - start)).max(0.0)
    };
    // The least cost up to each end, and the start of its last segment.
    let mut best = vec![(f64::INFINITY, 0); count + 1];
    best[0].0 = -penalty;
    // Possible starts of the last segment, with the cost that each has without the penalty.
    let mut candidates: Vec<(usize, f64)> = Vec::new();
    for end in shortest..=count {
        candidates.push((end - shortest, 0.0));
        let mut chosen = (f64::INFINITY, 0);
        for (start, total) in &mut candidates {
            *total = best[*start].0 + cost(*start, end);
            if *total + penalty < chosen.0 {
                chosen = (*total + penalty, *start);
            }
        }
        candidates.retain(|(_, total)| *total <= chosen.0);
        best[end] = chosen;
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
