//! A directory that two systems see at different places.

use super::parsed::Parsed;
use std::fmt;
use std::str::FromStr;

/// A directory that two systems see at different places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub(super) left: Parsed,
    pub(super) right: Parsed,
    /// As it was written.
    pub(super) text: String,
}

impl FromStr for Mount {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
