//! The verdict about a metric, with the figures that it is based on.

use crate::trends::limits::Better;
use serde::{Deserialize, Serialize};

/// Whether the value of a metric changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are too few earlier values to decide.
    InsufficientData,
    /// No change beyond the limits.
    Steady,
    /// One value is beyond the limits. It was not measured again yet.
    Suspect,
    /// Several values agree on the change.
    Confirmed,
    /// A confirmed change that a person accepted.
    Accepted,
    /// Many tests of the worker changed together, so that the worker is the cause.
    WorkerEvent,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InsufficientData => "insufficient_data",
            Self::Steady => "steady",
            Self::Suspect => "suspect",
            Self::Confirmed => "confirmed",
            Self::Accepted => "accepted",
            Self::WorkerEvent => "worker_event",
        }
    }
}

/// The direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Worse,
    Better,
    /// No change, or a metric without a better direction.
    None,
}

impl Direction {
    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::None => "none",
        }
    }

    #[must_use]
    pub fn of(before: f64, after: f64, better: Option<Better>) -> Self {
        match (after.partial_cmp(&before), better) {
            (Some(std::cmp::Ordering::Greater), Some(Better::Lower))
            | (Some(std::cmp::Ordering::Less), Some(Better::Higher)) => Self::Worse,
            (Some(std::cmp::Ordering::Less), Some(Better::Lower))
            | (Some(std::cmp::Ordering::Greater), Some(Better::Higher)) => Self::Better,
            _ => Self::None,
        }
    }
}

/// A verdict with its figures. A figure that is unknown or cannot be expressed is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub direction: Direction,
    /// Median of the earlier values.
    pub before: Option<f64>,
    /// The new value, or the median of the new values.
    pub after: Option<f64>,
    /// `after / before`.
    pub change: Option<f64>,
    /// Distance of the two in robust standard deviations, positive for an increase. Absent if the earlier
    /// values do not vary.
    pub z: Option<f64>,
    pub n_before: usize,
    pub n_after: usize,
    /// Position of the first value after the change.
    pub since: Option<usize>,
}

impl Judgement {
    /// A regression that is not explained otherwise: a change to the worse, suspected or confirmed.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        self.direction == Direction::Worse && self.is_change()
    }

    /// A suspected or confirmed change.
    #[must_use]
    pub fn is_change(&self) -> bool {
        matches!(self.verdict, Verdict::Suspect | Verdict::Confirmed)
    }
}

/// The ratio `after / before`, if `before` is positive and `after` is not negative: the ratio of two negative values
/// grows while the value falls.
#[must_use]
pub fn ratio(before: f64, after: f64) -> Option<f64> {
    Some(after / before).filter(|ratio| before > 0.0 && ratio.is_finite() && *ratio >= 0.0)
}
