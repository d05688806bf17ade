//! Ids of runs, tests, attempts, workers and leases.
//!
//! An id is a small number with a readable text form: `r12`, `r12.t3`, `r12.t3.a1`, `w4`, and `q3` and `a2`
//! of marks. The coordinator numbers runs, workers and marks. The ids of tests and attempts follow from
//! that of their run.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind} id, such as {example}")]
pub struct ParseIdError {
    text: String,
    kind: &'static str,
    example: &'static str,
}

/// Id of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u32);

/// Id of a test. `index` counts from 0 in the order of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestId {
    pub run: RunId,
    pub index: u32,
}

/// Id of an attempt to run a test. `number` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    pub test: TestId,
    pub number: u16,
}

/// Id of a worker, assigned by the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

/// Id of a quarantine, assigned by the coordinator. Counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineId(pub u32);

/// Id of an acceptance of changes, assigned by the coordinator. Counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcceptanceId(pub u32);

/// Fencing number, from one counter of the coordinator that only grows, also across restarts. A
/// message with a lower number than the state holds is outdated.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// Id of a lease: the right of one worker to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId {
    pub attempt: AttemptId,
    pub epoch: Epoch,
}

impl TestId {
    /// The id of an attempt of this test.
    #[must_use]
    pub fn attempt(self, number: u16) -> AttemptId {
        AttemptId { test: self, number }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.t{}", self.run, self.index)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.a{}", self.test, self.number)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "q{}", self.0)
    }
}

impl fmt::Display for AcceptanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number after a one-letter prefix. Signs, leading zeros and blanks are refused.
fn number<T: FromStr>(text: &str, prefix: char) -> Option<T> {
    let digits = text.strip_prefix(prefix)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    (plain && canonical).then(|| digits.parse().ok())?
}

impl FromStr for RunId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 'r').map(RunId).ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "a run",
            example: "r12",
        })
    }
}

impl FromStr for TestId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (run, index) = text.split_once('.')?;
            Some(TestId { run: run.parse().ok()?, index: number(index, 't')? })
        };
        parse().ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "a test",
            example: "r12.t3",
        })
    }
}

impl FromStr for AttemptId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (test, attempt) = text.rsplit_once('.')?;
            Some(AttemptId { test: test.parse().ok()?, number: number(attempt, 'a')? })
        };
        parse().ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "an attempt",
            example: "r12.t3.a1",
        })
    }
}

impl FromStr for WorkerId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 'w').map(WorkerId).ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "a worker",
            example: "w4",
        })
    }
}

impl FromStr for QuarantineId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 'q').map(QuarantineId).ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "a quarantine",
            example: "q3",
        })
    }
}

impl FromStr for AcceptanceId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, 'a').map(AcceptanceId).ok_or_else(|| ParseIdError {
            text: text.chars().take(80).collect(),
            kind: "an acceptance",
            example: "a3",
        })
    }
}

/// Serializes ids in their text form, also as keys of JSON objects.
macro_rules! text_serde {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_serde!(RunId, TestId, AttemptId, WorkerId, QuarantineId, AcceptanceId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let attempt = TestId { run: RunId(12), index: 3 }.attempt(1);
        assert_eq!(attempt.to_string(), "r12.t3.a1");
        assert_eq!("r12.t3.a1".parse(), Ok(attempt));
        assert_eq!("w0".parse(), Ok(WorkerId(0)));
        assert_eq!("q3".parse(), Ok(QuarantineId(3)));
        assert_eq!(AcceptanceId(2).to_string(), "a2");
    }

    #[test]
    fn similar_texts_are_refused() {
        for text in ["", "r", "12", "r-1", "r+1", "r01", "r 1", "r4294967296", "r1.t2.a3"] {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
        assert!("r1.t2".parse::<AttemptId>().is_err());
        assert!("r1.t2.a70000".parse::<AttemptId>().is_err());
    }
}
