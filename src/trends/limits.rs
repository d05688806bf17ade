//! The sizes of changes that count, by kind of metric.

use crate::domain::added::change_limits::ChangeLimit;
use serde::{Deserialize, Serialize};

/// Minimum number of earlier values for a verdict.
pub const MIN_VALUES: usize = 5;
/// Maximum number of values of the current segment that a new value is compared with: the latest.
pub const MAX_VALUES: usize = 64;
/// Distance from the median of the segment, in robust standard deviations, that counts.
const Z: f64 = 5.0;
/// Change of times and rates that counts, in proportion to the earlier median.
const CHANGE: f64 = 0.05;
/// Change of amounts of memory that counts. They vary less than times.
const MEMORY_CHANGE: f64 = 0.02;
/// Change of numeric errors that counts: five times the earlier one. Other numbers of threads change the
/// order of sums, and with it errors up to about twice.
const ERROR_CHANGE: f64 = 4.0;

/// Which direction of a metric is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
}

impl Better {
    /// Reads the word that a test reported. `None` for another word: then no direction is a
    /// regression.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "lower" => Some(Self::Lower),
            "higher" => Some(Self::Higher),
            _ => None,
        }
    }
}

/// The kind of a metric, which decides its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A time, a rate, or anything else that is measured.
    Measured,
    Memory,
    /// The error of a numeric check against its reference.
    NumericError,
}

impl Kind {
    /// The kind of a metric with this unit.
    #[must_use]
    pub fn of_unit(unit: &str) -> Self {
        if unit == "bytes" { Self::Memory } else { Self::Measured }
    }
}

/// The limits beyond which a change counts. Both must be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Distance in robust standard deviations.
    pub z: f64,
    /// Change in proportion to the earlier median: 0.05 is 5 %.
    pub change: f64,
}

impl Limits {
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let change = match kind {
            Kind::Measured => CHANGE,
            Kind::Memory => MEMORY_CHANGE,
            Kind::NumericError => ERROR_CHANGE,
        };
        Self { z: Z, change }
    }

    /// The limits of a metric: those that a test sets for it or for all metrics, otherwise those of its kind.
    #[must_use]
    pub fn of_metric(kind: Kind, metric: &str, own: &[ChangeLimit]) -> Self {
        let usual = Self::of(kind);
        let named = own.iter().find(|limit| limit.metric.as_deref() == Some(metric));
        match named.or_else(|| own.iter().find(|limit| limit.metric.is_none())) {
            Some(limit) => Self { change: limit.change, z: limit.z.unwrap_or(usual.z) },
            None => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::added::change_limits::parse;

    #[test]
    fn a_test_sets_limits_for_one_metric_or_for_all() {
        let own = parse("*=20% a=10%/7").expect("limits");
        let of = |metric: &str| Limits::of_metric(Kind::Memory, metric, &own);
        assert_eq!(of("a"), Limits { z: 7.0, change: 0.1 });
        assert_eq!(of("b"), Limits { z: Z, change: 0.2 });
        assert_eq!(Limits::of_metric(Kind::Memory, "b", &[]), Limits::of(Kind::Memory));
    }
}
