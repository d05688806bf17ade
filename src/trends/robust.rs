//! Robust statistics: location and scale that a few outliers do not move.
//!
//! Values are finite. Sums and differences of values near the largest number are computed in halves, so
//! that they stay finite.

/// Factor from the median absolute deviation to the standard deviation of a normal distribution,
/// 1 / Φ⁻¹(3/4).
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Correction of the median absolute deviation of 2 to 9 values, which is too small on average, and its
/// formula for more: C. Croux and P. Rousseeuw, "Time-efficient algorithms for two highly robust
/// estimators of scale", 1992, table 1.
const SMALL_MAD: [f64; 8] = [1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107];

/// The median; the mean of the two middle values of an even number. `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    let (count, middle) = (values.len(), values.len() / 2);
    if count == 0 {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if count % 2 == 1 {
        return Some(*upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(lower / 2.0 + *upper / 2.0)
}

/// The standard deviation by the median absolute deviation from `centre`, corrected for few values.
/// Infinite if a deviation is. `None` for fewer than two values.
#[must_use]
pub fn mad_sigma(values: &[f64], centre: f64) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    #[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
    let count = values.len() as f64;
    let correction =
        SMALL_MAD.get(values.len() - 2).copied().unwrap_or_else(|| count / (count - 0.8));
    Some(MAD_TO_SIGMA * correction * median(&deviations)?)
}

/// The geometric mean of the positive ratios. `None` without one, or if it cannot be expressed.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logs: Vec<f64> =
        ratios.iter().filter(|ratio| **ratio > 0.0).map(|ratio| ratio.ln()).collect();
    if logs.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "numbers of values are small")]
    let count = logs.len() as f64;
    Some((logs.iter().sum::<f64>() / count).exp()).filter(|mean| mean.is_normal())
}
