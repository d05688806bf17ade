//! The rank-sum test of Wilcoxon, Mann and Whitney: how likely are these ranks without a shift?
//!
//! It is exact for small samples, where the normal approximation misses the tail by orders of magnitude.
//! It assumes nothing about the distribution of the values.

use std::ops::Range;
use std::sync::LazyLock;

/// Maximum product of the two numbers of values for the exact distribution.
const MAX_EXACT: usize = 640;

/// The ranks of some values, among which samples are compared.
pub struct Ranks {
    /// Position of each value in ascending order. Equal values have different ones.
    places: Vec<u32>,
    /// Number of values below each value, and of those that are not above it.
    below: Vec<u32>,
    up_to: Vec<u32>,
}

impl Ranks {
    /// The ranks of values without NaN, of which there are less than 2³².
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|one, other| values[*one].total_cmp(&values[*other]));
        let mut ranks = Self {
            places: vec![0; values.len()],
            below: vec![0; values.len()],
            up_to: vec![0; values.len()],
        };
        let mut begin = 0;
        // In ascending order, a value that is not below the next one equals it.
        for equal in order.chunk_by(|one, other| values[*one] >= values[*other]) {
            let end = begin + equal.len();
            for (place, at) in (begin..).zip(equal) {
                ranks.places[*at] = place as u32;
                ranks.below[*at] = begin as u32;
                ranks.up_to[*at] = end as u32;
            }
            begin = end;
        }
        ranks
    }

    /// The one-sided probability that the ranks of two samples without ties differ at least as much. Ties
    /// count half. 1 for an empty sample.
    #[must_use]
    pub fn probability(&self, one: Range<usize>, other: Range<usize>) -> f64 {
        let (n, m) = (one.len(), other.len());
        if n == 0 || m == 0 {
            return 1.0;
        }
        // How many values of `one` have a smaller place than each.
        let mut smaller = vec![0_u32; self.places.len() + 1];
        for place in &self.places[one] {
            smaller[*place as usize + 1] = 1;
        }
        let mut total = 0;
        for number in &mut smaller {
            total += *number;
            *number = total;
        }
        // Twice the number of pairs in which the value of `other` is the larger one.
        let mut wins = 0;
        for (below, up_to) in self.below[other.clone()].iter().zip(&self.up_to[other]) {
            wins += (smaller[*below as usize] + smaller[*up_to as usize]) as usize;
        }
        let fewer = wins.min(2 * n * m - wins);
        if n * m <= MAX_EXACT { exact(n, m, fewer / 2) } else { approximate(n, m, fewer) }
    }
}

/// The exact distributions, by the numbers of values of the smaller and of the larger sample, less one. They
/// have about 3 MB, and are computed once: a run has thousands of metrics with as many values each.
static EXACT: LazyLock<Vec<Vec<Vec<f64>>>> = LazyLock::new(distributions);

/// The probability of at most `most` pairs in one order, which is at most half of all pairs.
fn exact(n: usize, m: usize, most: usize) -> f64 {
    EXACT[n.min(m) - 1][n.max(m) - 1][most]
}

/// The probabilities of at most 0, 1, … pairs in one order, up to half of all pairs, by counting the
/// arrangements: the number with u such pairs satisfies N(n, m, u) = N(n - 1, m, u - m) + N(n, m - 1, u).
fn distributions() -> Vec<Vec<Vec<f64>>> {
    // Probabilities instead of numbers: the last value of the arrangement belongs to the first sample with
    // probability n / (n + m).
    let mut rows = vec![vec![1.0]; MAX_EXACT + 1];
    let of_first = |first: usize| {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for second in 1..=MAX_EXACT / first {
            let share = as_float(first) / as_float(first + second);
            let mut row = vec![0.0; first * second + 1];
            for (pairs, probability) in rows[second].iter().enumerate() {
                row[pairs + second] += share * probability;
            }
            for (pairs, probability) in next[second - 1].iter().enumerate() {
                row[pairs] += (1.0 - share) * probability;
            }
            next.push(row);
        }
        rows = next;
        rows.iter().skip(1).map(|row| at_most(row)).collect()
    };
    (1..=MAX_EXACT.isqrt()).map(of_first).collect()
}

/// Sums of the first probabilities, up to half of them.
fn at_most(probabilities: &[f64]) -> Vec<f64> {
    let mut total = 0.0;
    let sum = |probability: &f64| {
        total += probability;
        total
    };
    probabilities.iter().take(probabilities.len().div_ceil(2)).map(sum).collect()
}

/// The same by the normal approximation. `fewer` is twice the number of pairs.
fn approximate(n: usize, m: usize, fewer: usize) -> f64 {
    let pairs = as_float(n * m);
    let deviation = (pairs / 2.0 - as_float(fewer) / 2.0).max(0.0);
    let z = deviation / (pairs * as_float(n + m + 1) / 12.0).sqrt();
    // An upper bound of the tail of the normal distribution, which is close everywhere: M. Sampford, "Some
    // inequalities on Mill's ratio and related functions", 1953.
    let pi = std::f64::consts::PI;
    (2.0 / pi).sqrt() * (-z * z / 2.0).exp() / (z + (z * z + 8.0 / pi).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probability(one: &[f64], other: &[f64]) -> f64 {
        let n = one.len();
        Ranks::of(&[one, other].concat()).probability(0..n, n..n + other.len())
    }

    /// Twice the number of pairs in which the second is the larger one, by comparing all.
    fn wins(one: &[f64], other: &[f64]) -> usize {
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
        pairs.map(|(a, b)| usize::from(b > a) + usize::from(b >= a)).sum()
    }

    proptest! {
        /// Samples with many ties, in a longer history.
        #[test]
        fn pairs_are_counted(values in prop::collection::vec(-3_i8..3, 12..60), at in 1_usize..9) {
            let values: Vec<f64> = values.iter().map(|value| f64::from(*value) * 0.5).collect();
            let (one, other) = (2..2 + at, 2 + at..values.len() - 1);
            let fewer = wins(&values[one.clone()], &values[other.clone()]);
            let fewer = fewer.min(2 * one.len() * other.len() - fewer);
            let expected = exact(one.len(), other.len(), fewer / 2);
            let found = Ranks::of(&values).probability(one, other);
            prop_assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        // 1 of the 252 arrangements of 5 and 5 values, and 4 with at most 2 pairs in the other order.
        let low = [1.0, 2.0, 3.0, 4.0, 5.0];
        let high = [6.0, 7.0, 8.0, 9.0, 10.0];
        assert!((probability(&low, &high) - 1.0 / 252.0).abs() < 1e-12);
        assert!((probability(&high, &low) - 1.0 / 252.0).abs() < 1e-12);
        let mixed = [3.5, 7.0, 8.0, 9.0, 10.0];
        assert!((probability(&low, &mixed) - 4.0 / 252.0).abs() < 1e-12);
        assert!(probability(&low, &low) > 0.4, "equal samples");
        assert!((probability(&[], &low) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_approximation_continues_the_exact_values() {
        let (n, m) = (20, 32);
        for most in [150, 180, 200, 250] {
            let (exact, approximate) = (exact(n, m, most), approximate(n, m, 2 * most));
            assert!(approximate > exact / 2.0, "{most}: {approximate} below {exact}");
            assert!(approximate < 4.0 * exact.max(1e-4), "{most}: {approximate}, {exact}");
        }
    }
}
