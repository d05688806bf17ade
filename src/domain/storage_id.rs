//! The identity of a data directory.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Random identity of a data directory. The event log, the snapshot, the results database and the
/// blob directory contain it, so that a part of another directory is detected. The caller draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StorageId(Uuid);

/// The text is not the identity of a data directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the identity of a data directory, such as 7c3f5f0e-3f0a-4f0e-9a53-6f1d2f1f8a10"
)]
pub struct ParseStorageIdError {
    text: String,
}

impl StorageId {
    /// Number of bytes of an identity.
    pub const BYTES: usize = 16;

    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.into_bytes()
    }
}

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for StorageId {
    type Err = ParseStorageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An error message quotes the text, which may come from a damaged file.
        let quoted = || text.chars().take(64).collect();
        Uuid::try_parse(text).map(Self).map_err(|_| ParseStorageIdError { text: quoted() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_text_and_its_bytes() {
        let text = "7c3f5f0e-3f0a-4f0e-9a53-6f1d2f1f8a10";
        let id: StorageId = text.parse().expect("an identity");
        assert_eq!(id.to_string(), text);
        assert_eq!(StorageId::from_bytes(id.to_bytes()), id);
        assert!("".parse::<StorageId>().is_err());
        let long = "x".repeat(100_000).parse::<StorageId>().expect_err("not an identity");
        assert!(long.to_string().len() < 200, "{long}");
    }
}
