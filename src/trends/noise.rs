//! The noise of a history: its scale and its correlation from one value to the next.
//!
//! Before the segments are known, both come from differences between neighbours, which the level of a
//! segment does not influence and a shift influences once; then from the residuals of the segments, which
//! estimate them more precisely. Large differences and residuals are limited to their 90 % quantile, so that
//! spikes, at up to one in twenty values, do not count, while two modes do.

use crate::trends::robust::median;

/// Quantile to which differences are limited, in percent.
const LIMITED_AT: usize = 90;
/// Variance of a standard normal variable whose absolute value is limited to its 90 % quantile, 1.645:
/// 0.9 - 2 · 1.645 · φ(1.645) + 2 · 1.645² · 0.05.
const LIMITED_VARIANCE: f64 = 0.831;
/// Maximum correlation of neighbours. Beyond it, levels cannot be distinguished from wandering.
const MAX_CORRELATION: f64 = 0.9;
/// Values to each side for the level at a value.
const NEIGHBOURS: usize = 4;
/// Distance from the level to which a value is limited, in standard deviations.
const CLIP: f64 = 3.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Standard deviation around the level.
    pub sigma: f64,
    /// Correlation of a value with the next one, 0 to [`MAX_CORRELATION`].
    pub correlation: f64,
}

impl Noise {
    /// The noise of finite values, whose differences must be finite. `floor` is the smallest standard
    /// deviation.
    ///
    /// With independent noise, values that are two steps apart differ as much as neighbours do. With a
    /// correlation r from one value to the next (an autoregressive process of the first order), the ratio of
    /// the variances of these differences is (1 - r²) / (1 - r) = 1 + r.
    #[must_use]
    pub fn of(values: &[f64], floor: f64) -> Self {
        let [near, far] = [1, 2].map(|lag| variance_of_differences(values, lag));
        let correlation = if near > 0.0 { far / near - 1.0 } else { 0.0 };
        let correlation = correlation.clamp(0.0, MAX_CORRELATION);
        let sigma = (near / 2.0 / (1.0 - correlation)).sqrt();
        Self { sigma: sigma.max(floor), correlation }
    }

    /// The noise around the levels of segments that start at `starts`, the first of which is 0.
    ///
    /// A level follows its values, which makes the correlation of residuals smaller by about
    /// (1 + 3 r) / n for each level. A correlation within one standard error of zero counts as zero.
    #[must_use]
    pub fn of_residuals(values: &[f64], starts: &[usize], floor: f64) -> Self {
        let mut residuals = Vec::with_capacity(values.len());
        let ends = starts.iter().skip(1).copied().chain([values.len()]);
        for (start, end) in starts.iter().zip(ends) {
            let segment = &values[*start..end];
            let centre = median(segment).unwrap_or(0.0);
            residuals.extend(segment.iter().map(|value| value - centre));
        }
        let mut squares: Vec<f64> = residuals.iter().map(|residual| residual * residual).collect();
        let limit = limit_of(&mut squares).sqrt();
        let limited: Vec<f64> = residuals.iter().map(|each| each.clamp(-limit, limit)).collect();
        let sum: f64 = limited.iter().map(|residual| residual * residual).sum();
        let within = |at: &usize| starts.binary_search(at).is_err();
        let pairs = (1..limited.len()).filter(within).map(|at| limited[at - 1] * limited[at]);
        let found = if sum > 0.0 { pairs.sum::<f64>() / sum } else { 0.0 };
        let (n, levels) = (as_float(values.len()), as_float(starts.len()));
        let correlation = found + (1.0 + 3.0 * found.max(0.0)) * levels / n;
        let is_noise = correlation < 1.0 / n.sqrt();
        let sigma = (sum / (n - levels).max(1.0) / LIMITED_VARIANCE).sqrt();
        Self {
            sigma: sigma.max(floor),
            correlation: if is_noise { 0.0 } else { correlation.min(MAX_CORRELATION) },
        }
    }

    /// The variance of the mean of many values, times their number.
    #[must_use]
    pub fn long_run_variance(&self) -> f64 {
        self.sigma * self.sigma * (1.0 + self.correlation) / (1.0 - self.correlation)
    }

    /// The variance of the mean of `count` values.
    #[must_use]
    pub fn variance_of_mean(&self, count: usize) -> f64 {
        let n = as_float(count);
        let mut power = 1.0;
        let mut factor = 1.0;
        for lag in 1..count {
            power *= self.correlation;
            if power < 1e-6 {
                break;
            }
            factor += 2.0 * (1.0 - as_float(lag) / n) * power;
        }
        self.sigma * self.sigma * factor / n
    }

    /// The values, limited to the noise around the level at their place, so that spikes do not count.
    #[must_use]
    pub fn clipped(&self, values: &[f64]) -> Vec<f64> {
        let width = CLIP * self.sigma;
        let clip = |(at, value): (usize, &f64)| {
            let end = values.len().min(at + NEIGHBOURS + 1);
            let near = &values[at.saturating_sub(NEIGHBOURS)..end];
            // Then it is within the noise around their median, too.
            if near.iter().all(|other| (other - value).abs() <= width) {
                return *value;
            }
            let level = median(near).unwrap_or(*value);
            value.clamp(level - width, level + width)
        };
        values.iter().enumerate().map(clip).collect()
    }
}

/// The variance of the differences of values that are `lag` steps apart; large differences are limited.
fn variance_of_differences(values: &[f64], lag: usize) -> f64 {
    let mut squares: Vec<f64> = values
        .iter()
        .zip(values.iter().skip(lag))
        .map(|(one, other)| (other - one).powi(2))
        .collect();
    if squares.is_empty() {
        return 0.0;
    }
    let limit = limit_of(&mut squares);
    let sum: f64 = squares.iter().map(|square| square.min(limit)).sum();
    sum / as_float(squares.len()) / LIMITED_VARIANCE
}

/// The limit of squares: their 90 % quantile. Changes their order. Zero without squares.
fn limit_of(squares: &mut [f64]) -> f64 {
    let Some(last) = squares.len().checked_sub(1) else { return 0.0 };
    let rank = (squares.len() * LIMITED_AT / 100).min(last);
    *squares.select_nth_unstable_by(rank, f64::total_cmp).1
}

#[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
fn as_float(count: usize) -> f64 {
    count as f64
}
