//! Random numbers for new ids and for jitter. No other module draws random numbers.

use uuid::Uuid;

/// Returns a new random id.
#[expect(clippy::disallowed_methods, reason = "this module draws the random numbers")]
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::new_v4()
}

/// Returns a random number x with 0 ≤ x < 1, for jitter.
#[must_use]
pub fn fraction() -> f64 {
    let (high, _) = new_id().as_u64_pair();
    // The upper 32 bits hold no version or variant bits.
    let upper = u32::try_from(high >> 32).unwrap_or(0);
    f64::from(upper) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_spread_over_the_range() {
        let drawn: Vec<f64> = (0..1000).map(|_| fraction()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        assert!(drawn.iter().any(|x| *x < 0.1) && drawn.iter().any(|x| *x > 0.9));
    }

    #[test]
    fn ids_differ() {
        assert_ne!(new_id(), new_id());
    }
}
