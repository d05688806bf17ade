//! The name of a blob: the SHA-256 of its content.

use crate::domain::digest::{hexadecimal, is_sha256_hex, sha256_hex};
use std::fmt;
use std::str::FromStr;

/// A SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 in 64 lower-case hexadecimal digits")]
pub struct InvalidDigest(String);

impl BlobDigest {
    /// The digest of a whole content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256_hex(bytes))
    }

    /// The digest as the hash function returns it.
    #[must_use]
    pub fn from_hash(hash: &[u8]) -> Self {
        Self(hexadecimal(hash))
    }

    /// The digest as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(self.0.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).ok();
            *byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0);
        }
        bytes
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first two digits, by which blobs are divided into directories.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.get(..2).unwrap_or_default()
    }
}

impl FromStr for BlobDigest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_sha256_hex(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_not_digests() {
        for text in ["", "../../../../etc/passwd", &"A".repeat(64), &"a".repeat(63)] {
            assert!(text.parse::<BlobDigest>().is_err(), "{text:?}");
        }
        let digest = BlobDigest::of(b"abc");
        assert_eq!(digest.group(), "ba");
        assert_eq!(BlobDigest::from_hash(&digest.to_bytes()), digest);
    }
}
