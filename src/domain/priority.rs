//! How urgent a test is: −100 to 100, higher first.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Priority(i8);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("priority {0} is outside -100..100")]
pub struct PriorityOutOfRange(pub i64);

impl Priority {
    #[must_use]
    pub fn get(self) -> i8 {
        self.0
    }
}

impl TryFrom<i64> for Priority {
    type Error = PriorityOutOfRange;
    fn try_from(raw: i64) -> Result<Self, Self::Error> {
        match i8::try_from(raw) {
            Ok(priority @ -100..=100) => Ok(Self(priority)),
            _ => Err(PriorityOutOfRange(raw)),
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
    fn the_range_is_closed_on_both_sides() {
        assert_eq!(Priority::try_from(-100).map(Priority::get), Ok(-100));
        assert_eq!(Priority::try_from(100).map(Priority::get), Ok(100));
        assert_eq!(Priority::try_from(101), Err(PriorityOutOfRange(101)));
        assert_eq!(Priority::try_from(i64::MIN), Err(PriorityOutOfRange(i64::MIN)));
    }
}
