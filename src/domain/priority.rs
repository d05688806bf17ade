//! The priority of a test: −100 to 100. Tests of a higher priority run first.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A priority from −100 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Priority(i8);

/// The number is not a priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is outside the range -100 to 100")]
pub struct PriorityError(pub i64);

impl Priority {
    #[must_use]
    pub fn get(self) -> i8 {
        self.0
    }
}

impl TryFrom<i64> for Priority {
    type Error = PriorityError;
    fn try_from(raw: i64) -> Result<Self, Self::Error> {
        match i8::try_from(raw) {
            Ok(priority @ -100..=100) => Ok(Self(priority)),
            _ => Err(PriorityError(raw)),
        }
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = i64::deserialize(deserializer)?;
        Self::try_from(raw).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_includes_both_limits() {
        assert_eq!(Priority::try_from(-100).map(Priority::get), Ok(-100));
        assert_eq!(Priority::try_from(100).map(Priority::get), Ok(100));
        assert_eq!(Priority::try_from(101), Err(PriorityError(101)));
        assert_eq!(Priority::try_from(i64::MIN), Err(PriorityError(i64::MIN)));
    }
}
