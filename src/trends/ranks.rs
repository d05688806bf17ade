//! The rank-sum test of Wilcoxon, Mann and Whitney: how likely are these ranks without a shift?
//!
//! It is exact for small samples, where the normal approximation misses the tail by orders of magnitude.
//! It assumes nothing about the distribution of the values.

use std::sync::LazyLock;

/// Maximum product of the two numbers of values for the exact distribution.
const MAX_EXACT: usize = 640;

/// The one-sided probability that the ranks of two samples without ties differ at least as much. Ties
/// count half. 1 for an empty sample.
#[must_use]
pub fn probability(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len(), other.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    // Twice the number of pairs in which the value of `other` is the larger one.
    let mut wins = 0;
    for a in one {
        for b in other {
            wins += usize::from(b > a) + usize::from(b >= a);
        }
    }
    let fewer = wins.min(2 * n * m - wins);
    if n * m <= MAX_EXACT { exact(n, m, fewer / 2) } else { approximate(n, m, fewer) }
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
