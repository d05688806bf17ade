//! Selections of tests that people write: patterns of names, words for outcomes, and groups.
//!
//! Limits: [`MAX_PATTERNS`] patterns of at most [`MAX_PATTERN_BYTES`] each.

use crate::domain::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Maximum number of patterns of one selection.
pub const MAX_PATTERNS: usize = 32;
/// Maximum size of a pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;

/// Patterns of names, separated by commas. `*` matches any text, and case is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// The patterns. There is at least one.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Patterns {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let patterns: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        if patterns.iter().any(String::is_empty) {
            return Err("a name is empty; separate names by single commas".to_owned());
        }
        if patterns.len() > MAX_PATTERNS {
            let count = patterns.len();
            return Err(format!("there are too many names ({count}, maximum {MAX_PATTERNS})"));
        }
        if let Some(long) = patterns.iter().find(|pattern| pattern.len() > MAX_PATTERN_BYTES) {
            let size = long.len();
            return Err(format!("a name is too long ({size} bytes, maximum {MAX_PATTERN_BYTES})"));
        }
        Ok(Self(patterns))
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// The state of a test, as a selection names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The test ended with this outcome.
    Ended(Outcome),
    /// The test passed after a failed attempt.
    Flaky,
    /// The test has not ended.
    Pending,
}

/// States, separated by commas: names of outcomes, `flaky` and `pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Statuses(Vec<Status>);

impl Statuses {
    /// The states. There is at least one.
    #[must_use]
    pub fn all(&self) -> &[Status] {
        &self.0
    }
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ended(outcome) => outcome.name(),
            Self::Flaky => "flaky",
            Self::Pending => "pending",
        }
    }

    /// Names of all states.
    fn names() -> impl Iterator<Item = (&'static str, Self)> {
        let ended = Outcome::ALL.into_iter().map(Self::Ended);
        ended.chain([Self::Flaky, Self::Pending]).map(|status| (status.name(), status))
    }
}

impl FromStr for Statuses {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let status = |word: &str| {
            let word = word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
            let known = Status::names().find(|(name, _)| *name == word);
            known.map(|(_, status)| status).ok_or_else(|| {
                let names: Vec<&str> = Status::names().map(|(name, _)| name).collect();
                format!("{word:?} is not a state of a test; the states are {}", names.join(", "))
            })
        };
        text.split(',').map(status).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|status| status.name()).collect();
        f.write_str(&names.join(","))
    }
}

/// Implements the conversions that serde uses.
macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(Patterns);
as_text!(Statuses);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_limits() {
        let read = |text: &str| text.parse::<Patterns>();
        assert_eq!(read("bert*, gpt2").expect("patterns").all(), ["bert*", "gpt2"]);
        assert_eq!(read("a,b").expect("patterns").to_string(), "a,b");
        for invalid in ["", "a,,b", ","] {
            assert!(read(invalid).expect_err(invalid).contains("empty"));
        }
        assert!(read(&vec!["a"; 33].join(",")).expect_err("many").contains("maximum 32"));
        assert!(read(&"a".repeat(513)).expect_err("long").contains("513 bytes"));
    }

    #[test]
    fn states_are_the_words_of_reports() {
        let read = |text: &str| text.parse::<Statuses>();
        assert_eq!(read("flaky,Timed-Out").expect("states").to_string(), "flaky,timed_out");
        let unknown = read("broken").expect_err("unknown");
        assert!(unknown.contains("worker_lost, flaky, pending"), "{unknown}");
        for outcome in Outcome::ALL {
            assert_eq!(read(outcome.name()).expect("known").all(), [Status::Ended(outcome)]);
        }
    }
}
