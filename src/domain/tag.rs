//! Tags: labels of workers that tests can require.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Maximum length of a tag, in bytes.
pub const MAX_TAG_BYTES: usize = 64;
/// Maximum number of tags of one worker or requirement.
pub const MAX_TAGS: usize = 64;

/// Tag of workers that run code which comes with a model, and of tests that need this.
pub const REMOTE_CODE: &str = "remote-code";

/// A tag. A requirement matches only an equal tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Tag(String);

/// The text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a tag; a tag has 1 to {MAX_TAG_BYTES} letters, digits, '.', '_', '-', ':' or '='"
)]
pub struct TagError(pub String);

impl Tag {
    /// The tag [`REMOTE_CODE`].
    #[must_use]
    pub fn remote_code() -> Self {
        Self(REMOTE_CODE.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=MAX_TAG_BYTES).contains(&text.len());
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._-:=".contains(&b);
        if fits && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TagError(text.chars().take(80).collect()))
        }
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
